import { beforeAll, describe, expect, test } from "vitest";
import { rng } from "../../src/core/rng.js";
import { type Denoised, denoise } from "../../src/denoise/denoise.js";
import { denoiseMethods } from "../../src/denoise/options.js";
import { threadCrew } from "../../src/denoise/threads.node.js";
import { compareImages } from "../../src/metrics/compare.js";
import { unevenness, withMrNoise } from "../../src/sim/mr/noise.js";
import type { ImageVolume } from "../../src/volume/volume.js";
import { cleanHead, noisyHead, patterned } from "./heads.js";

const head = cleanHead([50, 64, 16], 3.2);
const brain = { ...head, data: Uint8Array.from(head.data, (value) => (value > 300 ? 1 : 0)) };

describe("on a simulated head with 9 % noise", () => {
  const { image, sigma } = noisyHead(head, 9);
  const results = new Map<string, Denoised>();

  beforeAll(async () => {
    for (const method of denoiseMethods) results.set(method, await denoise(image, { method, sigma }));
  });

  test("block matching is nearer the truth than non-local means, these than a Gaussian, all than nothing", () => {
    const psnr: Record<string, { field: number; inside: number }> = {};
    for (const method of denoiseMethods) {
      const found = results.get(method)!;
      expect(found).toMatchObject({ sigma, sigmaFrom: "given" });
      psnr[method] = {
        field: compareImages(head, found.image).psnrDb,
        inside: compareImages(head, found.image, { mask: brain }).psnrDb,
      };
    }
    const noisy = compareImages(head, image).psnrDb;
    const noisyInside = compareImages(head, image, { mask: brain }).psnrDb;
    for (const method of denoiseMethods.filter((name) => name !== "median"))
      expect(psnr[method]!.field, method).toBeGreaterThan(noisy + 2);
    expect(psnr.gaussian!.inside).toBeGreaterThan(noisyInside);
    expect(psnr.nlm!.inside).toBeGreaterThan(psnr.gaussian!.inside);
    expect(psnr.bm4d!.inside).toBeGreaterThan(psnr.nlm!.inside);
  });

  test("the number of threads makes no difference, not in one bit", async () => {
    const small = cropped(image);
    for (const method of denoiseMethods) {
      const alone = await denoise(small, { method, sigma });
      const crew = threadCrew(3);
      expect((await denoise(small, { method, sigma, crew })).image.data, method).toEqual(alone.image.data);
    }
  });

  test("the bias of magnitudes is gone from the air", () => {
    const air = { ...head, data: Uint8Array.from(head.data, (value) => (value === 0 ? 1 : 0)) };
    const meanIn = (data: Float32Array): number => {
      let [sum, count] = [0, 0];
      for (let v = 0; v < data.length; v++)
        if (air.data[v] === 1) {
          sum += data[v]!;
          count++;
        }
      return sum / count;
    };
    expect(meanIn(image.data) / sigma).toBeCloseTo(1.2533, 1);
    for (const method of denoiseMethods)
      expect(meanIn(results.get(method)!.image.data) / sigma, method).toBeLessThan(0.75);
  });

  test("outside the mask nothing changes, progress reaches the end", async () => {
    const fractions: number[] = [];
    const found = await denoise(image, {
      method: "median",
      mask: brain,
      onProgress: ({ fraction }) => void fractions.push(fraction),
    });
    expect(found.sigmaFrom).toBe("image");
    let changed = 0;
    found.image.data.forEach((value, v) => {
      if (value === image.data[v]) return;
      changed++;
      expect(brain.data[v]).toBe(1);
    });
    expect(changed).toBeGreaterThan(1000);
    expect(fractions.at(-1)).toBe(1);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
  });
});

