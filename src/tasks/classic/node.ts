import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import { fittedOn } from "../../audit/provenance.js";
import { fail } from "../../core/errors.js";
import { rng } from "../../core/rng.js";
import { loadImage, nodeFiles } from "../../io/node.js";
import type { SubjectRow } from "../../io/subjects.js";
import { version } from "../../version.js";
import {
  recordOf,
  requireBothClasses,
  requireOptions,
  rowsOf,
  unaligned,
} from "../classification/data.node.js";
import {
  type ClassificationEvaluation,
  heldOut,
  heldOutWords,
  summaryOf,
  tableToJudge,
} from "../classification/evaluate.node.js";
import { idOfScan, type Prediction, scansToJudge, writePredictions } from "../classification/predict.node.js";
import { openSplitTable } from "../classification/split.node.js";
import { isSimulated } from "../dataset.node.js";
import { trainEveryFold } from "../folds.node.js";
import { beginLook, finishLook, refuseSealedScans } from "../looks.node.js";
import { createRunFolder, paths, requireNoRun } from "../run-folder.node.js";
import { honestyNotes } from "../split.node.js";
import { machineFacts, noteTo, presetOf } from "../start.node.js";
import type {
  EvaluateRequest,
  ExportRequest,
  ExportSummary,
  PredictRequest,
  PredictSummary,
  TrainRequest,
  TrainSummary,
  Verbs,
} from "../verbs.js";
import { type ClassicConfig, withChanges } from "./config.js";
import { featureSource } from "./features.node.js";
import { fitClassic } from "./fit.js";
import { encodeClassic, openClassic, probabilityOf } from "./model.node.js";
import { readRun, reportClassic } from "./report.node.js";
import type { ClassicModel, ClassicRun } from "./run.js";

/** A system that classifies by features: its name and its presets. */
export interface ClassicSystem {
  readonly name: string;
  readonly presets: Readonly<Record<string, ClassicConfig>>;
}

/** The verbs of a system that classifies by features, in Node. */
export function classicVerbs(system: ClassicSystem): Verbs {
  return {
    train: (request) =>
      request.allFolds ? trainEveryFold((one) => train(system, one), request) : train(system, request),
    predict,
    evaluate,
    exportModel,
    report: reportClassic,
  };
}

async function train(system: ClassicSystem, request: TrainRequest): Promise<TrainSummary> {
  const began = performance.now();
  const { dataDir, runDir, seed, dataset = {} } = request;
  refuseStrays(system, request);
  await requireNoRun(runDir);
  const { preset, config } = presetOf(system, request, withChanges);
  requireOptions(dataset, system.name, dataDir);
  const { table, split } = await openSplitTable(request, config, 0);
  const rows = rowsOf(table.rows, split.train, config.sessions);
  requireBothClasses(rows, config.classes, request.split ?? dataDir);
  const { image } = await loadImage([table.rows[0]!.image], ["image"]);
  const grid = { size: image.size, affine: image.affine };
  noteTo(request, `measuring ${rows.length} images`);
  const source = await featureSource(config.features, dataDir, grid);
  const features: Float32Array[] = [];
  for (const row of rows) {
    if (request.signal?.aborted)
      fail("runtime", {
        what: "the training was interrupted",
        where: runDir,
        found: "nothing was written",
        fix: "Run it again",
      });
    features.push(await source.of(row));
  }
  const positive = rows.map(({ diagnosis }) => diagnosis === config.classes[1]);
  const subjects = rows.map(({ subject }) => subject);
  const { classifier, search } = fitClassic(
    { features, positive, subjects },
    config,
    rng(seed).split("classic"),
  );
  const model: ClassicModel = {
    system: system.name,
    preset,
    task: "classic",
    classes: [...config.classes],
    modality: table.modality,
    grid: { size: [...grid.size], affine: [...grid.affine] },
    features: config.features,
    names: source.names === undefined ? null : [...source.names],
    count: classifier.weights.length,
    simulated: await isSimulated(dataDir),
  };
  const seconds = (performance.now() - began) / 1000;
  const trained = split.subjects.train;
  const run: ClassicRun = {
    gyrus: version,
    system: system.name,
    preset,
    created: new Date().toISOString(),
    seed,
    parameters: classifier.weights.length + 1,
    seconds,
    split,
    leakageStudy: request.leakageStudy ?? false,
    provenance: [
      fittedOn("weights", "the classifier", trained),
      fittedOn("normalisation", "means of the features", trained),
      ...(search === null
        ? []
        : [fittedOn("hyperparameters", "C, by folds within the training subjects", trained)]),
    ],
    evaluations: [],
    ...machineFacts(),
    warnings: config.features.kind === "voxels" && !table.aligned ? [unaligned] : [],
    config,
    model,
    data: await recordOf(table, dataset),
    search: search === null ? null : { cost: search.cost, folds: search.folds, table: [...search.table] },
  };
  await createRunFolder(runDir, run);
  await nodeFiles.write(paths.model(runDir), encodeClassic(classifier, model));
  const best = search?.table.find(({ cost }) => cost === search.cost)?.balancedAccuracy;
  return {
    run: runDir,
    steps: 1,
    seconds,
    stopped: "done",
    bestScore: best ?? null,
    bestStep: 1,
    scores: best === undefined ? {} : { "balanced accuracy": best },
    warnings: [...honestyNotes(run), ...run.warnings],
    memory: { estimateBytes: 4 * features.length * model.count, peakBytes: process.memoryUsage().rss },
  };
}

