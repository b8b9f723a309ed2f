import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import { fail } from "../../core/errors.js";
import { rng } from "../../core/rng.js";
import type { DataSet } from "../../io/dataset.js";
import { fingerprint, openDataSet } from "../../io/node.js";
import { bootstrapMean } from "../../metrics/interval.js";
import { countLabels } from "../../metrics/overlap.js";
import { pixelAccuracy } from "../../metrics/pixel.js";
import { type CaseScore, scoreSegmentation, summarise } from "../../metrics/summary.js";
import type { MetricColumn } from "../../report/data.js";
import { casesOf } from "../dataset.node.js";
import { plainInterval, summaryParts } from "../evaluation.js";
import { beginLook, finishLook } from "../looks.node.js";
import { paths } from "../run-folder.node.js";
import type { EvaluateRequest, EvaluateSummary } from "../verbs.js";
import { loadLabelled } from "./data.node.js";
import { readRun } from "./folder.node.js";
import { openModelAt, predictionName, segmentImage, writePrediction } from "./predict.node.js";
import { dataSetOptions, type Run } from "./run.js";

/** Surface Dice counts surfaces as agreeing within this distance. */
const toleranceMm = 1;

const columns: readonly MetricColumn[] = [
  { key: "dice", name: "Dice", better: "higher" },
  { key: "iou", name: "IoU", better: "higher" },
  { key: "hd95Mm", name: "HD95", unit: "mm", better: "lower" },
  { key: "nsd", name: "NSD", better: "higher" },
];

/** Predict and judge the held-out cases of a run, or every case of another data set; see `EvaluateRequest`. */
export async function evaluateSegmentation(request: EvaluateRequest): Promise<EvaluateSummary> {
  const { runDir, mirror, signal, threads, device } = request;
  const run = await readRun(runDir);
  const open = await openModelAt(runDir, { threads, device });
  const dataset = await openDataSet(request.dataDir ?? run.data.root, dataSetOptions(run));
  requireSameTask(run, dataset);
  const own = request.dataDir === undefined || (await isOwnData(run, dataset));
  const look = await beginLook(
    run,
    request,
    own ? { own, usual: "validation" } : { own, images: dataset.cases.map(({ images }) => images) },
    columns[0],
  );
  const cases = look.part === undefined ? dataset.cases : casesOf(dataset, run.split[look.part]);
  await mkdir(paths.predictions(runDir), { recursive: true });
  // In a picture both classes are structures; in a scan the background is everything else.
  const labels = Object.fromEntries([
    ...(run.data.kind === "pairs" && run.model.dimensions === 2 ? [[run.model.background, 0] as const] : []),
    ...run.model.labels.map(({ name }, at) => [name, at + 1] as const),
  ]);
  const scores: CaseScore[] = [];
  const accuracies: number[] = [];
  for (const [at, one] of cases.entries()) {
    if (signal?.aborted)
      fail("runtime", {
        what: "the evaluation was interrupted",
        where: runDir,
        found: `${at} of ${cases.length} cases judged`,
        fix: "Run it again: nothing is written before all cases are judged, predictions aside",
      });
    request.onProgress?.(at, cases.length, one.id);
    const { image, label, native } = await loadLabelled(dataset, one);
    const predicted = await segmentImage(open, image, one.images[0]!, { mirror });
    await writePrediction(
      `${paths.predictions(runDir)}/${predictionName(one.images[0]!)}`,
      predicted,
      native,
      run.model.labelValues,
    );
    scores.push(
      scoreSegmentation({ case: one.id, subject: one.subject }, label, predicted, labels, { toleranceMm }),
    );
    accuracies.push(pixelAccuracy(countLabels(label.data, predicted.data)) ?? 0);
  }
  request.onProgress?.(cases.length, cases.length, "");
  await open.network.executable.dispose();

  const random = rng(run.seed).split("evaluate");
  const summary = summarise(scores, random);
  const accuracy = bootstrapMean(
    accuracies,
    scores.map(({ subject }) => subject),
    random.split("accuracy"),
  );
  const result: EvaluateSummary = {
    run: runDir,
    dataDir: resolve(dataset.root),
    set: look.words ?? (own ? describeSplit(run) : describeOther(run, dataset)),
    ...summaryParts(summary, columns),
    labels: Object.keys(labels),
    metrics: columns,
    cases: scores,
    accuracy: plainInterval(accuracy),
    interval: "95 % percentile bootstrap over subjects, 2000 resamples",
    notes: [
      ...look.notes,
      `NSD: share of the surface within ${toleranceMm} mm. A dash: the structure is absent on one side or both.`,
      `Voxel accuracy, all classes: ${accuracy.mean.toFixed(4)}.`,
      ...(run.data.stack
        ? ["The slices are one specimen: the interval is over slices, not over specimens."]
        : []),
    ],
  };
  await finishLook(look, result);
  return result;
}

/** The data of the run, wherever the folder lies now. Names alone would not do: other cohorts have a sub-001 too. */
async function isOwnData({ data }: Run, dataset: DataSet): Promise<boolean> {
  return dataset.cases.length === data.cases && (await fingerprint(dataset)).sha256 === data.sha256;
}

/** Another data set must have the channels and the label values that the network was trained on. */
function requireSameTask({ model }: Run, { root, channels, labelValues }: DataSet): void {
  const same = labelValues.join() === model.labelValues.join() && channels.length === model.channels.length;
  if (!same)
    fail("bad-data", {
      what: "the data set does not fit the network",
      where: root,
      expected: `channels ${model.channels.join(", ")}; label values ${model.labelValues.join(", ")}`,
      found: `channels ${channels.join(", ")}; label values ${labelValues.join(", ")}`,
      fix: "Evaluate on data with the same channels and the same table of labels",
    });
}

function describeOther({ split }: Run, { name, cases }: DataSet): string {
  const known = new Set([...split.train, ...split.validation, ...split.test]);
  const shared = cases.filter(({ id }) => known.has(id)).length;
  const names = shared === 0 ? "no name" : `${shared} names`;
  return `all cases of ${name}, another data set than that of the run (${names} in common)`;
}

function describeSplit({ split }: Run): string {
  const unit = split.by === "block" ? "a block of neighbouring slices" : "whole subjects";
  return `held-out cases of fold ${split.fold ?? 0} of ${split.folds ?? 5} (${unit})`;
}
