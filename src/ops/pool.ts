import { fail } from "../core/errors.js";
import { type Shape, showShape } from "../core/tensor.js";
import { apply, apply1, type Op, outputOf, type Value } from "../graph/node.js";
import { requireFloats, requireSpatial } from "./check.js";
import { mul } from "./elementwise.js";
import { amax } from "./extremes.js";
import { scatterFlat } from "./move.js";
import { mean } from "./norm.js";

type Window = { kernel: readonly number[]; stride: readonly number[] };

/** Outputs: the largest values, and their flat positions in x (int64), first among equals. No padding. */
export const maxPoolOp: Op<Window> = {
  name: "maxPool",
  infer: ([x], { kernel, stride }) => {
    requireFloats(x!);
    const shape = pooled("maxPool", x!.shape, kernel, stride);
    return [
      { dtype: x!.dtype, shape },
      { dtype: "int64", shape },
    ];
  },
  grad: (node, [g]) => {
    const { kernel, stride } = node.attributes;
    const indices = outputOf(node, 1);
    const disjoint = kernel.every((extent, axis) => extent <= stride[axis]!);
    return [g && scatterFlat(g, indices, node.inputs[0]!.shape, disjoint)];
  },
};

/** Mean over disjoint windows that tile x exactly. */
export const avgPoolOp: Op<{ factor: readonly number[] }> = {
  name: "avgPool",
  infer: ([x], { factor }) => {
    requireFloats(x!);
    requireSpatial(x!.shape, factor);
    if (x!.shape.slice(2).some((extent, axis) => extent % factor[axis]! !== 0))
      fail("shape", {
        what: `avgPool: ${showShape(x!.shape)} is no multiple of the window ${showShape(factor)}`,
      });
    return [{ dtype: x!.dtype, shape: pooled("avgPool", x!.shape, factor, factor) }];
  },
  grad: ({ attributes: { factor } }, [g]) => [mul(repeat(g!, factor), 1 / volumeOf(factor))],
};

/** Every voxel repeated `factor` times along each spatial axis: nearest-neighbour upsampling. */
export const repeatOp: Op<{ factor: readonly number[] }> = {
  name: "repeat",
  infer: ([x], { factor }) => {
    requireFloats(x!);
    requireSpatial(x!.shape, factor);
    const shape = x!.shape.map((extent, axis) => (axis < 2 ? extent : extent * factor[axis - 2]!));
    return [{ dtype: x!.dtype, shape }];
  },
  grad: ({ attributes: { factor } }, [g]) => [mul(avgPool(g!, factor), volumeOf(factor))],
};

function pooled(name: string, shape: Shape, kernel: readonly number[], stride: readonly number[]): Shape {
  requireSpatial(shape, kernel);
  const spatial = shape
    .slice(2)
    .map((extent, axis) => Math.floor((extent - kernel[axis]!) / stride[axis]!) + 1);
  if (spatial.some((extent) => extent < 1))
    fail("shape", { what: `${name}: a window of ${showShape(kernel)} does not fit ${showShape(shape)}` });
  return [...shape.slice(0, 2), ...spatial];
}

const volumeOf = (factor: readonly number[]): number => factor.reduce((a, b) => a * b, 1);

/** Max pooling of `[N, C, …S]` without padding; the stride is the window unless given. */
export function maxPool(x: Value, kernel: readonly number[], stride = kernel): Value {
  return apply(maxPoolOp, [x], { kernel, stride })[0]!;
}

/**
 * Max pooling of `[N, C, …S]` by `window` along every axis, to ⌈extent / window⌉ values that leave no voxel out: where
 * windows do not tile an axis they overlap. `maxPool` would drop the rest, of 5 voxels by 3 two in each axis.
 */
export function maxPoolWhole(x: Value, window: number): Value {
  const extents = x.shape.slice(2);
  const counts = extents.map((extent) => Math.ceil(extent / window));
  const stride = extents.map((extent, axis) => Math.floor(extent / counts[axis]!));
  const kernel = extents.map((extent, axis) => extent - stride[axis]! * (counts[axis]! - 1));
  return maxPool(x, kernel, stride);
}

/** Max pooling that also returns the flat positions of the maxima, for `scatterFlat` (unpooling). */
export function maxPoolWithIndices(x: Value, kernel: readonly number[], stride = kernel): [Value, Value] {
  const [y, indices] = apply(maxPoolOp, [x], { kernel, stride });
  return [y!, indices!];
}

/** Mean over disjoint windows of `[N, C, …S]`. */
export function avgPool(x: Value, factor: readonly number[]): Value {
  return apply1(avgPoolOp, [x], { factor });
}

/** See `repeatOp`. */
export function repeat(x: Value, factor: readonly number[]): Value {
  return apply1(repeatOp, [x], { factor });
}

/**
 * Max unpooling: zeros of `shape`, with the values of x where `maxPoolWithIndices` found them. The windows must not
 * have overlapped.
 */
export function maxUnpool(x: Value, indices: Value, shape: Shape): Value {
  return scatterFlat(x, indices, shape, true);
}

const spatialAxes = (x: Value): number[] => x.shape.slice(2).map((_, axis) => axis + 2);

/** Mean of every channel over space: `[N, C, …S]` → `[N, C]`. */
export function globalAveragePool(x: Value): Value {
  return mean(x, spatialAxes(x));
}

/** Largest value of every channel over space: `[N, C, …S]` → `[N, C]`. */
export function globalMaxPool(x: Value): Value {
  return amax(x, spatialAxes(x));
}
