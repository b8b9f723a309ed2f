import { describe, expect, test } from "vitest";
import { compareImages } from "../../src/metrics/compare.js";
import { edgeEnergy } from "../../src/metrics/edges.js";
import { ssim } from "../../src/metrics/quality.js";
import { identityAffine, scalingAffine } from "../../src/volume/affine.js";
import type { ImageVolume, Size3 } from "../../src/volume/volume.js";

/** The images of quality.test.ts, and a ball in the middle. */
const size: Size3 = [18, 16, 14];
const [x, y, ball] = [new Float32Array(4032), new Float32Array(4032), new Uint8Array(4032)];
for (let k = 0, v = 0; k < 14; k++)
  for (let j = 0; j < 16; j++)
    for (let i = 0; i < 18; i++, v++) {
      const steps = Math.floor(i / 4) + Math.floor(j / 5) + Math.floor(k / 3);
      x[v] = ((i * 37 + j * 17 + k * 29) % 64) + (steps % 7) * 16;
      y[v] = x[v]! * 0.75 + ((i * 11 + j * 23 + k * 5) % 32);
      ball[v] = (i - 9) ** 2 + (j - 8) ** 2 + (k - 7) ** 2 < 25 ? 1 : 0;
    }
const image = (data: Float32Array, affine = identityAffine): ImageVolume => ({
  data,
  size,
  affine,
  channels: 1,
});

describe("image quality in 3-D", () => {
  test("golden values within a mask", () => {
    // scikit-image 0.25: structural_similarity(full=True) averaged over the ball, peak_signal_noise_ratio and
    // normalized_root_mse(normalization="euclidean") of the voxels in it; numpy.gradient for the edges.
    const mask = { ...image(x), data: ball };
    const found = compareImages(image(x), image(y), { peak: 160, mask });
    expect(found.ssim).toBeCloseTo(0.8867871476486909, 9);
    expect(found.psnrDb).toBeCloseTo(20.265713972598554, 6);
    expect(found.nrmse).toBeCloseTo(0.14578195163982738, 8);
    expect(found.edgeRatio).toBeCloseTo(899.265850515464 / 1263.4041237113402, 9);
    expect(found.peak).toBe(160);
  });

  test("golden edge energy, with voxels of any spacing", () => {
    expect(edgeEnergy(x, size)).toBeCloseTo(1400.7698412698412, 6);
    expect(edgeEnergy(y, size, { spacingMm: [1, 1, 2.5], mask: ball })).toBeCloseTo(644.7323195876288, 6);
    expect(edgeEnergy(new Float32Array([1, 3, 5, 9]), [4, 1, 1])).toBe((4 + 4 + 9 + 16) / 4);
  });

  test("the peak is the reference's brightest voxel unless it is given, and is told", () => {
    expect(compareImages(image(x), image(y)).peak).toBe(Math.max(...x));
  });

  test("the parts that a tall volume is gone through in make no difference", () => {
    const tall: Size3 = [12, 11, 100];
    const a = Float32Array.from({ length: 13200 }, (_, v) => ((v * 7919) % 101) + Math.floor(v / 1320));
    const b = a.map((value, v) => value + ((v * 31) % 17));
    const mask = Uint8Array.from({ length: 13200 }, (_, v) => (v % 3 === 0 ? 1 : 0));
    // Windows at each depth by themselves: eleven planes hold one layer of centres.
    let [sum, count] = [0, 0];
    for (let k = 0; k + 11 <= 100; k++) {
      const part = <T extends Float32Array | Uint8Array>(data: T): T =>
        data.subarray(k * 132, (k + 11) * 132) as T;
      const centres = mask.subarray((k + 5) * 132, (k + 6) * 132).filter((inside, v) => {
        const [i, j] = [v % 12, Math.floor(v / 12)];
        return inside === 1 && i >= 5 && i < 7 && j === 5;
      }).length;
      if (centres === 0) continue;
      const options = { peak: 120, mask: part(mask) };
      sum += centres * ssim(part(a), part(b), [12, 11, 11], options);
      count += centres;
    }
    expect(ssim(a, b, tall, { peak: 120, mask })).toBeCloseTo(sum / count, 12);
  });

  test("bad input", () => {
    expect(() => compareImages(image(x), image(y, scalingAffine([1, 1, 2])))).toThrow(/not on one grid/);
    expect(() => compareImages(image(x.map(() => 4)), image(y))).toThrow(/no edges to compare with/);
    expect(() => edgeEnergy(x, size, { mask: new Uint8Array(4032) })).toThrow(/an empty mask/);
    expect(() => edgeEnergy(x, [3, 3, 3])).toThrow(/Expected 27 voxels.*Found 4032/);
    const two = { ...image(new Float32Array(8064)), channels: 2 };
    expect(() => compareImages(two, two)).toThrow(/one channel at a time/);
  });
});
