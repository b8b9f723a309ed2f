import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sliceProfiles, sliceWeights } from "../../../src/sim/mr/profile.js";
import { acquireSlices, blurBySlices } from "../../../src/sim/mr/slices.js";
import { applyAffine } from "../../../src/volume/affine.js";
import type { Affine, ImageVolume, Size3 } from "../../../src/volume/volume.js";

/** Turned about z, mirrored, 1 x 1 x 1.5 mm, off centre. */
const affine: Affine = [-0.8, -0.6, 0, 12, -0.6, 0.8, 0, -7, 0, 0, 1.5, 30, 0, 0, 0, 1];

/** An image whose values are a linear function of the place in mm. */
function ramp(size: Size3): ImageVolume {
  const data = new Float32Array(size[0] * size[1] * size[2]);
  for (let k = 0, v = 0; k < size[2]; k++)
    for (let j = 0; j < size[1]; j++)
      for (let i = 0; i < size[0]; i++, v++) data[v] = valueAt(applyAffine(affine, [i, j, k]));
  return { data, size, affine, channels: 1 };
}
const valueAt = ([x, y, z]: readonly [number, number, number]): number => 3 * x - 2 * y + 5 * z;

describe("slice profiles", () => {
  test.each(sliceProfiles)("%s: full width at half maximum is the thickness", (profile) => {
    const thickness = 40;
    const weights = sliceWeights({ extent: 201, slices: 1, first: 100, step: 1, thickness, profile });
    const top = Math.max(...weights);
    const above = weights.filter((weight) => weight >= top / 2).length;
    expect(Math.abs(above - thickness)).toBeLessThanOrEqual(1);
    expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 12);
    weights.forEach((weight, n) => {
      expect(weight).toBeCloseTo(weights[200 - n]!, 12);
    });
  });

  test("gaussian: the standard deviation is the thickness over 2.3548", () => {
    const plan = { extent: 101, slices: 1, first: 50, step: 1, thickness: 8, profile: "gaussian" } as const;
    const variance = sliceWeights(plan).reduce((sum, weight, n) => sum + weight * (n - 50) ** 2, 0);
    expect(Math.sqrt(variance) * 2.3548).toBeCloseTo(8, 2);
  });

  test("rf: flat in the middle, steeper than a Gaussian, next to nothing far away", () => {
    const plan = { extent: 201, slices: 1, first: 100, step: 1, thickness: 40, profile: "rf" } as const;
    const weights = sliceWeights(plan);
    const at = (x: number): number => weights[100 + x]! / weights[100]!;
    // A Gaussian has 0.9 left there, and 0.27 at 28.
    expect(at(8)).toBeGreaterThan(0.93);
    expect(at(28)).toBeLessThan(0.2);
    for (let x = 40; x <= 100; x++) expect(Math.abs(at(x))).toBeLessThan(0.02);
  });

  test("box: the mean of whole voxels where they fit", () => {
    const weights = sliceWeights({ extent: 6, slices: 3, first: 0.5, step: 2, thickness: 2, profile: "box" });
    expect([...weights]).toEqual([0.5, 0.5, 0, 0, 0, 0, 0, 0, 0.5, 0.5, 0, 0, 0, 0, 0, 0, 0.5, 0.5]);
  });
});

describe("thick slices", () => {
  test("lie where the affine says, along every axis, with gap and without", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(0, 1, 2) as fc.Arbitrary<0 | 1 | 2>,
        fc.constantFrom(...sliceProfiles),
        fc.double({ min: 1.5, max: 5, noNaN: true }),
        fc.double({ min: 1, max: 1.6, noNaN: true }),
        (axis, profile, thicknessMm, gap) => {
          const image = ramp([24, 22, 20]);
          const spacingMm = thicknessMm * gap;
          const slices = acquireSlices(image, { axis, profile, thicknessMm, spacingMm });
          const voxelMm = axis === 2 ? 1.5 : 1;
          const count = slices.size[axis];
          expect(count).toBe(Math.floor((image.size[axis] * voxelMm) / spacingMm + 1e-6));
          // Away from the border, where a profile is cut off, a straight line stays one.
          const [i, j, k] = slices.size.map((n) => Math.floor(n / 2)) as [number, number, number];
          const found = slices.data[(k * slices.size[1] + j) * slices.size[0] + i]!;
          expect(Math.abs(found - valueAt(applyAffine(slices.affine, [i, j, k])))).toBeLessThan(0.6);
          // The middles of both fields are one place.
          const middle = (size: Size3) => size.map((n) => (n - 1) / 2) as [number, number, number];
          const [a, b] = [image, slices].map((one) => applyAffine(one.affine, middle(one.size)));
          expect(Math.hypot(a![0] - b![0], a![1] - b![1], a![2] - b![2])).toBeLessThan(1e-9);
        },
      ),
      { numRuns: 40, seed: 1 },
    );
  });

  test("two voxels thick and a box: pairs of voxels, half a voxel further on", () => {
    const image = ramp([6, 4, 4]);
    const slices = acquireSlices(image, { axis: 0, thicknessMm: 2, profile: "box" });
    expect(slices.size).toEqual([3, 4, 4]);
    for (let n = 0; n < 3; n++)
      expect(slices.data[n]).toBeCloseTo((image.data[2 * n]! + image.data[2 * n + 1]!) / 2, 4);
    expect(applyAffine(slices.affine, [0, 0, 0])).toEqual(applyAffine(affine, [0.5, 0, 0]));
    expect(slices.affine.slice(0, 2)).toEqual([-1.6, -0.6]);
  });

  test("blur keeps the grid and a straight line", () => {
    const image = ramp([20, 20, 20]);
    const blurred = blurBySlices(image, { axis: 2, thicknessMm: 4 });
    expect(blurred.affine).toEqual(affine);
    for (let k = 6; k < 14; k++)
      expect(blurred.data[k * 400 + 210]).toBeCloseTo(image.data[k * 400 + 210]!, 3);
  });

  test("bad input", () => {
    const image = ramp([8, 8, 8]);
    const take = (more: object): unknown =>
      acquireSlices(image, { axis: 2, thicknessMm: 3, ...more } as Parameters<typeof acquireSlices>[1]);
    expect(() => take({ thicknessMm: 1 })).toThrow(/thicknessMm.*voxel's 1.5 mm to half the field, 6 mm/);
    expect(() => take({ thicknessMm: 7 })).toThrow(/Found 7/);
    expect(() => take({ spacingMm: 0.5 })).toThrow(/spacingMm: slices cannot be this far apart/);
    expect(() => take({ profile: "sinc" })).toThrow(/no such slice profile.*gaussian, box, rf.*Found sinc/);
    expect(() => acquireSlices({ ...image, channels: 2 }, { axis: 0, thicknessMm: 2 })).toThrow(
      /one channel/,
    );
  });
});
