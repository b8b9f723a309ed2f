import { describe, expect, test } from "vitest";
import { rng } from "../../src/core/rng.js";
import {
  koayFactor,
  rayleighDeviation,
  rayleighMean,
  ricianDensity,
  ricianMean,
  scaledBessel,
  signalOfRatio,
} from "../../src/denoise/rician.js";
import { ricianStabiliser } from "../../src/denoise/stabilise.js";

describe("the Rician distribution", () => {
  // scipy 1.15: special.i0e and i1e; stats.rice(nu).mean(), .var() and .pdf().
  test.each([
    [0.5, 0.64503527044915, 0.15642080318487173],
    [7.3, 0.15041465295234574, 0.1396957915033168],
    [29.9, 0.07326921904600191, 0.0720333749118688],
    [30.1, 0.07302329413106094, 0.07179985435101434],
    [200, 0.028227159949111912, 0.028156503394832916],
  ])("Bessel functions at %d", (x, zero, one) => {
    expect(scaledBessel(0, x) / zero).toBeCloseTo(1, 12);
    expect(scaledBessel(1, x) / one).toBeCloseTo(1, 12);
  });

  test.each([
    [0, 1.2533141373155003, 0.4292036732051032],
    [0.4, 1.3029519788675168, 0.4623161407652223],
    [1, 1.548572460551146, 0.6019233344225694],
    [2.5, 2.711201468763741, 0.8993865957733327],
    [8, 8.062750166082912, 0.9920597593299618],
  ])("mean and variance where the signal is %d", (nu, mean, variance) => {
    expect(ricianMean(nu)).toBeCloseTo(mean, 11);
    expect(koayFactor(nu)).toBeCloseTo(variance, 10);
  });

  test("densities", () => {
    expect(ricianDensity(0.5, 0)).toBeCloseTo(0.44124845129229767, 12);
    expect(ricianDensity(1.5, 1)).toBeCloseTo(0.4863885328436608, 12);
    expect(ricianDensity(6, 5)).toBeCloseTo(0.2661915550510582, 12);
    expect(ricianDensity(31, 30)).toBeCloseTo(0.24600359216804474, 12);
  });

  test("the factor goes on smoothly where its expansion takes over", () => {
    expect(koayFactor(49.999)).toBeCloseTo(koayFactor(50.001), 7);
    expect(koayFactor(0)).toBeCloseTo(rayleighDeviation ** 2, 14);
  });

  test("the signal comes back from mean over deviation", () => {
    for (const nu of [0.5, 1, 3, 20])
      expect(signalOfRatio(ricianMean(nu) / Math.sqrt(koayFactor(nu)))).toBeCloseTo(nu, 6);
    expect(signalOfRatio(rayleighMean / rayleighDeviation)).toBe(0);
    expect(signalOfRatio(1)).toBe(0);
  });
});

describe("variance stabilisation", () => {
  const stabiliser = ricianStabiliser();
  const draws = 60_000;

  test.each([0, 0.5, 1, 1.5, 2, 3, 6, 19.9, 20.1, 60])(
    "the noise is even and goes back without bias where the signal is %d",
    (nu) => {
      const random = rng(`stabilise ${nu}`);
      const values = Float32Array.from({ length: draws }, () =>
        Math.hypot(nu + random.normal(), random.normal()),
      );
      stabiliser.forward(values);
      const mean = values.reduce((sum, value) => sum + value, 0) / draws;
      const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
      const deviation = Math.sqrt(squares / draws);
      expect(Math.abs(deviation - 1), `${deviation}`).toBeLessThan(nu < 2 ? 0.06 : 0.02);
      const back = new Float32Array([mean]);
      stabiliser.inverse(back);
      // Near 0 a mean hardly depends on the signal, so what comes back is as uncertain as a square root.
      expect(Math.abs(back[0]! - nu)).toBeLessThan(nu < 1 ? 0.15 : 0.03);
    },
  );

  test("the curve and its inverse rise everywhere", () => {
    const up = Float32Array.from({ length: 4000 }, (_, n) => n / 100);
    stabiliser.forward(up);
    expect(up.every((value, n) => n === 0 || value > up[n - 1]!)).toBe(true);
    const means = Float32Array.from({ length: 4000 }, (_, n) => n / 100);
    stabiliser.inverse(means);
    expect(means.every((value, n) => n === 0 || value >= means[n - 1]!)).toBe(true);
    expect(means[0]).toBe(0);
  });
});
