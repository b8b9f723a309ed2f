import { resolve } from "node:path";
import { fittedOn, type Provenance } from "../../audit/provenance.js";
import { fail } from "../../core/errors.js";
import { rng } from "../../core/rng.js";
import type { Tensor } from "../../core/tensor.js";
import { loadImage } from "../../io/node.js";
import type { SubjectTable } from "../../io/subjects.js";
import { parameterCount } from "../../nn/scope.js";
import { engineOn } from "../../runtime/devices.node.js";
import { compileStep } from "../../train/compile.js";
import type { MemoryUse } from "../../train/step.js";
import type { Grid } from "../../volume/volume.js";
import { isSimulated } from "../dataset.node.js";
import { withFirst } from "../first-weights.js";
import { fitMemory } from "../memory.node.js";
import { batchOfRun, refuseLowering, requireSameRun } from "../resume.js";
import { placeOf } from "../run.js";
import { createRunFolder, requireNoRun } from "../run-folder.node.js";
import { continued, firstRecord, noteTo, presetOf, startOf } from "../start.node.js";
import type { Trainable } from "../trainable.js";
import type { TrainRequest } from "../verbs.js";
import { type BatchPlan, samplesPerEpoch, type TrainingImage } from "./batches.js";
import { threadedBatches } from "./batches.node.js";
import { augmentationOf, type ClassificationConfig, withChanges } from "./config.js";
import { loadImages, recordOf, requireBothClasses, requireOptions, rowsOf, unaligned } from "./data.node.js";
import { readRun } from "./folder.node.js";
import { classificationStep, type StepPlan } from "./model.js";
import { encodeNetwork, networkOfState } from "./network.node.js";
import { type Views, viewsOf } from "./positions.js";
import { preparedGrid } from "./prepare.js";
import { loadPretrained, pretrain, savePretrained } from "./pretrain.node.js";
import type { ClassificationModel, Run } from "./run.js";
import { openSplitTable } from "./split.node.js";
import { type Transferred, weightsOfRun } from "./transfer.node.js";
import { scores, validate } from "./validate.js";
import { equalVotes } from "./vote.js";

/** A system that classifies: its name and its presets. */
export interface ClassificationSystem {
  readonly name: string;
  readonly presets: Readonly<Record<string, ClassificationConfig>>;
}

/** Images in memory, split, and where they came from. */
export interface ClassificationData {
  readonly training: readonly TrainingImage[];
  /** The weights are chosen on these. */
  readonly validation: readonly TrainingImage[];
  /** What images lie on, in the canonical frame. */
  readonly grid: Grid;
  readonly aligned: boolean;
  readonly modality: string;
  readonly split: Run["split"];
  readonly record: Run["data"];
  readonly simulated: boolean;
}

/** A run that is about to begin, and the images that its votes will be fitted on. */
export interface Prepared extends Trainable<Run> {
  readonly selection: readonly TrainingImage[];
}

/** Everything before the first step. Nothing is written until all of it has worked out. */
export async function setUp(system: ClassificationSystem, request: TrainRequest): Promise<Prepared> {
  const { dataDir, runDir, dataset = {} } = request;
  await engineOn(request.device ?? "cpu");
  if (request.resume) await readRun(runDir);
  else await requireNoRun(runDir);
  const { preset, config } = presetOf(system, request, withChanges);
  requireOptions(dataset, system.name, dataDir);
  requireFirstWeights(config, request);
  const { table, split } = await openSplitTable(request, config, config.selection.share);
  noteTo(request, `reading ${split.train.length + split.validation.length} images`);
  const data = await loadData(table, split, config, request);
  return prepare({ system: system.name, preset, config }, data, request);
}

/** Throws `bad-argument` where parameters are to stay what they are and nobody says what that is. */
function requireFirstWeights({ freeze }: ClassificationConfig, { init, resume, runDir }: TrainRequest): void {
  if (freeze.length > 0 && init === undefined && !resume)
    fail("bad-argument", {
      what: "parts of the network are not trained, and there are no weights for them",
      where: runDir,
      expected: "--init with a run that has learnt them",
      found: `freeze: ${freeze.join(", ")}`,
      fix: "Give --init RUN, or train all of it: --set freeze=[]",
    });
}

