import { resolve } from "node:path";
import { fail } from "../../core/errors.js";
import type { Tensor } from "../../core/tensor.js";
import type { DataSet } from "../../io/dataset.js";
import { fingerprint } from "../../io/node.js";
import { foldOf, type Split } from "../../io/split.js";
import { parameterCount } from "../../nn/scope.js";
import { engineOn } from "../../runtime/devices.node.js";
import { compileStep } from "../../train/compile.js";
import type { MemoryUse } from "../../train/step.js";
import type { Steps } from "../../train/steps.js";
import type { ImageVolume, Volume } from "../../volume/volume.js";
import { casesOf, describeGrids, isSimulated, subjectCount } from "../dataset.node.js";
import { withFirst } from "../first-weights.js";
import { fitMemory } from "../memory.node.js";
import { batchOfRun, refuseLowering, requireSameRun } from "../resume.js";
import { placeOf } from "../run.js";
import { createRunFolder, requireNoRun } from "../run-folder.node.js";
import { splitOf } from "../split.node.js";
import { continued, firstRecord, noteTo, presetOf, startOf, usualProvenance } from "../start.node.js";
import type { Trainable } from "../trainable.js";
import type { TrainRequest } from "../verbs.js";
import { planScan, type ScanPlan, type Slices } from "./acquisition.js";
import type { BatchPlan } from "./batches.js";
import { threadedBatches } from "./batches.node.js";
import { type SuperresolutionConfig, withChanges } from "./config.js";
import { openScans, scanOf } from "./data.node.js";
import { readRun } from "./folder.node.js";
import { superresolutionSteps } from "./model.js";
import { encodeNetwork, networkOfState } from "./network.node.js";
import type { Run, SuperresolutionModel } from "./run.js";
import { referencePercentile, type TrainingStack, trainingStack } from "./stack.js";
import { heldPairs, scores, validate } from "./validate.js";

/** A system of super-resolution: its name and its presets. */
export interface SuperresolutionSystem {
  readonly name: string;
  readonly presets: Readonly<Record<string, SuperresolutionConfig>>;
}

/** Scans in memory, split, and where they came from. */
export interface SuperresolutionData {
  readonly training: readonly TrainingStack[];
  /** Judged on while training; may be empty, as of one scan nothing is held out. */
  readonly validation: readonly TrainingStack[];
  readonly slices: Slices;
  readonly channel: string;
  readonly split: Run["split"];
  readonly record: Run["data"];
  readonly simulated: boolean;
  /** Weights that the training begins with, where it is not to begin at random. */
  readonly first?: Readonly<Record<string, Tensor>>;
}

/** What of a request decides a training, whatever its data. */
export type TrainingRequest = Pick<
  TrainRequest,
  "runDir" | "seed" | "resume" | "threads" | "memory" | "device" | "minutes" | "leakageStudy" | "onProgress"
>;

/** Everything before the first step, with a scan or a folder of them. Nothing is written until all of it has worked out. */
export async function setUp(system: SuperresolutionSystem, request: TrainRequest): Promise<Trainable<Run>> {
  const { dataDir, runDir, seed } = request;
  await engineOn(request.device ?? "cpu");
  if (request.resume) await readRun(runDir);
  else await requireNoRun(runDir);
  const { preset, config } = presetOf(system, request, withChanges);
  const stray = Object.keys(request.dataset ?? {}).find((option) => option !== "channels");
  if (stray !== undefined)
    fail("bad-argument", {
      what: `--${stray} means nothing to ${system.name}`,
      where: dataDir,
      fix: "Leave it out: no labels are read for training",
    });
  const dataset = await openScans(dataDir, request.dataset);
  const subjects = subjectCount(dataset.cases);
  const folds = Math.min(request.folds ?? 5, subjects);
  const split = await splitOf(dataset, request, () =>
    subjects > 1 ? foldOf(dataset, request.fold ?? 0, folds, seed) : nobodyHeldOut(dataset, seed),
  );
  noteTo(request, `reading ${split.train.length + split.validation.length} scans`);
  let slices: Slices | undefined;
  const grids: ImageVolume[] = [];
  const load = async (ids: readonly string[]): Promise<TrainingStack[]> => {
    const stacks: TrainingStack[] = [];
    for (const one of casesOf(dataset, ids)) {
      const scan = await scanOf(one);
      const plan = planFor(scan, config, slices, one.images[0]!);
      slices ??= plan;
      grids.push({ ...scan, data: new Float32Array(0) });
      stacks.push(
        trainingStack(scan, plan, { id: one.id, rotations: config.rotations, where: one.images[0] }),
      );
    }
    return stacks;
  };
  const training = await load(split.train);
  const data: SuperresolutionData = {
    training,
    validation: await load(split.validation),
    slices: slices!,
    channel: dataset.channels[0]!,
    split,
    record: {
      root: resolve(dataDir),
      options: { channels: [...dataset.channels] },
      name: dataset.name,
      cases: dataset.cases.length,
      subjects,
      sha256: (await fingerprint(dataset)).sha256,
      ...describeGrids(grids),
    },
    simulated: await isSimulated(dataDir),
  };
  return prepare({ system: system.name, preset, config }, data, request);
}

/** The split of one scan: all of it is trained on. */
export function nobodyHeldOut({ cases }: Pick<DataSet, "cases">, seed: number | string): Split {
  const ids = cases.map(({ id }) => id);
  const subjects = [...new Set(cases.map(({ subject }) => subject))];
  return {
    by: "subject",
    seed,
    train: ids,
    validation: [],
    test: [],
    subjects: { train: subjects, validation: [], test: [] },
  };
}

