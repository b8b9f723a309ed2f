import { describe, expect, it } from "vitest";
import { plateauReductions, type Schedule, scheduleFactor } from "../../src/optim/schedule.js";

const along = (schedule: Schedule, total: number, steps: readonly number[]): number[] =>
  steps.map((step) => Number(scheduleFactor(schedule, step, total).toFixed(6)));

describe("schedules", () => {
  it("constant stays, step falls at its fractions, poly ends at 0", () => {
    expect(along({ kind: "constant" }, 10, [0, 5, 9])).toEqual([1, 1, 1]);
    const at = { kind: "step", at: [0.5, 0.75], factor: 0.1 } as const;
    expect(along(at, 100, [0, 49, 50, 74, 75, 99])).toEqual([1, 1, 0.1, 0.1, 0.01, 0.01]);
    expect(along({ kind: "poly", power: 1 }, 10, [0, 1, 5, 10])).toEqual([1, 0.9, 0.5, 0]);
    // nnU-Net's exponent is the default: 0.5 ** 0.9.
    expect(along({ kind: "poly" }, 10, [5])).toEqual([0.535887]);
  });

  it("cosine goes from 1 through the middle to its floor, and stays there", () => {
    expect(along({ kind: "cosine" }, 100, [0, 25, 50, 100, 120])).toEqual([1, 0.853553, 0.5, 0, 0]);
    expect(along({ kind: "cosine", floor: 0.2 }, 100, [0, 50, 100])).toEqual([1, 0.6, 0.2]);
  });

  it("warm-up climbs in equal parts and hands over without a jump", () => {
    const schedule: Schedule = { kind: "cosine", warmup: 4 };
    expect(along(schedule, 104, [0, 1, 2, 3, 4, 54, 104])).toEqual([0.2, 0.4, 0.6, 0.8, 1, 0.5, 0]);
    expect(along({ kind: "poly", power: 1, warmup: 2 }, 12, [0, 1, 2, 7, 12])).toEqual([
      0.333333, 0.666667, 1, 0.5, 0,
    ]);
  });

  it("a warm-up longer than the training stays finite", () => {
    for (const step of [0, 3, 9]) {
      const factor = scheduleFactor({ kind: "cosine", warmup: 50 }, step, 10);
      expect(factor).toBeGreaterThan(0);
      expect(factor).toBeLessThan(1);
    }
  });

  it("plateau falls each time that patience runs out", () => {
    const falling = [5, 4, 3, 2, 1];
    expect(plateauReductions(falling, 2)).toBe(0);
    expect(plateauReductions([3, 3], 2)).toBe(0);
    expect(plateauReductions([3, 3, 3], 2)).toBe(1);
    // The best of all counts, not the one before: 2.5 after 2 is no progress.
    expect(plateauReductions([3, 2, 4, 2.5, 2.4, 2.3], 2)).toBe(2);
    expect(plateauReductions([3, 3, 2, 3, 1], 2)).toBe(0);
    expect(scheduleFactor({ kind: "plateau", factor: 0.5 }, 7, 10, 2)).toBe(0.25);
    expect(() => plateauReductions([1], 0)).toThrow(/patience of at least 1. Found 0/);
  });
});
