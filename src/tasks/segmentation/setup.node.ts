import { resolve } from "node:path";
import { fittedOn } from "../../audit/provenance.js";
import { fail } from "../../core/errors.js";
import type { Case, DataSet } from "../../io/dataset.js";
import { fingerprint, openDataSet } from "../../io/node.js";
import { foldOf } from "../../io/split.js";
import { parameterCount } from "../../nn/scope.js";
import { engineOn } from "../../runtime/devices.node.js";
import type { Executable } from "../../runtime/engine.js";
import { compileStep } from "../../train/compile.js";
import type { Progress, State } from "../../train/loop.js";
import type { MemoryUse, Step } from "../../train/step.js";
import { casesOf, describeGrids, isSimulated, subjectCount } from "../dataset.node.js";
import { asLongAs, becomesLonger, beginExtension, extended, requireExtension } from "../extend.node.js";
import { fitMemory, gib } from "../memory.node.js";
import { batchOfRun, refuseLowering, requireSameRun } from "../resume.js";
import { createRunFolder, requireNoRun } from "../run-folder.node.js";
import { splitOf } from "../split.node.js";
import { continued, firstRecord, startOf, usualProvenance } from "../start.node.js";
import type { TrainRequest } from "../verbs.js";
import { type BatchPlan, balancedWeights, type TrainingCase } from "./batches.js";
import { augmentationOf, type SegmentationConfig, withChanges } from "./config.js";
import { type LabelledCase, loadLabelled, prepareCase } from "./data.node.js";
import { readRun } from "./folder.node.js";
import { marginOf, segmentationStep } from "./model.js";
import { type Preparation, resolvePatch, resolveSpacing } from "./prepare.js";
import type { Run, SegmentationModel } from "./run.js";

/** A system that segments: its name and its presets. */
export interface SegmentationSystem {
  readonly name: string;
  readonly presets: Readonly<Record<string, SegmentationConfig>>;
}

/** A run that is ready for its first, or its next, step. */
export interface Prepared {
  readonly run: Run;
  readonly training: readonly TrainingCase[];
  readonly validation: readonly TrainingCase[];
  readonly step: Step;
  readonly executable: Executable;
  readonly progress: Progress;
  readonly state: State;
}

/**
 * Everything before the first step: configuration, split, data, network, memory, run folder. Nothing is written
 * until all of it has worked out.
 */
export async function setUp(system: SegmentationSystem, request: TrainRequest): Promise<Prepared> {
  const note = (text: string): void =>
    request.onProgress?.({ step: 0, totalSteps: 0, epoch: 0, secondsLeft: 0, note: text });
  const { runDir, threads, device = "cpu" } = request;
  requireExtension(request);
  // First of all: whoever asks for a device that is not there has not waited for anything yet.
  const engine = await engineOn(device);
  const old = request.resume ? await readRun(runDir) : undefined;
  if (old === undefined) await requireNoRun(runDir);

  const dataset = await openDataSet(request.dataDir, request.dataset);
  const { preset, config } = configurationOf(system, request, dataset);
  const folds = request.folds ?? Math.min(5, subjectCount(dataset.cases));
  const split = await splitOf(dataset, request, () =>
    foldOf(dataset, request.fold ?? 0, folds, request.seed),
  );
  note(`reading ${split.train.length + split.validation.length} cases`);
  const loaded = await loadAll(dataset, casesOf(dataset, split.train));
  const held = await loadAll(dataset, casesOf(dataset, split.validation));
  const preparation: Preparation = {
    normalization: config.normalization,
    spacingMm: resolveSpacing(
      config,
      loaded.map(({ image }) => image),
    ),
  };
  const training = loaded.map((one) => prepareCase(one, preparation));
  const validation = held.map((one) => prepareCase(one, preparation));

  const patch = resolvePatch(
    config,
    training.map(({ image }) => image.size),
  );
  const classes = dataset.labels.length + 1;
  if (classes > 256)
    fail("unsupported", {
      what: "there are more labels than a segmenting network can have",
      where: dataset.root,
      expected: "at most 255 labels beside the background",
      found: `${dataset.labels.length}`,
      fix: "Merge labels, or train on a part of them",
    });
  const shape = { channels: dataset.channels.length, classes, patch };
  const classWeights = config.loss.balanceClasses
    ? balancedWeights(
        training.map(({ label }) => label),
        classes,
      )
    : null;
  const wanted = old === undefined ? config : { ...config, batch: batchOfRun(old, config) };
  const build = (candidate: SegmentationConfig, use: MemoryUse): Step =>
    segmentationStep(candidate, shape, classWeights ?? undefined, use);
  const available = process.availableMemory();
  const fitted = fitMemory(wanted, build, await engine.target(), available, request.memory);
  if (old !== undefined && fitted.config.batch < wanted.batch) refuseLowering(old, fitted, runDir);
  for (const text of fitted.warnings) note(text);

  const model = describeModel(system.name, preset, config, dataset, {
    patch,
    preparation,
    simulated: await isSimulated(request.dataDir),
  });
  const run: Run = {
    ...firstRecord({ system: system.name, preset }, fitted, request, training.length),
    model,
    classWeights,
    parameters: parameterCount(fitted.step.traced),
    data: {
      root: resolve(request.dataDir),
      options: JSON.parse(JSON.stringify(request.dataset ?? {})) as Run["data"]["options"],
      kind: dataset.kind,
      name: dataset.name,
      cases: dataset.cases.length,
      subjects: subjectCount(dataset.cases),
      stack: dataset.stack,
      sha256: (await fingerprint(dataset)).sha256,
      ...describeGrids(loaded.map(({ image }) => image)),
    },
    split,
    provenance: provenanceOf(preparation, split),
  };
  const { extend = false, minutes = null } = request;
  const length = { epochs: config.epochs, minutes };
  const longer = old !== undefined && becomesLonger(old, old.plan.minutes, length, extend, runDir);
  if (old !== undefined)
    requireSameRun(
      longer ? asLongAs(old, config) : old,
      run,
      runDir,
      ({ model: { patch, preparation }, data }) => ({
        patch,
        preparation,
        data: data.sha256,
      }),
    );
  const executable = await compileStep(
    engine,
    fitted.step,
    fitted.lowered,
    threads === undefined ? {} : { threads },
  );
  const start = await startOf(old, fitted.step, run.seed, runDir);
  if (old === undefined) await createRunFolder(runDir, run);
  const going = longer ? extended(old, run, start.progress, runDir) : continued(old, run);
  if (longer) await beginExtension(runDir, going);
  return {
    run: going,
    training,
    validation,
    step: fitted.step,
    executable,
    ...start,
  };
}

