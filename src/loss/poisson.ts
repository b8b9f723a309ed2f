import type { Value } from "../graph/node.js";
import { log, maximum, mul, sub } from "../ops/elementwise.js";
import { mean } from "../ops/norm.js";

/**
 * Mean over bins of `ȳ - y ln ȳ`, the negative log-likelihood of counts y around expected counts ȳ but for what
 * depends on the counts alone: the data-fidelity term of emission tomography. Both of one shape, ȳ above 0; below
 * `least` the logarithm goes on as a constant, so that empty bins give no infinity.
 */
export function poissonLoss(expected: Value, counts: Value, least = 1e-6): Value {
  return mean(sub(expected, mul(counts, log(maximum(expected, least)))));
}
