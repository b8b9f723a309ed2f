import { fail } from "../../core/errors.js";
import { type Judgement, requireBoth } from "./scores.js";

/** Cases whose probabilities lie between `from` and `to`. */
export interface ReliabilityBin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  /** Mean probability of the cases, and the share of them that is positive; null where there are none. */
  readonly probability: number | null;
  readonly frequency: number | null;
}

/** How far probabilities can be taken at their word. */
export interface Calibration {
  /** Mean over cases of |frequency - probability| of their bin: the expected calibration error. */
  readonly expectedError: number;
  /** The largest of these. */
  readonly largestError: number;
  readonly brier: number;
  readonly bins: readonly ReliabilityBin[];
}

/**
 * The reliability curve in bins of equal width, the errors of it, and the Brier score. Guo et al., ICML 2017, for the
 * probability of the positive class. Throws as `scoreClassification` does. With few cases a bin the error is biased
 * upwards.
 */
export function calibration(cases: readonly Judgement[], bins = 10): Calibration {
  requireBoth(cases);
  if (!(Number.isInteger(bins) && bins >= 1))
    fail("bad-argument", {
      what: "the number of bins is impossible",
      expected: "1 and more",
      found: `${bins}`,
    });
  const sums = Array.from({ length: bins }, () => ({ count: 0, probability: 0, positive: 0 }));
  let squares = 0;
  for (const { probability, positive } of cases) {
    const bin = sums[Math.min(bins - 1, Math.floor(probability * bins))]!;
    bin.count++;
    bin.probability += probability;
    if (positive) bin.positive++;
    squares += (probability - (positive ? 1 : 0)) ** 2;
  }
  let [expected, largest] = [0, 0];
  for (const { count, probability, positive } of sums) {
    if (count === 0) continue;
    const error = Math.abs(positive - probability) / count;
    expected += (error * count) / cases.length;
    largest = Math.max(largest, error);
  }
  return {
    expectedError: expected,
    largestError: largest,
    brier: squares / cases.length,
    bins: sums.map(({ count, probability, positive }, n) => ({
      from: n / bins,
      to: (n + 1) / bins,
      count,
      probability: count === 0 ? null : probability / count,
      frequency: count === 0 ? null : positive / count,
    })),
  };
}
