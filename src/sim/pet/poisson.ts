import { fail } from "../../core/errors.js";
import type { Rng } from "../../core/rng.js";

/**
 * A Poisson count with the given mean, exactly distributed for every mean up to 1e9: by multiplying uniforms below
 * 10, above by Hörmann's transformed rejection with squeeze (PTRS, Hörmann 1993). Throws `bad-data` for a mean that is
 * none.
 */
export function drawPoisson(rng: Rng, mean: number): number {
  if (!(mean >= 0 && mean <= 1e9))
    fail("bad-data", {
      what: "a mean number of counts is not possible",
      expected: "0 to 1e9",
      found: `${mean}`,
    });
  return mean < 10 ? multiply(rng, mean) : transformedRejection(rng, mean);
}

function multiply(rng: Rng, mean: number): number {
  const limit = Math.exp(-mean);
  let product = 1;
  for (let count = 0; ; count++) {
    product *= rng.uniform();
    if (product <= limit) return count;
  }
}

function transformedRejection(rng: Rng, mean: number): number {
  const b = 0.931 + 2.53 * Math.sqrt(mean);
  const a = -0.059 + 0.02483 * b;
  const inverseAlpha = 1.1239 + 1.1328 / (b - 3.4);
  const inside = 0.9277 - 3.6224 / (b - 2);
  const logMean = Math.log(mean);
  for (;;) {
    const u = rng.uniform() - 0.5;
    const v = 1 - rng.uniform();
    const us = 0.5 - Math.abs(u);
    const count = Math.floor(((2 * a) / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= inside) return count;
    if (count < 0 || (us < 0.013 && v > us)) continue;
    const accepted = Math.log((v * inverseAlpha) / (a / (us * us) + b));
    if (accepted <= count * logMean - mean - logFactorial(count)) return count;
  }
}

const smallFactorials = Float64Array.from({ length: 32 }, (_, n) => {
  let sum = 0;
  for (let k = 2; k <= n; k++) sum += Math.log(k);
  return sum;
});

/** `ln n!`: summed below 32, above by Stirling's series, whose error there is below 1e-13. */
export function logFactorial(n: number): number {
  if (n < smallFactorials.length) return smallFactorials[n]!;
  const x = n + 1;
  const square = x * x;
  return (
    (x - 0.5) * Math.log(x) -
    x +
    0.5 * Math.log(2 * Math.PI) +
    (1 / 12 - (1 / 360 - (1 / 1260 - 1 / (1680 * square)) / square) / square) / x
  );
}
