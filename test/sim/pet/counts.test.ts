import { describe, expect, it } from "vitest";
import { rng } from "../../../src/core/rng.js";
import { blurBins, blurImage, discreteGaussian, fwhmPerSigma } from "../../../src/sim/pet/blur.js";
import { drawPoisson, logFactorial } from "../../../src/sim/pet/poisson.js";

describe("Poisson counts", () => {
  it("have the mean, the variance and the skewness of their mean", () => {
    for (const mean of [0.02, 0.7, 6, 9.99, 10, 31, 400, 1e5, 3e7]) {
      const draw = rng(`poisson ${mean}`);
      const n = 40_000;
      let [first, second, third] = [0, 0, 0];
      for (let k = 0; k < n; k++) {
        const d = drawPoisson(draw, mean) - mean;
        first += d / n;
        second += (d * d) / n;
        third += (d * d * d) / n;
      }
      const sigma = Math.sqrt(mean / n);
      expect(Math.abs(first)).toBeLessThan(4 * sigma);
      expect(Math.abs(second / mean - 1)).toBeLessThan(4 * Math.sqrt((2 + 1 / mean) / n));
      // The third central moment is the mean; its estimate spreads by about √(15 λ³ / n) where λ is large.
      expect(Math.abs(third - mean)).toBeLessThan(
        5 * Math.sqrt((15 * mean ** 3 + 30 * mean ** 2 + mean) / n),
      );
    }
  });

  it("follow the distribution itself, on both sides of the change of method", () => {
    for (const mean of [9.5, 10.5, 25]) {
      const draw = rng(`distribution ${mean}`);
      const n = 100_000;
      const seen = new Map<number, number>();
      for (let k = 0; k < n; k++) {
        const count = drawPoisson(draw, mean);
        seen.set(count, (seen.get(count) ?? 0) + 1);
      }
      let [chi, cells] = [0, 0];
      for (let count = 0; count < 100; count++) {
        const expected = n * Math.exp(count * Math.log(mean) - mean - logFactorial(count));
        if (expected < 10) continue;
        chi += ((seen.get(count) ?? 0) - expected) ** 2 / expected;
        cells++;
      }
      // Four standard deviations above the mean of chi square.
      expect(chi).toBeLessThan(cells + 4 * Math.sqrt(2 * cells));
    }
  });

  it("are the same from the same seed, and 0 of 0", () => {
    const draws = (seed: number) => Array.from({ length: 20 }, (_, n) => drawPoisson(rng(seed).split(n), 50));
    expect(draws(1)).toEqual(draws(1));
    expect(draws(1)).not.toEqual(draws(2));
    expect(drawPoisson(rng(1), 0)).toBe(0);
  });

  it("refuse a mean that is none", () => {
    for (const mean of [-1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => drawPoisson(rng(1), mean)).toThrow(
        `a mean number of counts is not possible. Expected 0 to 1e9. Found ${mean}.`,
      );
  });

  it("know factorials", () => {
    expect(logFactorial(1)).toBe(0);
    // Python: math.lgamma(n + 1)
    expect(logFactorial(31)).toBeCloseTo(78.0922235533153, 11);
    expect(logFactorial(32)).toBeCloseTo(81.55795945611503, 11);
    expect(logFactorial(1e6)).toBeCloseTo(12815518.384658169, 6);
  });
});

describe("Gaussian blur", () => {
  it("has exactly its variance and sums to 1, from a tenth of a pixel to thirty", () => {
    for (const sigma of [0.1, 0.38, 0.76, 2, 8, 30]) {
      const weights = discreteGaussian(sigma, Math.ceil(8 * sigma + 4));
      const radius = (weights.length - 1) / 2;
      expect(weights.reduce((sum, w) => sum + w, 0)).toBeCloseTo(1, 12);
      expect(weights.reduce((sum, w, n) => sum + w * (n - radius) ** 2, 0) / sigma ** 2).toBeCloseTo(1, 9);
      expect(weights.every((w, n) => w >= 0 && w === weights[weights.length - 1 - n])).toBe(true);
    }
  });

  it("is its own transpose, to the border", () => {
    const draw = rng(5);
    const [x, y] = [0, 1].map(() => Float32Array.from({ length: 20 * 15 }, () => draw.normal())) as [
      Float32Array,
      Float32Array,
    ];
    const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, v, n) => sum + v * b[n]!, 0);
    expect(dot(blurImage(x, 20, 9, 2), y)).toBeCloseTo(dot(x, blurImage(y, 20, 9, 2)), 4);
    expect(dot(blurBins(x, 20, 9, 2), y)).toBeCloseTo(dot(x, blurBins(y, 20, 9, 2)), 4);
  });

  it("is the sum over neighbours that it says, on any shape, narrow and wide", () => {
    const draw = rng(8);
    for (const [width, height, fwhm] of [
      [13, 9, 3],
      [5, 31, 14],
      [1, 7, 4],
      [32, 32, 60],
    ] as const) {
      const image = Float32Array.from({ length: width * height }, () => draw.normal());
      const weights = discreteGaussian(fwhm / fwhmPerSigma / 2);
      const radius = (weights.length - 1) / 2;
      const weight = (d: number): number => weights[d + radius] ?? 0;
      const [blurred, rows] = [blurImage(image, width, fwhm, 2), blurBins(image, width, fwhm, 2)];
      for (let n = 0; n < image.length; n++) {
        let [whole, row] = [0, 0];
        image.forEach((value, m) => {
          const dx = (n % width) - (m % width);
          const dy = Math.floor(n / width) - Math.floor(m / width);
          whole += value * weight(dx) * weight(dy);
          if (dy === 0) row += value * weight(dx);
        });
        expect(blurred[n]!).toBeCloseTo(whole, 5);
        expect(rows[n]!).toBeCloseTo(row, 5);
      }
    }
  });

  it("keeps the sum of what is far from the border, and leaves an image alone at width 0", () => {
    const image = new Float32Array(41 * 41);
    image[20 * 41 + 20] = 7;
    const blurred = blurImage(image, 41, 10, 2);
    expect(blurred.reduce((sum, v) => sum + v, 0)).toBeCloseTo(7, 3);
    // Half of the peak at half of the width: 5 mm are 2.5 pixels, between the second and the third.
    const row = blurred.subarray(20 * 41 + 20, 20 * 41 + 24);
    expect(row[2]! / row[0]!).toBeGreaterThan(0.5);
    expect(row[3]! / row[0]!).toBeLessThan(0.5);
    expect(blurImage(image, 41, 0, 2)).toEqual(image);
    expect(() => blurImage(image, 41, -1, 2)).toThrow("fwhmMm: the width of a Gaussian is not possible.");
  });
});
