import type { MetricColumn } from "../../../report/data.js";
import type { LabelVolume } from "../../../volume/volume.js";
import type { Plan } from "./plan.js";
import { toleranceMm } from "./score.js";

type Dataset = Pick<Plan["dataset"], "classes" | "regions" | "ignoredClass">;

/** What is reported of every case and target. */
export const scoreColumns: readonly MetricColumn[] = [
  { key: "dice", name: "Dice", better: "higher" },
  { key: "nsd", name: "NSD", better: "higher" },
  { key: "hd95Mm", name: "HD95", unit: "mm", better: "lower" },
];

/** How the numbers are meant, for under a table. */
export const scoreNotes: readonly string[] = [
  `NSD: share of the surface within ${toleranceMm} mm of the other.`,
  "A structure that is in neither map has no Dice: the case is left out of its mean, rather than counted as 1. One that was missed, or found where there is none, counts 0 and has no HD95.",
];

/** What is judged: a label is one class, a region several. */
export interface Target {
  readonly name: string;
  readonly classes: readonly number[];
}

/** The labels of a data set, or its regions where those are what was asked for. */
export function targetsOf({ classes, regions }: Dataset): Target[] {
  if (regions !== null) return regions.map(({ name, classes: parts }) => ({ name, classes: parts }));
  return classes.slice(1).map((name, at) => ({ name, classes: [at + 1] }));
}

/** Dice of every target alone: quick enough for every configuration, pair and step of post-processing. */
export function diceOfCase(truth: LabelVolume, prediction: LabelVolume, dataset: Dataset): (number | null)[] {
  const targets = targetsOf(dataset);
  const inTargets = targets.map(({ classes }) => {
    const wanted = new Uint8Array(65536);
    for (const one of classes) wanted[one] = 1;
    return wanted;
  });
  return inTargets.map((wanted) => {
    let [both, either] = [0, 0];
    for (let at = 0; at < truth.data.length; at++) {
      if (truth.data[at] === dataset.ignoredClass) continue;
      const t = wanted[truth.data[at]!]!;
      const p = wanted[prediction.data[at]!]!;
      either += t + p;
      both += t & p;
    }
    return either === 0 ? null : (2 * both) / either;
  });
}

/** The mean of every target over the cases in which it is defined; null where there is none. */
export function targetMeans(cases: readonly (readonly (number | null)[])[]): (number | null)[] {
  return (cases[0] ?? []).map((_, target) => {
    const defined = cases.map((one) => one[target]!).filter((value) => value !== null);
    return defined.length === 0 ? null : defined.reduce((a, b) => a + b, 0) / defined.length;
  });
}

/** The mean over targets of their means, those that are defined; what configurations are ranked by. */
export function foregroundMean(means: readonly (number | null)[]): number | null {
  const defined = means.filter((value) => value !== null);
  return defined.length === 0 ? null : defined.reduce((a, b) => a + b, 0) / defined.length;
}
