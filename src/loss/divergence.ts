import { checked, type Value } from "../graph/node.js";
import { requireOneShape } from "../ops/check.js";
import { add, exp, mul, sigmoid, softplus, square, sub } from "../ops/elementwise.js";
import { logSoftmax, softmax } from "../ops/norm.js";
import { sum } from "../ops/reduce.js";

/**
 * Kullback-Leibler divergences in nats: summed over everything but the batch (axis 0), averaged over the batch. A
 * reconstruction loss beside them must be a sum per sample too, or the posterior collapses.
 */

/** A normal distribution with independent components. The logarithm of the variance may be any number. */
export interface DiagonalNormal {
  readonly mean: Value;
  /** log σ². */
  readonly logVariance: Value;
}

function perSample(terms: Value): Value {
  return mul(sum(terms), 1 / terms.shape[0]!);
}

/** KL(N(μ, σ²) ‖ N(0, 1)) = ½ Σ (μ² + σ² - log σ² - 1): the VAE's term (Kingma & Welling, arXiv 1312.6114, app. B). */
export function klStandardNormal({ mean, logVariance }: DiagonalNormal): Value {
  checked("klStandardNormal", [mean, logVariance], () => requireOneShape(mean, logVariance));
  return perSample(mul(sub(add(square(mean), exp(logVariance)), add(logVariance, 1)), 0.5));
}

/** KL(p ‖ q) = ½ Σ (log σq² - log σp² + (σp² + (μp - μq)²) / σq² - 1). */
export function klDiagonalNormal(p: DiagonalNormal, q: DiagonalNormal): Value {
  const all = [p.mean, p.logVariance, q.mean, q.logVariance];
  checked("klDiagonalNormal", all, () => requireOneShape(...all));
  const ratio = exp(sub(p.logVariance, q.logVariance));
  const distance = mul(square(sub(p.mean, q.mean)), exp(mul(q.logVariance, -1)));
  const logarithms = sub(q.logVariance, p.logVariance);
  return perSample(mul(sub(add(add(ratio, distance), logarithms), 1), 0.5));
}

/** KL of independent coins, given by the logits of heads: Σ p (a - b) + log(1 + e^b) - log(1 + e^a), p = sigmoid a. */
export function klBernoulli(logitsP: Value, logitsQ: Value): Value {
  checked("klBernoulli", [logitsP, logitsQ], () => requireOneShape(logitsP, logitsQ));
  const expected = mul(sigmoid(logitsP), sub(logitsP, logitsQ));
  return perSample(add(expected, sub(softplus(logitsQ), softplus(logitsP))));
}

/** KL of distributions over classes along `axis` (1: channels), given by logits. */
export function klCategorical(logitsP: Value, logitsQ: Value, axis = 1): Value {
  checked("klCategorical", [logitsP, logitsQ], () => requireOneShape(logitsP, logitsQ));
  const difference = sub(logSoftmax(logitsP, axis), logSoftmax(logitsQ, axis));
  return perSample(mul(softmax(logitsP, axis), difference));
}
