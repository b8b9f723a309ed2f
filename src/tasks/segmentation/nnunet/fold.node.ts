import { fail } from "../../../core/errors.js";
import { rng } from "../../../core/rng.js";
import { parameterCount } from "../../../nn/scope.js";
import { engineOn } from "../../../runtime/devices.node.js";
import { compileStep } from "../../../train/compile.js";
import type { Batch } from "../../../train/loop.js";
import type { MemoryUse, Step } from "../../../train/step.js";
import { augmentations } from "../../../transforms/augmentation.js";
import { fitMemory } from "../../memory.node.js";
import { batchOfRun, refuseLowering, requireSameRun } from "../../resume.js";
import { placeOf } from "../../run.js";
import { createRunFolder, readRunAs, requireNoRun } from "../../run-folder.node.js";
import { optimizerOf } from "../../settings.js";
import { continued, firstRecord, startOf } from "../../start.node.js";
import type { Trainable } from "../../trainable.js";
import type { TrainRequest } from "../../verbs.js";
import type { BatchPlan } from "./batches.js";
import { type CaseFile, type NnunetBatches, openBatches, type PatchSource } from "./batches.node.js";
import { augmentationOf, mirrorAxesOf, type NnunetConfig, type NnunetPreset, trainedPlan } from "./config.js";
import type { OpenExperiment } from "./experiment.node.js";
import { exists } from "./folders.node.js";
import { secondsToPredict } from "./held-out.node.js";
import { experimentPaths, foldPaths } from "./layout.js";
import { type NnunetModel, trainedConfiguration } from "./model.js";
import { networkOf } from "./network.js";
import { encodeNetwork, networkOfState } from "./network.node.js";
import type { ConfigurationName, Plan } from "./plan.js";
import { patchOf } from "./predicting.js";
import { preparedFolder } from "./prepare.node.js";
import { type Run, runSchema } from "./run.js";
import { targetNames } from "./score.js";
import { headStrides, nnunetStep } from "./step.js";
import { pseudoDice } from "./validate.js";

/** Which fold of which configuration, and what is asked of its training. */
export interface FoldRequest
  extends Pick<
    TrainRequest,
    "seed" | "threads" | "device" | "minutes" | "memory" | "resume" | "signal" | "onProgress"
  > {
  readonly system: string;
  readonly preset: string;
  readonly settings: NnunetPreset;
  readonly configuration: ConfigurationName;
  readonly fold: number;
}

/** A fold that is ready for its first, or its next, step. `close` ends the thread that makes its batches. */
export interface PreparedFold {
  readonly dir: string;
  /** The held-out cases. */
  readonly heldOut: readonly CaseFile[];
  readonly trainable: Trainable<Run>;
  close(): Promise<void>;
}

/** Part of the free memory that prepared cases may stay in. */
const dataShare = 0.4;

/** Training gets this part of the minutes, however long predicting takes; which may take a little longer than estimated. */
const leastShare = 0.5;
const predictingMargin = 0.2;

/**
 * Everything before the first step of a fold: network, memory, batches, run folder. Cases are prepared already. Nothing
 * is written until all of it has worked out.
 */
