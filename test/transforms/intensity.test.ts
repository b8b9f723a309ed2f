import { describe, expect, test } from "vitest";
import { rng } from "../../src/core/rng.js";
import { applyBias, drawBias } from "../../src/transforms/bias.js";
import {
  applyBrightness,
  applyContrast,
  applyGamma,
  applyNoise,
  drawGamma,
  drawNoise,
  moments,
} from "../../src/transforms/intensity.js";
import { applyBlur, applyLowResolution } from "../../src/transforms/resolution.js";
import { splineWeights } from "../../src/transforms/spline.js";
import type { ImageVolume } from "../../src/volume/volume.js";
import { sample } from "./samples.js";

const context = { size: [12, 10, 8] as const, spacingMm: [1, 1, 1] as const, channels: 2 };
const image = sample([12, 10, 8], [1, 1, 1], 2).image;
const channel = (from: ImageVolume, c: number): Float32Array => from.data.subarray(c * 960, (c + 1) * 960);

describe("grey values", () => {
  test("identity parameters change nothing, bit for bit, and nothing is written into the image given", () => {
    const before = image.data.slice();
    expect(applyNoise({ share: [0, 0], seed: 3 }, image).data).toEqual(before);
    expect(applyBrightness({ factor: [1, 1], shift: [0, 0] }, image).data).toEqual(before);
    expect(applyGamma({ gamma: [1, 1], inverted: true }, image).data).toEqual(before);
    expect(applyBias({ nodes: [3, 3, 3], logarithm: new Array(27).fill(0) }, constant(5)).data).toEqual(
      constant(5).data,
    );
    expect(applyBlur({ sigma: [0, 0], unit: "mm" }, image).data).toEqual(before);
    expect(applyLowResolution({ zoom: [1, 1], axes: [true, true, true] }, image).data).toEqual(before);
    applyGamma({ gamma: [2, 0.5], inverted: false }, image);
    applyBlur({ sigma: [1, 2], unit: "mm" }, image);
    expect(image.data).toEqual(before);
  });

  test("noise has the share of the channel's standard deviation that was asked for", () => {
    const big = sample([40, 40, 40]).image;
    const noisy = applyNoise({ share: [0.5], seed: 7 }, big);
    const difference = noisy.data.map((value, v) => value - big.data[v]!);
    expect(moments(difference).sd / moments(big.data).sd).toBeCloseTo(0.5, 2);
    expect(applyNoise({ share: [0.5], seed: 7 }, big).data).toEqual(noisy.data);
    expect(applyNoise({ share: [0.5], seed: 8 }, big).data).not.toEqual(noisy.data);
    const spec = { share: [0.1, 0.1], even: "deviation" } as const;
    expect(drawNoise(spec, rng(1), context)).not.toEqual(drawNoise(spec, rng(2), context));
  });

  test("gamma keeps each channel's mean and standard deviation, and the order of grey values", () => {
    for (const inverted of [false, true]) {
      const bent = applyGamma({ gamma: [0.5, 2], inverted }, image);
      for (const c of [0, 1]) {
        const [a, b] = [moments(channel(image, c)), moments(channel(bent, c))];
        expect(b.mean).toBeCloseTo(a.mean, 5);
        expect(b.sd).toBeCloseTo(a.sd, 5);
        const order = [...channel(image, c).keys()].sort(
          (x, y) => channel(image, c)[x]! - channel(image, c)[y]!,
        );
        for (let n = 1; n < order.length; n++)
          expect(channel(bent, c)[order[n]!]! >= channel(bent, c)[order[n - 1]!]!).toBe(true);
      }
    }
    expect(applyGamma({ gamma: [2, 2], inverted: false }, constant(3)).data).toEqual(constant(3).data);
  });

  test("gamma on 0, 1/4, 1 is the power of it, up to the mean and deviation that are put back", () => {
    const grey = { ...constant(0), channels: 1, size: [3, 1, 1] as const, data: Float32Array.of(0, 0.25, 1) };
    const bent = applyGamma({ gamma: [2], inverted: false }, grey).data;
    expect((bent[1]! - bent[0]!) / (bent[2]! - bent[0]!)).toBeCloseTo(0.0625, 5);
    const inverted = applyGamma({ gamma: [2], inverted: true }, grey).data;
    expect((inverted[1]! - inverted[0]!) / (inverted[2]! - inverted[0]!)).toBeCloseTo(1 - 0.75 ** 2, 5);
  });

  test("drawn gammas lie in the range, below and above 1 alike", () => {
    const drawn = Array.from(
      { length: 400 },
      (_, n) => drawGamma([0.7, 1.5], false, rng(n), context).gamma[0]!,
    );
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0.7);
    expect(Math.max(...drawn)).toBeLessThanOrEqual(1.5);
    expect(Math.abs(drawn.filter((gamma) => gamma < 1).length - 200)).toBeLessThan(50);
    const above = Array.from(
      { length: 50 },
      (_, n) => drawGamma([1.2, 1.5], false, rng(n), context).gamma[0]!,
    );
    expect(Math.min(...above)).toBeGreaterThanOrEqual(1.2);
    const below = Array.from(
      { length: 50 },
      (_, n) => drawGamma([0.5, 0.8], false, rng(n), context).gamma[0]!,
    );
    expect(Math.max(...below)).toBeLessThanOrEqual(0.8);
  });

  test("contrast is about the mean and stays in the range there was", () => {
    const wide = applyContrast({ factor: [1.3, 0.5] }, image);
    for (const c of [0, 1]) {
      const [a, b] = [moments(channel(image, c)), moments(channel(wide, c))];
      expect(b.low).toBeGreaterThanOrEqual(a.low);
      expect(b.high).toBeLessThanOrEqual(a.high);
    }
    expect(moments(channel(wide, 1)).sd).toBeCloseTo(moments(channel(image, 1)).sd / 2, 5);
  });

  test("a bias field is smooth, multiplies from the minimum, and is one for all channels", () => {
    const bias = drawBias({ nodes: 4, sigma: [0.3, 0.3] }, rng(5), context);
    expect(bias.nodes).toEqual([4, 4, 4]);
    const biased = applyBias(bias, image);
    const field = (c: number): number[] => {
      const { low } = moments(channel(image, c));
      return Array.from(channel(biased, c), (value, v) => (value - low) / (channel(image, c)[v]! - low));
    };
    const [first, second] = [field(0), field(1)];
    let worst = 0;
    for (let v = 0; v < 960; v++)
      if (Number.isFinite(first[v]!) && Number.isFinite(second[v]!))
        worst = Math.max(worst, Math.abs(first[v]! - second[v]!));
    expect(worst).toBeLessThan(1e-3);
    expect(Math.max(...first.filter(Number.isFinite))).toBeGreaterThan(1.1);
  });
});

