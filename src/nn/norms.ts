import { fail } from "../core/errors.js";
import type { Value } from "../graph/node.js";
import { add, div, mul, reciprocal, sqrt, sub } from "../ops/elementwise.js";
import { reshape } from "../ops/move.js";
import { normalize, stopGradient } from "../ops/norm.js";
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

function affine(scope: Scope, y: Value, wanted = true): Value {
  if (!wanted) return y;
  const scale = scope.parameter("scale", [y.shape[1]!], ones, { decay: false });
  const shift = scope.parameter("shift", [y.shape[1]!], zeros, { decay: false });
  return add(mul(y, perChannel(y, scale)), perChannel(y, shift));
}

/** Standardise every channel of every sample over space. Ulyanov et al., arXiv 1607.08022. */
export function instanceNorm(
  scope: Scope,
  x: Value,
  { epsilon = 1e-5, affine: wanted }: NormOptions = {},
): Value {
  return affine(scope, normalize(x, spatialAxes(x), epsilon).y, wanted);
}

/** Standardise every sample over channels and space. Ba et al., arXiv 1607.06450; scale and shift per channel. */
export function layerNorm(
  scope: Scope,
  x: Value,
  { epsilon = 1e-5, affine: wanted }: NormOptions = {},
): Value {
  return affine(scope, normalize(x, [1, ...spatialAxes(x)], epsilon).y, wanted);
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
  { groups, epsilon = 1e-5, affine: wanted }: NormOptions & { readonly groups: number },
): Value {
  const [batch, , ...spatial] = x.shape as [number, number, ...number[]];
  const grouped = reshape(x, [batch, groups, channelsPerGroup(x, groups), ...spatial]);
  const axes = grouped.shape.map((_, axis) => axis).slice(2);
  return affine(scope, reshape(normalize(grouped, axes, epsilon).y, x.shape), wanted);
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
  { epsilon = 1e-5, affine: wanted, momentum = 0.1 }: NormOptions & { readonly momentum?: number } = {},
): Value {
  const channels = x.shape[1]!;
  const runningMean = scope.statistic("runningMean", [channels], zeros);
  const runningVariance = scope.statistic("runningVariance", [channels], ones);
  if (!scope.training) {
    const inverse = reciprocal(sqrt(add(runningVariance, epsilon)));
    return affine(scope, mul(sub(x, perChannel(x, runningMean)), perChannel(x, inverse)), wanted);
  }
  const axes = [0, ...spatialAxes(x)];
  const { y, mean, inverseStd } = normalize(x, axes, epsilon);
  const count = countOver(x, axes);
  const inverse = reshape(stopGradient(inverseStd), [channels]);
  const variance = sub(div(1, mul(inverse, inverse)), epsilon);
  const follow = (running: Value, batch: Value): Value =>
    add(mul(running, 1 - momentum), mul(batch, momentum));
  scope.update("runningMean", follow(runningMean, reshape(stopGradient(mean), [channels])));
  scope.update("runningVariance", follow(runningVariance, mul(variance, count / Math.max(1, count - 1))));
  return affine(scope, y, wanted);
}
