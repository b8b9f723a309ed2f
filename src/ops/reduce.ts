import { fail } from "../core/errors.js";
import { type Shape, sameShape, showShape, sizeOf } from "../core/tensor.js";
import { apply1, type Op, type Value } from "../graph/node.js";
import { requireAxes, requireFloats, requireNumbers } from "./check.js";
import { reshape } from "./move.js";

/** Copies of a value along axes of extent 1; lowered to nothing where the user of it broadcasts by itself. */
export const broadcastOp: Op<{ shape: Shape }> = {
  name: "broadcast",
  infer: ([x], { shape }) => {
    const padded = alignRank(x!.shape, shape.length);
    if (padded === undefined || padded.some((extent, axis) => extent !== 1 && extent !== shape[axis]))
      fail("shape", { what: `broadcast: ${showShape(x!.shape)} does not stretch to ${showShape(shape)}` });
    return [{ dtype: x!.dtype, shape }];
  },
  grad: (node, [g]) => [sumTo(g!, node.inputs[0]!.shape)],
};

/** Sum over axes, which stay with extent 1. */
export const sumOp: Op<{ axes: readonly number[] }> = {
  name: "sum",
  infer: ([x], { axes }) => {
    requireNumbers(x!);
    return [{ dtype: x!.dtype, shape: reduced(x!.shape, axes) }];
  },
  grad: (node, [g]) => [broadcast(g!, node.inputs[0]!.shape)],
};

/** Largest value over axes, which stay with extent 1. Lets no gradient through: `amax` does. */
export const maxOp: Op<{ axes: readonly number[] }> = {
  name: "max",
  infer: ([x], { axes }) => {
    requireNumbers(x!);
    return [{ dtype: x!.dtype, shape: reduced(x!.shape, axes) }];
  },
};

/** Index of the largest value along one axis, which stays with extent 1; the first one among equals. */
export const argMaxOp: Op<{ axis: number }> = {
  name: "argMax",
  infer: ([x], { axis }) => {
    requireNumbers(x!);
    return [{ dtype: "int64", shape: reduced(x!.shape, [axis]) }];
  },
};

/** Running sum along one axis: y[i] = Σ x[j] over j <= i, or over j >= i when it runs backwards. */
export const cumSumOp: Op<{ axis: number; backwards: boolean }> = {
  name: "cumSum",
  infer: ([x], { axis }) => {
    requireFloats(x!);
    requireAxes(x!.shape, [axis]);
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  grad: ({ attributes: { axis, backwards } }, [g]) => [cumSum(g!, axis, !backwards)],
};

function alignRank(shape: Shape, rank: number): Shape | undefined {
  return shape.length > rank ? undefined : [...new Array<number>(rank - shape.length).fill(1), ...shape];
}

function reduced(shape: Shape, axes: readonly number[]): number[] {
  requireAxes(shape, axes);
  return shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
}

/** Stretch to `shape` by NumPy's rules (missing leading axes are 1). */
export function broadcast(x: Value, shape: Shape): Value {
  return sameShape(x.shape, shape) ? x : apply1(broadcastOp, [x], { shape });
}

/** The shape that both stretch to; throws `shape` when there is none. */
export function commonShape(name: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  const left = alignRank(a, rank)!;
  const right = alignRank(b, rank)!;
  return left.map((extent, axis) => {
    const other = right[axis]!;
    if (extent !== other && extent !== 1 && other !== 1)
      fail("shape", {
        what: `${name}: ${showShape(a)} and ${showShape(b)} do not stretch to a common shape`,
      });
    return extent === 1 ? other : extent;
  });
}

export interface ReduceOptions {
  /** Keep reduced axes with extent 1. Default false. */
  readonly keepDims?: boolean;
}

const allAxes = (x: Value): readonly number[] => x.shape.map((_, axis) => axis);
const dropAxes = (x: Value, axes: readonly number[], keep?: boolean): Value =>
  keep
    ? x
    : reshape(
        x,
        x.shape.filter((_, axis) => !axes.includes(axis)),
      );

/** Sum over `axes` (all by default). */
export function sum(
  x: Value,
  axes: readonly number[] = allAxes(x),
  { keepDims = false }: ReduceOptions = {},
): Value {
  return dropAxes(axes.length === 0 ? x : apply1(sumOp, [x], { axes }), axes, keepDims);
}

/** Largest value over `axes` (all by default); carries no gradient: `amax` does. */
export function max(
  x: Value,
  axes: readonly number[] = allAxes(x),
  { keepDims = false }: ReduceOptions = {},
): Value {
  return dropAxes(apply1(maxOp, [x], { axes }), axes, keepDims);
}

/** Index of the largest value along `axis`, int64. */
export function argMax(x: Value, axis: number, { keepDims = false }: ReduceOptions = {}): Value {
  return dropAxes(apply1(argMaxOp, [x], { axis }), [axis], keepDims);
}

/** See `cumSumOp`. */
export function cumSum(x: Value, axis: number, backwards = false): Value {
  return apply1(cumSumOp, [x], { axis, backwards });
}

/** The adjoint of `broadcast`: sum over the axes that were stretched from `shape`. */
export function sumTo(x: Value, shape: Shape): Value {
  const padded = alignRank(shape, x.shape.length)!;
  const axes: readonly number[] = allAxes(x).filter((axis) => padded[axis] === 1 && x.shape[axis] !== 1);
  const total = axes.length === 0 ? x : apply1(sumOp, [x], { axes });
  return sameShape(total.shape, shape) ? total : reshape(total, shape);
}

/** Number of elements that a reduction over `axes` combines. */
export function countOver(x: Value, axes: readonly number[]): number {
  return sizeOf(axes.map((axis) => x.shape[axis]!));
}
