import type { Value } from "../graph/node.js";
import { imageGradients } from "../ops/differences.js";
import { abs, add, mul, softplus, square, sub } from "../ops/elementwise.js";
import type { Operand } from "../ops/leaf.js";
import { mean } from "../ops/norm.js";

/** L1: mean absolute difference of two values of one shape. */
export function l1(prediction: Value, target: Value): Value {
  return mean(abs(sub(prediction, target)));
}

/** L2: mean squared difference of two values of one shape. */
export function l2(prediction: Value, target: Value): Value {
  const difference = sub(prediction, target);
  return mean(mul(difference, difference));
}

/**
 * Mean over voxels and axes of (|∂ target| - |∂ prediction|)² by forward differences, `[N, C, …S]`: what keeps edges
 * sharp. Blind to the sign of an edge, so it stands beside l1 or l2. Mathieu et al., arXiv 1511.05440, with exponent 2.
 */
export function gradientDifference(prediction: Value, target: Value): Value {
  const [found, wanted] = [imageGradients(prediction), imageGradients(target)];
  const parts = found.map((difference, axis) => mean(square(sub(abs(wanted[axis]!), abs(difference)))));
  return mul(parts.reduce(add), 1 / parts.length);
}

/**
 * Mean of -t log p - (1 - t) log(1 - p) for logits and targets t in [0, 1] of one shape, p = sigmoid logit: stable
 * for large logits.
 */
export function binaryCrossEntropy(logits: Value, targets: Operand): Value {
  return mean(sub(softplus(logits), mul(logits, targets)));
}
