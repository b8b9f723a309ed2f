import type { Value } from "../graph/node.js";
import { abs, mul, sub } from "../ops/elementwise.js";
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
