import { type CaseScore, scoreSegmentation } from "../../metrics/summary.js";
import type { Best } from "../../tasks/segmentation/nnunet/best.js";
import type { ConfigurationName } from "../../tasks/segmentation/nnunet/plan.js";
import { toleranceMm } from "../../tasks/segmentation/nnunet/score.js";
import type { LabelVolume } from "../../volume/volume.js";
import type { Kind } from "./plan.js";
import type { Planned } from "./planned.js";

/** Of one label map: means over the labels that are there, and every label by itself. */
export interface Scores {
  readonly dice: number;
  readonly nsd: number;
  readonly labels: Readonly<Record<string, number | null>>;
}

/** A case of the test set with every way of making its label map, by `variantOf`. */
export interface TestedCase {
  readonly id: string;
  readonly scores: Readonly<Record<string, Scores>>;
}

/** A picture in the study's results. */
export interface Shown {
  readonly caption: string;
  readonly png: string;
  readonly width: number;
  readonly height: number;
}

export interface Tested {
  readonly kind: Kind;
  readonly cases: readonly TestedCase[];
  readonly pictures: readonly Shown[];
}

/** What `find-best` said of a kind, as far as the study needs it. */
export type Choice = Pick<
  Best,
  "sentence" | "ensemble" | "postprocessing" | "candidates" | "decisions" | "crossValidation"
>;

/** A set of real scans: what cross-validation gave. */
export interface RealResult {
  readonly set: string;
  readonly steps: number;
  readonly because: Planned["because"];
  readonly labels: readonly string[];
  readonly cases: readonly Pick<CaseScore, "case" | "scores">[];
  readonly pictures: readonly Shown[];
}

/** Everything that the conclusion is drawn from. */
export interface Evidence {
  readonly plans: readonly Planned[];
  readonly choices: Readonly<Record<Kind, Choice>>;
  readonly tests: Readonly<Record<Kind, Tested>>;
  readonly real: readonly RealResult[];
}

/** The name of a way to make a label map: configurations whose means are averaged, perhaps of one fold alone. */
export function variantOf(ensemble: readonly ConfigurationName[], fold?: number): string {
  return `${ensemble.join(" + ")}${fold === undefined ? "" : `, fold ${fold}`}`;
}

/** The name of what was chosen, with its post-processing. */
export const chosenVariant = "chosen";

/** Scores of a label map; a structure that is in neither map has none and is left out of the means. */
export function scoresOf(
  id: string,
  truth: LabelVolume,
  found: LabelVolume,
  labels: readonly string[],
): Scores {
  const table = Object.fromEntries(labels.map((name, at) => [name, at + 1]));
  const { scores } = scoreSegmentation({ case: id, subject: id }, truth, found, table, { toleranceMm });
  const mean = (key: "dice" | "nsd"): number => {
    const values = labels.flatMap((label) => scores[label]?.[key] ?? []);
    return values.length === 0 ? 0 : values.reduce((a, b) => a + b, 0) / values.length;
  };
  return {
    dice: mean("dice"),
    nsd: mean("nsd"),
    labels: Object.fromEntries(labels.map((label) => [label, scores[label]?.dice ?? null])),
  };
}

/** Values of a score over the cases of a test, in their order. */
export function valuesOf(tested: Tested, variant: string, measure: "dice" | "nsd"): number[] {
  return tested.cases.map(({ scores }) => scores[variant]![measure]);
}

/** The configurations of a choice by cross-validation: the best of those that stand alone, and of the pairs. */
export function leaders({ candidates }: Choice): {
  readonly single: readonly ConfigurationName[];
  readonly pair: readonly ConfigurationName[];
} {
  const first = (count: number): readonly ConfigurationName[] =>
    candidates.find(({ ensemble }) => ensemble.length === count)!.ensemble;
  return { single: first(1), pair: first(2) };
}
