import { describe, expect, test } from "vitest";
import { rng } from "../../src/core/rng.js";
import { cubeMatcher } from "../../src/denoise/bm4d/match.js";
import { cubeStarts } from "../../src/denoise/bm4d/stage.js";
import {
  cosineCube,
  haarStack,
  inverseCosineCube,
  inverseHaarStack,
} from "../../src/denoise/bm4d/transform.js";
import { soloCrew } from "../../src/denoise/crew.js";
import { gaussianFilter } from "../../src/denoise/gaussian.js";
import { median, nonLocalMeans, totalVariation } from "../../src/denoise/methods.js";
import { nlmKernel } from "../../src/denoise/nlm.js";
import type { ImageVolume, Size3 } from "../../src/volume/volume.js";
import { patterned } from "./heads.js";

const silent = (): void => {};
const row = (data: Float32Array, [ni, nj]: Size3, j: number, k: number): number[] => [
  ...data.slice((k * nj + j) * ni, (k * nj + j) * ni + ni),
];

describe("median", () => {
  test("golden values", async () => {
    // scipy 1.15: ndimage.median_filter(size=3, mode="nearest").
    const image = patterned([7, 6, 5]);
    const out = await median(image, soloCrew, silent);
    expect(row(out, image.size, 0, 0)).toEqual([17, 27, 29, 36, 38, 46, 46]);
    expect(row(out, image.size, 5, 4)).toEqual([49, 51, 55, 55, 59, 77, 81]);
    expect(row(out, image.size, 3, 2)).toEqual([36, 36, 36, 43, 46, 54, 55]);
    expect(out.reduce((sum, value, v) => sum + value * v, 0)).toBe(1109374);
  });
});

describe("total variation", () => {
  test.each([
    [3, [40.97093, 25.63002, 45.22927, 33.42883, 27.53811, 49.63189, 38.33748], 12503.434],
    [12, [40.98161, 38.21702, 42.82434, 43.47343, 44.70756, 52.95599, 52.65151], 67733.862],
  ])("golden values at strength %d", async (strength, line, change) => {
    // scikit-image 0.25: restoration.denoise_tv_chambolle(weight=strength, eps=1e-14, max_num_iter=40000).
    const image = patterned([7, 6, 5]);
    const out = await totalVariation(image, soloCrew, silent, strength);
    row(out, image.size, 3, 2).forEach((value, i) => {
      expect(Math.abs(value - line[i]!)).toBeLessThan(0.1);
    });
    const moved = out.reduce((sum, value, v) => sum + (value - image.data[v]!) ** 2, 0);
    expect(moved / change).toBeCloseTo(1, 2);
  });
});

describe("Gaussian filter", () => {
  const flat: ImageVolume = { ...patterned([24, 24, 24]), data: new Float32Array(24 ** 3) };
  const random = rng("gaussian");
  const noise = flat.data.map(() => random.normal());

  test("the width grows with the noise that there is to take out", () => {
    const wave = flat.data.map((_, v) => 6 * Math.sin((v % 24) / 2));
    const widthAt = (scale: number): number =>
      gaussianFilter({ ...flat, data: wave.map((value, v) => value / scale + noise[v]!) }).widthMm;
    expect(widthAt(20)).toBeGreaterThan(widthAt(4));
    expect(widthAt(4)).toBeGreaterThan(widthAt(0.1));
    expect(widthAt(0.02)).toBe(0);
  });

  test("the chosen width is the best of those tried, judged by the truth", () => {
    const truth = flat.data.map((_, v) => 3 * Math.sin((v % 24) / 2) * Math.cos(Math.floor(v / 24) / 3));
    const noisy = { ...flat, data: truth.map((value, v) => value + noise[v]!) };
    const errorOf = (data: Float32Array): number =>
      data.reduce((sum, value, v) => sum + (value - truth[v]!) ** 2, 0);
    const chosen = errorOf(gaussianFilter(noisy).data);
    for (const width of [0.42, 0.6, 0.86, 1.05])
      expect(chosen).toBeLessThan(1.05 * errorOf(gaussianFilter(noisy, width).data));
  });
});

describe("non-local means", () => {
  const image = patterned([9, 8, 7]);
  const values = image.data.map((value) => value * value);
  const setup = { guide: image.data, values, size: image.size, searchRadius: [2, 2, 1] as Size3, beta: 300 };

  test("equals its definition, voxel by voxel", async () => {
    const out = new Float32Array(values.length);
    nlmKernel({ ...setup, out })({ from: 0, to: 7 });
    const wanted = byDefinition(image, values, setup.searchRadius, setup.beta);
    out.forEach((value, v) => {
      // Weights come from a table that is exact to 0.2 %.
      expect(Math.abs(value / wanted[v]! - 1)).toBeLessThan(2e-3);
    });
  });

  test("slabs make no difference, not in one bit", () => {
    const [whole, parts] = [new Float32Array(values.length), new Float32Array(values.length)];
    nlmKernel({ ...setup, out: whole })({ from: 0, to: 7 });
    const work = nlmKernel({ ...setup, out: parts });
    for (const [from, to] of [
      [4, 7],
      [0, 1],
      [1, 4],
    ] as const)
      work({ from, to });
    expect(parts).toEqual(whole);
  });

  test("a radius beyond the image is cut to it", async () => {
    const small = patterned([5, 5, 5]);
    const out = await nonLocalMeans(small, small.data, soloCrew, silent, { radius: 9, beta: 300 });
    const wanted = byDefinition(small, small.data, [4, 4, 4], 300);
    out.forEach((value, v) => {
      expect(Math.abs(value / wanted[v]! - 1)).toBeLessThan(2e-3);
    });
  });
});

