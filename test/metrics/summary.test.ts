import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rng } from "../../src/core/rng.js";
import { bootstrapMean, spreadOf } from "../../src/metrics/interval.js";
import { type CaseScore, scoreSegmentation, summarise } from "../../src/metrics/summary.js";
import { blob, labels } from "./shapes.js";

const dice = [
  0.91, 0.88, 0.93, 0.79, 0.85, 0.9, 0.95, 0.62, 0.87, 0.89, 0.92, 0.9, 0.84, 0.71, 0.94, 0.88, 0.86, 0.91,
  0.93, 0.55,
];
const own = dice.map((_, n) => `sub-${n}`);

describe("bootstrap interval of a mean", () => {
  test("percentile and BCa ends agree with scipy.stats.bootstrap (200 000 resamples)", () => {
    const plain = bootstrapMean(dice, own, rng(1), { resamples: 20_000 });
    expect(plain.mean).toBeCloseTo(0.8515, 12);
    expect(Math.abs(plain.low! - 0.802)).toBeLessThan(0.0015);
    expect(Math.abs(plain.high! - 0.8925)).toBeLessThan(0.0015);
    const corrected = bootstrapMean(dice, own, rng(1), { resamples: 200_000, method: "bca" });
    expect(Math.abs(corrected.low! - 0.79)).toBeLessThan(0.002);
    expect(Math.abs(corrected.high! - 0.887)).toBeLessThan(0.002);
  });

  test("subjects are drawn whole: scans of one person four times over narrow nothing", () => {
    const fourTimes = [0, 1, 2, 3].flatMap(() => dice);
    const theirs = [0, 1, 2, 3].flatMap(() => own);
    const once = bootstrapMean(dice, own, rng(3));
    const repeated = bootstrapMean(fourTimes, theirs, rng(3));
    expect(repeated.low).toBeCloseTo(once.low!, 10);
    expect(repeated.high).toBeCloseTo(once.high!, 10);
    const mistaken = bootstrapMean(
      fourTimes,
      fourTimes.map((_, n) => `${n}`),
      rng(3),
    );
    expect(mistaken.high! - mistaken.low!).toBeLessThan((once.high! - once.low!) * 0.6);
  });

  test("the same seed gives the same interval, which holds the mean", () => {
    const value = fc.double({ min: -1e3, max: 1e3, noNaN: true });
    fc.assert(
      fc.property(fc.array(value, { minLength: 2, maxLength: 30 }), fc.integer(), (values, seed) => {
        const subjects = values.map((_, n) => `${n >> 1}`);
        const once = bootstrapMean(values, subjects, rng(seed), { resamples: 400 });
        expect(bootstrapMean(values, subjects, rng(seed), { resamples: 400 })).toEqual(once);
        if (once.subjects < 2) expect(once.low).toBeNull();
        else {
          expect(once.low!).toBeLessThanOrEqual(once.high!);
          expect(once.low!).toBeGreaterThanOrEqual(Math.min(...values) - 1e-9);
          expect(once.high!).toBeLessThanOrEqual(Math.max(...values) + 1e-9);
        }
      }),
      { numRuns: 40 },
    );
  });

  test("one subject has no interval; bad input is refused", () => {
    expect(bootstrapMean([1, 2], ["a", "a"], rng(1))).toEqual({
      mean: 1.5,
      low: null,
      high: null,
      count: 2,
      subjects: 1,
    });
    expect(() => bootstrapMean([], [], rng(1))).toThrow(/at least one value.*Found 0 values/);
    expect(() => bootstrapMean([1, Number.NaN], ["a", "b"], rng(1))).toThrow(/Found NaN for b/);
    expect(() => bootstrapMean([1], ["a"], rng(1), { level: 95 })).toThrow(/level between 0 and 1.*level 95/);
  });

  test("spread", () => {
    expect(spreadOf([1, 2, 3, 4])).toMatchObject({
      mean: 2.5,
      median: 2.5,
      lowerQuartile: 1.75,
      upperQuartile: 3.25,
    });
    expect(spreadOf([1, 2, 3, 4]).sd).toBeCloseTo(Math.sqrt(5 / 3), 12);
    expect(spreadOf([7]).sd).toBeNull();
  });
});

describe("summary of cases", () => {
  const scored = (name: string, subject: string, a: number | null, b: number | null): CaseScore => ({
    case: name,
    subject,
    scores: { anterior: { dice: a, hd95Mm: a === null ? null : 2 }, posterior: { dice: b, hd95Mm: null } },
  });
  const cases = [
    scored("c1", "s1", 0.9, 0.8),
    scored("c2", "s1", 0.7, null),
    scored("c3", "s2", 0.5, 0.3),
    scored("c4", "s3", null, null),
  ];

  test("means, undefined cases counted apart, ranking by mean Dice", () => {
    const summary = summarise(cases, rng(1));
    expect(summary).toMatchObject({ caseCount: 4, subjectCount: 3 });
    const of = (label: string, metric: string) =>
      summary.measures.find((one) => one.label === label && one.metric === metric);
    expect(of("anterior", "dice")).toMatchObject({ count: 3, undefinedCount: 1, subjects: 2, median: 0.7 });
    expect(of("anterior", "dice")!.mean).toBeCloseTo(0.7, 12);
    expect(of("posterior", "dice")!.mean).toBeCloseTo(0.55, 12);
    expect(of("posterior", "hd95Mm")).toBeUndefined();
    expect(summary.ranking.map((one) => one.case)).toEqual(["c1", "c2", "c3"]);
    expect([summary.best!.case, summary.median!.case, summary.worst!.case]).toEqual(["c1", "c2", "c3"]);
    expect(summary.overall!.mean).toBeCloseTo((0.85 + 0.7 + 0.4) / 3, 12);
  });

  test("does not depend on the order of the cases' ranking ties, and is the same for the same seed", () => {
    expect(summarise(cases, rng(1))).toEqual(summarise(cases, rng(1)));
    const ties = [scored("b", "1", 0.5, 0.5), scored("a", "2", 0.5, 0.5)];
    expect(summarise(ties, rng(1)).ranking.map((one) => one.case)).toEqual(["a", "b"]);
  });

  test("bad input: no case, one name twice", () => {
    expect(() => summarise([], rng(1))).toThrow(/at least one case.*Found none/);
    expect(() => summarise([cases[0]!, cases[0]!], rng(1))).toThrow(/2 cases with 1 different names/);
  });

  test("a case is scored by every measure at once", () => {
    const size = [20, 18, 16] as const;
    const mask = blob(size, [9, 8, 8], [6, 5, 5], 2);
    const map = labels(mask, size);
    const score = scoreSegmentation({ case: "c", subject: "s" }, map, map, { blob: 1, other: 2 });
    expect(score.scores.blob).toMatchObject({ dice: 1, iou: 1, hd95Mm: 0, nsd: 1, assdMm: 0 });
    expect(score.scores.other).toMatchObject({ dice: null, hd95Mm: null, nsd: null, referenceMl: 0 });
    const again: CaseScore = JSON.parse(JSON.stringify(score));
    expect(again).toEqual(score);
  });
});