describe("resolution", () => {
  test("blurring a point gives the Gaussian, in mm along every axis, and keeps a constant", () => {
    const size = [21, 21, 11] as const;
    const data = new Float32Array(21 * 21 * 11);
    const at = (i: number, j: number, k: number): number => (k * 21 + j) * 21 + i;
    data[at(10, 10, 5)] = 1;
    const affine = [0.5, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1];
    const out = applyBlur({ sigma: [1.5], unit: "mm" }, { data, size, affine, channels: 1 }).data;
    const middle = out[at(10, 10, 5)]!;
    for (const [voxel, mm] of [
      [at(12, 10, 5), 1],
      [at(10, 12, 5), 2],
      [at(10, 10, 6), 2],
    ] as const)
      expect(out[voxel]! / middle).toBeCloseTo(Math.exp(-(mm * mm) / (2 * 1.5 * 1.5)), 5);
    for (const value of applyBlur({ sigma: [2, 1], unit: "mm" }, constant(4)).data)
      expect(value).toBeCloseTo(4, 5);
  });

  test("half the resolution: a checkerboard along an axis loses its contrast, a slow ramp stays", () => {
    const size = [32, 1, 1] as const;
    const affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
    const ramp = { data: Float32Array.from({ length: 32 }, (_, i) => i), size, affine, channels: 1 };
    const axes = [true, true, true] as const;
    const low = applyLowResolution({ zoom: [0.5], axes }, ramp).data;
    for (let i = 1; i < 31; i++) expect(Math.abs(low[i]! - i)).toBeLessThanOrEqual(1);
    const stripes = { ...ramp, data: ramp.data.map((i) => i % 2) };
    expect(moments(applyLowResolution({ zoom: [0.5], axes }, stripes).data).sd).toBeLessThan(1e-6);
    expect(applyLowResolution({ zoom: [0.5], axes: [false, true, true] }, stripes).data).toEqual(
      stripes.data,
    );
  });
});

describe("natural cubic spline", () => {
  test("passes through its nodes, reproduces straight lines, and matches SciPy in between", () => {
    // scipy.interpolate.CubicSpline([0..4], [0, 2, -1, 3, 1], bc_type="natural") at 0.5, 1.25, 2.5, 3.75
    const values = [0, 2, -1, 3, 1];
    const weights = splineWeights(17, 5);
    const at = (row: number): number => values.reduce((sum, y, n) => sum + weights[row * 5 + n]! * y, 0);
    [0, 4, 8, 12, 16].forEach((row, n) => {
      expect(at(row)).toBeCloseTo(values[n]!, 12);
    });
    [2, 5, 10, 15].forEach((row, n) => {
      expect(at(row)).toBeCloseTo(
        [1.7299107142857142, 1.2357700892857144, 0.7790178571428572, 2.014787946428572][n]!,
        12,
      );
    });
    const slopes = splineWeights(17, 5, true);
    for (let row = 0; row < 17; row++) {
      const line = [0, 1, 2, 3, 4].reduce((sum, n) => sum + weights[row * 5 + n]! * (3 * n - 2), 0);
      expect(line).toBeCloseTo((3 * row) / 4 - 2, 12);
      const slope = [0, 1, 2, 3, 4].reduce((sum, n) => sum + slopes[row * 5 + n]! * (3 * n - 2), 0);
      expect(slope).toBeCloseTo(0.75, 12);
    }
  });
});

function constant(value: number): ImageVolume {
  return { ...image, data: new Float32Array(image.data.length).fill(value) };
}
