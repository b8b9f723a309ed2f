import { floats, sizeOf } from "../core/tensor.js";
import type { Value } from "../graph/node.js";
import { add, div, mul, neg, sub } from "../ops/elementwise.js";
import { constant } from "../ops/leaf.js";
import { reshape } from "../ops/move.js";
import { logSoftmax, oneHot, softmax } from "../ops/norm.js";
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
}

/**
 * 1 - mean over classes of (2 Σ p g + s) / (Σ p + Σ g + s) for logits `[N, K, …S]` and labels `[N, …S]`.
 * Milletari et al., 3DV 2016 (arXiv 1606.04797), with the plain sums in the denominator that nnU-Net uses.
 */
export function softDice(logits: Value, labels: Value, options: SoftDiceOptions = {}): Value {
  const { batch = true, background = false, smooth = 1e-5 } = options;
  const classes = logits.shape[1]!;
  const probabilities = softmax(logits, 1);
  const target = oneHot(labels, classes);
  const axes = [...(batch ? [0] : []), ...logits.shape.slice(2).map((_, axis) => axis + 2)];
  const overlap = sum(mul(probabilities, target), axes, { keepDims: true });
  const volume = add(sum(probabilities, axes, { keepDims: true }), sum(target, axes, { keepDims: true }));
  const dice = div(add(mul(overlap, 2), smooth), add(volume, smooth));
  const counted = constant(
    floats(
      [1, classes, ...logits.shape.slice(2).map(() => 1)],
      Array.from({ length: classes }, (_, k) => (k === 0 && !background ? 0 : 1)),
    ),
  );
  const share = 1 / ((batch ? 1 : logits.shape[0]!) * (background ? classes : classes - 1));
  return sub(1, mul(sum(mul(dice, counted)), share));
}
