import { apply, apply1, type Op, outputOf, type Value } from "../graph/node.js";
import { requireAxes, requireFloats, requireOneShape, requireShape } from "./check.js";
import { add, cast, equal, exp, log, mul, reciprocal, sqrt, sub } from "./elementwise.js";
import { constant } from "./leaf.js";
import { reshape } from "./move.js";
import { broadcast, countOver, max, type ReduceOptions, sum } from "./reduce.js";

/** Mean over `axes` (all by default). */
export function mean(
  x: Value,
  axes: readonly number[] = x.shape.map((_, axis) => axis),
  options: ReduceOptions = {},
): Value {
  return mul(sum(x, axes, options), 1 / countOver(x, axes));
}

const keep = { keepDims: true } as const;

/**
 * Standardisation over `axes`: outputs (x - mean) * inverseStd, mean, inverseStd = 1 / sqrt(variance + epsilon),
 * the statistics with extent 1 on `axes`; biased variance, in two passes (E[x²] - E[x]² cancels in float32).
 * Batch, instance, layer and group norm are this op on different axes (Ioffe & Szegedy 2015, eq. 1-3).
 */
export const normalizeOp: Op<{ axes: readonly number[]; epsilon: number }> = {
  name: "normalize",
  infer: ([x], { axes }) => {
    requireFloats(x!);
    requireAxes(x!.shape, axes);
    const statistic = x!.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
    return [x!.shape, statistic, statistic].map((shape) => ({ dtype: x!.dtype, shape }));
  },
  grad: (node, [gy, gMean, gInverse]) => {
    const { axes } = node.attributes;
    const x = node.inputs[0]!;
    const [y, inverse] = [outputOf(node, 0), outputOf(node, 2)];
    const share = 1 / countOver(x, axes);
    const parts = [
      gy && normalizeGrad(gy, y, inverse, axes),
      gMean && broadcast(mul(gMean, share), x.shape),
      gInverse && mul(mul(mul(gInverse, mul(inverse, inverse)), -share), y),
    ].filter((part) => part !== undefined);
    return [parts.length === 0 ? undefined : parts.reduce(add)];
  },
  expand: ([x], { axes, epsilon }) => {
    const centre = mean(x!, axes, keep);
    const centred = sub(x!, centre);
    const variance = mean(mul(centred, centred), axes, keep);
    const inverse = reciprocal(sqrt(add(variance, epsilon)));
    return [mul(centred, inverse), centre, inverse];
  },
};

/** inverseStd * (g - mean(g) - y * mean(g * y)): the gradient of `normalize`'s first output. */
export const normalizeGradOp: Op<{ axes: readonly number[] }> = {
  name: "normalizeGrad",
  infer: ([g, y, inverse], { axes }) => {
    requireFloats(g!, y!, inverse!);
    requireOneShape(g!, y!);
    requireAxes(g!.shape, axes);
    requireShape(
      inverse!,
      g!.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent)),
    );
    return [{ dtype: g!.dtype, shape: g!.shape }];
  },
  expand: ([g, y, inverse], { axes }) => {
    const projected = mul(y!, mean(mul(g!, y!), axes, keep));
    return [mul(sub(sub(g!, mean(g!, axes, keep)), projected), inverse!)];
  },
};

/** x - log Σ exp x along one axis. */
export const logSoftmaxOp: Op<{ axis: number }> = {
  name: "logSoftmax",
  infer: ([x], { axis }) => {
    requireFloats(x!);
    requireAxes(x!.shape, [axis]);
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  grad: (node, [g]) => {
    const y = outputOf(node);
    return [sub(g!, mul(exp(y), sum(g!, [node.attributes.axis], keep)))];
  },
};

/** exp x / Σ exp x along one axis. */
export const softmaxOp: Op<{ axis: number }> = {
  name: "softmax",
  infer: ([x], { axis }) => {
    requireFloats(x!);
    requireAxes(x!.shape, [axis]);
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  grad: (node, [g]) => {
    const y = outputOf(node);
    return [mul(y, sub(g!, sum(mul(g!, y), [node.attributes.axis], keep)))];
  },
};

/** See `normalizeOp`. */
export function normalize(
  x: Value,
  axes: readonly number[],
  epsilon = 1e-5,
): { y: Value; mean: Value; inverseStd: Value } {
  const [y, centre, inverseStd] = apply(normalizeOp, [x], { axes, epsilon });
  return { y: y!, mean: centre!, inverseStd: inverseStd! };
}

/** See `normalizeGradOp`. */
export function normalizeGrad(g: Value, y: Value, inverseStd: Value, axes: readonly number[]): Value {
  return apply1(normalizeGradOp, [g, y, inverseStd], { axes });
}

/** Logarithm of the softmax along `axis`, stable for large inputs. */
export function logSoftmax(x: Value, axis: number): Value {
  return apply1(logSoftmaxOp, [x], { axis });
}

/** Softmax along `axis`. */
export function softmax(x: Value, axis: number): Value {
  return apply1(softmaxOp, [x], { axis });
}

/** log Σ exp x along `axis`, stable: the largest value is taken out first. */
export function logSumExp(x: Value, axis: number): Value {
  const top = stopGradient(max(x, [axis], keep));
  return add(log(sum(exp(sub(x, top)), [axis], keep)), top);
}

export const stopGradientOp: Op = {
  name: "stopGradient",
  infer: ([x]) => [{ dtype: x!.dtype, shape: x!.shape }],
};

/** The same value, through which no gradient flows. */
export function stopGradient(x: Value): Value {
  return apply1(stopGradientOp, [x], {});
}

/** 1 where an integer label equals the class, 0 elsewhere: labels `[N, …S]` → `[N, classes, …S]`, float32. */
export function oneHot(labels: Value, classes: number): Value {
  const [batch, ...spatial] = labels.shape as [number, ...number[]];
  const ids = constant({
    dtype: "int32",
    shape: [1, classes, ...spatial.map(() => 1)],
    data: Int32Array.from({ length: classes }, (_, id) => id),
  });
  return cast(equal(reshape(cast(labels, "int32"), [batch, 1, ...spatial]), ids), "float32");
}
