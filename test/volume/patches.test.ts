import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyAffine, scalingAffine } from "../../src/volume/affine.js";
import { boundingBox, crop, cropOrPad, cropOrPadTo, pad, pasteBox } from "../../src/volume/crop.js";
import { clipPercentiles, minMax, percentiles, requireFinite, zScore } from "../../src/volume/intensity.js";
import { orderStatistics } from "../../src/volume/order.js";
import {
  accumulator,
  addPatch,
  extractPatch,
  gaussianWeights,
  tilePositions,
  weightedMean,
} from "../../src/volume/patches.js";
import type { ImageVolume, Size3 } from "../../src/volume/volume.js";

const counting = (size: Size3, channels = 1): ImageVolume => ({
  data: Float32Array.from({ length: size[0] * size[1] * size[2] * channels }, (_, at) => at + 1),
  size,
  channels,
  affine: scalingAffine([2, 3, 4], [-10, -20, -30]),
});

const size = fc.tuple(
  fc.integer({ min: 1, max: 7 }),
  fc.integer({ min: 1, max: 7 }),
  fc.integer({ min: 1, max: 7 }),
);
const offset = fc.tuple(
  fc.integer({ min: -4, max: 6 }),
  fc.integer({ min: -4, max: 6 }),
  fc.integer({ min: -4, max: 6 }),
);

describe("boxes", () => {
  it("keep every voxel at its place in the world", () => {
    fc.assert(
      fc.property(size, offset, size, (from, start, to) => {
        const volume = counting(from, 2);
        const part = cropOrPad(volume, { start, size: to }, -1);
        for (let c = 0; c < 2; c++)
          for (let k = 0; k < to[2]; k++)
            for (let j = 0; j < to[1]; j++)
              for (let i = 0; i < to[0]; i++) {
                const [a, b, d] = [i + start[0], j + start[1], k + start[2]];
                const inside = a >= 0 && b >= 0 && d >= 0 && a < from[0] && b < from[1] && d < from[2];
                const value = inside ? volume.data[((c * from[2] + d) * from[1] + b) * from[0] + a] : -1;
                expect(part.data[((c * to[2] + k) * to[1] + j) * to[0] + i]).toBe(value);
              }
        expect(applyAffine(part.affine, [0, 0, 0])).toEqual(applyAffine(volume.affine, start));
      }),
      { numRuns: 60 },
    );
  });

  it("come back where they were", () => {
    fc.assert(
      fc.property(size, offset, size, (from, start, to) => {
        const volume = counting(from, 2);
        const part = cropOrPad(volume, { start, size: to });
        expect(pasteBox(part, start, volume).data).toEqual(volume.data);
      }),
      { numRuns: 60 },
    );
  });

  it("pad and crop undo each other, and sizes are met about the middle", () => {
    const volume = counting([3, 4, 5]);
    const padded = pad(volume, [1, 0, 2], [0, 3, 1]);
    expect(padded.size).toEqual([4, 7, 8]);
    expect(crop(padded, { start: [1, 0, 2], size: [3, 4, 5] })).toEqual(volume);
    expect(cropOrPadTo(cropOrPadTo(volume, [9, 9, 9]), [3, 4, 5])).toEqual(volume);
    expect(() => crop(volume, { start: [1, 0, 0], size: [3, 4, 5] })).toThrow(
      "the box reaches outside the volume. Expected inside 3x4x5. Found from 1, 0, 0, size 3x4x5.",
    );
  });

  it("bound what is not zero", () => {
    const volume = { ...counting([4, 4, 4]), data: new Float32Array(64) };
    expect(boundingBox(volume)).toBeUndefined();
    volume.data[1 + 4 * 2 + 16 * 3] = 5;
    volume.data[2 + 4 * 2 + 16 * 1] = -5;
    expect(boundingBox(volume)).toEqual({ start: [1, 2, 1], size: [2, 1, 3] });
  });
});