/** Throws `bad-argument` for options that nothing here could honour. */
function refuseStrays(
  { name }: ClassicSystem,
  { resume, init, epochs, minutes, memory, runDir, threads, ...place }: TrainRequest,
): void {
  requireCpu(place);
  requireOneThread({ threads });
  const stray = Object.entries({ resume: resume || undefined, init, epochs, minutes, memory }).find(
    ([, value]) => value !== undefined,
  );
  if (stray !== undefined)
    fail("bad-argument", {
      what: `--${stray[0]} means nothing to ${name}, which is fitted in one go`,
      where: runDir,
      fix: "Leave it out",
    });
}

/** Throws `unsupported` for another device than the processor: such classifiers are computed nowhere else. */
function requireCpu({ device = "cpu" }: Pick<TrainRequest, "device">): void {
  if (device !== "cpu")
    fail("unsupported", {
      what: "classifiers by features are computed on the processor alone",
      where: "--device",
      expected: "cpu",
      found: device,
      fix: "Leave it out: they take seconds",
    });
}

/** Throws `bad-argument` for a number of threads: there is no work to share out. */
function requireOneThread({ threads }: { readonly threads?: number | undefined }): void {
  if (threads !== undefined)
    fail("bad-argument", {
      what: "--threads means nothing to classifiers by features, which are computed on one",
      where: "--threads",
      found: `${threads}`,
      fix: "Leave it out",
    });
}

async function predict(request: PredictRequest): Promise<PredictSummary> {
  requireCpu(request);
  requireOneThread(request);
  const scans = await scansToJudge(request.scans);
  await refuseSealedScans(request.model, request.scans);
  const open = await openClassic(request.model);
  const { features, grid, classes } = open.model;
  if (features.kind === "volumes")
    fail("unsupported", {
      what: "this classifier needs volumes that somebody has measured, and scans alone have none",
      where: request.model,
      fix: "Use gyrus evaluate --data with a data set that has such a table",
    });
  const source = await featureSource(features, "", grid);
  const rows: Prediction[] = [];
  for (const [at, scan] of scans.entries()) {
    if (request.signal?.aborted) break;
    request.onProgress?.(at, scans.length, scan);
    const id = idOfScan(scan);
    const probability = await probabilityOf(open, await source.of({ id, subject: id, image: scan }));
    rows.push({ id, scan, probability, positions: [probability] });
  }
  await open.executable.dispose();
  await mkdir(request.outDir, { recursive: true });
  const path = `${request.outDir}/predictions.tsv`;
  await writePredictions(path, rows, classes);
  return { files: rows.map(({ scan }) => ({ scan, prediction: path })) };
}

async function evaluate(request: EvaluateRequest): Promise<ClassificationEvaluation> {
  const { runDir } = request;
  requireCpu(request);
  requireOneThread(request);
  const run = await readRun(runDir);
  const { table, own } = await tableToJudge(run, request);
  const look = await beginLook(
    run,
    request,
    own ? { own, usual: heldOut(run) } : { own, images: table.rows.map(({ image }) => [image]) },
  );
  const ids = look.part === undefined ? table.rows.map(({ id }) => id) : run.split[look.part];
  const rows = rowsOf(table.rows, ids, "first");
  const open = await openClassic(runDir);
  const source = await featureSource(run.config.features, table.source, run.model.grid);
  const predictions: (Prediction & { subject: string; truth: string })[] = [];
  for (const [at, row] of rows.entries()) {
    if (request.signal?.aborted)
      fail("runtime", {
        what: "the evaluation was interrupted",
        where: runDir,
        found: `${at} of ${rows.length} subjects judged`,
        fix: "Run it again",
      });
    request.onProgress?.(at, rows.length, row.id);
    predictions.push(await judged(row, await probabilityOf(open, await source.of(row))));
  }
  await open.executable.dispose();
  await mkdir(paths.predictions(runDir), { recursive: true });
  await writePredictions(`${paths.predictions(runDir)}/predictions.tsv`, predictions, run.model.classes);
  const result = summaryOf(run, predictions, {
    runDir,
    dataDir: resolve(table.source),
    set:
      look.words ??
      (own
        ? heldOutWords(run, "which the classifier has not seen")
        : "all subjects of another data set than that of the run"),
    notes: look.notes,
  });
  await finishLook(look, result);
  return result;
}

async function judged({ id, subject, image, diagnosis }: SubjectRow, probability: number) {
  return { id, subject, scan: image, truth: diagnosis, probability, positions: [probability] };
}

async function exportModel({ runDir, out }: ExportRequest): Promise<ExportSummary> {
  await readRun(runDir);
  const bytes = await nodeFiles.read(paths.model(runDir));
  await nodeFiles.write(out, bytes);
  return { path: out, bytes: bytes.length };
}
