import { apply1, type Op, outputOf, type Value } from "../graph/node.js";
import { requireAxes, requireFloats } from "./check.js";
import { cast, div, equal, mul, neg } from "./elementwise.js";
import { reshape } from "./move.js";
import { argMax, broadcast, type ReduceOptions, sum } from "./reduce.js";

/** Largest value over axes, which stay with extent 1; equal largest values share the gradient evenly. */
export const amaxOp: Op<{ axes: readonly number[] }> = {
  name: "amax",
  infer: ([x], { axes }) => {
    requireFloats(x!);
    requireAxes(x!.shape, axes);
    return [{ dtype: x!.dtype, shape: x!.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent)) }];
  },
  grad: (node, [g]) => {
    const x = node.inputs[0]!;
    const chosen = cast(equal(x, broadcast(outputOf(node), x.shape)), x.dtype);
    const count = sum(chosen, node.attributes.axes, { keepDims: true });
    return [mul(chosen, broadcast(div(g!, count), x.shape))];
  },
};

/** See `amaxOp`; all axes by default. */
export function amax(
  x: Value,
  axes: readonly number[] = x.shape.map((_, axis) => axis),
  { keepDims = false }: ReduceOptions = {},
): Value {
  const y = apply1(amaxOp, [x], { axes });
  if (keepDims) return y;
  return reshape(
    y,
    x.shape.filter((_, axis) => !axes.includes(axis)),
  );
}

/** Smallest value over `axes` (all by default), differentiable as `amax` is. */
export function amin(x: Value, axes?: readonly number[], options?: ReduceOptions): Value {
  return neg(amax(neg(x), axes, options));
}

/** Index of the smallest value along `axis`, int64; the first one among equals. */
export function argMin(x: Value, axis: number, options?: ReduceOptions): Value {
  return argMax(neg(x), axis, options);
}
