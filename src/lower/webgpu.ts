import { type DType, sizeOf, stridesOf, type Tensor } from "../core/tensor.js";
import type { Node, TensorType } from "../graph/node.js";
import { dtypeCodes } from "../graph/onnx/model.js";
import { cast, div, equal, exp, log, neg, sub, where } from "../ops/elementwise.js";
import { constant } from "../ops/leaf.js";
import { max, sum } from "../ops/reduce.js";
import { withGroupsOfFours, withWholeFours } from "./conv/channels.js";
import { chunkedWeightGrad } from "./conv/chunks.js";
import { inputGrad } from "./conv/gradients.js";
import { narrowBlocks, narrowConv, narrowWeightGrad } from "./conv/narrow.js";
import { asPlanes } from "./conv/planes.js";
import { spreadInputGrad } from "./conv/spread.js";
import { portableSpellings } from "./spell.js";
import type { Rewrite, Spelling, Target } from "./target.js";

/**
 * Integers are 32 bits wide on a GPU: tensors of these types live there as int32, and the engine converts them on
 * their way in and out.
 */
const carriedAs: Readonly<Partial<Record<DType, DType>>> = { int64: "int32", uint8: "int32" };

/** A tensor in the type that carries it. */
export function carried(value: Tensor): Tensor {
  if (carriedAs[value.dtype] === undefined) return value;
  return {
    dtype: "int32",
    shape: value.shape,
    data: Int32Array.from(value.data as Iterable<number | bigint>, Number),
  };
}

/** Types as they cross to the GPU. */
export function carriedTypes(types: Readonly<Record<string, TensorType>>): Record<string, TensorType> {
  return Object.fromEntries(
    Object.entries(types).map(([name, { dtype, shape }]) => [
      name,
      { dtype: carriedAs[dtype] ?? dtype, shape },
    ]),
  );
}

/** The inverse of `carried`. */
export function uncarried({ dtype, shape }: TensorType, data: Tensor["data"]): Tensor {
  const values = data as Iterable<number>;
  if (dtype === "int64") return { dtype, shape, data: BigInt64Array.from(values, BigInt) };
  if (dtype === "uint8") return { dtype, shape, data: Uint8Array.from(values) };
  return { dtype, shape, data };
}

const constantSpelling: Spelling = (node, _, e) => e.tensor(carried(node.attributes.tensor as Tensor));

const castSpelling: Spelling = (node, inputs, e) => {
  const dtype = node.attributes.dtype as DType;
  return e.emit("Cast", inputs, { to: dtypeCodes[carriedAs[dtype] ?? dtype] });
};

const sign: Spelling = (_, [x], e) => {
  const zero = e.tensor({ dtype: "float32", shape: [], data: new Float32Array(1) });
  const asFloat = (name: string): string => e.emit("Cast", [name], { to: dtypeCodes.float32 });
  return e.emit("Sub", [asFloat(e.emit("Greater", [x!, zero])), asFloat(e.emit("Less", [x!, zero]))]);
};

/** The provider's MaxPool gives no positions: they are found by comparing each voxel of a window with its maximum. */
const maxPool: Spelling = (node, [x], e) => {
  const kernel = node.attributes.kernel as readonly number[];
  const stride = node.attributes.stride as readonly number[];
  const shape = node.inputs[0]!.shape;
  const out = node.outputs[0]!.shape;
  const values = e.emit("MaxPool", [x!], { kernel_shape: kernel, strides: stride });
  const pitch = stridesOf(shape);
  const axes = kernel.map((_, axis) => axis + 2);
  const ints = (dims: readonly number[], data: Iterable<number>): string =>
    e.tensor({ dtype: "int32", shape: dims, data: Int32Array.from(data) });
  let offset: string | undefined;
  // From the last voxel of the window to the first, which wins among equals.
  for (let tap = sizeOf(kernel) - 1; tap >= 0; tap--) {
    const at = stridesOf(kernel).map((step, axis) => Math.floor(tap / step) % kernel[axis]!);
    const far = at.map((from, axis) => from + (out[axis + 2]! - 1) * stride[axis]! + 1);
    const seen = e.emit("Slice", [x!, e.ints(at), e.ints(far), e.ints(axes), e.ints(stride)]);
    const here = ints([], [at.reduce((total, from, axis) => total + from * pitch[axis + 2]!, 0)]);
    offset = e.emit("Where", [e.emit("Equal", [seen, values]), here, offset ?? here]);
  }
  // Where a window starts: the sum of one row of numbers for each axis.
  const positions = out.reduce((total, extent, axis) => {
    const step = (axis < 2 ? 1 : stride[axis - 2]!) * pitch[axis]!;
    const dims = out.map((_, other) => (other === axis ? extent : 1));
    return e.emit("Add", [
      total,
      ints(
        dims,
        Array.from({ length: extent }, (_, i) => i * step),
      ),
    ]);
  }, offset!);
  return [values, positions];
};

/** First place of the largest value, by comparison: the provider's ArgMax gives 64-bit integers. */
const argMax: Rewrite = (node) => {
  const x = node.inputs[0]!;
  const axis = Number(node.attributes.axis);
  const extent = x.shape[axis]!;
  const places = constant({
    dtype: "float32",
    shape: x.shape.map((_, other) => (other === axis ? extent : 1)),
    data: Float32Array.from({ length: extent }, (_, i) => -i),
  });
  const top = max(x, [axis], { keepDims: true });
  return [cast(neg(max(where(equal(x, top), places, -extent), [axis], { keepDims: true })), "int32")];
};

const logSoftmax: Rewrite = (node) => {
  const x = node.inputs[0]!;
  const axis = Number(node.attributes.axis);
  const centred = sub(x, max(x, [axis], { keepDims: true }));
  return [sub(centred, log(sum(exp(centred), [axis], { keepDims: true })))];
};

/** The provider starts a group of 64 behind barriers for every row: 12 s in software for 2x3x40x56x40, in parts 0.1 s. */
const softmax: Rewrite = (node) => {
  const x = node.inputs[0]!;
  const axis = Number(node.attributes.axis);
  const powers = exp(sub(x, max(x, [axis], { keepDims: true })));
  return [div(powers, sum(powers, [axis], { keepDims: true }))];
};

/** In 3-D there is no ConvTranspose, and no other convolution that is fast: `asPlanes` takes what comes out of these. */
const convInputGrad: Rewrite = (node) =>
  narrowBlocks(node) ??
  inputGrad(node) ??
  (node.inputs[0]!.shape.length === 5 ? spreadInputGrad(node) : undefined);

/** In 3-D one loop per voxel, and wrong for some numbers of channels: see the two. */
const conv: Rewrite = (node) =>
  narrowConv(node) ?? asPlanes(node) ?? withWholeFours(node) ?? withGroupsOfFours(node);

const convWeightGrad: Rewrite = (node) => narrowWeightGrad(node) ?? chunkedWeightGrad(node);

const isDouble = ({ outputs }: Node): boolean => outputs[0]!.dtype === "float64";
const double = {
  when: isDouble,
  uses: "float64",
  why: "WebGPU computes with 32 bits",
  instead: "Stay with float32, or run on the processor",
} as const;

/** ONNX Runtime's WebGPU provider: standard operators, and only those that run on the GPU. */
export const webgpu: Target = {
  name: "webgpu",
  opsets: { "": 18 },
  spellings: { ...portableSpellings, constant: constantSpelling, cast: castSpelling, sign, maxPool },
  rewrites: { conv, convInputGrad, convWeightGrad, argMax, softmax, logSoftmax },
  gaps: ["input", "constant", "cast"].map((op) => ({ op, ...double })),
};
