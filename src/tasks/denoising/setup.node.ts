import { resolve } from "node:path";
import { fail } from "../../core/errors.js";
import { rng } from "../../core/rng.js";
import type { Tensor } from "../../core/tensor.js";
import type { DataSet } from "../../io/dataset.js";
import { fingerprint } from "../../io/node.js";
import { foldOf } from "../../io/split.js";
import { parameterCount } from "../../nn/scope.js";
import { engineOn } from "../../runtime/devices.node.js";
import { compileStep } from "../../train/compile.js";
import type { MemoryUse } from "../../train/step.js";
import type { Steps } from "../../train/steps.js";
import { casesOf, describeGrids, isSimulated, subjectCount } from "../dataset.node.js";
import { withFirst } from "../first-weights.js";
import { fitMemory, gib } from "../memory.node.js";
import { batchOfRun, refuseLowering, requireSameRun } from "../resume.js";
import { placeOf } from "../run.js";
import { createRunFolder, requireNoRun } from "../run-folder.node.js";
import { splitOf } from "../split.node.js";
import { continued, firstRecord, noteTo, presetOf, startOf, usualProvenance } from "../start.node.js";
import type { Trainable } from "../trainable.js";
import type { TrainRequest } from "../verbs.js";
import type { TrainingVolume } from "./batches.js";
import { threadedBatches } from "./batches.node.js";
import { type DenoisingConfig, withChanges } from "./config.js";
import { loadClean, openVolumes } from "./data.node.js";
import { loadFeatures, requireFeatures } from "./features.node.js";
import { readRun } from "./folder.node.js";
import { denoisingSteps } from "./model.js";
import { encodeNetwork, networkOfState } from "./network.node.js";
import type { DenoisingModel, Run } from "./run.js";
import { brightnessOf, referencePercentile } from "./scale.js";
import { heldWindows, scores, validate } from "./validate.js";

/** A system that denoises: its name and its presets. */
export interface DenoisingSystem {
  readonly name: string;
  readonly presets: Readonly<Record<string, DenoisingConfig>>;
}