/** The preset asked for, or the first one with as many axes as the images, with the changes asked for. */
function configurationOf(
  system: SegmentationSystem,
  request: TrainRequest,
  { dimensions, root }: DataSet,
): { preset: string; config: SegmentationConfig } {
  const presets = Object.keys(system.presets);
  const fitting = presets.filter((name) => system.presets[name]!.dimensions <= dimensions);
  const preset =
    request.preset ?? presets.find((name) => system.presets[name]!.dimensions === dimensions) ?? fitting[0]!;
  const base =
    system.presets[preset] ??
    fail("not-found", {
      what: `${system.name} has no preset "${preset}"`,
      fix: `Presets: ${presets.join(", ")}`,
    });
  if (base.dimensions > dimensions)
    fail("bad-argument", {
      what: `the preset "${preset}" is for volumes`,
      where: root,
      expected: "3-D images",
      found: "2-D pictures",
      fix: `Choose one of ${fitting.join(", ")}`,
    });
  const changes =
    request.epochs === undefined ? request.set : { ...request.set, epochs: String(request.epochs) };
  return { preset, config: withChanges(base, changes) };
}

/** Part of the free memory that the images may take: they are held twice, as read and as prepared. */
const dataShare = 0.4;

async function loadAll(dataset: DataSet, cases: readonly Case[]): Promise<LabelledCase[]> {
  const loaded: LabelledCase[] = [];
  const available = process.availableMemory();
  let bytes = 0;
  for (const one of cases) {
    const found = await loadLabelled(dataset, one);
    bytes += found.image.data.byteLength + found.label.data.byteLength;
    if (bytes > dataShare * available)
      fail("memory", {
        what: `the images do not fit into memory: ${loaded.length} of ${cases.length} cases were read`,
        where: dataset.root,
        expected: `at most ${gib(dataShare * available)} of images`,
        found: `about ${gib((bytes / (loaded.length + 1)) * cases.length)}`,
        fix: "Train on fewer cases, crop the images, or use a machine with more memory",
      });
    loaded.push(found);
  }
  return loaded;
}

/** Whom the preparation and the weights were fitted on: a median voxel size is the training subjects' own. */
function provenanceOf({ spacingMm }: Preparation, split: Run["split"]): Run["provenance"] {
  const size = fittedOn("normalisation", "voxel size that all images are brought to", split.subjects.train);
  return [...(spacingMm === null ? [] : [size]), ...usualProvenance(split)];
}

function describeModel(
  system: string,
  preset: string,
  config: SegmentationConfig,
  dataset: DataSet,
  {
    patch,
    preparation,
    simulated,
  }: Pick<SegmentationModel, "simulated"> & {
    patch: readonly [number, number, number];
    preparation: Preparation;
  },
): SegmentationModel {
  const { mirror } = augmentationOf(config);
  return {
    system,
    preset,
    task: "segmentation",
    dimensions: config.dimensions,
    channels: [...dataset.channels],
    background: dataset.background,
    labels: dataset.labels.map((label) => ({ ...label })),
    labelValues: [...dataset.labelValues],
    patch: [...patch],
    margin: [...marginOf(config)],
    preparation: {
      ...preparation,
      spacingMm: preparation.spacingMm === null ? null : [...preparation.spacingMm],
    },
    overlap: config.overlap,
    mirrorAxes: mirror.probability > 0 ? mirror.axes.filter((axis) => axis < config.dimensions) : [],
    simulated,
  };
}

/** What decides the batches of a run. */
export function batchPlan({ seed, config, model, classWeights }: Run): BatchPlan {
  return {
    seed,
    batch: config.batch,
    patch: model.patch,
    dimensions: config.dimensions,
    augmentation: augmentationOf(config),
    foreground: config.foreground,
    border: config.loss.border,
    classWeights,
  };
}