/** The way of a scan to its result, of scans that are learnt together. Throws `bad-data` where their slices differ. */
function planFor(
  scan: ImageVolume,
  { targetMm, thicknessMm }: SuperresolutionConfig,
  others: Slices | undefined,
  where: string,
): ScanPlan {
  const plan = planScan(scan, { targetMm: targetMm ?? others?.targetMm, thicknessMm, where });
  if (others !== undefined && Math.abs(plan.sliceMm / others.sliceMm - 1) > 0.02)
    fail("bad-data", {
      what: "the scans have different slices, which are learnt apart",
      where,
      expected: `slices every ${Number(others.sliceMm.toPrecision(4))} mm, as the others`,
      found: `every ${Number(plan.sliceMm.toPrecision(4))} mm`,
      fix: "Train a run for each kind of scan",
    });
  return plan;
}

/** One scan as all the data of a run. */
export function dataOfScan(
  scan: ImageVolume,
  config: SuperresolutionConfig,
  about: {
    readonly path: string;
    readonly sha256: string;
    readonly seed: number;
    readonly mask?: Volume | undefined;
    readonly force?: boolean;
    readonly simulated?: boolean;
  },
): SuperresolutionData {
  const { path, seed } = about;
  const { targetMm, thicknessMm, rotations } = config;
  const plan = planScan(scan, { targetMm, thicknessMm, force: about.force ?? false, where: path });
  const id = "scan";
  return {
    training: [trainingStack(scan, plan, { id, rotations, mask: about.mask, where: path })],
    validation: [],
    slices: plan,
    channel: "image",
    split: JSON.parse(
      JSON.stringify(nobodyHeldOut({ cases: [{ id, subject: "1", images: [path] }] }, seed)),
    ) as Run["split"],
    record: {
      root: path,
      options: {},
      name: path,
      cases: 1,
      subjects: 1,
      sha256: about.sha256,
      ...describeGrids([scan]),
    },
    simulated: about.simulated ?? false,
  };
}

/** A run on scans in memory, ready for its first, or its next, step. */
export async function prepare(
  { system, preset, config }: { system: string; preset: string; config: SuperresolutionConfig },
  data: SuperresolutionData,
  request: TrainingRequest,
): Promise<Trainable<Run>> {
  const { runDir, seed, threads, device = "cpu" } = request;
  const engine = await engineOn(device);
  const old = request.resume ? await readRun(runDir) : undefined;
  const wanted = old === undefined ? config : { ...config, batch: batchOfRun(old, config) };
  const build = (candidate: SuperresolutionConfig, use: MemoryUse): Steps =>
    superresolutionSteps(candidate, use);
  const fitted = fitMemory(
    wanted,
    build,
    await engine.target(),
    process.availableMemory(),
    request.memory,
    "preset or patch, e.g. --preset tiny or --set patch=24",
  );
  if (old !== undefined && fitted.config.batch < wanted.batch) refuseLowering(old, fitted, runDir);
  for (const text of fitted.warnings) noteTo(request, text);
  const model = modelOf({ system, preset, config }, data);
  const { step } = fitted;
  const run: Run = {
    ...firstRecord({ system, preset }, fitted, request, data.training.length),
    model,
    parameters: parameterCount({ parameters: step.parameters }),
    data: data.record,
    split: data.split,
    provenance: usualProvenance(data.split),
  };
  if (old !== undefined)
    requireSameRun(old, run, runDir, (one) => ({ model: one.model, data: one.data.sha256 }));
  const options = threads === undefined ? {} : { threads };
  const executable = await compileStep(engine, step, fitted.lowered, options);
  const start = await startOf(
    old,
    { initialize: (random) => withFirst(step.initialize(random), data.first ?? {}) },
    seed,
    runDir,
  );
  if (old === undefined) await createRunFolder(runDir, run);
  const held = heldPairs(data.validation, batchPlan(fitted.config, model, seed));
  return {
    run: continued(old, run),
    step,
    executable,
    ...start,
    openBatches: (of) => threadedBatches(data.training, batchPlan(of.config, of.model, of.seed)),
    ...(held.length === 0
      ? {}
      : {
          validation: {
            cases: data.validation.length,
            scores,
            open: async (of, state) => {
              const open = await networkOfState(of.config, of.model, state, placeOf(of));
              const perCase = held.length / data.validation.length;
              return {
                judge: (cases = data.validation.length) => validate(open, held.slice(0, cases * perCase)),
                close: () => open.close(),
              };
            },
          },
        }),
    encode: (of, state) => encodeNetwork(of.config, of.model, state),
    sample: `patch ${config.patch}, ${config.patch}`,
  };
}

/** Edge of the windows of an exported model, in voxels beyond those that a value depends on to both sides. */
const windowCore = 128;

function modelOf(
  { system, preset, config }: { system: string; preset: string; config: SuperresolutionConfig },
  { slices, channel, simulated }: SuperresolutionData,
): SuperresolutionModel {
  // Convolutions of 3²: a voxel to either side for each.
  const reach = 2 * config.network.blocks + 3;
  const edge = windowCore + 2 * reach;
  return {
    system,
    preset,
    task: "superresolution",
    channel,
    acquisition: config.acquisition,
    sliceMm: slices.sliceMm,
    thicknessMm: slices.thicknessMm,
    targetMm: slices.targetMm,
    profile: config.profile,
    directions: config.directions,
    burst: config.burst,
    window: [1, edge, edge],
    reach,
    referencePercentile,
    simulated,
  };
}

function batchPlan(config: SuperresolutionConfig, model: SuperresolutionModel, seed: number): BatchPlan {
  const { batch, patch, rotations, acquisition, profile, chain } = config;
  return {
    batch,
    chain,
    patch,
    rotations,
    acquisition,
    profile,
    ratio: model.sliceMm / model.targetMm,
    thickness: model.thicknessMm / model.targetMm,
    seed,
  };
}
