import { join } from "node:path";
import { fail } from "../../../core/errors.js";
import { loadLabelFrom, toClasses } from "../../../io/case.js";
import type { DataSet } from "../../../io/dataset.js";
import { baseName, folderOf } from "../../../io/files.js";
import { nodeFiles, openDataSet, readVolume, writeText } from "../../../io/node.js";
import type { CaseScore } from "../../../metrics/summary.js";
import { toCanonical } from "../../../volume/orient.js";
import { refuseLearntFiles } from "../../looks.node.js";
import { paths } from "../../run-folder.node.js";
import type { EvaluateRequest, EvaluateSummary } from "../../verbs.js";
import {
  commonFolds,
  heldOutCases,
  isOwnData,
  openCompared,
  readExperiment,
  readSplits,
} from "./compared.node.js";
import { scoresOfVariant, type Variant } from "./cross-validation.node.js";
import { crossValidationSummary, refuseFinal, requireSameTask, summaryOf } from "./evaluations.js";
import type { Experiment } from "./experiment.js";
import { exists } from "./folders.node.js";
import { experimentPaths, foldPaths } from "./layout.js";
import { predictNnunet } from "./predict.node.js";
import { stageOf } from "./predictor.js";
import { dataSetOptions } from "./run.js";
import { scoreCase } from "./score.js";
import { findPredictor, readBest } from "./source.js";

/**
 * Judge an experiment, or all folds of one of its configurations. Without a data set: by cross-validation, each case by
 * what networks said that never saw it, with the ensemble and the post-processing of `best.json`; nothing is predicted
 * anew. With another data set: its labelled cases are predicted, into `predictions/<name>` where they are kept, and judged.
 */
export async function evaluateExperiment(request: EvaluateRequest): Promise<EvaluateSummary> {
  const { dataDir, runDir } = request;
  refuseFinal(request);
  const experiment = await experimentOf(runDir);
  if (dataDir === undefined && experiment === undefined)
    fail("bad-argument", {
      what: "an exported predictor has no held-out cases of its own",
      where: runDir,
      fix: "Give a data set with --data, or the experiment's folder",
    });
  if (dataDir === undefined) return crossValidated(request);
  const dataset = await openDataSet(
    dataDir,
    experiment === undefined ? {} : dataSetOptions(experiment.record),
  );
  // On the data that it was trained on, however they are called: by cross-validation, never by networks that know them.
  if (experiment !== undefined && (await isOwnData(experiment.record, dataset)))
    return crossValidated(request, dataset);
  return onOtherData(request, dataset, dataDir, experiment?.dir);
}

/** The experiment that a folder is or lies in; undefined for an export. */
async function experimentOf(
  path: string,
): Promise<{ readonly dir: string; readonly record: Experiment } | undefined> {
  const whole = path.replace(/(?<=.)[\\/]+$/, "");
  for (const dir of [whole, folderOf(whole), folderOf(folderOf(whole))])
    if (await exists(experimentPaths.record(dir))) return { dir, record: await readExperiment(dir) };
  return undefined;
}

/** Which data set, and how many of its cases are called as some that were trained on. */
async function wordsOf({ name, cases }: DataSet, dir: string | undefined): Promise<string> {
  if (dir === undefined) return `all labelled cases of ${name}, by an exported predictor`;
  const { folds } = await readSplits(dir);
  const known = new Set(folds.flatMap(({ validation }) => validation));
  const shared = cases.filter(({ id }) => known.has(id)).length;
  const names = shared === 0 ? "no name" : shared === 1 ? "1 name" : `${shared} names`;
  return `all labelled cases of ${name}, another data set than that of the experiment (${names} in common)`;
}

