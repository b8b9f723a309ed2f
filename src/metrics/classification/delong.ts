import { errorFunction, probit } from "simple-statistics";
import { fail } from "../../core/errors.js";
import { areaUnderCurve, type Judgement, midranks, requireBoth } from "./scores.js";

/** An AUC with DeLong's variance. */
export interface AucEstimate {
  readonly auc: number;
  readonly variance: number;
  readonly low: number;
  readonly high: number;
}

/** Two AUCs on the same cases, compared. */
export interface AucComparison {
  readonly first: number;
  readonly second: number;
  /** First less second. */
  readonly difference: number;
  readonly standardError: number;
  readonly z: number;
  /** Two-sided. */
  readonly p: number;
}

/** The AUC with a normal interval of DeLong's variance. One case a subject: cases are taken for independent. */
export function delongInterval(cases: readonly Judgement[], level = 0.95): AucEstimate {
  const { positive, negative } = componentsOf(cases);
  const variance = varianceOf(positive) / positive.length + varianceOf(negative) / negative.length;
  const auc = areaUnderCurve(cases);
  const reach = normalQuantile((1 + level) / 2) * Math.sqrt(variance);
  return { auc, variance, low: Math.max(0, auc - reach), high: Math.min(1, auc + reach) };
}

/**
 * Whether two classifiers differ in AUC on the same cases: DeLong, DeLong & Clarke-Pearson, Biometrics 44, 1988, with
 * midranks as in Sun & Xu, IEEE SPL 21, 2014. Throws `bad-data` unless both judged the same subjects, once each, with the
 * same truth. Identical rankings have p = 1. The usual mistake: comparing folds as if they were independent.
 */
export function delongTest(first: readonly Judgement[], second: readonly Judgement[]): AucComparison {
  const [a, b] = paired(first, second);
  const [x, y] = [componentsOf(a), componentsOf(b)];
  const difference = areaUnderCurve(a) - areaUnderCurve(b);
  const spread = (part: "positive" | "negative"): number => {
    const between = Float64Array.from(x[part], (value, n) => value - y[part][n]!);
    return varianceOf(between) / between.length;
  };
  const variance = spread("positive") + spread("negative");
  const standardError = Math.sqrt(variance);
  const z = standardError < 1e-12 ? 0 : difference / standardError;
  const certain = standardError < 1e-12 && Math.abs(difference) > 1e-12;
  return {
    first: areaUnderCurve(a),
    second: areaUnderCurve(b),
    difference,
    standardError,
    z,
    p: certain ? 0 : z === 0 ? 1 : Math.max(0, 1 - errorFunction(Math.abs(z) / Math.SQRT2)),
  };
}

/** The cases of the second in the order of the first. Throws `bad-data` unless they are the same subjects, once each. */
export function paired(
  first: readonly Judgement[],
  second: readonly Judgement[],
): [readonly Judgement[], readonly Judgement[]] {
  requireBoth(first);
  requireBoth(second);
  const other = new Map(second.map((one) => [one.subject, one]));
  const own = new Set(first.map(({ subject }) => subject));
  const lost = first.find(({ subject, positive }) => other.get(subject)?.positive !== positive);
  if (
    lost !== undefined ||
    other.size !== second.length ||
    own.size !== first.length ||
    own.size !== other.size
  )
    fail("bad-data", {
      what: "two classifiers can only be compared on the same subjects",
      ...(lost === undefined ? {} : { where: lost.subject }),
      expected: "every subject once in both, with the same truth",
      found: `${own.size} subjects in ${first.length} cases, and ${other.size} in ${second.length}`,
      fix: "Compare predictions for one set of subjects, averaged over a subject's images",
    });
  return [first, first.map(({ subject }) => other.get(subject)!)];
}

/** For each positive case the share of negative ones that it is ranked above, and the other way round. */
function componentsOf(cases: readonly Judgement[]): { positive: Float64Array; negative: Float64Array } {
  requireBoth(cases);
  const own = (positive: boolean) => cases.filter((one) => one.positive === positive);
  const [pos, neg] = [own(true), own(false)].map((part) => part.map(({ probability }) => probability)) as [
    number[],
    number[],
  ];
  const all = midranks([...pos, ...neg]);
  const [among, without] = [midranks(pos), midranks(neg)];
  return {
    positive: Float64Array.from(pos, (_, n) => (all[n]! - among[n]!) / neg.length),
    negative: Float64Array.from(neg, (_, n) => 1 - (all[pos.length + n]! - without[n]!) / pos.length),
  };
}

/** What a standard normal number is below with this probability: a rough value, and two steps of Newton's. */
function normalQuantile(probability: number): number {
  let z = probit(probability);
  for (let n = 0; n < 2; n++) {
    const below = (1 + errorFunction(z / Math.SQRT2)) / 2;
    z -= ((below - probability) * Math.sqrt(2 * Math.PI)) / Math.exp((-z * z) / 2);
  }
  return z;
}

/** With n - 1; 0 of a single value. */
function varianceOf(values: Float64Array): number {
  if (values.length < 2) return 0;
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
}
