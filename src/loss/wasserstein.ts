import { gradients } from "../autodiff/gradients.js";
import { fail } from "../core/errors.js";
import { showShape } from "../core/tensor.js";
import type { Value } from "../graph/node.js";
import { add, mul, sqrt, square, sub } from "../ops/elementwise.js";
import type { Operand } from "../ops/leaf.js";
import { mean } from "../ops/norm.js";
import { sum } from "../ops/reduce.js";

/** Keeps the slope of the square root finite where a critic is flat. */
const tiny = 1e-12;

/**
 * How much better a critic thinks of real samples than of made ones: mean D(real) - mean D(fake). A critic that learns
 * makes it larger; with a gradient of norm 1 everywhere it is the Wasserstein distance between the two. Arjovsky et al.
 * 2017, arXiv 1701.07875.
 */
export function wassersteinDistance(real: Value, fake: Value): Value {
  return sub(mean(real), mean(fake));
}

export interface GradientPenalty {
  /** Mean over samples of (norm - 1)². */
  readonly penalty: Value;
  /** Mean norm of the critic's gradient. */
  readonly norm: Value;
}

/**
 * What a critic pays for a gradient whose norm is not 1, at points between real and made samples,
 * x̂ = mix · real + (1 - mix) · fake: mean (‖∂D/∂x̂‖₂ - 1)², the norm of each sample over all its channels and voxels.
 * Gulrajani et al. 2017, arXiv 1704.00028, equation 3. Times 10 in the paper.
 *
 * @param critic samples `[N, …]` → `[N, 1]`; it must not mix samples, so no batch norm
 * @param mix `[N, 1, …]`, uniform in [0, 1): one number a sample
 *
 * The usual mistakes: a norm over the channel axis alone, one norm for the whole batch, or one sample scaled otherwise
 * than the other.
 */
export function gradientPenalty(
  critic: (x: Value) => Value,
  real: Value,
  fake: Value,
  mix: Operand,
): GradientPenalty {
  const between = add(fake, mul(mix, sub(real, fake)));
  const found = critic(between);
  if (found.shape.reduce((a, b) => a * b, 1) !== real.shape[0])
    fail("shape", {
      what: "a critic gives one number for each sample",
      expected: `[${real.shape[0]}, 1]`,
      found: showShape(found.shape),
    });
  const [slope] = gradients(sum(found), [between]);
  const axes = between.shape.map((_, axis) => axis).slice(1);
  const norms = sqrt(add(sum(square(slope!), axes), tiny));
  return { penalty: mean(square(sub(norms, 1))), norm: mean(norms) };
}
