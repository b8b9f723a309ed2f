import { readFile } from "node:fs/promises";
import { fail, GyrusError } from "../../../core/errors.js";
import { writeText } from "../../../io/node.js";
import type { CaseScore } from "../../../metrics/summary.js";
import { requireExtension } from "../../extend.node.js";
import { peakBytes } from "../../memory.node.js";
import { loadCheckpoint, paths, readRunAs, requireNoRun } from "../../run-folder.node.js";
import { noteTo, presetOf } from "../../start.node.js";
import { trainRun } from "../../train.node.js";
import type { EvaluateSummary, FoldSummary, TrainRequest, TrainSummary } from "../../verbs.js";
import { configurationName, type NnunetPreset, withChanges } from "./config.js";
import { type OpenExperiment, openExperiment } from "./experiment.node.js";
import type { WorkOptions } from "./facts.node.js";
import { openFold, requireFold } from "./fold.node.js";
import { type FoldRequest, isExtended, requireSameFold } from "./fold-record.node.js";
import { exists } from "./folders.node.js";
import { allPredicted, evaluateHeldOut, evaluationOf, predictHeldOut } from "./held-out.node.js";
import { experimentPaths, foldPaths } from "./layout.js";
import type { ConfigurationName } from "./plan.js";
import { prepareDataSet } from "./prepare.node.js";
import { type Run, runSchema } from "./run.js";

/** A system that plans and trains as nnU-Net does: its name and its presets. */
export interface NnunetSystem {
  readonly name: string;
  readonly presets: Readonly<Record<string, NnunetPreset>>;
}

/**
 * Train a fold, or all folds one after the other, of a configuration in an experiment folder, which is made when it is
 * not there: measured, planned, dealt into folds, prepared. With `resume`, folds that are done are left alone and the
 * one that was interrupted goes on. See `TrainRequest`; minutes are for everything that is asked for, prediction of
 * the held-out cases included.
 */
export async function trainNnunet(system: NnunetSystem, request: TrainRequest): Promise<TrainSummary> {
  if (request.split !== undefined)
    fail("unsupported", {
      what: "an experiment of nnU-Net makes its own folds",
      where: request.split,
      fix: "Leave --split out; keep subjects for the test in another data set",
    });
  if (request.leakageStudy)
    fail("unsupported", {
      what: "an experiment of nnU-Net makes its own folds by subject, so none of it is a leakage study",
      fix: "Leave --leakage-study out, or train segment-unet with --split",
    });
  requireExtension(request);
  try {
    return await trainExperiment(system, request);
  } catch (error) {
    // Asked to stop while cases were measured or prepared: what is done is kept.
    if (!request.signal?.aborted || error instanceof GyrusError) throw error;
    return nothingTrained(request.runDir);
  }
}

