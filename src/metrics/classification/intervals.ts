import { quantileSorted } from "simple-statistics";
import { fail } from "../../core/errors.js";
import type { Rng } from "../../core/rng.js";
import type { BootstrapOptions } from "../interval.js";
import { type Judgement, requireBoth } from "./scores.js";

/** A figure with its confidence interval. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Figures of a classifier with percentile bootstrap intervals over subjects. Whole subjects are drawn with replacement,
 * each with all its cases, among the positive and the negative ones apart, so that every resample has both (a subject
 * whose cases differ counts as what its first case is). `figures` is any function of the cases; the same `rng` gives the
 * same intervals. Throws as `scoreClassification` does, `bad-argument` for options out of range.
 */
export function bootstrapFigures<K extends string>(
  cases: readonly Judgement[],
  figures: (cases: readonly Judgement[]) => Readonly<Record<K, number>>,
  rng: Rng,
  { level = 0.95, resamples = 2000 }: Omit<BootstrapOptions, "method"> = {},
): Record<K, Interval> {
  requireBoth(cases);
  if (!(level > 0 && level < 1) || !(Number.isInteger(resamples) && resamples >= 100))
    fail("bad-argument", {
      what: "the options of the bootstrap are out of range",
      expected: "a level between 0 and 1 and at least 100 resamples",
      found: `level ${level}, ${resamples} resamples`,
    });
  const groups = new Map<string, Judgement[]>();
  for (const one of cases) groups.set(one.subject, [...(groups.get(one.subject) ?? []), one]);
  const subjects = [...groups.values()];
  const strata = [true, false].map((positive) => subjects.filter(([first]) => first!.positive === positive));
  const found = figures(cases);
  const names = Object.keys(found) as K[];
  const replicates = new Map(names.map((name) => [name, new Float64Array(resamples)]));
  for (let r = 0; r < resamples; r++) {
    const drawn: Judgement[] = [];
    for (const stratum of strata)
      for (let n = 0; n < stratum.length; n++) drawn.push(...stratum[rng.integer(stratum.length)]!);
    const one = figures(drawn);
    for (const name of names) replicates.get(name)![r] = one[name];
  }
  const interval = (name: K): Interval => {
    const sorted = Array.from(replicates.get(name)!.sort());
    return {
      value: found[name],
      low: quantileSorted(sorted, (1 - level) / 2),
      high: quantileSorted(sorted, (1 + level) / 2),
    };
  };
  return Object.fromEntries(names.map((name) => [name, interval(name)])) as Record<K, Interval>;
}
