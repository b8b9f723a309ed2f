import { mean, quantileSorted } from "simple-statistics";
import type { Rng } from "../../core/rng.js";
import type { Interval } from "../../metrics/classification/intervals.js";
import { areaUnderCurve } from "../../metrics/classification/scores.js";

/** A subject, and what models said of it: by name, one probability for every fold's model, or for every slice. */
export interface Case {
  readonly subject: string;
  readonly positive: boolean;
  readonly says: Readonly<Record<string, readonly number[]>>;
}

/** Sets of subjects by name. The same subject's words of several models stay together: differences are paired. */
export type CaseSets = Readonly<Record<string, readonly Case[]>>;

/**
 * Numbers about sets of subjects with 95 % percentile bootstrap intervals: in every resample whole subjects are drawn with
 * replacement, within each set and each class. All numbers come from the same resamples.
 */
export function bootstrapSets(
  sets: CaseSets,
  figures: (sets: CaseSets) => Readonly<Record<string, number>>,
  rng: Rng,
  resamples = 1000,
): Readonly<Record<string, Interval>> {
  const strata = Object.entries(sets).map(
    ([name, cases]) =>
      [name, [true, false].map((positive) => cases.filter((one) => one.positive === positive))] as const,
  );
  const found = figures(sets);
  const names = Object.keys(found);
  const drawn = new Map(names.map((name) => [name, new Float64Array(resamples)]));
  for (let r = 0; r < resamples; r++) {
    const one = Object.fromEntries(
      strata.map(([name, parts]) => [
        name,
        parts.flatMap((part) => part.map(() => part[rng.integer(part.length)]!)),
      ]),
    );
    const values = figures(one);
    for (const name of names) drawn.get(name)![r] = values[name]!;
  }
  return Object.fromEntries(
    names.map((name) => {
      const sorted = Array.from(drawn.get(name)!.sort());
      return [
        name,
        { value: found[name]!, low: quantileSorted(sorted, 0.025), high: quantileSorted(sorted, 0.975) },
      ];
    }),
  );
}

/** Mean over the models (one for every fold) of the balanced accuracy of each, as Wen et al. report it. */
export function balancedAccuracy(cases: readonly Case[], name: string): number {
  return overModels(cases, name, (at) => balanced(cases, name, (says) => [says[at]!]));
}

/** Mean over the models of the area under the ROC curve of each. */
export function meanAuc(cases: readonly Case[], name: string): number {
  return overModels(cases, name, (at) =>
    areaUnderCurve(cases.map(({ says, positive }) => ({ probability: says[name]![at]!, positive }))),
  );
}

/** Balanced accuracy of all probabilities together: slices that count one by one, as leaky papers count them. */
export function pooledAccuracy(cases: readonly Case[], name: string): number {
  return balanced(cases, name, (says) => says);
}

/** Balanced accuracy of subjects by the mean of what was said of each: a vote of their slices. */
export function votedAccuracy(cases: readonly Case[], name: string): number {
  return balanced(cases, name, (says) => [mean(says)]);
}

/** Area under the ROC curve of all probabilities together. */
export function pooledAuc(cases: readonly Case[], name: string): number {
  return areaUnderCurve(
    cases.flatMap(({ says, positive }) => says[name]!.map((probability) => ({ probability, positive }))),
  );
}

function overModels(cases: readonly Case[], name: string, of: (model: number) => number): number {
  const count = cases[0]!.says[name]!.length;
  let sum = 0;
  for (let at = 0; at < count; at++) sum += of(at);
  return sum / count;
}

function balanced(
  cases: readonly Case[],
  name: string,
  which: (says: readonly number[]) => readonly number[],
): number {
  const [right, all] = [
    [0, 0],
    [0, 0],
  ];
  for (const { says, positive } of cases) {
    const own = positive ? 1 : 0;
    for (const probability of which(says[name]!)) {
      all[own] = all[own]! + 1;
      if (probability >= 0.5 === positive) right[own] = right[own]! + 1;
    }
  }
  return (right[0]! / all[0]! + right[1]! / all[1]!) / 2;
}
