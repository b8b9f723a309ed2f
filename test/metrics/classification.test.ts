import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { calibration } from "../../src/metrics/classification/calibration.js";
import { delongInterval, delongTest } from "../../src/metrics/classification/delong.js";
import { bootstrapFigures } from "../../src/metrics/classification/intervals.js";
import { permutationTest } from "../../src/metrics/classification/permutation.js";
import {
  areaUnderCurve,
  type Judgement,
  midranks,
  rocCurve,
  scoreClassification,
} from "../../src/metrics/classification/scores.js";

/** Two classifiers on 40 subjects, two of five of them positive; every figure below is numpy's and scipy's of these. */
const first = [
  0.93, 0.77, 0.38, 0.08, 0.29, 0.61, 0.67, 0.23, 0.34, 0.25, 0.37, 0.84, 0.57, 0.75, 0.37, 0.6, 0.56, 0.1,
  0.59, 0.15, 0.4, 0.64, 0.71, 0.41, 0.16, 0.52, 0.81, 0.32, 0.2, 0.3, 0.82, 0.94, 0.14, 0.23, 0.2, 0.17,
  0.47, 0.16, 0.63, 0.32,
];
const second = [
  0.54, 0.85, 0.31, 0.04, 0.22, 0.53, 0.5, 0.32, 0.06, 0.27, 0.78, 0.9, 0.74, 0.81, 0.74, 0.4, 0.81, 0.04,
  0.35, 0.05, 0.79, 0.89, 0.51, 0.8, 0.15, 0.67, 0.8, 0.16, 0.39, 0.79, 0.56, 0.94, 0.22, 0.72, 0.4, 0.59,
  0.75, 0.31, 0.21, 0.69,
];
const judged = (
  probabilities: readonly number[],
  positive: (n: number) => boolean = (n) => n % 5 < 2,
): Judgement[] =>
  probabilities.map((probability, n) => ({ subject: `sub-${n}`, probability, positive: positive(n) }));
const [a, b] = [judged(first), judged(second)];

describe("figures of a classifier", () => {
  it("are those of numpy and scipy", () => {
    const found = scoreClassification(a);
    expect(found.auc).toBeCloseTo(0.8528645833333334, 12);
    expect(areaUnderCurve(b)).toBeCloseTo(0.8385416666666666, 12);
    expect(found.sensitivity).toBeCloseTo(0.75, 12);
    expect(found.specificity).toBeCloseTo(0.7916666666666666, 12);
    expect(found.balancedAccuracy).toBeCloseTo((0.75 + 0.7916666666666666) / 2, 12);
    expect(found.accuracy).toBeCloseTo(0.775, 12);
    expect(found.brier).toBeCloseTo(0.15738, 12);
  });

  it("calibration: errors and bins are those of numpy", () => {
    const found = calibration(a);
    expect(found.expectedError).toBeCloseTo(0.1675, 12);
    expect(found.largestError).toBeCloseTo(0.41, 12);
    expect(found.brier).toBeCloseTo(0.15738, 12);
    expect(found.bins).toHaveLength(10);
    expect(found.bins.reduce((sum, { count }) => sum + count, 0)).toBe(40);
    const perfect = judged([1, 0, 1, 0], (n) => n % 2 === 0);
    expect(calibration(perfect).expectedError).toBe(0);
    expect(calibration(perfect).bins[5]).toMatchObject({ count: 0, probability: null, frequency: null });
  });

  it("the area under the ROC curve is that of its corners, whatever the ties", () => {
    const sample = fc.array(fc.tuple(fc.integer({ min: 0, max: 10 }), fc.boolean()), {
      minLength: 2,
      maxLength: 60,
    });
    fc.assert(
      fc.property(sample, (drawn) => {
        const cases = drawn.map(([p, positive], n) => ({ subject: `${n}`, probability: p / 10, positive }));
        fc.pre(new Set(cases.map(({ positive }) => positive)).size === 2);
        const curve = rocCurve(cases);
        const area = curve.slice(1).reduce((sum, point, n) => {
          const before = curve[n]!;
          const width = point.falsePositiveRate - before.falsePositiveRate;
          return sum + (width * (point.truePositiveRate + before.truePositiveRate)) / 2;
        }, 0);
        expect(area).toBeCloseTo(areaUnderCurve(cases), 10);
        expect(curve.at(-1)).toMatchObject({ falsePositiveRate: 1, truePositiveRate: 1 });
        const turned = cases.map((one) => ({ ...one, probability: 1 - one.probability }));
        expect(areaUnderCurve(turned)).toBeCloseTo(1 - areaUnderCurve(cases), 10);
      }),
    );
    expect([...midranks([3, 1, 3, 2])]).toEqual([3.5, 1, 3.5, 2]);
  });

  it("intervals lie where numpy's stratified bootstrap has them, and are the same from the same seed", () => {
    const figures = (cases: readonly Judgement[]) => ({ auc: areaUnderCurve(cases) });
    const { auc } = bootstrapFigures(a, figures, rng(1), { resamples: 4000 });
    expect(auc.value).toBeCloseTo(0.85286, 4);
    expect(Math.abs(auc.low - 0.71875)).toBeLessThan(0.02);
    expect(Math.abs(auc.high - 0.95833)).toBeLessThan(0.02);
    expect(bootstrapFigures(a, figures, rng(1), { resamples: 4000 })).toEqual({ auc });
  });

  it("intervals draw whole subjects: four images of each person do not make it narrower", () => {
    const figures = (cases: readonly Judgement[]) => ({ auc: areaUnderCurve(cases) });
    const repeated = a.flatMap((one) => [one, one, one, one]);
    const width = (cases: readonly Judgement[]): number => {
      const { auc } = bootstrapFigures(cases, figures, rng(2));
      return auc.high - auc.low;
    };
    expect(width(repeated)).toBeCloseTo(width(a), 10);
    const strangers = repeated.map((one, n) => ({ ...one, subject: `${n}` }));
    expect(width(strangers)).toBeLessThan(0.7 * width(a));
  });
});

