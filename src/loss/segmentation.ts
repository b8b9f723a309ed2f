import { floats, sizeOf } from "../core/tensor.js";
import type { Value } from "../graph/node.js";
import { add, div, mul, neg, sigmoid, softplus, sub } from "../ops/elementwise.js";
import { constant } from "../ops/leaf.js";
import { reshape } from "../ops/move.js";
import { logSoftmax, mean, oneHot, softmax } from "../ops/norm.js";
import { sum } from "../ops/reduce.js";

export interface CrossEntropyOptions {
  /** One weight per class. */
  readonly classWeights?: readonly number[];
  /** One weight per voxel, `[N, …S]`; 0 leaves a voxel out. */
  readonly voxelWeights?: Value;
}

/**
 * Cross-entropy of logits `[N, K, …S]` against integer labels `[N, …S]`: the weighted mean over voxels,
 * Σ w(x) · -log p_label(x) / Σ w(x), as PyTorch weighs it.
 */
export function crossEntropy(logits: Value, labels: Value, options: CrossEntropyOptions = {}): Value {
  const target = oneHot(labels, logits.shape[1]!);
  const { classWeights, voxelWeights } = options;
  const spread = logits.shape.slice(2).map(() => 1);
  let weighted = target;
  if (classWeights !== undefined)
    weighted = mul(weighted, constant(floats([1, classWeights.length, ...spread], classWeights)));
  if (voxelWeights !== undefined)
    weighted = mul(weighted, reshape(voxelWeights, [logits.shape[0]!, 1, ...logits.shape.slice(2)]));
  const total = neg(sum(mul(logSoftmax(logits, 1), weighted)));
  if (weighted === target) return mul(total, logits.shape[1]! / sizeOf(logits.shape));
  return div(total, add(sum(weighted), 1e-12));
}

export interface SoftDiceOptions {
  /** Sum over the batch before the ratio, which steadies small structures. Default true. */
  readonly batch?: boolean;
  /** Count class 0 too. Default false. */
  readonly background?: boolean;
  /** Added to numerator and denominator. Default 1e-5. */
  readonly smooth?: number;
  /** One weight per voxel, `[N, …S]`, in all sums; 0 leaves a voxel out. */
  readonly voxelWeights?: Value;
}

/**
 * 1 - mean over classes of (2 Σ p g + s) / (Σ p + Σ g + s) for logits `[N, K, …S]` and labels `[N, …S]`.
 * Milletari et al., 3DV 2016 (arXiv 1606.04797), with the plain sums in the denominator that nnU-Net uses.
 */
export function softDice(logits: Value, labels: Value, options: SoftDiceOptions = {}): Value {
  const { background = false } = options;
  const classes = logits.shape[1]!;
  const counted = Array.from({ length: classes }, (_, k) => k > 0 || background);
  return oneMinusDice(softmax(logits, 1), oneHot(labels, classes), counted, options);
}

/**
 * `softDice` of overlapping regions: logits `[N, R, …S]` through a sigmoid each, targets of 0 and 1 of the same shape;
 * every region counts.
 */
export function regionDice(
  logits: Value,
  targets: Value,
  options: Omit<SoftDiceOptions, "background"> = {},
): Value {
  const counted = Array.from({ length: logits.shape[1]! }, () => true);
  return oneMinusDice(sigmoid(logits), targets, counted, options);
}

function oneMinusDice(
  probabilities: Value,
  target: Value,
  counted: readonly boolean[],
  { batch = true, smooth = 1e-5, voxelWeights }: SoftDiceOptions,
): Value {
  const [samples, classes, ...spatial] = probabilities.shape as [number, number, ...number[]];
  const weights = voxelWeights === undefined ? undefined : reshape(voxelWeights, [samples, 1, ...spatial]);
  const weigh = (x: Value): Value => (weights === undefined ? x : mul(x, weights));
  const [p, g] = [weigh(probabilities), weigh(target)];
  const axes = [...(batch ? [0] : []), ...spatial.map((_, axis) => axis + 2)];
  const overlap = sum(mul(p, target), axes, { keepDims: true });
  const volume = add(sum(p, axes, { keepDims: true }), sum(g, axes, { keepDims: true }));
  const dice = div(add(mul(overlap, 2), smooth), add(volume, smooth));
  const shares = constant(floats([1, classes, ...spatial.map(() => 1)], counted.map(Number)));
  const share = 1 / ((batch ? 1 : samples) * counted.filter(Boolean).length);
  return sub(1, mul(sum(mul(dice, shares)), share));
}

/**
 * Cross-entropy of overlapping regions: the mean over regions and voxels of -t log p - (1 - t) log(1 - p) for logits and
 * targets of 0 and 1, `[N, R, …S]`; with weights `[N, …S]` the weighted mean over voxels.
 */
export function regionCrossEntropy(
  logits: Value,
  targets: Value,
  { voxelWeights }: Pick<CrossEntropyOptions, "voxelWeights"> = {},
): Value {
  const each = sub(softplus(logits), mul(logits, targets));
  if (voxelWeights === undefined) return mean(each);
  const [samples, regions, ...spatial] = logits.shape as [number, number, ...number[]];
  const weights = reshape(voxelWeights, [samples, 1, ...spatial]);
  return div(sum(mul(each, weights)), add(mul(sum(weights), regions), 1e-12));
}
