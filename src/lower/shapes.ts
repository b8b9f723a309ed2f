import { type DType, type Shape, sizeOf, type Tensor } from "../core/tensor.js";
import type { TensorType } from "../graph/node.js";
import { dtypeCodes, type OnnxAttribute, type OnnxNode } from "../graph/onnx/model.js";
import type { Lowered } from "./lowered.js";

/** What an operator gives, from the types of its inputs and from those inputs that are constants. */
interface Sight {
  readonly types: readonly (TensorType | undefined)[];
  ints(input: number): readonly number[] | undefined;
  attribute(name: string): OnnxAttribute | undefined;
}
type Rule = (sight: Sight) => readonly (TensorType | undefined)[];

const like: Rule = ({ types: [x] }) => [x];
const typed = (dtype: DType, shape: Shape): TensorType => ({ dtype, shape });
const numbers = (value: OnnxAttribute | undefined): readonly number[] | undefined =>
  Array.isArray(value) ? (value as readonly number[]) : undefined;

function stretched(shapes: readonly Shape[]): Shape {
  const rank = Math.max(...shapes.map(({ length }) => length));
  return Array.from({ length: rank }, (_, axis) =>
    Math.max(...shapes.map((shape) => shape[axis - rank + shape.length] ?? 1)),
  );
}

const elementwise =
  (dtype?: DType): Rule =>
  ({ types }) => {
    const known = types.filter((type) => type !== undefined);
    if (known.length === 0) return [undefined];
    return [typed(dtype ?? known.at(-1)!.dtype, stretched(known.map(({ shape }) => shape)))];
  };

const reduced =
  (dtype?: DType): Rule =>
  ({ types: [x], ints, attribute }) => {
    if (x === undefined) return [undefined];
    const axis = attribute("axis");
    const axes =
      ints(1) ??
      numbers(attribute("axes")) ??
      (typeof axis === "number" ? [axis] : x.shape.map((_, at) => at));
    const is = (at: number): boolean => axes.includes(at) || axes.includes(at - x.shape.length);
    const shape =
      attribute("keepdims") === 0
        ? x.shape.filter((_, at) => !is(at))
        : x.shape.map((extent, at) => (is(at) ? 1 : extent));
    return [typed(dtype ?? x.dtype, shape)];
  };

/** Convolution and pooling: how many places a kernel finds along each axis. */
const windows =
  (kernelOf: (sight: Sight) => Shape | undefined, channelsOf: (sight: Sight) => number, outputs = 1): Rule =>
  (sight) => {
    const [x] = sight.types;
    const kernel = kernelOf(sight);
    if (x === undefined || kernel === undefined) return [undefined];
    const ones = kernel.map(() => 1);
    const strides = numbers(sight.attribute("strides")) ?? ones;
    const dilations = numbers(sight.attribute("dilations")) ?? ones;
    const pads = numbers(sight.attribute("pads")) ?? [...ones, ...ones].map(() => 0);
    const spatial = kernel.map((extent, axis) => {
      const room = x.shape[axis + 2]! + pads[axis]! + pads[axis + kernel.length]!;
      return Math.floor((room - dilations[axis]! * (extent - 1) - 1) / strides[axis]!) + 1;
    });
    const shape = [x.shape[0]!, channelsOf(sight), ...spatial];
    return [typed(x.dtype, shape), ...(outputs === 2 ? [typed("int64", shape)] : [])];
  };

const kernelOf = ({ types: [, w], attribute }: Sight): Shape | undefined =>
  numbers(attribute("kernel_shape")) ?? w?.shape.slice(2);

/** Filters by the number of weights: weights in blocks have other axes. */
const convolution = windows(kernelOf, (sight) => {
  const [x, w] = sight.types;
  const perFilter = (kernelOf(sight) ?? []).reduce((total, extent) => total * extent, x?.shape[1] ?? 1);
  return (sizeOf(w?.shape ?? []) * Number(sight.attribute("group") ?? 1)) / perFilter;
});
const pool = windows(
  ({ attribute }) => numbers(attribute("kernel_shape")),
  ({ types: [x] }) => x?.shape[1] ?? 0,
  2,
);