describe("two classifiers on the same subjects", () => {
  it("DeLong's variance, z and p are numpy's", () => {
    expect(delongInterval(a).variance).toBeCloseTo(0.003913572253044485, 12);
    expect(delongInterval(a).low).toBeCloseTo(0.7302520772343162, 5);
    expect(delongInterval(a).high).toBeCloseTo(0.9754770894323506, 5);
    const found = delongTest(a, b);
    expect(found.standardError).toBeCloseTo(0.0743656311547619, 10);
    expect(found.z).toBeCloseTo(0.19260129234779705, 10);
    expect(found.p).toBeCloseTo(0.8472712327321331, 6);
    expect(delongTest(a, a)).toMatchObject({ difference: 0, z: 0, p: 1 });
    expect(delongTest(b, a).z).toBeCloseTo(-found.z, 12);
    const shuffled = rng(4).shuffle(b);
    expect(delongTest(a, shuffled)).toEqual(found);
  });

  it("the permutation test comes to the exact p of all 1024 exchanges", () => {
    const positive = (n: number): boolean => n < 4 || n === 9;
    const one = judged([0.9, 0.8, 0.7, 0.6, 0.2, 0.3, 0.4, 0.1, 0.55, 0.65], positive);
    const other = judged([0.6, 0.3, 0.8, 0.45, 0.5, 0.2, 0.7, 0.35, 0.4, 0.9], positive);
    const found = permutationTest(one, other, areaUnderCurve, rng(1), { permutations: 8000 });
    expect(found.difference).toBeCloseTo(0.28, 12);
    // Exactly 0.125; three standard errors of 8000 draws are 0.011.
    expect(Math.abs(found.p - 0.125)).toBeLessThan(0.011);
    expect(permutationTest(one, one, areaUnderCurve, rng(1)).p).toBe(1);
  });
});

describe("what cannot be judged is refused", () => {
  it.each([
    [
      "one class",
      () => scoreClassification(judged([0.1, 0.2], () => true)),
      /cases of one class.*2 positive/,
    ],
    [
      "a probability of 2",
      () => scoreClassification(judged([2, 0])),
      /case 1: a probability is out of range/,
    ],
    ["NaN", () => areaUnderCurve(judged([Number.NaN, 0])), /Found NaN/],
    ["other subjects", () => delongTest(a, b.slice(1)), /only be compared on the same subjects/],
    [
      "another truth",
      () =>
        delongTest(
          a,
          judged(second, (n) => n % 5 < 3),
        ),
      /sub-2: two classifiers can only be compared/,
    ],
    ["a subject twice", () => delongTest([...a, a[0]!], [...b, b[0]!]), /every subject once in both/],
    ["no bins", () => calibration(a, 0), /number of bins/],
  ])("%s", (_, work, words) => {
    expect(work).toThrow(words);
  });
});