describe("noise that differs over the field", () => {
  const map = unevenness(head, rng("uneven"), { largest: 4 });
  const { image, sigma } = withMrNoise(head, rng(8), { percent: 5, map });
  const sigmas = map.map((value) => value * sigma);
  const psnr = (found: ImageVolume): number => compareImages(head, found, { mask: brain }).psnrDb;

  test.each(["nlm", "bm4d"] as const)("%s is better told so, voxel by voxel", async (method) => {
    const told = await denoise(image, { method, sigma: sigmas });
    const even = await denoise(image, { method, sigma: told.sigma });
    expect(told.sigmaFrom).toBe("given");
    expect(psnr(told.image)).toBeGreaterThan(psnr(even.image) + 0.1);
  });

  test("the same everywhere is one number", async () => {
    const small = cropped(image);
    const one = await denoise(small, { method: "nlm", sigma: 80 });
    const map = await denoise(small, { method: "nlm", sigma: new Float32Array(small.data.length).fill(80) });
    expect(map.image.data).toEqual(one.image.data);
    expect(map.sigma).toBe(80);
  });
});

test("values that may be negative: gaussian noise", async () => {
  const image = patterned([12, 12, 12]);
  const shifted: ImageVolume = { ...image, data: image.data.map((value) => value - 60) };
  for (const method of denoiseMethods) {
    const found = await denoise(shifted, { method, sigma: 5, noise: "gaussian" });
    const mean = (data: Float32Array): number => data.reduce((sum, value) => sum + value, 0) / data.length;
    expect(Math.abs(mean(found.image.data) - mean(shifted.data)), method).toBeLessThan(2);
  }
});

describe("bad input", () => {
  const image = patterned([8, 7, 6]);
  const run = (given: ImageVolume, more: object = {}): Promise<unknown> =>
    denoise(given, { method: "median", sigma: 5, where: "scan.nii", ...more });

  test.each([
    [{ ...image, channels: 2, size: [8, 7, 3] }, {}, /there are 2 volumes.*Expected a 3-D scan.*8x7x3x2/],
    [{ ...image, size: [8, 42, 1] }, {}, /this is a 2-D image.*at least 5 voxels.*8x42x1/],
    [{ ...image, size: [28, 3, 4] }, {}, /the volume is too thin/],
    [{ ...image, data: new Float32Array(336) }, {}, /the scan is 0 everywhere/],
    [{ ...image, data: new Float32Array(336).fill(3) }, {}, /the scan is constant/],
    [{ ...image, data: image.data.map((x, v) => (v === 5 ? Number.NaN : x)) }, {}, /1 of 336 voxels are not/],
    [
      { ...image, data: image.data.map((x) => x - 50) },
      {},
      /magnitudes cannot be negative.*noise is gaussian/,
    ],
    [image, { sigma: new Float32Array(7).fill(1) }, /the map of the noise does not fit.*336 voxels.*Found 7/],
    [image, { sigma: new Float32Array(336) }, /sigma: the standard deviation .* not possible.*Found 0/],
    [image, { uneven: true }, /the noise is given, and is to be estimated voxel by voxel/],
    [image, { sigma: 0 }, /sigma: the standard deviation of the noise is not possible.*Found 0/],
    [image, { mask: { ...image, data: new Uint8Array(336) } }, /the mask is empty/],
    [image, { mask: { ...image, size: [8, 7, 5], data: new Uint8Array(280) } }, /does not fit.*8x7x6.*8x7x5/],
  ] as const)("case %#", async (given, more, words) => {
    await expect(run(given as unknown as ImageVolume, more)).rejects.toThrow(words);
  });
});

function cropped(image: ImageVolume): ImageVolume {
  const size = [24, 20, 14] as const;
  const data = new Float32Array(24 * 20 * 14);
  for (let k = 0, to = 0; k < 14; k++)
    for (let j = 0; j < 20; j++)
      for (let i = 0; i < 24; i++, to++)
        data[to] = image.data[((k + 1) * image.size[1] + j + 16) * image.size[0] + i + 10]!;
  return { ...image, size, data };
}
