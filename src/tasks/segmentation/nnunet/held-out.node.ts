import { resolve } from "node:path";
import { fail } from "../../../core/errors.js";
import { rng } from "../../../core/rng.js";
import type { DataSet } from "../../../io/dataset.js";
import { loadCase, nodeFiles, writeText } from "../../../io/node.js";
import { type CaseScore, summarise } from "../../../metrics/summary.js";
import type { MetricColumn } from "../../../report/data.js";
import type { State } from "../../../train/loop.js";
import { crop } from "../../../volume/crop.js";
import { tilePositions } from "../../../volume/patches.js";
import type { ImageVolume, Size3 } from "../../../volume/volume.js";
import { casesOf } from "../../dataset.node.js";
import { summaryParts } from "../../evaluation.js";
import { type Place, placeOf } from "../../run.js";
import { loadCheckpoint, paths } from "../../run-folder.node.js";
import type { EvaluateSummary } from "../../verbs.js";
import type { CaseFile } from "./batches.node.js";
import { stageMaps } from "./ensemble.js";
import { exists, makeFolder } from "./folders.node.js";
import { readHeldOut, writeHeldOut } from "./held-out.js";
import { foldPaths } from "./layout.js";
import type { NnunetModel } from "./model.js";
import { networkOfState } from "./network.node.js";
import { volumeAxes } from "./predicting.js";
import { readPrepared } from "./prepare.node.js";
import { peekPrepared } from "./prepared-file.js";
import type { PreparedCase } from "./preprocess.js";
import { restoreClasses } from "./restore.js";
import type { Run } from "./run.js";
import { scoreCase, targetNames, toleranceMm } from "./score.js";
import { averageOutputs } from "./windows.js";

/** What is measured of every label or region, the headline first. */
export const columns: readonly MetricColumn[] = [
  { key: "dice", name: "Dice", better: "higher" },
  { key: "iou", name: "IoU", better: "higher" },
  { key: "hd95Mm", name: "HD95", unit: "mm", better: "lower" },
  { key: "nsd", name: "NSD", better: "higher" },
];

export interface HeldOutOptions {
  /** Average over mirrored copies. Default true. */
  readonly mirror?: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number, name: string) => void) | undefined;
}

/**
 * Predict the held-out cases of a fold by its last weights, one file a case. Files that are there are kept: weights do
 * not change any more once a fold has been trained to its end.
 */
export async function predictHeldOut(
  dir: string,
  run: Run,
  files: readonly CaseFile[],
  { mirror = true, signal, onProgress }: HeldOutOptions = {},
): Promise<void> {
  const { state } = await loadCheckpoint(paths.last(dir));
  await makeFolder(foldPaths.heldOut(dir));
  const network = await networkOfState(run.model, state, placeOf(run));
  try {
    for (const [at, file] of files.entries()) {
      signal?.throwIfAborted();
      onProgress?.(at, files.length, file.id);
      const path = foldPaths.heldOutCase(dir, file.id);
      if (await exists(path)) continue;
      const prepared = await readPrepared(file.path);
      const image = await inputOf(prepared, file, run.model);
      const probabilities = await averageOutputs([(use) => use(network)], image, {
        overlap: run.model.overlap,
        mirrorAxes: mirror ? volumeAxes(run.model, run.model.mirrorAxes) : [],
        signal,
      });
      await writeHeldOut(nodeFiles, path, { id: file.id, probabilities, geometry: prepared.geometry });
    }
    onProgress?.(files.length, files.length, "");
  } finally {
    await network.executable.dispose();
  }
}

/** Whether what a fold says of all of these cases is there. */
export async function allPredicted(dir: string, ids: readonly string[]): Promise<boolean> {
  for (const id of ids) if (!(await exists(foldPaths.heldOutCase(dir, id)))) return false;
  return true;
}

/** A window is predicted again and again for about so long, to know what one takes. */
const measuringSeconds = 1;

