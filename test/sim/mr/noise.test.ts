import { describe, expect, test } from "vitest";
import { rng } from "../../../src/core/rng.js";
import { unevenness, withMrNoise } from "../../../src/sim/mr/noise.js";
import { identityAffine } from "../../../src/volume/affine.js";
import type { ImageVolume, Size3 } from "../../../src/volume/volume.js";

const size: Size3 = [50, 40, 30];
const flat = (value: number): ImageVolume => ({
  data: new Float32Array(60_000).fill(value),
  size,
  affine: identityAffine,
  channels: 1,
});

function momentsOf(data: Float32Array): { mean: number; variance: number; square: number } {
  const mean = data.reduce((sum, x) => sum + x, 0) / data.length;
  const square = data.reduce((sum, x) => sum + x * x, 0) / data.length;
  return { mean, square, variance: square - mean * mean };
}

describe("MR noise", () => {
  test("is a percentage of the brightest voxel, and Rician", () => {
    const image = flat(30);
    image.data[0] = 200;
    const { image: noisy, sigma } = withMrNoise(image, rng(1), { percent: 5 });
    expect(sigma).toBe(10);
    // scipy 1.15: stats.rice(3, scale=10).mean(), .var().
    const { mean, variance } = momentsOf(noisy.data.subarray(1));
    expect(mean).toBeCloseTo(31.737, 0);
    expect(variance / 92.747).toBeCloseTo(1, 1);
  });

  test("in air is Rayleigh: mean σ√(π/2), mean square 2σ²", () => {
    const { image } = withMrNoise(flat(0), rng(2), { percent: 4, peak: 100 });
    const { mean, square } = momentsOf(image.data);
    expect(mean / (4 * 1.2533)).toBeCloseTo(1, 2);
    expect(square / 32).toBeCloseTo(1, 1.5);
  });

  test("of several coils is non-central chi: mean square A² + 2Lσ²", () => {
    const { image } = withMrNoise(flat(20), rng(3), { percent: 5, peak: 100, coils: 8 });
    expect(momentsOf(image.data).square / (400 + 2 * 8 * 25)).toBeCloseTo(1, 1.5);
    const air = withMrNoise(flat(0), rng(3), { percent: 5, peak: 100, coils: 8 }).image;
    // Chi with 16 degrees: variance 16 - (√2 Γ(8.5)/Γ(8))² = 0.49.
    expect(momentsOf(air.data).variance / 25).toBeCloseTo(0.4922, 1);
  });

  test("grows with the map", () => {
    const map = Float32Array.from({ length: 60_000 }, (_, v) => (v < 30_000 ? 1 : 3));
    const { image } = withMrNoise(flat(500), rng(4), { percent: 1, map });
    const [weak, strong] = [image.data.subarray(0, 30_000), image.data.subarray(30_000)].map(
      (part) => momentsOf(part).variance,
    );
    expect(strong! / weak!).toBeCloseTo(9, 0);
  });

  test("same seed, same bits", () => {
    const draw = (): Float32Array => withMrNoise(flat(10), rng(7), { percent: 9 }).image.data;
    expect(draw()).toEqual(draw());
  });

  test("an uneven map runs smoothly from 1 to the largest", () => {
    const map = unevenness({ size, affine: identityAffine }, rng(5), { largest: 2.5, wavelengthMm: 30 });
    expect(Math.min(...map)).toBe(1);
    expect(Math.max(...map)).toBeCloseTo(2.5, 5);
    for (let v = 1; v < 50; v++) expect(Math.abs(map[v]! - map[v - 1]!)).toBeLessThan(0.4);
  });

  test("bad input", () => {
    expect(() => withMrNoise(flat(0), rng(1), { percent: 3 })).toThrow(/brightest voxel above 0.*Found 0/);
    expect(() => withMrNoise(flat(1), rng(1), { percent: -3 })).toThrow(/Expected 0 to 100. Found -3/);
    expect(() => withMrNoise(flat(1), rng(1), { percent: 3, coils: 0 })).toThrow(/1 to 64/);
    expect(() => withMrNoise(flat(1), rng(1), { percent: 3, map: new Float32Array(5) })).toThrow(
      /does not fit.*60000/,
    );
    expect(() => unevenness(flat(1), rng(1), { largest: 0.5 })).toThrow(/unevenness/);
  });
});