const product: Rule = ({ types: [a, b], attribute }) => {
  if (a === undefined || b === undefined) return [undefined];
  const rows = a.shape.at(attribute("transA") === 1 ? -1 : -2)!;
  const columns = b.shape.at(attribute("transB") === 1 ? -2 : -1)!;
  return [typed(a.dtype, [...stretched([a.shape.slice(0, -2), b.shape.slice(0, -2)]), rows, columns])];
};

const reshaped: Rule = ({ types: [x], ints }) => {
  const wanted = ints(1);
  if (x === undefined || wanted === undefined) return [undefined];
  const shape = wanted.map((extent, axis) => (extent === 0 ? x.shape[axis]! : extent));
  const known = shape.filter((extent) => extent >= 0).reduce((p, extent) => p * extent, 1);
  return [
    typed(
      x.dtype,
      shape.map((extent) => (extent < 0 ? sizeOf(x.shape) / known : extent)),
    ),
  ];
};

const sliced: Rule = ({ types: [x], ints }) => {
  const [starts, ends, axes, steps] = [ints(1), ints(2), ints(3), ints(4)];
  if (x === undefined || starts === undefined || ends === undefined) return [undefined];
  const shape = [...x.shape];
  starts.forEach((start, at) => {
    const axis = axes?.[at] ?? at;
    const step = steps?.[at] ?? 1;
    const extent = x.shape[axis]!;
    const within = (position: number): number =>
      Math.min(
        Math.max(position < 0 ? position + extent : position, step > 0 ? 0 : -1),
        step > 0 ? extent : extent - 1,
      );
    shape[axis] = Math.max(0, Math.ceil((within(ends[at]!) - within(start)) / step));
  });
  return [typed(x.dtype, shape)];
};

const rules: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(
    "Neg Exp Log Sqrt Reciprocal Abs Sign Floor Sigmoid Tanh Softplus Sin Cos Erf LeakyRelu Relu Elu HardSigmoid Clip Softmax LogSoftmax CumSum Identity ScatterElements"
      .split(" ")
      .map((type) => [type, like]),
  ),
  ...Object.fromEntries("Add Sub Mul Div Max Min Pow Where".split(" ").map((type) => [type, elementwise()])),
  ...Object.fromEntries(
    "Greater GreaterOrEqual Less Equal".split(" ").map((type) => [type, elementwise("bool")]),
  ),
  Cast: ({ types: [x], attribute }) => {
    const dtype = Object.entries(dtypeCodes).find(([, code]) => code === attribute("to"))?.[0];
    return [x && dtype ? typed(dtype as DType, x.shape) : undefined];
  },
  ReduceSum: reduced(),
  ReduceMax: reduced(),
  ReduceMean: reduced(),
  ArgMax: reduced("int64"),
  Conv: convolution,
  FusedConv: convolution,
  MaxPool: pool,
  AveragePool: pool,
  MatMul: product,
  FusedMatMul: product,
  Reshape: reshaped,
  Slice: sliced,
  ReorderInput: ({ types: [x] }) => [
    x && typed(x.dtype, [x.shape[0]!, 16 * Math.ceil(x.shape[1]! / 16), ...x.shape.slice(2)]),
  ],
  ReorderOutput: ({ types: [x], attribute }) => {
    const channels = attribute("channels");
    if (x === undefined || typeof channels !== "number") return [undefined];
    return [typed(x.dtype, [x.shape[0]!, channels, ...x.shape.slice(2)])];
  },
  Transpose: ({ types: [x], attribute }) => {
    const order = numbers(attribute("perm"));
    return [x && typed(x.dtype, order ? order.map((axis) => x.shape[axis]!) : [...x.shape].reverse())];
  },
  Concat: ({ types, attribute }) => {
    const axis = Number(attribute("axis"));
    const [first] = types;
    if (first === undefined || types.includes(undefined)) return [undefined];
    const at = axis < 0 ? axis + first.shape.length : axis;
    const along = types.reduce((total, type) => total + type!.shape[at]!, 0);
    return [
      typed(
        first.dtype,
        first.shape.map((extent, i) => (i === at ? along : extent)),
      ),
    ];
  },
  Pad: ({ types: [x], ints }) => {
    const pads = ints(1);
    if (x === undefined || pads === undefined || pads.length !== 2 * x.shape.length) return [undefined];
    return [
      typed(
        x.dtype,
        x.shape.map((extent, at) => extent + pads[at]! + pads[at + x.shape.length]!),
      ),
    ];
  },
  Range: ({ types, ints }) => {
    const [start, limit, step] = [0, 1, 2].map((input) => ints(input)?.[0]);
    if (start === undefined || limit === undefined || step === undefined) return [undefined];
    return [typed(types[0]?.dtype ?? "int64", [Math.max(0, Math.ceil((limit - start) / step))])];
  },
  Gather: ({ types: [x, indices], attribute }) => {
    if (x === undefined || indices === undefined) return [undefined];
    const axis = Number(attribute("axis") ?? 0);
    return [typed(x.dtype, [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)])];
  },
  Expand: ({ types: [x], ints }) => {
    const shape = ints(1);
    return [x && shape && typed(x.dtype, stretched([x.shape, shape]))];
  },
  ConstantOfShape: ({ ints, attribute }) => {
    const shape = ints(0);
    const value = attribute("value");
    const dtype = typeof value === "object" && "tensor" in value ? value.tensor.dtype : "float32";
    return [shape && typed(dtype, shape)];
  },
  Split: ({ types: [x], ints, attribute }) => {
    if (x === undefined) return [];
    const axis = Number(attribute("axis") ?? 0);
    const extent = x.shape[axis]!;
    const count = Number(attribute("num_outputs") ?? 0);
    const most = Math.ceil(extent / count);
    const parts = ints(1) ?? Array.from({ length: count }, (_, at) => Math.min(most, extent - at * most));
    return parts.map((part) =>
      typed(
        x.dtype,
        x.shape.map((all, at) => (at === axis ? part : all)),
      ),
    );
  },
};

