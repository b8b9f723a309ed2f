import type { Shape } from "../core/tensor.js";
import { apply, apply1, type Op, outputOf, type Value } from "../graph/node.js";
import { requireAxes, requireFloats, requireOneShape, requireShape } from "./check.js";
import { add, cast, equal, exp, gate, leakyRelu, log, mul, neg, sub } from "./elementwise.js";
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

const reducedTo = (shape: Shape, axes: readonly number[]): number[] =>
  shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));

/** Mean and biased variance over `axes`, which stay with extent 1; in two passes (E[x²] - E[x]² cancels in float32). */
export const momentsOp: Op<{ axes: readonly number[] }> = {
  name: "moments",
  infer: ([x], { axes }) => {
    requireFloats(x!);
    requireAxes(x!.shape, axes);
    const type = { dtype: x!.dtype, shape: reducedTo(x!.shape, axes) };
    return [type, type];
  },
  grad: (node, [gMean, gVariance]) => {
    const x = node.inputs[0]!;
    const share = 1 / countOver(x, node.attributes.axes);
    if (gVariance === undefined) return [broadcast(mul(gMean!, share), x.shape)];
    const scale = mul(gVariance, 2 * share);
    const centre = mul(scale, outputOf(node, 0));
    return [scaleShift(x, scale, gMean === undefined ? neg(centre) : sub(mul(gMean, share), centre))];
  },
  expand: ([x], { axes }) => {
    const centre = mean(x!, axes, keep);
    const centred = sub(x!, centre);
    return [centre, mul(sumProduct(centred, centred, axes), 1 / countOver(x!, axes))];
  },
};

/**
 * leakyRelu(x * scale + shift), the two of x's rank, with extent 1 where they stretch; slope 1 is none. Every norm is
 * this after `moments`, and so is its gradient.
 */
export const scaleShiftOp: Op<{ slope: number }> = {
  name: "scaleShift",
  infer: ([x, scale, shift]) => {
    requireFloats(x!, scale!, shift!);
    requireOneShape(scale!, shift!);
    requireShape(
      scale!,
      x!.shape.map((extent, axis) => (scale!.shape[axis] === 1 ? 1 : extent)),
    );
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  grad: (node, [g]) => {
    const [x, scale] = node.inputs as [Value, Value];
    const { slope } = node.attributes;
    const inner = slope === 1 ? g! : gate(outputOf(node), g!, slope);
    const axes = scale.shape.flatMap((extent, axis) => (extent === 1 ? [axis] : []));
    return [mul(inner, scale), sumProduct(inner, x, axes), sum(inner, axes, keep)];
  },
  expand: ([x, scale, shift], { slope }) => {
    const y = add(mul(x!, scale!), shift!);
    return [slope === 1 ? y : leakyRelu(y, slope)];
  },
};

/** Σ a b over `axes`, which stay with extent 1. */
export const sumProductOp: Op<{ axes: readonly number[] }> = {
  name: "sumProduct",
  infer: ([a, b], { axes }) => {
    requireFloats(a!, b!);
    requireOneShape(a!, b!);
    requireAxes(a!.shape, axes);
    return [{ dtype: a!.dtype, shape: reducedTo(a!.shape, axes) }];
  },
  grad: ({ inputs: [a, b] }, [g]) => [mul(b!, g!), mul(a!, g!)],
  expand: ([a, b], { axes }) => [sum(mul(a!, b!), axes, keep)],
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

/** See `momentsOp`. */
export function moments(x: Value, axes: readonly number[]): { mean: Value; variance: Value } {
  const [centre, variance] = apply(momentsOp, [x], { axes });
  return { mean: centre!, variance: variance! };
}

/** See `scaleShiftOp`. */
export function scaleShift(x: Value, scale: Value, shift: Value, slope = 1): Value {
  return apply1(scaleShiftOp, [x, scale, shift], { slope });
}

/** See `sumProductOp`. */
export function sumProduct(a: Value, b: Value, axes: readonly number[]): Value {
  return apply1(sumProductOp, [a, b], { axes });
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
