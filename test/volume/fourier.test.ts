import { describe, expect, test } from "vitest";
import { applyAffine, scalingAffine } from "../../src/volume/affine.js";
import { resampleFourier } from "../../src/volume/fourier.js";
import { resampleTo, withSpacing } from "../../src/volume/resample.js";
import type { ImageVolume } from "../../src/volume/volume.js";

const line = (n: number): ImageVolume => ({
  data: Float32Array.from({ length: n }, (_, i) => (i * 37) % 23),
  size: [1, 1, n],
  affine: scalingAffine([1, 1, 2]),
  channels: 1,
});

describe("zero padding in k-space", () => {
  // numpy: the inverse transform summed at each position, the Nyquist frequency of an even extent as a cosine.
  test.each([
    [
      6,
      12,
      [
        -2.2311276947, 4.1604586909, 12.7566407775, 12.440736671, 6.0446158721, 6.8426788796, 15.6777096821,
        19.6784281419, 13.9689974013, 6.7793480082, 2.7831639617, -0.9016503917,
      ],
    ],
    [
      7,
      14,
      [
        1.5220109327, 1.8557404525, 10.8959219363, 14.203941717, 7.8821166617, 4.817653092, 13.3670105988,
        22.3837751265, 17.2168553589, 2.7509457888, -2.4896560028, 6.8480067887, 15.6057405144, 11.1399370344,
      ],
    ],
    [
      10,
      15,
      [
        -1.5273801205, 9.0372496971, 13.3621119176, 5.7710647357, 9.6297717982, 20.8212264018, 14.1657688006,
        -0.1859126965, 3.7856145676, 14.5337331034, 10.5702282018, 6.3916391996, 17.1238007789, 21.4486629994,
        6.5724206152,
      ],
    ],
  ])("golden values from %d to %d voxels over the same field", (from, to, wanted) => {
    const image = line(from);
    const grid = withSpacing(image, [1, 1, (2 * from) / to]);
    expect(grid.size).toEqual([1, 1, to]);
    resampleFourier(image, grid).data.forEach((value, n) => {
      expect(value).toBeCloseTo(wanted[n]!, 4);
    });
  });

  test("golden values of scipy.signal.resample, which begins at the first voxel", () => {
    const image = line(10);
    const grid = { size: [1, 1, 25] as const, affine: scalingAffine([1, 1, 0.8]) };
    const found = resampleFourier(image, grid).data;
    const wanted = [
      0, 7.1370134245, 13.198897222, 13.108993143, 8.2960217943, 5, 7.9551687247, 15.5343181407,
    ];
    wanted.forEach((value, n) => {
      expect(found[n]).toBeCloseTo(value, 4);
    });
  });

  test("the voxels that were there keep their values, and waves of the field come out exactly on any axis", () => {
    const size = [9, 8, 10] as const;
    const wave = (x: number, y: number, z: number): number =>
      5 +
      Math.cos((2 * Math.PI * 2 * x) / 9) +
      Math.sin((2 * Math.PI * 3 * y) / 8 + 1) * Math.cos((2 * Math.PI * z) / 10);
    const data = Float32Array.from({ length: 720 }, (_, v) =>
      wave(v % 9, Math.floor(v / 9) % 8, Math.floor(v / 72)),
    );
    const affine = [0, 0, 2, -5, -1.1, 0, 0, 3, 0, 0.9, 0, 8, 0, 0, 0, 1];
    const image: ImageVolume = { data, size, affine, channels: 1 };
    const grid = withSpacing(image, [0.4, 0.9, 0.7]);
    const fine = resampleFourier(image, grid);
    expect(fine.size).toEqual(grid.size);
    let v = 0;
    for (let k = 0; k < grid.size[2]; k++)
      for (let j = 0; j < grid.size[1]; j++)
        for (let i = 0; i < grid.size[0]; i++, v++) {
          const mm = applyAffine(grid.affine, [i, j, k]);
          const [x, y, z] = [(3 - mm[1]) / 1.1, (mm[2] - 8) / 0.9, (mm[0] + 5) / 2];
          expect(Math.abs(fine.data[v]! - wave(x, y, z))).toBeLessThan(1e-4);
        }
    const same = resampleFourier(image, image);
    expect(same.data).toEqual(data);
    expect(same.data).not.toBe(data);
  });

  test("to coarser voxels the mean stays and nothing folds over", () => {
    const image: ImageVolume = {
      ...line(16),
      data: Float32Array.from({ length: 16 }, (_, n) => 3 + (n % 2)),
    };
    const coarse = resampleFourier(image, withSpacing(image, [1, 1, 4]));
    coarse.data.forEach((value) => {
      expect(value).toBeCloseTo(3.5, 5);
    });
  });

  test("an axis-parallel field agrees with cubic interpolation where it is smooth", () => {
    const smooth: ImageVolume = {
      ...line(32),
      data: Float32Array.from({ length: 32 }, (_, n) => Math.exp(-(((n - 15.5) / 4) ** 2))),
    };
    const grid = withSpacing(smooth, [1, 1, 0.75]);
    const [fourier, cubic] = [resampleFourier(smooth, grid), resampleTo(smooth, grid, { order: "cubic" })];
    fourier.data.forEach((value, n) => {
      expect(Math.abs(value - cubic.data[n]!)).toBeLessThan(2e-3);
    });
  });

  test("bad input: turned axes", () => {
    const image: ImageVolume = { ...line(8), size: [2, 2, 2] };
    const turned = {
      size: [8, 8, 8] as const,
      affine: [0.9, 0.1, 0, 0, -0.1, 0.9, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1],
    };
    expect(() => resampleFourier(image, turned)).toThrow(/keeps the axes.*Resample with cubic/);
  });
});
