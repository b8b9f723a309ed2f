import { fail } from "../../core/errors.js";

/** What a classifier said of one case, and what is true. */
export interface Judgement {
  /** Whose case it is: intervals and tests draw whole subjects. */
  readonly subject: string;
  /** Of the positive class, 0 to 1. */
  readonly probability: number;
  readonly positive: boolean;
}

/** Figures of merit of a binary classifier; 0 to 1. */
export interface ClassificationScores {
  /** Mean of sensitivity and specificity: what guessing has 0.5 of, whatever the classes' sizes. */
  readonly balancedAccuracy: number;
  /** Probability that a positive case is ranked above a negative one; equal ones count half. */
  readonly auc: number;
  readonly accuracy: number;
  /** Share of the positive cases that were found. */
  readonly sensitivity: number;
  /** Share of the negative cases that were left alone. */
  readonly specificity: number;
  /** Mean squared difference of probability and truth: lower is better, 0.25 is what always saying 0.5 has. */
  readonly brier: number;
}

/**
 * Score a binary classifier; a case is called positive at a probability of `threshold` (0.5) and above. Throws `bad-data`
 * for cases of one class only and for probabilities outside 0 to 1.
 */
export function scoreClassification(
  cases: readonly Judgement[],
  { threshold = 0.5 }: { readonly threshold?: number } = {},
): ClassificationScores {
  requireBoth(cases);
  let [truePositive, trueNegative, positives, squares] = [0, 0, 0, 0];
  for (const { probability, positive } of cases) {
    const called = probability >= threshold;
    if (positive) positives++;
    if (positive && called) truePositive++;
    if (!positive && !called) trueNegative++;
    squares += (probability - (positive ? 1 : 0)) ** 2;
  }
  const sensitivity = truePositive / positives;
  const specificity = trueNegative / (cases.length - positives);
  return {
    balancedAccuracy: (sensitivity + specificity) / 2,
    auc: areaUnderCurve(cases),
    accuracy: (truePositive + trueNegative) / cases.length,
    sensitivity,
    specificity,
    brier: squares / cases.length,
  };
}

/** The area under the ROC curve, by ranks (Mann & Whitney); ties count half. Throws as `scoreClassification`. */
export function areaUnderCurve(cases: readonly Pick<Judgement, "probability" | "positive">[]): number {
  requireBoth(cases);
  const ranks = midranks(cases.map(({ probability }) => probability));
  let [sum, positives] = [0, 0];
  cases.forEach(({ positive }, n) => {
    if (!positive) return;
    positives++;
    sum += ranks[n]!;
  });
  return (sum - (positives * (positives + 1)) / 2) / (positives * (cases.length - positives));
}

/** Ranks from 1; equal values share the mean of theirs. */
export function midranks(values: readonly number[]): Float64Array {
  const order = values.map((_, n) => n).sort((a, b) => values[a]! - values[b]!);
  const ranks = new Float64Array(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++;
    for (let n = from; n < to; n++) ranks[order[n]!] = (from + to + 1) / 2;
    from = to;
  }
  return ranks;
}

/** A point of the ROC curve: cases at `threshold` and above are called positive. */
export interface RocPoint {
  readonly threshold: number;
  readonly falsePositiveRate: number;
  readonly truePositiveRate: number;
}

/** The ROC curve from (0, 0) to (1, 1), one point for each probability that occurs. */
export function rocCurve(cases: readonly Pick<Judgement, "probability" | "positive">[]): RocPoint[] {
  requireBoth(cases);
  const sorted = [...cases].sort((a, b) => b.probability - a.probability);
  const positives = cases.filter(({ positive }) => positive).length;
  const negatives = cases.length - positives;
  const points: RocPoint[] = [
    { threshold: Number.POSITIVE_INFINITY, falsePositiveRate: 0, truePositiveRate: 0 },
  ];
  let [tp, fp] = [0, 0];
  sorted.forEach(({ probability, positive }, n) => {
    if (positive) tp++;
    else fp++;
    if (sorted[n + 1]?.probability === probability) return;
    points.push({
      threshold: probability,
      falsePositiveRate: fp / negatives,
      truePositiveRate: tp / positives,
    });
  });
  return points;
}

/** Throws `bad-data` unless there are cases of both classes with probabilities from 0 to 1. */
export function requireBoth(cases: readonly Pick<Judgement, "probability" | "positive">[]): void {
  const bad = cases.findIndex(({ probability }) => !(probability >= 0 && probability <= 1));
  if (bad >= 0)
    fail("bad-data", {
      what: "a probability is out of range",
      where: `case ${bad + 1}`,
      expected: "0 to 1",
      found: `${cases[bad]!.probability}`,
    });
  const positives = cases.filter(({ positive }) => positive).length;
  if (positives === 0 || positives === cases.length)
    fail("bad-data", {
      what: "a classifier cannot be judged on cases of one class",
      expected: "positive and negative cases",
      found: `${positives} positive and ${cases.length - positives} negative`,
      fix: "Judge it on subjects of both classes",
    });
}
