import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { countLabels, overlap } from "../../src/metrics/overlap.js";
import { box, labels } from "./shapes.js";

const table = { anterior: 1, posterior: 2 };

describe("overlap", () => {
  test("two boxes that share half of their voxels", () => {
    const size = [6, 4, 3] as const;
    const reference = labels(box(size, [0, 0, 0], [4, 4, 3]), size, [1, 2, 5]);
    const prediction = labels(box(size, [2, 0, 0], [6, 4, 3]), size, [1, 2, 5]);
    const { anterior } = overlap(reference, prediction, table);
    expect(anterior).toMatchObject({ dice: 0.5, precision: 0.5, recall: 0.5, differenceMl: 0 });
    expect(anterior!.iou).toBeCloseTo(1 / 3, 12);
    expect(anterior!.referenceMl).toBeCloseTo(0.48, 12);
  });

  test("empty cases: absent from both is null, absent from one is 0", () => {
    const size = [2, 2, 1] as const;
    const one = labels(Uint8Array.of(1, 0, 0, 0), size);
    const other = labels(Uint8Array.of(0, 0, 0, 2), size);
    const scores = overlap(one, other, { ...table, nowhere: 3 });
    expect(scores.nowhere).toMatchObject({ dice: null, iou: null, precision: null, recall: null });
    expect(scores.anterior).toMatchObject({ dice: 0, iou: 0, precision: null, recall: 0 });
    expect(scores.posterior).toMatchObject({ dice: 0, precision: 0, recall: null, relativeDifference: null });
  });

  test("voxels outside the annotated mask do not count", () => {
    const counts = countLabels(Uint8Array.of(1, 1, 0), Uint8Array.of(1, 0, 1), Uint8Array.of(1, 0, 0));
    expect([counts.both[1], counts.reference[1], counts.prediction[1], counts.voxels]).toEqual([1, 1, 1, 1]);
  });

  const map = fc.uint8Array({ minLength: 24, maxLength: 24, max: 3 });
  const size = [4, 3, 2] as const;
  test("Dice and IoU are symmetric, tied by D = 2J/(1+J), and 1 only for equal masks", () => {
    fc.assert(
      fc.property(map, map, (a, b) => {
        const forth = overlap(labels(a, size), labels(b, size), table);
        const back = overlap(labels(b, size), labels(a, size), table);
        for (const [name, value] of Object.entries(table)) {
          const { dice, iou, precision } = forth[name]!;
          expect(dice).toBe(back[name]!.dice);
          expect(precision).toBe(back[name]!.recall);
          const equal = a.every((label, v) => (label === value) === (b[v] === value));
          if (dice === null || iou === null) expect(equal).toBe(true);
          else {
            expect(dice).toBeCloseTo((2 * iou) / (1 + iou), 12);
            expect(dice === 1).toBe(equal);
          }
        }
      }),
    );
  });

  test("maps on different grids are refused, with the way out", () => {
    const a = labels(new Uint8Array(8), [2, 2, 2]);
    expect(() => overlap(a, labels(new Uint8Array(12), [3, 2, 2]), table)).toThrow(
      /not on one grid. Expected 2x2x2 voxels.*Found sizes 2x2x2 and 3x2x2 voxels.*Resample/,
    );
    const moved = { ...a, affine: a.affine.map((value, n) => (n === 3 ? value + 0.4 : value)) };
    expect(() => overlap(a, moved, table)).toThrow(/not on one grid.*0.4 mm/);
    expect(() => countLabels(new Uint8Array(3), new Uint8Array(4))).toThrow(/Expected 3 voxels.*Found 4/);
  });
});
