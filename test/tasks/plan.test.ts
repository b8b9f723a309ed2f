import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { configs } from "../../src/systems/nnunet.js";
import { progressAt } from "../../src/tasks/plan.js";
import { learningRateAt } from "../../src/tasks/settings.js";
import { freshProgress } from "../../src/train/loop.js";

describe("progress through a training", () => {
  it("is the share of the steps where the plan was never revised", () => {
    const plan = [{ step: 0, totalSteps: 200 }];
    expect([0, 50, 200].map((step) => progressAt(plan, step))).toEqual([0, 0.25, 1]);
  });

  it("spreads what is left over the steps that are then to come", () => {
    const plan = [
      { step: 0, totalSteps: 100 },
      { step: 50, totalSteps: 250 },
    ];
    expect([50, 150, 250].map((step) => progressAt(plan, step))).toEqual([0.5, 0.75, 1]);
  });

  it("goes back where the training was extended, to the share of the new length that is done", () => {
    const plan = [
      { step: 0, totalSteps: 100 },
      { step: 100, totalSteps: 400, extended: true },
      { step: 200, totalSteps: 300 },
    ];
    expect([0, 50, 99, 100].map((step) => progressAt(plan, step))).toEqual([0, 0.5, 0.99, 0.25]);
    expect([199, 200, 250, 300].map((step) => progressAt(plan, step))).toEqual([0.4975, 0.5, 0.75, 1]);
  });

  it("decides the learning rate: nnU-Net's runs to the new end, from epoch to epoch", () => {
    const config = {
      optimizer: { ...configs.paper.optimizer, learningRate: 1 },
      schedule: configs.paper.schedule,
    };
    const rate = (step: number): number => {
      const revisions = [
        { step: 0, totalSteps: 1000 },
        { step: 1000, totalSteps: 2000, extended: true },
      ];
      return learningRateAt(config, { totalSteps: 2000, stepsPerEpoch: 250, revisions }, step, freshProgress);
    };
    expect(rate(999)).toBeCloseTo(0.25 ** 0.9, 12);
    // As in a training that had 2000 steps from the beginning.
    for (const step of [1000, 1249]) expect(rate(step)).toBeCloseTo(0.5 ** 0.9, 12);
    expect(rate(1999)).toBeCloseTo(0.125 ** 0.9, 12);
  });

  it("never goes back, never jumps at a revision, and ends at 1", () => {
    const revision = fc.record({
      after: fc.integer({ min: 1, max: 40 }),
      left: fc.integer({ min: 41, max: 200 }),
    });
    fc.assert(
      fc.property(fc.array(revision, { minLength: 1, maxLength: 6 }), (list) => {
        let step = 0;
        const plan = list.map(({ after, left }, at) => {
          if (at > 0) step += after;
          return { step, totalSteps: step + left };
        });
        const end = plan.at(-1)!.totalSteps;
        const values = Array.from({ length: end + 1 }, (_, n) => progressAt(plan, n));
        const largest = 1 / Math.min(...list.map(({ left }) => left));
        for (let n = 1; n <= end; n++) {
          expect(values[n]! - values[n - 1]!).toBeGreaterThan(0);
          expect(values[n]! - values[n - 1]!).toBeLessThanOrEqual(largest + 1e-12);
        }
        expect(values[end]).toBeCloseTo(1, 12);
      }),
    );
  });
});
