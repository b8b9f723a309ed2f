import { fail } from "../../../core/errors.js";
import { rng } from "../../../core/rng.js";
import type { Case, DataSet } from "../../../io/dataset.js";
import { type CaseScore, summarise } from "../../../metrics/summary.js";
import { summaryParts } from "../../evaluation.js";
import type { EvaluateRequest, EvaluateSummary } from "../../verbs.js";
import type { ConfigurationName, Plan } from "./plan.js";
import type { Postprocessing } from "./postprocess.js";
import { nameClasses } from "./predictor-words.js";
import { targetNames } from "./score.js";
import { scoreColumns, scoreNotes } from "./scores.js";

/** What was compared: which folds' held-out cases, in which order. */
export interface Judged {
  readonly folds: readonly number[];
  readonly cases: readonly { readonly one: Case; readonly fold: number }[];
  readonly notes: readonly string[];
}

/** Scores of cross-validation as evaluations say them, with a line for every fold. */
export function crossValidationSummary(
  run: string,
  {
    dataset,
    plans,
  }: {
    readonly dataset: Pick<DataSet, "root">;
    readonly plans: Readonly<Partial<Record<ConfigurationName, Plan>>>;
  },
  { ensemble, steps }: { readonly ensemble: readonly ConfigurationName[]; readonly steps: Postprocessing },
  { folds, cases, notes }: Judged,
  scores: readonly CaseScore[],
): EvaluateSummary {
  const plan = plans[ensemble[0]!]!.dataset;
  const cleaned = steps.map(({ keepLargest }) => nameClasses(plan.classes, keepLargest));
  const after = cleaned.length === 0 ? "" : `, the largest piece of ${cleaned.join("; then of ")} kept`;
  const set = `cross-validation of ${ensemble.join(" and ")}${after}: every case by the networks that were not trained on it`;
  const lines = foldLines(folds, cases, scores, targetNames(plan));
  return summaryOf(run, dataset, plan, set, [...notes, ...lines], scores);
}

/** Scores of cases as evaluations say them: means with bootstrap intervals over subjects. */
export function summaryOf(
  run: string,
  { root }: Pick<DataSet, "root">,
  plan: Plan["dataset"],
  set: string,
  notes: readonly string[],
  scores: readonly CaseScore[],
): EvaluateSummary {
  return {
    run,
    dataDir: root,
    set,
    ...summaryParts(summarise(scores, rng(1).split("evaluate")), scoreColumns),
    labels: targetNames(plan),
    metrics: scoreColumns,
    cases: scores,
    interval: "95 % percentile bootstrap over subjects, 2000 resamples",
    notes: [...notes, ...scoreNotes],
  };
}

/** The means of every fold by itself. */
function foldLines(
  folds: readonly number[],
  cases: Judged["cases"],
  scores: readonly CaseScore[],
  targets: readonly string[],
): string[] {
  return folds.map((fold) => {
    const own = scores.filter((_, at) => cases[at]!.fold === fold);
    const parts = targets.map((target) => `${target}: ${meansOf(own, target)}`);
    return `Fold ${fold}, ${own.length} case${own.length === 1 ? "" : "s"}. ${parts.join("; ")}.`;
  });
}

function meansOf(scores: readonly CaseScore[], target: string): string {
  const numbers = scoreColumns.map(({ key, name, unit }) => {
    const values = scores.map((one) => one.scores[target]?.[key] ?? null).filter((value) => value !== null);
    if (values.length === 0) return `${name} –`;
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    return unit === undefined ? `${name} ${mean.toFixed(4)}` : `${name} ${mean.toFixed(2)} ${unit}`;
  });
  return numbers.join(", ");
}

/** Throws `bad-argument` for a look at a sealed test set: experiments make their own folds and have none. */
export function refuseFinal({ final = false, runDir }: Pick<EvaluateRequest, "final" | "runDir">): void {
  if (!final) return;
  fail("bad-argument", {
    what: "an experiment of nnU-Net and its folds have no sealed test set to look at",
    where: runDir,
    fix: "Leave --final out; judge subjects that were kept for the test with --data",
  });
}

/** Another data set must have the channels and the label values that the networks were trained on: throws `bad-data`. */
export function requireSameTask(
  names: readonly string[],
  wanted: readonly number[],
  { root, channels, labelValues }: DataSet,
): void {
  if (labelValues.join() === wanted.join() && channels.length === names.length) return;
  fail("bad-data", {
    what: "the data set does not fit the networks",
    where: root,
    expected: `channels ${names.join(", ")}; label values ${wanted.join(", ")}`,
    found: `channels ${channels.join(", ")}; label values ${labelValues.join(", ")}`,
    fix: "Evaluate on data with the same channels and the same table of labels",
  });
}
