import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { surfaceDistances, surfaceScores, surfaceScoresFrom } from "../../src/metrics/surface.js";
import { contourElementLengths, surfaceElementAreas } from "../../src/metrics/surface-elements.js";
import type { Size3 } from "../../src/volume/volume.js";
import { blob, box, labels } from "./shapes.js";

type Blob = readonly [Size3, Size3, number];
type Golden = {
  size: Size3;
  spacing: Size3;
  reference: Blob;
  prediction: Blob;
  tolerance: number;
  voxels: [number, number];
  expected: [hausdorff: number, hd95: number, assd: number, nsd: number];
};

// From DeepMind's surface-distance 0.1 (its tables, SciPy's exact distance transform) on the same formula.
const golden: Golden[] = [
  {
    size: [24, 20, 16],
    spacing: [1, 1, 1],
    reference: [[11.3, 9.1, 8.2], [7.4, 6.1, 5.3], 3],
    prediction: [[12.1, 9.8, 7.4], [6.6, 6.9, 4.7], 2],
    tolerance: 1,
    voxels: [908, 836],
    expected: [2.23606797749979, Math.SQRT2, 0.38776279785883466, 0.9403707914678433],
  },
  {
    size: [30, 22, 9],
    spacing: [0.7, 0.9, 3],
    reference: [[14, 10, 4], [10.5, 7.2, 3.1], 4],
    prediction: [[12.4, 11.1, 4.5], [9.3, 8.8, 2.2], 1],
    tolerance: 2,
    voxels: [836, 743],
    expected: [6, 3, 0.7520522986681438, 0.8598919374058338],
  },
  {
    size: [12, 12, 12],
    spacing: [1, 1.5, 2],
    reference: [[0, 0, 0], [6, 7, 8], 2],
    prediction: [[2, 1, 0], [7, 5, 6], 3],
    tolerance: 1.5,
    voxels: [217, 237],
    expected: [6, 4, 0.6195327151328098, 0.821555665339252],
  },
  {
    size: [40, 36, 1],
    spacing: [1, 1, 1],
    reference: [[20, 18, 0], [13.2, 11.1, 1], 3],
    prediction: [[22, 16, 0], [12.2, 13.7, 1], 2],
    tolerance: 1,
    voxels: [428, 501],
    expected: [5, 4.123105625617661, 1.3901658430056654, 0.5481232874077713],
  },
  {
    size: [40, 36, 1],
    spacing: [0.5, 1.2, 1],
    reference: [[19, 17, 0], [13.2, 11.1, 1], 3],
    prediction: [[21, 18, 0], [15.2, 9.7, 1], 2],
    tolerance: 0.6,
    voxels: [428, 441],
    expected: [3.6, 2.4, 0.669902383914072, 0.6186683006535949],
  },
];

const count = (mask: Uint8Array): number => mask.reduce((sum, value) => sum + value, 0);

