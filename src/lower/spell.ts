import { type DType, type Shape, sizeOf, type Tensor } from "../core/tensor.js";
import type { Node } from "../graph/node.js";
import { dtypeCodes, type OnnxAttribute } from "../graph/onnx/model.js";
import type { ConvGeometry } from "../ops/conv.js";
import { randomSpellings } from "./spell-random.js";
import { spaceSpellings } from "./spell-space.js";
import type { Emitter, Spelling } from "./target.js";

/** Standard operators only, opset 18: what every exported file is made of and every target falls back to. */

const attribute = <T>(node: Node, name: string): T => node.attributes[name] as T;
const axesOf = (node: Node): readonly number[] => attribute<readonly number[]>(node, "axes");
const same =
  (type: string): Spelling =>
  (_, inputs, e) =>
    e.emit(type, inputs);
const shapeOf = (node: Node): Shape => node.outputs[0]!.shape;

/** ONNX's names for our geometry. */
export function convAttributes(geometry: ConvGeometry): Record<string, OnnxAttribute> {
  const { stride, dilation, before, after, groups } = geometry;
  return { strides: stride, dilations: dilation, pads: [...before, ...after], group: groups };
}

/** A constant of the element type that the node's first input has. */
function number(node: Node, value: number, e: Emitter): string {
  if (node.inputs[0]!.dtype === "float64")
    return e.tensor({ dtype: "float64", shape: [], data: new Float64Array([value]) });
  return e.tensor({ dtype: "float32", shape: [], data: new Float32Array([value]) });
}

function spellSlice(x: string, starts: readonly number[], sizes: Shape, extents: Shape, e: Emitter): string {
  const axes = extents.flatMap((extent, axis) => (sizes[axis] === extent ? [] : [axis]));
  if (axes.length === 0) return x;
  const from = axes.map((axis) => starts[axis]!);
  const to = axes.map((axis) => starts[axis]! + sizes[axis]!);
  return e.emit("Slice", [x, e.ints(from), e.ints(to), e.ints(axes)]);
}

/**
 * Weight gradient as one Conv: batch and channels swap roles, the output gradient is the kernel, stride and
 * dilation swap. Correct everywhere, slow on CPU (engine.md: 29-46 GFLOP/s), hence `lower/cpu`.
 */
function spellWeightGrad(node: Node, [x, dy]: readonly string[], e: Emitter): string {
  const { stride, dilation, before, after, groups } = node.attributes as unknown as ConvGeometry;
  const shape = shapeOf(node);
  const rank = shape.length;
  const swap = [1, 0, ...shape.slice(2).map((_, axis) => axis + 2)];
  const xShape = node.inputs[0]!.shape;
  const dyShape = node.inputs[1]!.shape;
  const part = (name: string, extents: Shape, group: number): string => {
    const channels = extents[1]! / groups;
    const starts = extents.map((_, axis) => (axis === 1 ? group * channels : 0));
    const sizes = extents.map((extent, axis) => (axis === 1 ? channels : extent));
    return e.emit("Transpose", [spellSlice(name, starts, sizes, extents, e)], { perm: swap });
  };
  const pieces = Array.from({ length: groups }, (_, group) => {
    const raw = e.emit("Conv", [part(x!, xShape, group), part(dy!, dyShape, group)], {
      strides: dilation,
      dilations: stride,
      pads: [...before, ...after],
      group: 1,
    });
    const ends = shape.slice(2);
    const axes = ends.map((_, axis) => axis + 2);
    const cropped = e.emit("Slice", [raw, e.ints(ends.map(() => 0)), e.ints(ends), e.ints(axes)]);
    return e.emit("Transpose", [cropped], { perm: swap });
  });
  return pieces.length === 1 || rank === 0 ? pieces[0]! : e.emit("Concat", pieces, { axis: 0 });
}

function spellInputGrad(node: Node, inputs: readonly string[], e: Emitter): string {
  const geometry = node.attributes as unknown as ConvGeometry;
  const kernel = node.inputs[1]!.shape.slice(2);
  const dy = node.inputs[0]!.shape.slice(2);
  const outputPadding = shapeOf(node)
    .slice(2)
    .map((extent, axis) => {
      const reach = geometry.dilation[axis]! * (kernel[axis]! - 1) + 1;
      const plain = geometry.stride[axis]! * (dy[axis]! - 1) + reach;
      return extent + geometry.before[axis]! + geometry.after[axis]! - plain;
    });
  return e.emit("ConvTranspose", inputs, { ...convAttributes(geometry), output_padding: outputPadding });
}

