import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  applyAffine,
  cornerDistanceMm,
  describeGridDifference,
  identityAffine,
  invertAffine,
  multiplyAffines,
  nearestRotation,
  sameGrid,
  scalingAffine,
  spacingMm,
} from "../../src/volume/affine.js";
import { fromCanonical, orientationOf, toCanonical } from "../../src/volume/orient.js";
import { affineFromQform, qformFromAffine } from "../../src/volume/quaternion.js";
import { resampleLabels, resampleTo, withSpacing } from "../../src/volume/resample.js";
import type { Affine, Grid, Size3, Volume } from "../../src/volume/volume.js";

/** Made by nibabel (orientation, qform) and scipy.ndimage.map_coordinates (resampling). */
const golden = JSON.parse(readFileSync(new URL("geometry.golden.json", import.meta.url), "utf8")) as {
  orient: { affine: Affine; code: string; canonical: Affine; size: Size3; data: number[]; qform: Affine }[];
  resample: Grid & {
    data: number[];
    targets: (Grid & Record<"nearest" | "linear" | "cubic", number[]>)[];
  };
};

/** Any affine that a scan may have: rotated, sheared a little, mirrored, anisotropic. */
const anyAffine: fc.Arbitrary<Affine> = fc
  .tuple(
    fc.array(fc.double({ min: -0.99, max: 0.99, noNaN: true }), { minLength: 3, maxLength: 3 }),
    fc.array(fc.double({ min: 0.2, max: 5, noNaN: true }), { minLength: 3, maxLength: 3 }),
    fc.array(fc.double({ min: -200, max: 200, noNaN: true }), { minLength: 3, maxLength: 3 }),
    fc.boolean(),
    fc.double({ min: -0.1, max: 0.1, noNaN: true }),
  )
  .map(([q, s, o, mirrored, shear]) => {
    const scale = 1 / Math.max(1, Math.hypot(q[0]!, q[1]!, q[2]!));
    const rigid = affineFromQform({
      quaternion: [q[0]! * scale, q[1]! * scale, q[2]! * scale],
      spacingMm: [s[0]!, s[1]!, s[2]!],
      offsetMm: [o[0]!, o[1]!, o[2]!],
      qfac: mirrored ? -1 : 1,
    });
    return multiplyAffines(rigid, [1, shear, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
  });

function close(found: readonly number[], expected: readonly number[], digits: number): void {
  expect(found.length).toBe(expected.length);
  found.forEach((x, at) => {
    expect(x).toBeCloseTo(expected[at]!, digits);
  });
}

describe("affines", () => {
  it("inverts", () => {
    fc.assert(
      fc.property(anyAffine, (affine) =>
        close(multiplyAffines(affine, invertAffine(affine)), identityAffine, 8),
      ),
    );
    expect(() => invertAffine([1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1])).toThrow(
      "the affine cannot be inverted, so voxels have no place in the world.",
    );
  });

  it("turns an orthogonal affine into a qform and back", () => {
    fc.assert(
      fc.property(anyAffine, (affine) => {
        const straight = affineFromQform(qformFromAffine(affine));
        const again = affineFromQform(qformFromAffine(straight));
        // A qform keeps three of four quaternion numbers: near half a turn the fourth is known to √ε ≈ 1e-8 only.
        expect(cornerDistanceMm([10, 10, 10], straight, again)).toBeLessThan(1e-5);
        close(spacingMm(straight), spacingMm(affine), 8);
      }),
    );
  });

  it("is not led astray by denormal numbers", () => {
    const tilt = [
      1,
      -2.5e-323,
      -3e-323,
      0,
      Math.cos(0.03),
      -Math.sin(0.03),
      3.75e-322,
      Math.sin(0.03),
      Math.cos(0.03),
    ];
    const expected = tilt.map((entry) => (Math.abs(entry) < 1e-300 ? 0 : entry));
    close(nearestRotation(tilt), expected, 12);
  });

  it("finds the same nearest rotation as nibabel", () => {
    for (const { affine, qform } of golden.orient) close(affineFromQform(qformFromAffine(affine)), qform, 6);
  });

  it("says how far grids are apart", () => {
    const a = { size: [10, 10, 10] as const, affine: scalingAffine([1, 1, 1]) };
    expect(sameGrid(a, { ...a, affine: scalingAffine([1, 1, 1], [5e-4, 0, 0]) })).toBe(true);
    expect(describeGridDifference(a, a)).toBe("");
    expect(describeGridDifference(a, { ...a, affine: scalingAffine([1, 1, 1], [3, 4, 0]) })).toBe(
      "first voxels 5 mm (5 voxels) apart, corners up to 5 mm apart",
    );
    expect(describeGridDifference(a, { size: [10, 10, 5], affine: scalingAffine([1, 1, 2]) })).toBe(
      "sizes 10x10x10 and 10x10x5 voxels, spacings 1x1x1 and 1x1x2 mm",
    );
  });
});

describe("orientation", () => {
  const counting = (affine: Affine): Volume<Int16Array> => ({
    data: Int16Array.from({ length: 24 }, (_, at) => at),
    size: [2, 3, 4],
    affine,
    channels: 1,
  });

  it("goes to the canonical frame as nibabel does", () => {
    for (const { affine, code, canonical, size, data } of golden.orient) {
      const found = toCanonical(counting(affine));
      expect(found.orientation.code).toBe(code);
      expect(found.volume.size).toEqual(size);
      expect(Array.from(found.volume.data)).toEqual(data);
      close(found.volume.affine, canonical, 9);
      expect(orientationOf(found.volume.affine).code).toBe("RAS");
    }
  });

  it("comes back bit for bit, channels too", () => {
    fc.assert(
      fc.property(
        anyAffine,
        fc.tuple(
          fc.integer({ min: 1, max: 4 }),
          fc.integer({ min: 1, max: 4 }),
          fc.integer({ min: 1, max: 4 }),
        ),
        fc.integer({ min: 1, max: 2 }),
        (affine, size, channels) => {
          const data = Float32Array.from({ length: size[0] * size[1] * size[2] * channels }, (_, at) => at);
          const volume = { data, size, affine, channels };
          expect(fromCanonical(toCanonical(volume).volume, volume)).toEqual(volume);
        },
      ),
    );
  });

  it("leaves every voxel where it is in the world", () => {
    fc.assert(
      fc.property(anyAffine, (affine) => {
        const volume = counting(affine);
        const canonical = toCanonical(volume).volume;
        for (let at = 0; at < 24; at++) {
          const from = volume.data[at]!;
          const to = canonical.data.indexOf(from);
          const [ni, nj] = canonical.size;
          const p = applyAffine(affine, [from % 2, Math.floor(from / 2) % 3, Math.floor(from / 6)]);
          const q = applyAffine(canonical.affine, [
            to % ni,
            Math.floor(to / ni) % nj,
            Math.floor(to / (ni * nj)),
          ]);
          expect(Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2])).toBeLessThan(1e-9);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("refuses a grid that the volume does not come from", () => {
    const volume = counting(identityAffine);
    expect(() => fromCanonical(volume, { size: [3, 3, 3], affine: identityAffine })).toThrow(
      "this volume does not come from that grid. Expected 3x3x3 voxels in the canonical frame. Found 2x3x4.",
    );
  });
});

describe("resampling", () => {
  const { data, size, affine, targets } = golden.resample;
  const source: Volume<Float64Array> = { data: Float64Array.from(data), size, affine, channels: 1 };

  for (const order of ["nearest", "linear", "cubic"] as const)
    it(`${order} agrees with scipy`, () => {
      for (const target of targets)
        close(Array.from(resampleTo(source, target, { order, outside: -7 }).data), target[order], 5);
    });

  it("gives the samples back on their own grid, by any order", () => {
    for (const order of ["nearest", "linear", "cubic"] as const)
      close(Array.from(resampleTo(source, source, { order }).data), data, 5);
  });

  it("keeps axes, centre and extent when only the spacing changes", () => {
    fc.assert(
      fc.property(anyAffine, (affine) => {
        const grid: Grid = { size: [31, 20, 1], affine };
        const finer = withSpacing(grid, [0.7, 0.9, 3]);
        const [old, now] = [spacingMm(affine), spacingMm(finer.affine)];
        close([now[0], now[1], now[2]], [0.7, 0.9, old[2]], 9);
        expect(Math.abs(finer.size[0] * 0.7 - 31 * old[0])).toBeLessThanOrEqual(0.7);
        const middle = (g: Grid) => applyAffine(g.affine, [(g.size[0] - 1) / 2, (g.size[1] - 1) / 2, 0]);
        close([...middle(finer)], [...middle(grid)], 8);
      }),
    );
    expect(() => withSpacing(source, [1, 0, 1])).toThrow("a voxel size is not a length.");
  });

  it("votes for labels by linear weight, and invents none", () => {
    const labels = {
      data: Uint8Array.from([4, 4, 9, 9]),
      size: [4, 1, 1] as const,
      affine: identityAffine,
      channels: 1,
    };
    const fine = { size: [8, 1, 1] as const, affine: scalingAffine([0.5, 1, 1], [-0.25, 0, 0]) };
    for (const method of ["vote", "nearest"] as const)
      expect(Array.from(resampleLabels(labels, fine, { method }).data)).toEqual([4, 4, 4, 4, 9, 9, 9, 9]);
    // A voxel between one 4 and three 7s in the plane is 7, whichever is nearest.
    const corner = {
      data: Uint8Array.from([4, 7, 7, 7]),
      size: [2, 2, 1] as const,
      affine: identityAffine,
      channels: 1,
    };
    const one = { size: [1, 1, 1] as const, affine: scalingAffine([1, 1, 1], [0.4, 0.4, 0]) };
    expect(resampleLabels(corner, one, { method: "vote" }).data[0]).toBe(7);
    expect(resampleLabels(corner, one).data[0]).toBe(4);
  });
});