export async function openFold(experiment: OpenExperiment, request: FoldRequest): Promise<PreparedFold> {
  const { configuration: name, fold, settings, threads, device = "cpu" } = request;
  requireFold(experiment, fold);
  const dir = experimentPaths.fold(experiment.dir, name, fold);
  const engine = await engineOn(device);
  const begun = await exists(`${dir}/run.json`);
  if (begun && !request.resume) await requireNoRun(dir);
  const old = begun ? await readRunAs(dir, runSchema) : undefined;
  const files = await caseFiles(experiment, name, fold);

  const plan = trainedPlan(experiment.plan, name, settings);
  const planned: NnunetConfig = { ...settings, batch: plan.configurations[name]!.batch };
  const wanted = old === undefined ? planned : { ...planned, batch: batchOfRun(old, planned) };
  const build = (config: NnunetConfig, use: MemoryUse): Step => {
    const { configuration } = withBatch(plan, name, config.batch);
    return nnunetStep(plan, configuration, { ...config, optimizer: optimizerOf(config) }, use);
  };
  const fitted = fitMemory(
    wanted,
    build,
    await engine.target(),
    process.availableMemory(),
    request.memory,
    "patch: plan for less memory (--memory 1), or --preset tiny",
  );
  if (old !== undefined && fitted.config.batch < wanted.batch) refuseLowering(old, fitted, dir);
  for (const text of fitted.warnings) note(request, text);

  const model = modelOf(experiment, request, withBatch(plan, name, fitted.config.batch).plan);
  const { batches, validations } = await foldBatches(model, fitted.config, request.seed, files);
  try {
    const { train, validation, subjects } = experiment.splits.folds[fold]!;
    const minutes =
      old === undefined ? await minutesToTrain(request, model, fitted.step, files.validation) : {};
    const run: Run = {
      ...firstRecord(request, fitted, { ...request, ...minutes }, train.length),
      model,
      parameters: parameterCount(fitted.step.traced),
      data: experiment.record.data,
      split: {
        by: experiment.splits.by,
        seed: experiment.splits.seed,
        fold,
        folds: experiment.record.folds,
        train: [...train],
        validation: [...validation],
        test: [],
        subjects: { train: [...subjects.train], validation: [...subjects.validation], test: [] },
      },
    };
    if (old !== undefined)
      requireSameRun(old, run, dir, ({ model: { plan: ofRun, configuration }, data }) => ({
        configuration,
        plan: ofRun,
        data: data.sha256,
      }));
    const executable = await compileStep(
      engine,
      fitted.step,
      fitted.lowered,
      threads === undefined ? {} : { threads },
    );
    const start = await startOf(old, fitted.step, run.seed, dir);
    if (old === undefined) await createRunFolder(dir, run);
    const trainable: Trainable<Run> = {
      run: continued(old, run),
      step: fitted.step,
      executable,
      ...start,
      // One thread for both kinds of batches, for as long as the fold is open.
      openBatches: async () => ({
        batches: (step) => batches.batch("training", step),
        close: async () => undefined,
      }),
      validation: {
        cases: validations,
        scores: [...targetNames(model.plan.dataset).map((target) => `dice ${target}`), "mean dice"],
        smoothing: settings.smoothing,
        open: async (ofRun, state) => {
          const network = await networkOfState(ofRun.model, state, placeOf(ofRun));
          return {
            judge: (count = validations) =>
              pseudoDice(network, firstBatches(batches, count), ofRun.model.plan.dataset),
            close: () => network.executable.dispose(),
          };
        },
      },
      keeps: "last",
      encode: (ofRun, state) => encodeNetwork(ofRun.model, state),
      sample: `patch ${trainedConfiguration(model).patch.join(", ")}`,
    };
    return { dir, heldOut: files.validation, trainable, close: () => batches.close() };
  } catch (error) {
    await batches.close();
    throw error;
  }
}

/** What of a fold's minutes is left for training when its held-out cases are to be predicted within them, too. */
async function minutesToTrain(
  { minutes, seed, ...place }: FoldRequest,
  model: NnunetModel,
  step: Step,
  heldOut: readonly CaseFile[],
): Promise<{ readonly minutes?: number }> {
  if (minutes === undefined) return {};
  const state = step.initialize(rng(seed).split("initialize"));
  const predicting = (await secondsToPredict(model, state, heldOut, place)) / 60;
  return { minutes: Math.max(leastShare * minutes, minutes - (1 + predictingMargin) * predicting) };
}

function requireFold({ splits, record }: OpenExperiment, fold: number): void {
  if (splits.folds[fold] !== undefined) return;
  fail("bad-argument", {
    what: "there is no such fold",
    where: record.data.name,
    expected: `0 to ${splits.folds.length - 1}, or all`,
    found: `${fold}`,
    fix: "Choose one of these folds; how many there are is decided when the experiment is made (--folds)",
  });
}

function note({ onProgress }: FoldRequest, text: string): void {
  onProgress?.({ step: 0, totalSteps: 0, epoch: 0, secondsLeft: 0, note: text });
}

/** A plan with another batch in one of its configurations. */
function withBatch(plan: Plan, name: ConfigurationName, batch: number) {
  const configuration = { ...plan.configurations[name]!, batch };
  return {
    plan: { ...plan, configurations: { ...plan.configurations, [name]: configuration } },
    configuration,
  };
}