async function trainExperiment(system: NnunetSystem, request: TrainRequest): Promise<TrainSummary> {
  const began = performance.now();
  const { preset, config: settings } = presetOf(system, request, withChanges);
  const work = (what: string): WorkOptions => ({
    ...(request.threads === undefined ? {} : { workers: request.threads }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
    onProgress: (done, total, name) =>
      request.onProgress?.({ ...nothing, piece: { what, done, total, name } }),
  });
  const experiment = await openExperiment(system.name, request, settings, work("measuring case"));
  for (const text of experiment.record.notes) noteTo(request, text);
  const configuration = configurationName(experiment.plan, settings);
  const minutesAsked = request.minutes === undefined ? {} : { minutesAsked: request.minutes };
  const asked: Asked = {
    ...request,
    ...minutesAsked,
    system: system.name,
    preset,
    settings,
    configuration,
  };
  if (request.allFolds) await requireOwnFolds(experiment, asked);
  else requireFold(experiment, request.fold ?? 0);
  const prepared = experimentPaths.prepared(experiment.dir);
  await prepareDataSet(
    experiment.dataset,
    experiment.plan,
    configuration,
    prepared,
    work(`${configuration}: preparing case`),
  );
  return request.allFolds
    ? trainFolds(experiment, asked, began)
    : (await trainFold(experiment, { ...asked, fold: request.fold ?? 0 }, began)).summary;
}

function nothingTrained(run: string): TrainSummary {
  return {
    run,
    steps: 0,
    seconds: 0,
    stopped: "asked",
    bestScore: null,
    bestStep: 0,
    scores: {},
    warnings: [],
    memory: { estimateBytes: 0, peakBytes: peakBytes() },
  };
}

type Asked = Omit<FoldRequest, "fold">;

const nothing = { step: 0, totalSteps: 0, epoch: 0, secondsLeft: 0 } as const;

interface TrainedFold {
  readonly summary: TrainSummary;
  /** Absent where the training was interrupted. */
  readonly evaluation?: EvaluateSummary;
}

/** Train one fold to its end, predict and judge its held-out cases. */
async function trainFold(
  experiment: OpenExperiment,
  request: FoldRequest,
  began: number,
): Promise<TrainedFold> {
  const fold = await openFold(experiment, request);
  try {
    const training = trainRun(fold.trainable, { ...request, runDir: fold.dir }, began);
    // The cases that are kept for batches make room for predictions.
    const summary = await training.finally(() => fold.close());
    if (summary.stopped === "asked") return { summary };
    const { run } = fold.trainable;
    const piece = (what: string) => ({
      signal: request.signal,
      onProgress: (done: number, total: number, name: string) =>
        request.onProgress?.({ ...nothing, piece: { what, done, total, name } }),
    });
    await predictHeldOut(fold.dir, run, fold.heldOut, piece("predicting held-out case"));
    const evaluation = await evaluateHeldOut(
      fold.dir,
      run,
      experiment.dataset,
      piece("judging held-out case"),
    );
    await crossValidate(experiment, request.configuration);
    // The last weights are the model, so it is they that the summary speaks of.
    const judged = { bestScore: evaluation.overall?.mean ?? null, bestStep: summary.steps };
    return { summary: { ...summary, ...judged, scores: scoresOf(evaluation) }, evaluation };
  } catch (error) {
    // Asked to stop while predicting: what is there is kept, and --resume goes on with the rest.
    if (!request.signal?.aborted || error instanceof GyrusError) throw error;
    return { summary: { ...(await summaryOf(fold.dir)), stopped: "asked" } };
  }
}

/** What a fold gets where those before it have used all the minutes up: a few steps, rather than a time that is past. */
const leastMinutes = 0.01;

/** All folds in turn; minutes that are left are divided evenly among those that are still to come. */
async function trainFolds(experiment: OpenExperiment, request: Asked, began: number): Promise<TrainSummary> {
  const { minutes, configuration } = request;
  const count = experiment.record.folds;
  const folds: FoldSummary[] = [];
  let used = minutesSince(began);
  let last: TrainSummary | undefined;
  for (let fold = 0; fold < count; fold++) {
    const dir = experimentPaths.fold(experiment.dir, configuration, fold);
    const foldBegan = performance.now();
    const share =
      minutes === undefined ? {} : { minutes: Math.max(leastMinutes, (minutes - used) / (count - fold)) };
    const { summary, evaluation } = (await isDone(experiment, request, dir, fold))
      ? await finishedFold(dir)
      : await trainFold(experiment, { ...partOf(request, `fold ${fold}`), ...share, fold }, foldBegan);
    // Of a fold that was begun in another sitting, that sitting counts too.
    used += Math.max(minutesSince(foldBegan), summary.seconds / 60);
    last = summary;
    if (evaluation === undefined) break;
    const { steps, seconds } = summary;
    const one: FoldSummary = { fold, run: dir, steps, seconds, scores: scoresOf(evaluation) };
    folds.push(one);
    noteTo(request, foldLine(one, evaluation.caseCount));
  }
  const all = await crossValidate(experiment, configuration);
  return {
    ...last!,
    run: experimentPaths.configuration(experiment.dir, configuration),
    seconds: folds.reduce((sum, { seconds }) => sum + seconds, 0),
    steps: folds.reduce((sum, { steps }) => sum + steps, 0),
    scores: all === undefined ? last!.scores : scoresOf(all),
    folds,
  };
}

/**
 * Throws before anything is trained where a fold is there that nobody asked to go on with (`exists`), or that was begun
 * with something else (`bad-argument`): its scores are not those of what is asked for.
 */
async function requireOwnFolds(experiment: OpenExperiment, request: Asked): Promise<void> {
  for (let fold = 0; fold < experiment.record.folds; fold++) {
    const dir = experimentPaths.fold(experiment.dir, request.configuration, fold);
    if (!request.resume) await requireNoRun(dir);
    else if (await exists(paths.run(dir))) {
      const old = await readRunAs(dir, runSchema);
      const longer = request.extend === true && isExtended(old, request, dir);
      requireSameFold(old, experiment, { ...request, fold }, longer, dir);
    }
  }
}

/** Whether a fold is trained for as long as is asked for, and what it says of its held-out cases is there and judged. */
async function isDone(
  { splits }: OpenExperiment,
  request: Asked,
  dir: string,
  fold: number,
): Promise<boolean> {
  if (!(await exists(foldPaths.evaluation(dir)))) return false;
  if (request.extend && isExtended(await readRunAs(dir, runSchema), request, dir)) return false;
  return allPredicted(dir, splits.folds[fold]!.validation);
}

/** The same request, whose progress says which part of the work it is of. */
function partOf(request: Asked, part: string): Asked {
  const { onProgress } = request;
  if (onProgress === undefined) return request;
  return { ...request, onProgress: (progress) => onProgress.call(request, { ...progress, part }) };
}

function minutesSince(began: number): number {
  return (performance.now() - began) / 60_000;
}

/** Means over cases, label by label, as a training's summary names them. */
function scoresOf({ summary, overall }: EvaluateSummary): Record<string, number> {
  const scores: Record<string, number> = {};
  for (const { label, metric, mean } of summary) if (metric !== "iou") scores[`${metric} ${label}`] = mean;
  if (overall !== undefined) scores["mean dice"] = overall.mean;
  return scores;
}

/** A fold in one line. */
export function foldLine({ fold, steps, seconds, scores }: FoldSummary, cases: number): string {
  const dice = Object.entries(scores)
    .filter(([name]) => name.includes("dice"))
    .map(([name, score]) => `${name} ${score.toFixed(4)}`);
  return `fold ${fold}: ${steps} steps in ${(seconds / 60).toFixed(1)} min, ${cases} held-out cases, ${dice.join(", ")}`;
}

/** What a fold that was trained before came to. */
async function finishedFold(dir: string): Promise<TrainedFold> {
  const evaluation = JSON.parse(await readFile(foldPaths.evaluation(dir), "utf8")) as EvaluateSummary;
  return { summary: { ...(await summaryOf(dir)), scores: scoresOf(evaluation) }, evaluation };
}

/** A training's summary from its folder. */
async function summaryOf(dir: string): Promise<TrainSummary> {
  const run = await readRunAs(dir, runSchema);
  const { progress } = await loadCheckpoint(paths.last(dir));
  return {
    run: dir,
    steps: progress.step,
    seconds: progress.seconds,
    stopped: "done",
    bestScore: progress.bestScore,
    bestStep: progress.bestStep,
    scores: {},
    warnings: run.warnings,
    memory: { estimateBytes: run.memory.estimateBytes, peakBytes: run.memory.peakBytes ?? 0 },
  };
}

/**
 * Put the scores of all folds together once every one is done: each case judged by the network that never saw it.
 * Written as `cross-validation.json`; undefined as long as a fold is missing.
 */
async function crossValidate(
  { dir, record, dataset }: OpenExperiment,
  configuration: ConfigurationName,
): Promise<EvaluateSummary | undefined> {
  const scores: CaseScore[] = [];
  let run: Run | undefined;
  for (let fold = 0; fold < record.folds; fold++) {
    const folder = experimentPaths.fold(dir, configuration, fold);
    if (!(await exists(foldPaths.evaluation(folder)))) return undefined;
    scores.push(...((await finishedFold(folder)).evaluation!.cases as readonly CaseScore[]));
    run = await readRunAs(folder, runSchema);
  }
  const set = `cross-validation over ${record.folds} folds, every case by the network that was not trained on it`;
  const whole = evaluationOf(experimentPaths.configuration(dir, configuration), run!, dataset, scores, set);
  await writeText(
    experimentPaths.crossValidation(dir, configuration),
    `${JSON.stringify({ ...whole, notes: [...(whole.notes ?? []), ...record.notes] }, null, 2)}\n`,
  );
  return whole;
}