/** Read the images of the training and of the selection. */
export async function loadData(
  table: SubjectTable,
  split: Run["split"],
  config: ClassificationConfig,
  { dataDir, dataset = {}, split: file }: Pick<TrainRequest, "dataDir" | "dataset" | "split">,
): Promise<ClassificationData> {
  const own = rowsOf(table.rows, split.train, config.sessions);
  const held = rowsOf(table.rows, split.validation, "first");
  requireBothClasses(own, table.classes, file ?? dataDir);
  requirePlaces(config, table);
  const { image } = await loadImage([table.rows[0]!.image], ["image"]);
  const grid = { size: image.size, affine: image.affine };
  return {
    training: await loadImages(own, table.classes, config.input, grid),
    validation: await loadImages(held, table.classes, config.input, grid),
    grid,
    aligned: table.aligned,
    modality: table.modality,
    split,
    record: await recordOf(table, dataset),
    simulated: await isSimulated(dataDir),
  };
}

/** Throws `geometry` for regions in millimetres where one place in the world is another voxel in every image. */
function requirePlaces({ framework }: ClassificationConfig, { aligned, table }: SubjectTable): void {
  if (framework.kind === "roi" && framework.unit === "mm" && !aligned)
    fail("geometry", {
      what: "regions are asked for by millimetres in the world, where the images lie in different places",
      where: table,
      expected: "one affine for all images, as gyrus prepare gives them",
      found: "affines that differ",
      fix: "Bring the images into register, or give centres by --set framework.unit=share (or voxel) and framework.centres",
    });
}

/** A run on images in memory, ready for its first, or its next, step. */
export async function prepare(
  { system, preset, config }: { system: string; preset: string; config: ClassificationConfig },
  data: ClassificationData,
  request: Omit<TrainRequest, "dataDir" | "dataset" | "set" | "preset">,
): Promise<Prepared> {
  const { runDir, seed, threads, device = "cpu" } = request;
  const engine = await engineOn(device);
  const old = request.resume ? await readRun(runDir) : undefined;
  const prepared = preparedGrid(config.input, data.grid);
  const views = viewsOf(config, prepared);
  const selecting = selects(config, data);
  const plan: StepPlan = {
    shape: views.shape,
    networks: views.several ? views.positions.length : 1,
    ...(config.balance === "weights" ? { classWeights: classWeights(data.training) } : {}),
  };
  const wanted = old === undefined ? config : { ...config, batch: batchOfRun(old, config) };
  const fitted = fitMemory(
    wanted,
    (candidate: ClassificationConfig, use: MemoryUse) => classificationStep(candidate, plan, use),
    await engine.target(),
    process.availableMemory(),
    request.memory,
    "preset or images, e.g. --set input.size=32,32,32",
  );
  if (old !== undefined && fitted.config.batch < wanted.batch) refuseLowering(old, fitted, runDir);
  for (const text of fitted.warnings) noteTo(request, text);
  const { step } = fitted;
  const state = step.initialize(rng(seed).split("initialize"));
  const transferred = await transferredTo(request, data, state, old);
  const model = modelOf({ system, preset, config }, data, prepared, views);
  const samples = samplesPerEpoch(data.training, { balance: config.balance, views });
  const record = firstRecord({ system, preset }, fitted, request, samples);
  const run: Run = {
    ...record,
    warnings: data.aligned ? record.warnings : [...record.warnings, unaligned],
    model,
    parameters: parameterCount(step.traced),
    data: data.record,
    split: data.split,
    provenance: [...provenanceOf(config, data), ...(transferred?.provenance ?? [])],
    init: transferred?.init ?? old?.init ?? null,
    positionAccuracies: null,
  };
  if (old !== undefined)
    requireSameRun(old, run, runDir, (one) => ({
      model: { ...one.model, votes: null },
      init: one.init?.sha256,
      data: one.data.sha256,
    }));
  const options = threads === undefined ? {} : { threads };
  const executable = await compileStep(engine, step, fitted.lowered, options);
  const known = await knownWeights(config, data.training, views, transferred, request);
  const start = await startOf(old, { initialize: () => withFirst(state, known) }, seed, runDir);
  if (old === undefined) await createRunFolder(runDir, run);
  if (config.pretraining !== null && old === undefined) await savePretrained(runDir, known);
  return {
    run: continued(old, run),
    step,
    executable,
    ...start,
    selection: selecting ? data.validation : [],
    openBatches: (of) => threadedBatches(data.training, batchPlan(of, views)),
    ...(!selecting
      ? {}
      : {
          validation: {
            cases: data.validation.length,
            scores,
            open: async (of, now) => {
              const open = await networkOfState(of.config, of.model, now, placeOf(of));
              return {
                judge: (cases) => validate(open, data.validation.slice(0, cases), of.config),
                close: () => open.executable.dispose(),
              };
            },
          },
        }),
    encode: (of, now) => encodeNetwork(of.config, of.model, now),
    sample: `samples of ${views.shape.slice(1).reverse().join(" x ")}`,
  };
}

