/**
 * The Rician distribution in units of the noise: the magnitude of a signal `nu` whose real and imaginary parts
 * carry normal noise of standard deviation 1 (Gudbjartsson & Patz 1995).
 */

/** Mean of the magnitude where there is no signal, √(π/2): the Rayleigh distribution's. */
export const rayleighMean = Math.sqrt(Math.PI / 2);

/** Standard deviation of the magnitude where there is no signal, √(2 - π/2). */
export const rayleighDeviation = Math.sqrt(2 - Math.PI / 2);

/**
 * Modified Bessel function of the first kind of order 0 or 1, times exp(-x), for x at least 0: the power series
 * below 30, where all terms are positive, Hankel's expansion above (Abramowitz & Stegun 9.6.10, 9.7.1). Relative
 * error below 1e-13.
 */
export function scaledBessel(order: 0 | 1, x: number): number {
  if (x < 30) {
    const quarter = (x * x) / 4;
    let term = order === 0 ? 1 : x / 2;
    let sum = term;
    for (let n = 1; term > sum * 1e-17; n++) {
      term *= quarter / (n * (n + order));
      sum += term;
    }
    return sum * Math.exp(-x);
  }
  const mu = 4 * order * order;
  let term = 1;
  let sum = 1;
  for (let n = 1; n < 30 && Math.abs(term) > 1e-17; n++) {
    term *= -(mu - (2 * n - 1) ** 2) / (8 * x * n);
    sum += term;
  }
  return sum / Math.sqrt(2 * Math.PI * x);
}

/** Density of the magnitude `z` where the signal is `nu`. */
export function ricianDensity(z: number, nu: number): number {
  return z * Math.exp(-((z - nu) ** 2) / 2) * scaledBessel(0, z * nu);
}

/** Mean of the magnitude: `√(π/2) · L½(-nu²/2)`, with Laguerre's function by Bessel functions. */
export function ricianMean(nu: number): number {
  const q = (nu * nu) / 4;
  return rayleighMean * ((1 + 2 * q) * scaledBessel(0, q) + 2 * q * scaledBessel(1, q));
}

/**
 * Variance of the magnitude over the noise's own variance, ξ of Koay & Basser 2006: 0.43 without signal, 1 far
 * above the noise. Where `nu` is large, the difference of large numbers gives way to its expansion.
 */
export function koayFactor(nu: number): number {
  if (nu > 50) return 1 - (1 + 1 / (nu * nu)) / (2 * nu * nu);
  return 2 + nu * nu - ricianMean(nu) ** 2;
}

/**
 * The signal, in units of the noise, whose magnitudes have this mean over standard deviation: the fixed point of
 * Koay & Basser 2006. 0 where the ratio is not above that of air, 1.913.
 */
export function signalOfRatio(ratio: number): number {
  if (!(ratio > rayleighMean / rayleighDeviation)) return 0;
  let [low, high] = [0, ratio + 2];
  // mean / deviation rises with the signal, so halving the interval is certain to converge.
  for (let n = 0; n < 60; n++) {
    const middle = (low + high) / 2;
    if (ricianMean(middle) / Math.sqrt(koayFactor(middle)) < ratio) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