describe("windows", () => {
  it("cover the volume, and their weighted mean is the volume", () => {
    fc.assert(
      fc.property(size, size, fc.constantFrom(0, 0.25, 0.5, 0.75), (whole, patch, overlap) => {
        const volume = counting(whole, 2);
        const sum = accumulator(whole, 2);
        const weights = gaussianWeights(patch);
        const window = new Float32Array(2 * patch[0] * patch[1] * patch[2] + 3);
        for (const start of tilePositions(whole, patch, overlap)) {
          whole.forEach((n, axis) => {
            if (n >= patch[axis]!) {
              expect(start[axis]).toBeGreaterThanOrEqual(0);
              expect(start[axis]! + patch[axis]!).toBeLessThanOrEqual(n);
            }
          });
          extractPatch(volume, start, patch, window, 3);
          addPatch(sum, window, weights, start, patch, 3);
        }
        const mean = weightedMean(sum);
        mean.forEach((x, at) => {
          expect(x / volume.data[at]!).toBeCloseTo(1, 5);
        });
      }),
      { numRuns: 100 },
    );
  });

  it("are where nnU-Net puts them", () => {
    expect(tilePositions([100, 1, 1], [40, 1, 1], 0.5).map(([i]) => i)).toEqual([0, 20, 40, 60]);
    expect(tilePositions([101, 1, 1], [40, 1, 1], 0.5).map(([i]) => i)).toEqual([0, 15, 31, 46, 61]);
    expect(tilePositions([30, 30, 1], [40, 20, 1])).toEqual([
      [-5, 0, 0],
      [-5, 10, 0],
    ]);
  });

  it("count by a symmetric Gaussian that never vanishes", () => {
    const weights = gaussianWeights([16, 8, 1]);
    expect(Math.max(...weights)).toBe(1);
    expect(Math.min(...weights)).toBeGreaterThan(0);
    expect(Array.from(weights).reverse()).toEqual(Array.from(weights));
    // Two voxels (one sigma of 16/8) further out along i.
    expect(weights[4 * 16 + 10]! / weights[4 * 16 + 8]!).toBeCloseTo(Math.exp(-(2.5 ** 2 - 0.5 ** 2) / 8), 5);
    expect(() => tilePositions([9, 9, 9], [3, 3, 3], 1)).toThrow(
      "the overlap of windows is out of range. Expected at least 0 and below 1. Found 1.",
    );
  });
});

describe("intensity", () => {
  const golden = JSON.parse(readFileSync(new URL("geometry.golden.json", import.meta.url), "utf8"))
    .percentile as { data: number[]; p: number[]; v: number[] };

  it("takes percentiles as numpy does, and clips to them", () => {
    const data = Float32Array.from(golden.data);
    percentiles(data, golden.p).forEach((x, at) => {
      expect(x).toBeCloseTo(golden.v[at]!, 5);
    });
    const volume = { ...counting([5, 4, 3]), data };
    const clipped = clipPercentiles(volume, [25, 99.5]).data;
    expect(Math.min(...clipped)).toBeCloseTo(golden.v[1]!, 5);
    expect(Math.max(...clipped)).toBeCloseTo(golden.v[3]!, 5);
  });

  it("finds order statistics as sorting does", () => {
    fc.assert(
      fc.property(
        fc.float32Array({ noNaN: true, minLength: 1, maxLength: 40 }),
        fc.array(fc.nat(39), { minLength: 1, maxLength: 5 }),
        (values, places) => {
          const ranks = places.map((place) => place % values.length);
          const sorted = values.slice().sort();
          expect(orderStatistics(values, ranks)).toEqual(ranks.map((rank) => sorted[rank]));
        },
      ),
    );
  });

  it("standardises, over all voxels or the non-zero ones, channel by channel", () => {
    const { data } = zScore(counting([3, 3, 1], 2));
    expect(data[4]).toBeCloseTo(0, 6);
    expect(data.slice(9)).toEqual(data.slice(0, 9));
    expect(data.slice(0, 9).reduce((sum, x) => sum + x * x, 0) / 9).toBeCloseTo(1, 5);
    const brain = { ...counting([4, 1, 1]), data: Float32Array.from([0, 10, 20, 0]) };
    expect(Array.from(zScore(brain, { over: "nonzero" }).data)).toEqual([0, -1, 1, 0]);
    expect(Array.from(minMax(brain, [-1, 1]).data)).toEqual([-1, 0, 1, -1]);
  });

  it("refuses constant and non-finite images, naming them", () => {
    const constant = { ...counting([2, 2, 2], 2), data: new Float32Array(16).fill(0.1) };
    expect(() => zScore(constant, { where: "sub-01_T1w.nii.gz" })).toThrow(
      "sub-01_T1w.nii.gz, channel 0: the image is constant. Expected values that differ. Found 0.1 everywhere.",
    );
    const broken = counting([2, 2, 2], 2);
    broken.data[13] = Number.NEGATIVE_INFINITY;
    expect(() => requireFinite(broken, "a.nii")).toThrow(
      "a.nii: 1 of 16 voxels are not finite. Expected numbers. Found -Infinity at voxel (1, 0, 1) of channel 1.",
    );
  });
});
