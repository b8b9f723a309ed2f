import {
  errorFunction,
  mean,
  median,
  probit,
  quantile,
  quantileSorted,
  sampleStandardDeviation,
  sum,
} from "simple-statistics";
import { fail } from "../core/errors.js";
import type { Rng } from "../core/rng.js";

/** A mean with its confidence interval. */
export interface MeanInterval {
  readonly mean: number;
  /** `null` where there are fewer than two subjects: nothing can be said about the spread between people. */
  readonly low: number | null;
  readonly high: number | null;
  readonly count: number;
  readonly subjects: number;
}

export interface BootstrapOptions {
  /** Confidence level, 0.95 unless told. */
  readonly level?: number;
  /** Resamples, 2000 unless told. */
  readonly resamples?: number;
  /** Plain percentiles, or bias-corrected and accelerated ones (Efron 1987); `percentile` unless told. */
  readonly method?: "percentile" | "bca";
}

/**
 * The mean of values with a bootstrap confidence interval over subjects.
 *
 * Cases of one person are alike, so whole subjects are drawn with replacement, each with all of its cases
 * (cluster bootstrap); the mean itself is over cases. `subjects[n]` says whose `values[n]` is. The same `rng`
 * gives the same interval. Throws `bad-data` for no values or one that is not finite, `bad-argument` for
 * options out of range. Ten subjects or fewer make any bootstrap interval too narrow.
 */
export function bootstrapMean(
  values: readonly number[],
  subjects: readonly string[],
  rng: Rng,
  { level = 0.95, resamples = 2000, method = "percentile" }: BootstrapOptions = {},
): MeanInterval {
  checkValues(values, subjects);
  if (!(level > 0 && level < 1) || !(Number.isInteger(resamples) && resamples >= 100))
    fail("bad-argument", {
      what: "the options of the bootstrap are out of range",
      expected: "a level between 0 and 1 and at least 100 resamples",
      found: `level ${level}, ${resamples} resamples`,
    });
  const centre = mean([...values]);
  const clusters = clusterSums(values, subjects);
  const count = values.length;
  const n = clusters.sums.length;
  if (n < 2) return { mean: centre, low: null, high: null, count, subjects: n };
  const replicates = resample(clusters, rng, resamples);
  const tails = [(1 - level) / 2, (1 + level) / 2];
  const [low, high] = method === "bca" ? correctedTails(replicates, centre, clusters, tails) : tails;
  return {
    mean: centre,
    low: quantileSorted(replicates, low!),
    high: quantileSorted(replicates, high!),
    count,
    subjects: n,
  };
}

/** Mean, spread and quartiles of a sample; `sd` is `null` for a single value. */
export interface Spread {
  readonly mean: number;
  readonly sd: number | null;
  readonly median: number;
  readonly lowerQuartile: number;
  readonly upperQuartile: number;
}

/** Describe a sample: mean, standard deviation (n - 1), median, quartiles. Throws `bad-data` when empty. */
export function spreadOf(values: readonly number[]): Spread {
  checkValues(values, values.map(String));
  const sample = [...values];
  return {
    mean: mean(sample),
    sd: sample.length > 1 ? sampleStandardDeviation(sample) : null,
    median: median(sample),
    lowerQuartile: quantile(sample, 0.25),
    upperQuartile: quantile(sample, 0.75),
  };
}

interface Clusters {
  readonly sums: Float64Array;
  readonly counts: Float64Array;
}

function clusterSums(values: readonly number[], subjects: readonly string[]): Clusters {
  const places = new Map<string, number>();
  for (const subject of subjects) if (!places.has(subject)) places.set(subject, places.size);
  const sums = new Float64Array(places.size);
  const counts = new Float64Array(places.size);
  values.forEach((value, n) => {
    const place = places.get(subjects[n]!)!;
    sums[place]! += value;
    counts[place]!++;
  });
  return { sums, counts };
}

/** Means of resamples, ascending. */
function resample({ sums, counts }: Clusters, rng: Rng, resamples: number): number[] {
  const means = new Float64Array(resamples);
  for (let r = 0; r < resamples; r++) {
    let total = 0;
    let cases = 0;
    for (let draw = 0; draw < sums.length; draw++) {
      const place = rng.integer(sums.length);
      total += sums[place]!;
      cases += counts[place]!;
    }
    means[r] = total / cases;
  }
  return Array.from(means.sort());
}

/** Efron's correction of the two tail probabilities: bias from the replicates, acceleration from the jackknife. */
function correctedTails(
  replicates: readonly number[],
  centre: number,
  { sums, counts }: Clusters,
  tails: readonly number[],
): number[] {
  let below = 0;
  for (const replicate of replicates) below += replicate < centre ? 1 : replicate === centre ? 0.5 : 0;
  const share = Math.min(Math.max(below / replicates.length, 1e-4), 1 - 1e-4);
  const bias = probit(share);
  const total = sum([...sums]);
  const cases = sum([...counts]);
  const without = Array.from(sums, (one, n) => (total - one) / (cases - counts[n]!));
  const middle = mean(without);
  const squares = sum(without.map((value) => (middle - value) ** 2));
  if (squares === 0) return [...tails];
  const acceleration = sum(without.map((value) => (middle - value) ** 3)) / (6 * squares ** 1.5);
  return tails.map((tail) => {
    const z = bias + probit(tail);
    return normalDistribution(bias + z / (1 - acceleration * z));
  });
}

/** Standard normal distribution function. */
const normalDistribution = (z: number): number => (1 + errorFunction(z / Math.SQRT2)) / 2;

function checkValues(values: readonly number[], subjects: readonly string[]): void {
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (values.length === 0 || bad >= 0 || subjects.length !== values.length)
    fail("bad-data", {
      what: "the values cannot be summarised",
      expected: "at least one value, all finite, each with its subject",
      found:
        bad >= 0
          ? `${values[bad]} for ${subjects[bad] ?? "no subject"}`
          : `${values.length} values and ${subjects.length} subjects`,
      fix: "Leave out cases whose score is not defined, and say how many they are",
    });
}