function modelOf({ record }: OpenExperiment, request: FoldRequest, plan: Plan): NnunetModel {
  const configuration = plan.configurations[request.configuration]!;
  return {
    system: request.system,
    preset: request.preset,
    task: "segmentation",
    method: "nnunet",
    configuration: request.configuration,
    plan,
    mirrorAxes: mirrorAxesOf(augmentationOf(request.settings, plan, configuration), configuration.dimensions),
    overlap: request.settings.overlap,
    simulated: record.data.simulated,
  };
}

/** Prepared files of both parts of a fold; for a cascade with what the coarser stage says of each. */
async function caseFiles(
  { dir, plan, splits }: OpenExperiment,
  name: ConfigurationName,
  fold: number,
): Promise<{ readonly training: CaseFile[]; readonly validation: CaseFile[] }> {
  const folder = preparedFolder(experimentPaths.prepared(dir), name);
  const previous = plan.configurations[name]!.previous as ConfigurationName | undefined;
  const foldOfCase = new Map(
    splits.folds.flatMap(({ validation }, at) => validation.map((id) => [id, at] as const)),
  );
  const fileOf = async (id: string): Promise<CaseFile> => {
    const file = { id, path: `${folder}/${id}.safetensors` };
    if (previous === undefined) return file;
    const coarse = foldPaths.heldOutCase(experimentPaths.fold(dir, previous, foldOfCase.get(id)!), id);
    if (!(await exists(coarse)))
      fail("not-found", {
        what: `${name} learns from what ${previous} says of cases that it has not seen, and that is not there`,
        where: coarse,
        expected: `all ${splits.folds.length} folds of ${previous}`,
        fix: `Train them first: the same command with --configuration ${previous} --fold all`,
      });
    return { ...file, previous: coarse };
  };
  const { train, validation } = splits.folds[fold]!;
  return {
    training: await Promise.all(train.map(fileOf)),
    validation: await Promise.all(validation.map(fileOf)),
  };
}

/** The thread that makes the fold's batches, and how many of held-out patches make a validation. */
async function foldBatches(
  model: NnunetModel,
  config: NnunetConfig,
  seed: number,
  files: { readonly training: readonly CaseFile[]; readonly validation: readonly CaseFile[] },
): Promise<{ readonly batches: NnunetBatches; readonly validations: number }> {
  const configuration = trainedConfiguration(model);
  const { regions, ignoredClass, classes } = model.plan.dataset;
  const { heads } = networkOf(model.plan, configuration);
  const cascade = configuration.previous !== undefined;
  const training: BatchPlan = {
    seed,
    batch: configuration.batch,
    patch: patchOf(model),
    dimensions: configuration.dimensions,
    augmentation: augmentationOf(config, model.plan, configuration),
    planar: configuration.planarAugmentation,
    foreground: config.foreground,
    headStrides: headStrides(configuration, config.deepSupervision ? heads : 1),
    regions: regions?.map((region) => region.classes) ?? null,
    ignoredClass,
    masked: model.plan.channels.flatMap(({ withinMask }, channel) => (withinMask ? [channel] : [])),
    previous: cascade ? { labels: classes.length - 1, augment: true } : null,
  };
  const validation: BatchPlan = {
    ...training,
    seed: `${seed} validation`,
    augmentation: { ...augmentations.none, padding: "zero" },
    headStrides: training.headStrides.slice(0, 1),
    previous: cascade ? { labels: classes.length - 1, augment: false } : null,
  };
  const sources: { readonly training: PatchSource; readonly validation: PatchSource } = {
    training: { files: files.training, plan: training },
    validation: { files: files.validation, plan: validation },
  };
  const bytes = dataShare * process.availableMemory();
  const { plan } = model;
  return {
    batches: await openBatches({
      ...sources,
      plan: { dataset: plan.dataset, resampling: plan.resampling },
      bytes,
    }),
    validations: Math.ceil(config.validationPatches / configuration.batch),
  };
}

async function* firstBatches(batches: NnunetBatches, count: number): AsyncGenerator<Batch> {
  for (let at = 0; at < count; at++) yield await batches.batch("validation", at);
}