/** Seconds that predicting all of these cases will take, from one window of one of them: with whatever weights. */
export async function secondsToPredict(
  model: NnunetModel,
  state: State,
  files: readonly CaseFile[],
  place: Place,
): Promise<number> {
  const [file] = files;
  if (file === undefined) return 0;
  const network = await networkOfState(model, state, place);
  try {
    const image = await inputOf(await readPrepared(file.path), file, model);
    const size = image.size.map((n, axis) => Math.min(n, network.patch[axis]!)) as unknown as Size3;
    const window = crop(image, { start: [0, 0, 0], size }) as ImageVolume;
    const options = { overlap: model.overlap, mirrorAxes: volumeAxes(model, model.mirrorAxes) };
    const predict = () => averageOutputs([(use) => use(network)], window, options);
    // The first windows of an engine are slower than all others.
    await predict();
    const began = performance.now();
    const seconds = (): number => (performance.now() - began) / 1000;
    let predicted = 0;
    do {
      await predict();
      predicted++;
    } while (seconds() < measuringSeconds);
    return (seconds() / predicted) * (await windowsOf(files, network.patch, model));
  } finally {
    await network.executable.dispose();
  }
}

/** Windows of all these cases, mirrored copies not counted. */
async function windowsOf(
  files: readonly CaseFile[],
  patch: Size3,
  { overlap }: NnunetModel,
): Promise<number> {
  let windows = 0;
  for (const { path } of files) {
    const { resizing } = await peekPrepared(nodeFiles, path);
    windows += tilePositions(resizing.to, patch, overlap).length;
  }
  return windows;
}

/** The prepared image, for a cascade with the labels of the stage before as further channels. */
async function inputOf(
  { image, geometry }: PreparedCase,
  { previous }: CaseFile,
  { plan }: NnunetModel,
): Promise<ImageVolume> {
  if (previous === undefined) return image;
  const coarse = await readHeldOut(nodeFiles, previous);
  const maps = stageMaps({ ...coarse, plan }, geometry);
  const data = new Float32Array(image.data.length + maps.length);
  data.set(image.data);
  data.set(maps, image.data.length);
  return { ...image, data, channels: image.channels + plan.dataset.classes.length - 1 };
}

/** Scores of the held-out cases on the scans' own voxels, from what was predicted; written as `evaluation.json`. */
export async function evaluateHeldOut(
  dir: string,
  run: Run,
  dataset: DataSet,
  { signal, onProgress }: Omit<HeldOutOptions, "mirror"> = {},
): Promise<EvaluateSummary> {
  const { plan } = run.model;
  const cases = casesOf(dataset, run.split.validation);
  const scores: CaseScore[] = [];
  for (const [at, one] of cases.entries()) {
    signal?.throwIfAborted();
    onProgress?.(at, cases.length, one.id);
    const path = foldPaths.heldOutCase(dir, one.id);
    const { probabilities, geometry } = await readHeldOut(nodeFiles, path);
    const { label } = await loadCase(dataset, one);
    if (label === undefined)
      fail("bad-data", {
        what: "the case has no label any more",
        where: one.images[0],
        fix: "Restore its file",
      });
    const found = restoreClasses(probabilities, geometry, plan);
    scores.push(scoreCase({ case: one.id, subject: one.subject }, label, found, plan.dataset));
  }
  onProgress?.(cases.length, cases.length, "");
  const set = `held-out cases of fold ${run.split.fold} of ${run.split.folds}`;
  const summary = evaluationOf(dir, run, dataset, scores, set);
  await writeText(foldPaths.evaluation(dir), `${JSON.stringify(summary, null, 2)}\n`);
  return summary;
}

/** Scores of cases as evaluations say them: means with bootstrap intervals over subjects. */
export function evaluationOf(
  dir: string,
  run: Pick<Run, "seed" | "model">,
  dataset: Pick<DataSet, "root">,
  scores: readonly CaseScore[],
  set: string,
): EvaluateSummary {
  const summary = summarise(scores, rng(run.seed).split("evaluate"));
  return {
    run: dir,
    dataDir: resolve(dataset.root),
    set,
    ...summaryParts(summary, columns),
    labels: targetNames(run.model.plan.dataset),
    metrics: columns,
    cases: scores,
    interval: "95 % percentile bootstrap over subjects, 2000 resamples",
    notes: [
      `NSD: share of the surface within ${toleranceMm} mm. A dash: the structure is absent on one side or both.`,
    ],
  };
}