export const portableSpellings: Readonly<Record<string, Spelling>> = {
  constant: (node, _, e) => e.tensor(attribute<Tensor>(node, "tensor")),
  stopGradient: (_, [x]) => x!,
  neg: same("Neg"),
  exp: same("Exp"),
  log: same("Log"),
  sqrt: same("Sqrt"),
  reciprocal: same("Reciprocal"),
  abs: same("Abs"),
  sign: same("Sign"),
  floor: same("Floor"),
  sigmoid: same("Sigmoid"),
  tanh: same("Tanh"),
  softplus: same("Softplus"),
  sin: same("Sin"),
  cos: same("Cos"),
  erf: same("Erf"),
  cast: (node, inputs, e) => e.emit("Cast", inputs, { to: dtypeCodes[attribute<DType>(node, "dtype")] }),
  leakyRelu: (node, inputs, e) => {
    const slope = attribute<number>(node, "slope");
    return slope === 0 ? e.emit("Relu", inputs) : e.emit("LeakyRelu", inputs, { alpha: { float: slope } });
  },
  elu: (node, inputs, e) => e.emit("Elu", inputs, { alpha: { float: attribute<number>(node, "alpha") } }),
  pow: (node, [x], e) => e.emit("Pow", [x!, number(node, attribute<number>(node, "exponent"), e)]),
  clip: (node, [x], e) =>
    e.emit("Clip", [
      x!,
      number(node, attribute<number>(node, "low"), e),
      number(node, attribute<number>(node, "high"), e),
    ]),
  gate: (node, [x, g], e) => {
    const slope = attribute<number>(node, "slope");
    const zeroName = number(node, 0, e);
    const scaled = slope === 0 ? zeroName : e.emit("Mul", [g!, number(node, slope, e)]);
    return e.emit("Where", [e.emit("Greater", [x!, zeroName]), g!, scaled]);
  },
  add: same("Add"),
  sub: same("Sub"),
  mul: same("Mul"),
  div: same("Div"),
  maximum: same("Max"),
  minimum: same("Min"),
  greater: same("Greater"),
  greaterEqual: same("GreaterOrEqual"),
  equal: same("Equal"),
  where: same("Where"),
  broadcast: (node, [x], e) => e.emit("Expand", [x!, e.ints(shapeOf(node))]),
  sum: (node, [x], e) => e.emit("ReduceSum", [x!, e.ints(axesOf(node))], { keepdims: 1 }),
  max: (node, [x], e) => e.emit("ReduceMax", [x!, e.ints(axesOf(node))], { keepdims: 1 }),
  amax: (node, [x], e) => e.emit("ReduceMax", [x!, e.ints(axesOf(node))], { keepdims: 1 }),
  cumSum: (node, [x], e) => {
    const { axis, backwards } = node.attributes as { axis: number; backwards: boolean };
    const along = e.tensor({ dtype: "int64", shape: [], data: BigInt64Array.of(BigInt(axis)) });
    return e.emit("CumSum", [x!, along], { reverse: Number(backwards) });
  },
  argMax: (node, inputs, e) =>
    e.emit("ArgMax", inputs, { axis: attribute<number>(node, "axis"), keepdims: 1 }),
  reshape: (node, [x], e) => e.emit("Reshape", [x!, e.ints(shapeOf(node))]),
  transpose: (node, inputs, e) => e.emit("Transpose", inputs, { perm: attribute<number[]>(node, "order") }),
  slice: (node, [x], e) =>
    spellSlice(x!, attribute<number[]>(node, "starts"), shapeOf(node), node.inputs[0]!.shape, e),
  pad: (node, [x], e) =>
    e.emit("Pad", [
      x!,
      e.ints([...attribute<number[]>(node, "before"), ...attribute<number[]>(node, "after")]),
      ...("value" in node.attributes ? [number(node, attribute<number>(node, "value"), e)] : []),
    ]),
  take: (node, inputs, e) => e.emit("Gather", inputs, { axis: attribute<number>(node, "axis") }),
  concat: (node, inputs, e) => e.emit("Concat", inputs, { axis: attribute<number>(node, "axis") }),
  flip: (node, [x], e) => {
    const axes = axesOf(node);
    const all = (value: number): string => e.ints(axes.map(() => value));
    return e.emit("Slice", [x!, all(-1), all(-(2 ** 31)), e.ints(axes), all(-1)]);
  },
  gatherFlat: (_, [x, indices], e) =>
    e.emit("Gather", [e.emit("Reshape", [x!, e.ints([-1])]), indices!], { axis: 0 }),
  scatterFlat: (node, [x, indices], e) => {
    const flat = (name: string): string => e.emit("Reshape", [name, e.ints([-1])]);
    const value = { dtype: "float32", shape: [1], data: new Float32Array(1) } as const;
    const zeros = e.emit("ConstantOfShape", [e.ints([sizeOf(shapeOf(node))])], { value: { tensor: value } });
    const reduction = attribute<boolean>(node, "unique") ? "none" : "add";
    const filled = e.emit("ScatterElements", [zeros, flat(indices!), flat(x!)], { axis: 0, reduction });
    return e.emit("Reshape", [filled, e.ints(shapeOf(node))]);
  },
  matmul: (node, inputs, e) => {
    const sides = inputs.map((name, i) => {
      if (!attribute<boolean>(node, i === 0 ? "transA" : "transB")) return name;
      const order = node.inputs[i]!.shape.map((_, axis) => axis);
      return e.emit("Transpose", [name], { perm: [...order.slice(0, -2), order.at(-1)!, order.at(-2)!] });
    });
    return e.emit("MatMul", sides);
  },
  conv: (node, inputs, e) =>
    e.emit("Conv", inputs, convAttributes(node.attributes as unknown as ConvGeometry)),
  convInputGrad: spellInputGrad,
  convWeightGrad: spellWeightGrad,
  maxPool: (node, inputs, e) =>
    e.emitMany(
      "MaxPool",
      inputs,
      { kernel_shape: attribute<number[]>(node, "kernel"), strides: attribute<number[]>(node, "stride") },
      2,
    ),
  avgPool: (node, inputs, e) => {
    const factor = attribute<number[]>(node, "factor");
    return e.emit("AveragePool", inputs, { kernel_shape: factor, strides: factor });
  },
  softmax: (node, inputs, e) => e.emit("Softmax", inputs, { axis: attribute<number>(node, "axis") }),
  logSoftmax: (node, inputs, e) => e.emit("LogSoftmax", inputs, { axis: attribute<number>(node, "axis") }),
  ...spaceSpellings,
  ...randomSpellings,
};