/** Whether weights are chosen by subjects set aside, or the last ones taken. */
function selects(
  { selection }: Pick<ClassificationConfig, "selection">,
  { validation }: Pick<ClassificationData, "validation">,
): boolean {
  return selection.share > 0 && validation.length > 0;
}

function batchPlan({ seed, config }: Run, views: Views): BatchPlan {
  const { batch, balance, augmentation } = config;
  return {
    seed,
    batch,
    balance,
    augmentation: augmentationOf(config),
    plain: augmentation === "none",
    views,
  };
}

/** In proportion to how rare a class is: 1 on average over the images. */
function classWeights(images: readonly TrainingImage[]): number[] {
  return [0, 1].map((label) => images.length / (2 * images.filter((one) => one.label === label).length));
}

function modelOf(
  { system, preset, config }: { system: string; preset: string; config: ClassificationConfig },
  { grid, aligned, modality, simulated }: ClassificationData,
  prepared: Grid,
  { positions, several, normal, resized, shape }: Views,
): ClassificationModel {
  const copy = ({ size, affine }: Grid) => ({
    size: [...size] as [number, number, number],
    affine: [...affine],
  });
  return {
    system,
    preset,
    task: "classification",
    classes: [...config.classes],
    modality,
    grid: { ...copy(grid), aligned },
    input: config.input,
    prepared: copy(prepared),
    positions: positions.map(({ start, size }) => ({ start: [...start], size: [...size] })),
    several,
    normal,
    resized: resized === null ? null : [...resized],
    shape: [...shape],
    votes: equalVotes(positions.length),
    simulated,
  };
}

/** What this run itself learns, and from whose images. */
function provenanceOf(
  config: ClassificationConfig,
  data: Pick<ClassificationData, "split" | "validation">,
): Provenance[] {
  const { pretraining, selection } = config;
  const { subjects } = data.split;
  return [
    ...(pretraining === null
      ? []
      : [fittedOn("pre-training", "convolutions as an autoencoder", subjects.train)]),
    fittedOn("weights", "the network", subjects.train),
    ...(!selects(config, data)
      ? []
      : [
          fittedOn("selection", `best weights by ${selection.by}, and the votes of positions`, [
            ...subjects.validation,
          ]),
        ]),
  ];
}

/** The weights of `--init`, or of the run that a resumed one began with. */
async function transferredTo(
  { init, runDir }: Pick<TrainRequest, "init" | "runDir">,
  { split, record }: ClassificationData,
  state: Readonly<Record<string, Tensor>>,
  old: Run | undefined,
): Promise<Transferred | undefined> {
  const dir = init === undefined ? old?.init?.run : resolve(init);
  if (dir === undefined) return undefined;
  if (resolve(runDir) === dir)
    fail("bad-argument", { what: "a run cannot begin with its own weights", where: runDir });
  const { validation, test } = split.subjects;
  const digestsIn = (ids: readonly string[]) => ids.flatMap((id) => split.images?.[id] ?? []);
  const images = { validation: digestsIn(split.validation), test: digestsIn(split.test) };
  return weightsOfRun(dir, { root: record.root, validation, test, images, state });
}

/** All first weights that are not drawn at random; pre-training comes after those of another run. */
async function knownWeights(
  config: ClassificationConfig,
  images: readonly TrainingImage[],
  views: Views,
  transferred: Transferred | undefined,
  request: Omit<TrainRequest, "dataDir" | "dataset" | "set" | "preset">,
): Promise<Record<string, Tensor>> {
  const weights = { ...transferred?.weights };
  if (config.pretraining === null) return weights;
  const kept = request.resume ? await loadPretrained(request.runDir) : undefined;
  if (kept !== undefined) return kept;
  noteTo(request, `pre-training an autoencoder on ${images.length} images of the training subjects`);
  const { seed, device = "cpu", threads, memory, signal } = request;
  const onNote = (text: string): void => noteTo(request, text);
  const found = await pretrain(images, config, views, { seed, device, threads, memory, signal, onNote });
  return { ...weights, ...found };
}