describe("surface distances", () => {
  test.each(golden)("golden values at $size, $spacing mm", (g) => {
    const reference = blob(g.size, ...g.reference);
    const prediction = blob(g.size, ...g.prediction);
    expect([count(reference), count(prediction)]).toEqual(g.voxels);
    const scores = surfaceScores(
      labels(reference, g.size, g.spacing),
      labels(prediction, g.size, g.spacing),
      { blob: 1 },
      { toleranceMm: g.tolerance },
    ).blob!;
    const ours = [scores.hausdorffMm, scores.hd95Mm, scores.assdMm, scores.nsd];
    for (let n = 0; n < 4; n++) expect(ours[n]).toBeCloseTo(g.expected[n]!, 6);
  });

  test("a box that moves by whole voxels: HD and HD95 are the way it moved, NSD steps at that tolerance", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.constantFrom(0, 1, 2), (step, axis) => {
        const size = [20, 18, 16] as const;
        const spacing = [0.7, 1.1, 2.3] as const;
        const shift = [0, 0, 0];
        shift[axis] = step;
        const a = box(size, [3, 3, 3], [13, 11, 9]);
        const b = box(
          size,
          [3 + shift[0]!, 3 + shift[1]!, 3 + shift[2]!],
          [13 + shift[0]!, 11 + shift[1]!, 9 + shift[2]!],
        );
        const moved = step * spacing[axis]!;
        const distances = surfaceDistances(a, b, size, spacing);
        const at = surfaceScoresFrom(distances, moved);
        expect(at.hausdorffMm).toBeCloseTo(moved, 5);
        expect(at.hd95Mm).toBeCloseTo(moved, 5);
        expect(at.nsd).toBe(1);
        expect(surfaceScoresFrom(distances, moved * 0.99).nsd).toBeLessThan(1);
      }),
      { numRuns: 20 },
    );
  });

  test("scores are symmetric, zero for equal masks, and ordered ASSD ≤ HD, HD95 ≤ HD", () => {
    const mask = fc.uint8Array({ minLength: 60, maxLength: 60, max: 1 });
    fc.assert(
      fc.property(mask, mask, (a, b) => {
        const forth = surfaceScoresFrom(surfaceDistances(a, b, [5, 4, 3], [1, 2, 0.5]));
        const back = surfaceScoresFrom(surfaceDistances(b, a, [5, 4, 3], [1, 2, 0.5]));
        expect(forth.hd95Mm).toBe(back.hd95Mm);
        if (forth.hausdorffMm === null) expect(Math.min(count(a), count(b))).toBe(0);
        else {
          expect(forth.nsd).toBeCloseTo(back.nsd!, 12);
          expect(forth.hd95Mm!).toBeLessThanOrEqual(forth.hausdorffMm);
          expect(forth.assdMm!).toBeLessThanOrEqual(forth.hausdorffMm + 1e-6);
          const same = surfaceScoresFrom(surfaceDistances(a, a, [5, 4, 3], [1, 2, 0.5]), 0);
          expect(same).toEqual({ hausdorffMm: 0, hd95Mm: 0, assdMm: 0, nsd: 1 });
        }
      }),
    );
  });

  test("empty cases: both empty is null, one empty has no distance and NSD 0", () => {
    const size = [4, 4, 4] as const;
    const none = new Uint8Array(64);
    const some = box(size, [1, 1, 1], [3, 3, 3]);
    expect(surfaceScoresFrom(surfaceDistances(none, none, size, [1, 1, 1]))).toEqual({
      hausdorffMm: null,
      hd95Mm: null,
      assdMm: null,
      nsd: null,
    });
    for (const [a, b] of [
      [none, some],
      [some, none],
    ] as const)
      expect(surfaceScoresFrom(surfaceDistances(a, b, size, [1, 1, 1]))).toEqual({
        hausdorffMm: null,
        hd95Mm: null,
        assdMm: null,
        nsd: 0,
      });
  });

  test("element areas: reference values, and complements alike", () => {
    const unit = surfaceElementAreas([1, 1, 1]);
    // one voxel, two beside each other, two across a face, three in an L, half a cube
    expect(unit[1]).toBeCloseTo(Math.sqrt(3) / 8, 12);
    expect(unit[3]).toBeCloseTo(Math.SQRT1_2, 12);
    expect(unit[6]).toBeCloseTo(Math.sqrt(3) / 4, 12);
    expect(unit[7]).toBeCloseTo(1.14951905, 8);
    expect(unit[15]).toBeCloseTo(1, 12);
    const uneven = surfaceElementAreas([0.5, 1.25, 3]);
    for (let code = 0; code < 256; code++) expect(uneven[code]).toBeCloseTo(uneven[255 - code]!, 12);
    expect(uneven[15]).toBeCloseTo(0.625, 12);
    // Sum over all 256 codes from the reference package's table at this spacing.
    expect(uneven.reduce((sum, area) => sum + area, 0)).toBeCloseTo(542.8039467179949, 9);
    expect([...contourElementLengths([3, 4])]).toEqual([
      0, 2.5, 2.5, 3, 2.5, 4, 5, 2.5, 2.5, 5, 4, 2.5, 3, 2.5, 2.5, 0,
    ]);
  });

  test("bad input", () => {
    expect(() => surfaceDistances(new Uint8Array(8), new Uint8Array(7), [2, 2, 2], [1, 1, 1])).toThrow(
      /Expected 8 voxels for 2x2x2. Found 8 in the reference, 7 in the prediction/,
    );
    const distances = surfaceDistances(new Uint8Array(8), new Uint8Array(8), [2, 2, 2], [1, 1, 1]);
    expect(() => surfaceScoresFrom(distances, -1)).toThrow(/toleranceMm of 0 or more. Found -1/);
  });
});