async function crossValidated(
  { runDir, mirror = true, device = "cpu", signal, onProgress, threads }: EvaluateRequest,
  moved?: DataSet,
): Promise<EvaluateSummary> {
  if (!mirror)
    fail("bad-argument", {
      what: "--no-mirror means nothing to cross-validation, which judges what training predicted of held-out cases",
      where: runDir,
      fix: "Leave it out, or judge one fold",
    });
  if (device !== "cpu")
    fail("bad-argument", {
      what: "--device means nothing to cross-validation, which judges what training predicted of held-out cases",
      where: runDir,
      fix: "Leave it out, or judge one fold",
    });
  const { dir, variant, sentence } = await chosen(runDir);
  const experiment = await openCompared(dir, variant.ensemble, moved);
  const { folds, notes } = commonFolds(experiment);
  const cases = heldOutCases(experiment, folds);
  const scores = await scoresOfVariant(experiment, cases, variant, {
    ...(threads === undefined ? {} : { workers: threads }),
    ...(signal === undefined ? {} : { signal }),
    onProgress: (done, total, name) => onProgress?.(done, total, name),
  });
  const evaluation = crossValidationSummary(
    runDir,
    experiment,
    variant,
    { folds, cases, notes: [...(sentence === undefined ? [] : [sentence]), ...notes] },
    scores,
  );
  await writeText(foldPaths.evaluation(runDir), `${JSON.stringify(evaluation, null, 2)}\n`);
  return evaluation;
}

/** What is judged: the choice of `gyrus find-best`, or the only configuration that there is. */
async function chosen(
  path: string,
): Promise<{ readonly dir: string; readonly variant: Variant; readonly sentence?: string }> {
  const { plan } = await findPredictor(nodeFiles, path);
  const whole = await exists(experimentPaths.record(path));
  const variant: Variant = { ensemble: plan.ensemble, steps: plan.postprocessing };
  if (!whole) return { dir: folderOf(path.replace(/(?<=.)[\\/]+$/, "")), variant };
  const best = await readBest(nodeFiles, path);
  return { dir: path, variant, ...(best === undefined ? {} : { sentence: best.sentence }) };
}

async function onOtherData(
  request: EvaluateRequest,
  dataset: DataSet,
  dataDir: string,
  experimentDir: string | undefined,
): Promise<EvaluateSummary> {
  const { runDir, mirror, threads, device, signal, onProgress } = request;
  const { plan } = await findPredictor(nodeFiles, runDir);
  const { model } = stageOf(plan.stages, plan.ensemble[0]!);
  requireSameTask(plan.channels, model.plan.dataset.labelValues, dataset);
  const cases = dataset.cases.filter(({ label }) => label !== undefined);
  if (cases.length === 0)
    fail("bad-data", {
      what: "the data set has no labels to judge by",
      where: dataDir,
      fix: "Add label files, or use gyrus predict, which needs none",
    });
  if (experimentDir !== undefined) {
    const { images = {} } = await readSplits(experimentDir);
    await refuseLearntFiles(
      images,
      cases.flatMap((one) => one.images),
      runDir,
    );
  }
  const outDir = join(paths.predictions(runDir), baseName(dataDir));
  const made = await predictNnunet({
    model: runDir,
    scans: [],
    scanFiles: cases.map(({ id, images }) => ({ name: id, paths: images })),
    outDir,
    ...(mirror === undefined ? {} : { mirror }),
    ...(threads === undefined ? {} : { threads }),
    ...(device === undefined ? {} : { device }),
    ...(signal === undefined ? {} : { signal }),
    onProgress: (done, total, name) => onProgress?.(done, total, name),
  });
  if (made.files.length < cases.length)
    fail("runtime", {
      what: "the evaluation was interrupted",
      where: runDir,
      found: `${made.files.length} of ${cases.length} cases predicted`,
      fix: "Run it again: predictions that are there are kept",
    });
  const scores: CaseScore[] = [];
  for (const [at, one] of cases.entries()) {
    const { prediction } = made.files[at]!;
    const stored = toCanonical((await readVolume(prediction)).volume).volume;
    const found = toClasses(stored, model.plan.dataset.labelValues, prediction);
    const truth = await loadLabelFrom(nodeFiles, one.label!, found, dataset.labelValues, one.images[0]!);
    scores.push(scoreCase({ case: one.id, subject: one.subject }, truth, found, model.plan.dataset));
  }
  const evaluation = summaryOf(
    runDir,
    dataset,
    model.plan.dataset,
    await wordsOf(dataset, experimentDir),
    [`Predictions: ${outDir}.`],
    scores,
  );
  await writeText(foldPaths.evaluation(outDir), `${JSON.stringify(evaluation, null, 2)}\n`);
  return evaluation;
}
