import { rm } from "node:fs/promises";
import { fail } from "../../../core/errors.js";
import { rng } from "../../../core/rng.js";
import type { Target } from "../../../lower/target.js";
import { engineOn } from "../../../runtime/devices.node.js";
import { compileStep } from "../../../train/compile.js";
import type { MemoryUse, Step } from "../../../train/step.js";
import { beginExtension, extended } from "../../extend.node.js";
import { type Fitted, fitMemory } from "../../memory.node.js";
import { batchOfRun, refuseLowering } from "../../resume.js";
import { placeOf } from "../../run.js";
import { createRunFolder, readRunAs, requireNoRun } from "../../run-folder.node.js";
import { optimizerOf } from "../../settings.js";
import { continued, noteTo, startOf } from "../../start.node.js";
import type { Trainable } from "../../trainable.js";
import type { CaseFile, NnunetBatches } from "./batches.node.js";
import { bestFile } from "./best.js";
import { type NnunetConfig, type NnunetPreset, trainedPlan } from "./config.js";
import type { OpenExperiment } from "./experiment.node.js";
import { caseFiles, firstBatches, foldBatches } from "./fold-batches.node.js";
import {
  type FoldRequest,
  isExtended,
  modelOf,
  recordOf,
  requireSameFold,
  withBatch,
} from "./fold-record.node.js";
import { exists } from "./folders.node.js";
import { secondsToPredict } from "./held-out.node.js";
import { experimentPaths, foldPaths } from "./layout.js";
import { requireHeldOutFits } from "./memory.node.js";
import { type NnunetModel, trainedConfiguration } from "./model.js";
import { encodeNetwork, networkOfState } from "./network.node.js";
import type { Plan } from "./plan.js";
import { type Run, runSchema } from "./run.js";
import { targetNames } from "./score.js";
import { nnunetStep } from "./step.js";
import { pseudoDice } from "./validate.js";

/** A fold that is ready for its first, or its next, step. `close` ends the thread that makes its batches. */
export interface PreparedFold {
  readonly dir: string;
  /** The held-out cases. */
  readonly heldOut: readonly CaseFile[];
  readonly trainable: Trainable<Run>;
  close(): Promise<void>;
}

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
  const longer = old !== undefined && isExtended(old, request, dir);
  if (old !== undefined) requireSameFold(old, experiment, request, longer, dir);
  const files = await caseFiles(experiment, name, fold);
  const plan = trainedPlan(experiment.plan, name, settings);
  const target = await engine.target();
  const fitted = fitFold(plan, request, target, old, dir);
  for (const text of fitted.warnings) noteTo(request, text);
  const model = modelOf(experiment, request, withBatch(plan, name, fitted.config.batch).plan);
  await requireHeldOutFits(model, files.validation, target);
  const { batches, validations } = await foldBatches(model, fitted, request.seed, files);
  try {
    const minutes =
      old === undefined || longer ? await minutesToTrain(request, model, fitted.step, files.validation) : {};
    const run = recordOf(experiment, { ...request, ...minutes }, model, fitted);
    const options = threads === undefined ? {} : { threads };
    const executable = await compileStep(engine, fitted.step, fitted.lowered, options);
    const start = await startOf(old, fitted.step, run.seed, dir);
    if (old === undefined) await createRunFolder(dir, run);
    const going = longer ? extended(old, run, start.progress, dir) : continued(old, run);
    if (longer) await beginLonger(experiment, request, going);
    const trainable: Trainable<Run> = {
      run: going,
      step: fitted.step,
      executable,
      ...start,
      // One thread for both kinds of batches, for as long as the fold is open.
      openBatches: async () => ({
        batches: (step) => batches.batch("training", step),
        close: async () => undefined,
      }),
      validation: validationBy(batches, validations, settings, plan),
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

/** What the fold's former weights said of its held-out cases goes, then its record gets its new end. */
async function beginLonger({ dir }: OpenExperiment, request: FoldRequest, run: Run): Promise<void> {
  const { configuration, fold } = request;
  const own = experimentPaths.fold(dir, configuration, fold);
  // First what says that the fold is done: whenever this is interrupted, what is missing is made again.
  await rm(foldPaths.evaluation(own), { force: true });
  await rm(experimentPaths.crossValidation(dir, configuration), { force: true });
  await rm(foldPaths.heldOut(own), { recursive: true, force: true });
  await beginExtension(own, run);
  if (await exists(`${dir}/${bestFile}`))
    noteTo(
      request,
      `${bestFile} was chosen from what the folds said before: gyrus find-best ${dir} when they are done`,
    );
}

/** The fold's step in the memory that there is: see `fitMemory`. */
function fitFold(
  plan: Plan,
  { configuration: name, settings, memory }: FoldRequest,
  target: Target,
  old: Run | undefined,
  dir: string,
): Fitted<NnunetConfig> {
  const planned: NnunetConfig = { ...settings, batch: plan.configurations[name]!.batch };
  const wanted = old === undefined ? planned : { ...planned, batch: batchOfRun(old, planned) };
  const build = (config: NnunetConfig, use: MemoryUse): Step => {
    const { configuration } = withBatch(plan, name, config.batch);
    return nnunetStep(plan, configuration, { ...config, optimizer: optimizerOf(config) }, use);
  };
  const smaller = "patch: plan for less memory (--memory 1), or --preset tiny";
  const fitted = fitMemory(wanted, build, target, process.availableMemory(), memory, smaller);
  if (old !== undefined && fitted.config.batch < wanted.batch) refuseLowering(old, fitted, dir);
  return fitted;
}

/** Pseudo-Dice of the network that a state is. */
function validationBy(
  batches: NnunetBatches,
  validations: number,
  { smoothing }: NnunetPreset,
  { dataset }: Plan,
): NonNullable<Trainable<Run>["validation"]> {
  return {
    cases: validations,
    scores: [...targetNames(dataset).map((target) => `dice ${target}`), "mean dice"],
    smoothing,
    open: async (run, state) => {
      const network = await networkOfState(run.model, state, placeOf(run));
      return {
        judge: (count = validations) => pseudoDice(network, firstBatches(batches, count), dataset),
        close: () => network.executable.dispose(),
      };
    },
  };
}

/** What of a fold's minutes is left for training when its held-out cases are to be predicted within them, too. */
async function minutesToTrain(
  request: FoldRequest,
  model: NnunetModel,
  step: Step,
  heldOut: readonly CaseFile[],
): Promise<{ readonly minutes?: number }> {
  const { minutes, seed, fold } = request;
  if (minutes === undefined) return {};
  const state = step.initialize(rng(seed).split("initialize"));
  const predicting = (await secondsToPredict(model, state, heldOut, request)) / 60;
  const left = minutes - (1 + predictingMargin) * predicting;
  if (left < leastShare * minutes)
    noteTo(
      request,
      `fold ${fold}: predicting its held-out cases takes about ${predicting.toFixed(2)} min after training, so it will ` +
        `take longer than its ${minutes.toFixed(2)} min, of which training gets half`,
    );
  return { minutes: Math.max(leastShare * minutes, left) };
}

/** Throws `bad-argument` for a fold that the experiment does not have. */
export function requireFold({ splits, record }: OpenExperiment, fold: number): void {
  if (splits.folds[fold] !== undefined) return;
  fail("bad-argument", {
    what: "there is no such fold",
    where: record.data.name,
    expected: `0 to ${splits.folds.length - 1}, or all`,
    found: `${fold}`,
    fix: "Choose one of these folds; how many there are is decided when the experiment is made (--folds)",
  });
}