/** Volumes in memory, split, and where they came from. */
export interface DenoisingData {
  readonly training: readonly TrainingVolume[];
  /** Judged on while training. */
  readonly validation: readonly TrainingVolume[];
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

/** Everything before the first step, with the data of a folder. Nothing is written until all of it has worked out. */
export async function setUp(system: DenoisingSystem, request: TrainRequest): Promise<Trainable<Run>> {
  const { dataDir, runDir, seed } = request;
  await engineOn(request.device ?? "cpu");
  if (request.resume) await readRun(runDir);
  else await requireNoRun(runDir);
  const { preset, config } = presetOf(system, request, withChanges);
  await requireFeatures(config);
  const stray = Object.keys(request.dataset ?? {}).find((option) => option !== "channels");
  if (stray !== undefined)
    fail("bad-argument", {
      what: `--${stray} means nothing to ${system.name}`,
      where: dataDir,
      fix: "Leave it out: no labels are read for training",
    });
  const dataset = await openVolumes(dataDir, request.dataset);
  const folds = Math.min(request.folds ?? 5, subjectCount(dataset.cases));
  const split = await splitOf(dataset, request, () => foldOf(dataset, request.fold ?? 0, folds, seed));
  noteTo(request, `reading ${split.train.length + split.validation.length} volumes`);
  const training = await loadAll(dataset, split.train, config.noise, seed);
  const validation = await loadAll(dataset, split.validation, config.noise, seed);
  const data: DenoisingData = {
    training,
    validation,
    channel: dataset.channels[0]!,
    split,
    record: {
      root: resolve(dataDir),
      options: { channels: [...dataset.channels] },
      name: dataset.name,
      cases: dataset.cases.length,
      subjects: subjectCount(dataset.cases),
      sha256: (await fingerprint(dataset)).sha256,
      ...describeGrids(training.map(({ image }) => image)),
    },
    simulated: await isSimulated(dataDir),
  };
  return prepare({ system: system.name, preset, config }, data, request);
}

/** A run on volumes in memory, ready for its first, or its next, step. */
export async function prepare(
  { system, preset, config }: { system: string; preset: string; config: DenoisingConfig },
  data: DenoisingData,
  request: TrainingRequest,
): Promise<Trainable<Run>> {
  const { runDir, seed, threads, device = "cpu" } = request;
  const engine = await engineOn(device);
  const old = request.resume ? await readRun(runDir) : undefined;
  const features = await loadFeatures(config);
  const wanted = old === undefined ? config : { ...config, batch: batchOfRun(old, config) };
  const build = (candidate: DenoisingConfig, use: MemoryUse): Steps =>
    denoisingSteps(candidate, features.options, use);
  const fitted = fitMemory(
    wanted,
    build,
    await engine.target(),
    process.availableMemory(),
    request.memory,
    "preset or patch, e.g. --preset tiny or --set patch=16,16,16",
  );
  if (old !== undefined && fitted.config.batch < wanted.batch) refuseLowering(old, fitted, runDir);
  for (const text of fitted.warnings) noteTo(request, text);
  const model: DenoisingModel = {
    system,
    preset,
    task: "denoising",
    channel: data.channel,
    window: [...config.window],
    overlap: config.overlap,
    referencePercentile,
    units: config.units,
    noise: [...config.noise],
    features: features.described,
    simulated: data.simulated,
  };
  const { step } = fitted;
  const run: Run = {
    ...firstRecord({ system, preset }, fitted, request, data.training.length),
    model,
    parameters: parametersOf(step, "generator"),
    criticParameters: parametersOf(step, "critic"),
    featuresSha256: features.sha256,
    data: data.record,
    split: data.split,
    provenance: usualProvenance(data.split),
  };
  if (old !== undefined)
    requireSameRun(old, run, runDir, (one) => ({
      model: one.model,
      features: one.featuresSha256,
      data: one.data.sha256,
    }));
  const options = threads === undefined ? {} : { threads };
  const executable = await compileStep(engine, step, fitted.lowered, options);
  const start = await startOf(
    old,
    { initialize: (random) => withFirst(step.initialize(random), { ...features.weights, ...data.first }) },
    seed,
    runDir,
  );
  if (old === undefined) await createRunFolder(runDir, run);
  const held = heldWindows(data.validation, config, seed);
  return {
    run: continued(old, run),
    step,
    executable,
    ...start,
    openBatches: (of) =>
      threadedBatches(data.training, { ...of.config, seed: of.seed, subBatches: step.subBatches }),
    ...(held.length === 0
      ? {}
      : {
          validation: {
            cases: held.length,
            scores,
            open: async (of, state) => {
              const open = await networkOfState(of.config, of.model, state, placeOf(of));
              return {
                judge: (cases) => validate(open, held.slice(0, cases)),
                close: () => open.executable.dispose(),
              };
            },
          },
        }),
    encode: (of, state) => encodeNetwork(of.config, of.model, state),
    sample: `patch ${config.patch.join(", ")}`,
  };
}

function parametersOf({ parameters }: Steps, network: string): number {
  const own = [...parameters].filter(([path]) => path.startsWith(`${network}.`));
  return parameterCount({ parameters: new Map(own) });
}

/** Part of the free memory that the volumes may take: training shares a copy of them with a thread. */
const dataShare = 0.4;

async function loadAll(
  dataset: DataSet,
  ids: readonly string[],
  noise: readonly [number, number],
  seed: number,
): Promise<TrainingVolume[]> {
  const available = process.availableMemory();
  const loaded: TrainingVolume[] = [];
  let bytes = 0;
  for (const one of casesOf(dataset, ids)) {
    const image = await loadClean(dataset, one);
    loaded.push(trainingVolume(one.id, image, noise, seed, one.images[0]));
    bytes += 2 * image.data.byteLength;
    if (bytes > dataShare * available)
      fail("memory", {
        what: `the volumes do not fit into memory: ${loaded.length} of ${ids.length} were read`,
        where: dataset.root,
        expected: `at most ${gib(dataShare * available)}`,
        found: `about ${gib((bytes / loaded.length) * ids.length)}`,
        fix: "Train on fewer scans, or use a machine with more memory",
      });
  }
  return loaded;
}

/** A clean volume with its brightness under noise. */
export function trainingVolume(
  id: string,
  image: TrainingVolume["image"],
  noise: readonly [number, number],
  seed: number,
  where?: string,
): TrainingVolume {
  return { id, image, brightness: brightnessOf(image, noise, rng(seed).split("brightness", id), where) };
}