/**
 * The type of every value of a lowered graph, by name. Where no rule for an operator is here, that of the graph node
 * which it spells stands in, and the value is among the `guessed` ones.
 */
export function typesOf(
  { model, origins }: Pick<Lowered, "model" | "origins">,
  order: readonly OnnxNode[],
): { readonly types: Map<string, TensorType>; readonly guessed: ReadonlySet<string> } {
  const types = new Map<string, TensorType>(Object.entries({ ...model.inputs, ...model.initializers }));
  const guessed = new Set<string>();
  const constants = new Map(Object.entries(model.initializers));
  for (const node of order) {
    const copied = node.type === "Identity" ? constants.get(node.inputs[0]!) : undefined;
    if (copied !== undefined) constants.set(node.outputs[0]!, copied);
    const unsure = node.inputs.some((name) => guessed.has(name));
    const found = (rules[node.type]?.(sightOf(node, types, constants)) ?? []).map((type) =>
      type?.shape.every((extent) => Number.isInteger(extent) && extent >= 0) ? type : undefined,
    );
    // Blocks have 8 or 16 channels, and what does not fill them is padded.
    const padded =
      node.type === "ReorderInput" && found[0]?.shape[1] !== types.get(node.inputs[0]!)?.shape[1];
    const origin = origins.get(node.name)?.outputs;
    node.outputs.forEach((output, at) => {
      const type = found[at] ?? origin?.[at] ?? origin?.[0];
      if (type !== undefined) types.set(output, type);
      if (found[at] === undefined || padded || (unsure && !certain.has(node.type))) guessed.add(output);
    });
  }
  return { types, guessed };
}

/** Operators whose result has the shape that they are given. */
const certain = new Set(["Reshape"]);

function sightOf(
  node: OnnxNode,
  types: ReadonlyMap<string, TensorType>,
  constants: ReadonlyMap<string, Tensor>,
): Sight {
  return {
    types: node.inputs.filter((name) => name !== "").map((name) => types.get(name)),
    ints: (input) => {
      const constant = constants.get(node.inputs[input] ?? "");
      return constant && Array.from(constant.data, Number);
    },
    attribute: (name) => node.attributes[name],
  };
}