/** Non-local means as written in the paper: six loops. */
function byDefinition(
  { data, size }: ImageVolume,
  values: Float32Array,
  radius: Size3,
  beta: number,
): number[] {
  const [ni, nj, nk] = size;
  const clamp = (x: number, n: number): number => Math.min(n - 1, Math.max(0, x));
  const at = (i: number, j: number, k: number): number =>
    data[(clamp(k, nk) * nj + clamp(j, nj)) * ni + clamp(i, ni)]!;
  const around = (r: number): number[] => Array.from({ length: 2 * r + 1 }, (_, n) => n - r);
  const out: number[] = [];
  for (let k = 0; k < nk; k++)
    for (let j = 0; j < nj; j++)
      for (let i = 0; i < ni; i++) {
        let [sum, weights] = [0, 0];
        for (const c of around(radius[2]))
          for (const b of around(radius[1]))
            for (const a of around(radius[0])) {
              const [x, y, z] = [i + a, j + b, k + c];
              if (x < 0 || y < 0 || z < 0 || x >= ni || y >= nj || z >= nk) continue;
              let distance = 0;
              for (const w of around(1))
                for (const v of around(1))
                  for (const u of around(1))
                    distance += (at(i + u, j + v, k + w) - at(x + u, y + v, z + w)) ** 2;
              const exponent = distance / (2 * beta * 27);
              const weight = a === 0 && b === 0 && c === 0 ? 1 : exponent < 12 ? Math.exp(-exponent) : 0;
              sum += weight * values[(z * nj + y) * ni + x]!;
              weights += weight;
            }
        out.push(sum / weights);
      }
  return out;
}

describe("block matching", () => {
  test("the cosine transform of a cube: golden values, and its inverse", () => {
    // scipy 1.15: fft.dctn(norm="ortho").
    const whole = patterned([7, 6, 5]);
    const cube = Float32Array.from({ length: 64 }, (_, n) => {
      const [i, j, k] = [n & 3, (n >> 2) & 3, n >> 4];
      return whole.data[(k * 6 + j) * 7 + i]!;
    });
    const before = cube.slice();
    cosineCube(cube, 0);
    const golden: readonly (readonly [number, number])[] = [
      [0, 284],
      [1, 1.530734],
      [2, 8],
      [3, 3.695518],
      [4, -25.497209],
      [17, -5.656854],
      [30, 8.970563],
      [63, 34.418979],
    ];
    for (const [at, value] of golden) expect(cube[at]).toBeCloseTo(value, 4);
    inverseCosineCube(cube, 0);
    cube.forEach((value, n) => {
      expect(value).toBeCloseTo(before[n]!, 4);
    });
  });

  test("Haar's transform keeps lengths, gathers the mean in front and comes back", () => {
    const random = rng("haar");
    const stack = Float32Array.from({ length: 8 * 64 }, () => random.normal());
    const before = stack.slice();
    const spare = new Float32Array(stack.length);
    haarStack(stack, 8, spare);
    const length = (x: Float32Array): number => x.reduce((sum, value) => sum + value * value, 0);
    expect(length(stack)).toBeCloseTo(length(before), 2);
    const mean = Array.from({ length: 8 }, (_, n) => before[n * 64 + 5]!).reduce((sum, x) => sum + x, 0);
    expect(stack[5]).toBeCloseTo(mean / Math.sqrt(8), 5);
    inverseHaarStack(stack, 8, spare);
    stack.forEach((value, n) => {
      expect(value).toBeCloseTo(before[n]!, 5);
    });
  });

  test("the cubes found are the nearest, itself first, and a power of two", () => {
    const image = patterned([11, 10, 9]);
    const matching = { searchRadius: [3, 3, 2] as Size3, largest: 8, farthest: 1e9 };
    const matcher = cubeMatcher(image.data, image.size, matching);
    expect(matcher.find(3, 2, 4)).toBe(8);
    const self = (4 * 10 + 2) * 11 + 3;
    const distanceTo = (at: number): number => {
      let sum = 0;
      for (let n = 0; n < 64; n++) {
        const step = (n & 3) + ((n >> 2) & 3) * 11 + (n >> 4) * 110;
        sum += (image.data[self + step]! - image.data[at + step]!) ** 2;
      }
      return sum;
    };
    const all: number[] = [];
    for (let k = 2; k <= 5; k++)
      for (let j = 0; j <= 5; j++) for (let i = 0; i <= 6; i++) all.push((k * 10 + j) * 11 + i);
    const order = [...all].sort((a, b) => distanceTo(a) - distanceTo(b) || a - b);
    expect([...matcher.found]).toEqual(order.slice(0, 8));
    const near = cubeMatcher(image.data, image.size, { ...matching, farthest: distanceTo(order[6]!) });
    expect(near.find(3, 2, 4)).toBe(4);
  });

  test("cubes begin at every third voxel and at the last", () => {
    expect(cubeStarts(5)).toEqual([0, 1]);
    expect(cubeStarts(10)).toEqual([0, 3, 6]);
    expect(cubeStarts(12)).toEqual([0, 3, 6, 8]);
  });
});
