import { join } from "node:path";
import { writeText } from "../../../io/node.js";
import type { EvaluateSummary } from "../../verbs.js";
import { type Best, bestFile } from "./best.js";
import {
  candidateEnsembles,
  candidateOf,
  choiceWords,
  type DiceTable,
  judgeStep,
  rankCandidates,
} from "./candidates.js";
import { commonFolds, heldOutCases, openCompared, openMoved, readExperiment } from "./compared.node.js";
import { diceOfVariants, scoresOfVariant } from "./cross-validation.node.js";
import { crossValidationSummary } from "./evaluations.js";
import type { WorkOptions } from "./facts.node.js";
import { foldPaths } from "./layout.js";
import type { ConfigurationName, Plan } from "./plan.js";
import type { Postprocessing } from "./postprocess.js";
import { type Target, targetsOf } from "./scores.js";

export interface FindBestRequest {
  /** The experiment's folder. */
  readonly dir: string;
  /** Where the data set lies now. Default: where it lay when the experiment was made. */
  readonly dataDir?: string;
  /** Compare these only. Default: every configuration with a fold that is done. */
  readonly configurations?: readonly ConfigurationName[];
  /** Threads; default one for every processor. */
  readonly workers?: number;
  readonly signal?: AbortSignal;
  onProgress?(done: number, total: number, name: string): void;
}

export interface FindBestSummary {
  readonly best: Best;
  readonly evaluation: EvaluateSummary;
  /** The file that was written. */
  readonly path: string;
}

/**
 * Choose by cross-validation: every configuration and every two of them (their mean probabilities) by the mean over labels
 * of mean Dice, on the held-out cases of the folds that all have; then whether keeping the largest piece of all foreground
 * helps, then of each label. A step stays where what it is about rises and no label falls, so it never harms what it was
 * decided on. Writes `best.json`, which predictions then follow, and `evaluation.json` with the chosen one's scores.
 *
 * Throws `not-found` where no fold is done or the data set is not where it was, `bad-argument` for another one and where the configurations have no fold in common.
 */
export async function findBest(request: FindBestRequest): Promise<FindBestSummary> {
  const { dir, workers, signal } = request;
  const { dataDir } = request;
  const moved = dataDir === undefined ? undefined : await openMoved(await readExperiment(dir), dataDir);
  const experiment = await openCompared(dir, request.configurations, moved);
  const { folds, notes } = commonFolds(experiment);
  const cases = heldOutCases(experiment, folds);
  const work = (what: string): WorkOptions => ({
    ...(workers === undefined ? {} : { workers }),
    ...(signal === undefined ? {} : { signal }),
    onProgress: (done, total, name) => request.onProgress?.(done, total, `${what} ${name}`),
  });
  const names = [...experiment.done.keys()];
  const { dataset } = experiment.plans[names[0]!]!;
  const targets = targetsOf(dataset);
  const ensembles = candidateEnsembles(names);
  const tables = await diceOfVariants(
    experiment,
    cases,
    ensembles.map((ensemble) => ({ ensemble, steps: [] })),
    work("comparing"),
  );
  const candidates = rankCandidates(ensembles, tables, targets);
  const { ensemble } = candidates[0]!;
  const dice: DiceOf = (variants) =>
    diceOfVariants(
      experiment,
      cases,
      variants.map((steps) => ({ ensemble, steps })),
      work("post-processing"),
    );
  const { steps, decisions, table } = await decideSteps(dice, dataset, targets);
  const { meanForegroundDice, labels } = candidateOf(ensemble, table, targets);
  const best: Best = {
    format: "gyrus nnunet best",
    version: 1,
    sentence: choiceWords(candidates, folds, cases.length, dataset.classes, steps, meanForegroundDice),
    ensemble,
    postprocessing: steps,
    crossValidation: { meanForegroundDice, labels },
    folds: [...folds],
    cases: cases.length,
    candidates,
    decisions,
    notes,
  };
  const scores = await scoresOfVariant(experiment, cases, { ensemble, steps }, work("judging"));
  const evaluation = crossValidationSummary(
    dir,
    experiment,
    { ensemble, steps },
    { folds, cases, notes: [best.sentence, ...notes] },
    scores,
  );
  await writeText(foldPaths.evaluation(dir), `${JSON.stringify(evaluation, null, 2)}\n`);
  const path = join(dir, bestFile);
  await writeText(path, `${JSON.stringify(best, null, 2)}\n`);
  return { best, evaluation, path };
}

/** Dice of the chosen ensemble with each of these lists of steps. */
type DiceOf = (variants: readonly Postprocessing[]) => Promise<readonly DiceTable[]>;

/** All foreground as one first; then target by target. */
async function decideSteps(
  dice: DiceOf,
  dataset: Plan["dataset"],
  targets: readonly Target[],
): Promise<{ steps: Postprocessing; decisions: Best["decisions"]; table: DiceTable }> {
  const foreground = { keepLargest: dataset.classes.slice(1).map((_, at) => at + 1) };
  const [plain, whole] = await dice([[], [foreground]]);
  const first = judgeStep(plain!, whole!, targets);
  const decisions: Best["decisions"] = [{ ...foreground, name: "all foreground", ...first }];
  const base = first.kept ? [foreground] : [];
  let [steps, table]: [Postprocessing, DiceTable] = [base, first.kept ? whole! : plain!];
  // With a single target the step would be the same.
  if (targets.length < 2) return { steps, decisions, table };
  const tried = targets.map(({ classes }) => ({ keepLargest: [...classes] }));
  // Labels do not touch each other's voxels, so one pass over the cases tells of all steps; regions do.
  const apart = dataset.regions === null ? await dice(tried.map((step) => [...base, step])) : undefined;
  for (const [at, step] of tried.entries()) {
    const after = apart?.[at] ?? (await dice([[...steps, step]]))[0]!;
    const verdict = judgeStep(table, after, targets, at);
    decisions.push({ ...step, name: targets[at]!.name, ...verdict });
    if (!verdict.kept) continue;
    steps = [...steps, step];
    if (apart === undefined) table = after;
  }
  if (apart !== undefined && steps.length > base.length) table = (await dice([steps]))[0]!;
  return { steps, decisions, table };
}
