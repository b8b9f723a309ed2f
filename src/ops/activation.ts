import { apply1, type Op, outputOf, type Value } from "../graph/node.js";
import { requireFloats } from "./check.js";
import { add, erf, greater, mul, relu, sub, where } from "./elementwise.js";

/** `x > 0 ? x : alpha (e^x - 1)`. */
export const eluOp: Op<{ alpha: number }> = {
  name: "elu",
  infer: ([x]) => {
    requireFloats(x!);
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  grad: (node, [g]) => {
    const below = add(outputOf(node), node.attributes.alpha);
    return [where(greater(node.inputs[0]!, 0), g!, mul(g!, below))];
  },
};

/** Exponential linear unit: `x > 0 ? x : alpha (e^x - 1)`. Clevert et al., arXiv 1511.07289. */
export function elu(x: Value, alpha = 1): Value {
  return apply1(eluOp, [x], { alpha });
}

/** Scaled ELU, which keeps mean 0 and variance 1. Klambauer et al., arXiv 1706.02515. */
export function selu(x: Value): Value {
  return mul(elu(x, 1.6732632423543772), 1.0507009873554805);
}

/** x Φ(x), Φ being the standard normal distribution. Hendrycks & Gimpel, arXiv 1606.08415. */
export function gelu(x: Value): Value {
  return mul(mul(x, 0.5), add(erf(mul(x, Math.SQRT1_2)), 1));
}

/** Leaky ReLU with a learned slope that stretches to x. He et al., arXiv 1502.01852. */
export function parametricRelu(x: Value, slope: Value): Value {
  const positive = relu(x);
  return add(positive, mul(sub(x, positive), slope));
}
