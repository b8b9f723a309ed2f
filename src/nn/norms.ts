import { fail } from "../core/errors.js";
import type { Value } from "../graph/node.js";
import { add, mul, neg, reciprocal, sqrt, sub } from "../ops/elementwise.js";
import { reshape } from "../ops/move.js";
import { moments, scaleShift, stopGradient } from "../ops/norm.js";
import { countOver } from "../ops/reduce.js";
import { ones, zeros } from "./initialize.js";
import type { Scope } from "./scope.js";

export interface NormOptions {
  /** Added to the variance. Default 1e-5. */
  readonly epsilon?: number;
  /** Learned scale and shift per channel. Default true. */
  readonly affine?: boolean;
}

const spatialAxes = (x: Value): number[] => x.shape.slice(2).map((_, axis) => axis + 2);
const perChannel = (x: Value, v: Value): Value => reshape(v, [1, -1, ...x.shape.slice(2).map(() => 1)]);

interface Affine {
  readonly scale: Value;
  readonly shift: Value;
}

/** Learned scale and shift, shaped to stretch over x; undefined where they are not wanted. */
function learned(scope: Scope, x: Value, wanted = true): Affine | undefined {
  if (!wanted) return undefined;
  const scale = scope.parameter("scale", [x.shape[1]!], ones, { decay: false });
  const shift = scope.parameter("shift", [x.shape[1]!], zeros, { decay: false });
  return { scale: perChannel(x, scale), shift: perChannel(x, shift) };
}

/** (x - mean) * inverse, then the learned scale and shift: one scale and one shift where their axes agree. */
function standardized(x: Value, mean: Value, inverse: Value, affine: Affine | undefined): Value {
  const plain = { scale: inverse, shift: neg(mul(mean, inverse)) };
  if (affine === undefined) return scaleShift(x, plain.scale, plain.shift);
  if (inverse.shape[1] === 1)
    return scaleShift(scaleShift(x, plain.scale, plain.shift), affine.scale, affine.shift);
  const scale = mul(affine.scale, inverse);
  return scaleShift(x, scale, sub(affine.shift, mul(mean, scale)));
}

const inverseStd = (variance: Value, epsilon: number): Value => reciprocal(sqrt(add(variance, epsilon)));

/** Standardise over `axes`, then the learned scale and shift. */
function normalized(x: Value, axes: readonly number[], epsilon: number, affine: Affine | undefined): Value {
  const { mean, variance } = moments(x, axes);
  return standardized(x, mean, inverseStd(variance, epsilon), affine);
}

/** Standardise every channel of every sample over space. Ulyanov et al., arXiv 1607.08022. */
export function instanceNorm(scope: Scope, x: Value, { epsilon = 1e-5, affine }: NormOptions = {}): Value {
  return normalized(x, spatialAxes(x), epsilon, learned(scope, x, affine));
}

/** Standardise every sample over channels and space. Ba et al., arXiv 1607.06450; scale and shift per channel. */
export function layerNorm(scope: Scope, x: Value, { epsilon = 1e-5, affine }: NormOptions = {}): Value {
  return normalized(x, [1, ...spatialAxes(x)], epsilon, learned(scope, x, affine));
}

/** Channels of one group. Throws `shape` when they do not fall into so many groups. */
export function channelsPerGroup(x: Value, groups: number): number {
  const channels = x.shape[1]!;
  if (channels % groups !== 0)
    fail("shape", { what: `${channels} channels do not fall into ${groups} groups of equal size` });
  return channels / groups;
}

/** Standardise groups of channels of every sample. Wu & He, arXiv 1803.08494. */
export function groupNorm(
  scope: Scope,
  x: Value,
  { groups, epsilon = 1e-5, affine }: NormOptions & { readonly groups: number },
): Value {
  const [batch, , ...spatial] = x.shape as [number, number, ...number[]];
  const grouped = reshape(x, [batch, groups, channelsPerGroup(x, groups), ...spatial]);
  const axes = grouped.shape.map((_, axis) => axis).slice(2);
  const y = reshape(normalized(grouped, axes, epsilon, undefined), x.shape);
  const weights = learned(scope, x, affine);
  return weights === undefined ? y : scaleShift(y, weights.scale, weights.shift);
}

/**
 * Batch normalisation over batch and space (Ioffe & Szegedy 2015, arXiv 1502.03167).
 *
 * Training: batch statistics; running ← (1 - momentum) running + momentum batch, variance unbiased, as PyTorch
 * does. Prediction: running statistics, folded into one scale and shift per channel.
 */
export function batchNorm(
  scope: Scope,
  x: Value,
  { epsilon = 1e-5, affine, momentum = 0.1 }: NormOptions & { readonly momentum?: number } = {},
): Value {
  const channels = x.shape[1]!;
  const runningMean = scope.statistic("runningMean", [channels], zeros);
  const runningVariance = scope.statistic("runningVariance", [channels], ones);
  const weights = learned(scope, x, affine);
  if (!scope.training) {
    const inverse = inverseStd(perChannel(x, runningVariance), epsilon);
    return standardized(x, perChannel(x, runningMean), inverse, weights);
  }
  const axes = [0, ...spatialAxes(x)];
  const { mean, variance } = moments(x, axes);
  const count = countOver(x, axes);
  const follow = (running: Value, batch: Value, factor: number): Value =>
    add(mul(running, 1 - momentum), mul(reshape(stopGradient(batch), [channels]), momentum * factor));
  scope.update("runningMean", follow(runningMean, mean, 1));
  scope.update("runningVariance", follow(runningVariance, variance, count / Math.max(1, count - 1)));
  return standardized(x, mean, inverseStd(variance, epsilon), weights);
}
