import { fittedOn } from "../../../audit/provenance.js";
import { parameterCount } from "../../../nn/scope.js";
import { asLongAs, becomesLonger } from "../../extend.node.js";
import type { Fitted } from "../../memory.node.js";
import { batchOfRun, requireSameRun } from "../../resume.js";
import { firstRecord } from "../../start.node.js";
import type { TrainRequest } from "../../verbs.js";
import { augmentationOf, mirrorAxesOf, type NnunetConfig, type NnunetPreset, trainedPlan } from "./config.js";
import type { OpenExperiment } from "./experiment.node.js";
import type { NnunetModel } from "./model.js";
import type { ConfigurationName, Plan } from "./plan.js";
import type { Run } from "./run.js";

/** Which fold of which configuration, and what is asked of its training. */
export interface FoldRequest
  extends Pick<
    TrainRequest,
    "seed" | "threads" | "device" | "minutes" | "memory" | "resume" | "extend" | "signal" | "onProgress"
  > {
  readonly system: string;
  readonly preset: string;
  readonly settings: NnunetPreset;
  readonly configuration: ConfigurationName;
  readonly fold: number;
  /** Of the whole command: `minutes` are this fold's share. */
  readonly minutesAsked?: number;
}

/** `run.json` of a new fold. */
export function recordOf(
  experiment: OpenExperiment,
  request: FoldRequest,
  model: NnunetModel,
  fitted: Fitted<NnunetConfig>,
): Run {
  const { train, subjects } = experiment.splits.folds[request.fold]!;
  const first = firstRecord(request, fitted, request, train.length);
  const { minutesAsked } = request;
  return {
    ...first,
    plan: { ...first.plan, ...(minutesAsked === undefined ? {} : { minutesAsked }) },
    model,
    parameters: parameterCount(fitted.step.traced),
    data: experiment.record.data,
    provenance: provenanceOf(model, subjects),
    split: splitOf(experiment, request.fold),
  };
}

function splitOf({ splits, record }: OpenExperiment, fold: number): Run["split"] {
  const { train, validation, subjects } = splits.folds[fold]!;
  return {
    by: splits.by,
    seed: splits.seed,
    fold,
    folds: record.folds,
    train: [...train],
    validation: [...validation],
    test: [],
    subjects: { train: [...subjects.train], validation: [...subjects.validation], test: [] },
    ...(splits.images === undefined ? {} : { images: splits.images }),
  };
}

/** Whether a fold is asked to become longer than it was planned: see `becomesLonger`. */
export function isExtended(
  old: Run,
  { settings, minutesAsked, extend = false }: Pick<FoldRequest, "settings" | "minutesAsked" | "extend">,
  dir: string,
): boolean {
  const asked = { epochs: settings.epochs, minutes: minutesAsked ?? null };
  const planned = old.plan.minutes === null ? null : old.plan.minutesAsked;
  return becomesLonger(old, planned, asked, extend, dir);
}

/**
 * A fold goes on, or counts as done, only where the same is asked for that it was begun with. Throws `bad-argument` that
 * names the first difference: preset, seed, a setting (but its length where it is to be `longer`), the plan, the data, who
 * is held out.
 */
export function requireSameFold(
  old: Run,
  experiment: OpenExperiment,
  request: FoldRequest,
  longer: boolean,
  dir: string,
): void {
  const { configuration: name, settings, system, preset, seed, fold } = request;
  const plan = trainedPlan(experiment.plan, name, settings);
  const batch = batchOfRun(old, plan.configurations[name]!);
  const now: Run = {
    ...old,
    system,
    preset,
    seed,
    config: { ...settings, batch },
    model: modelOf(experiment, request, withBatch(plan, name, batch).plan),
    data: experiment.record.data,
    split: splitOf(experiment, fold),
  };
  requireSameRun(
    longer ? asLongAs(old, settings) : old,
    now,
    dir,
    ({ model: { plan: ofRun, configuration }, data }) => ({
      configuration,
      plan: ofRun,
      data: data.sha256,
    }),
  );
}

/**
 * Whom what was learnt from. As in the reference the plan is made from all labelled cases, and a cascade's training cases
 * come with what networks say of them that have seen its held-out cases.
 */
function provenanceOf(
  { plan, configuration }: NnunetModel,
  { train, validation }: { readonly train: readonly string[]; readonly validation: readonly string[] },
): Run["provenance"] {
  const all = [...train, ...validation];
  const previous = plan.configurations[configuration]!.previous;
  const ct = plan.channels.some(({ scheme }) => scheme === "ct");
  return [
    fittedOn("hyperparameters", "the plan: voxel size, patch, network", all),
    ...(ct ? [fittedOn("normalisation", "foreground intensities of CT", all)] : []),
    ...(previous === undefined ? [] : [fittedOn("pre-training", `label maps of ${previous}`, all)]),
    fittedOn("weights", "the network", train),
  ];
}

/** A plan with another batch in one of its configurations. */
export function withBatch(plan: Plan, name: ConfigurationName, batch: number) {
  const configuration = { ...plan.configurations[name]!, batch };
  return {
    plan: { ...plan, configurations: { ...plan.configurations, [name]: configuration } },
    configuration,
  };
}

/** What a prediction by this fold will need. */
export function modelOf({ record }: OpenExperiment, request: FoldRequest, plan: Plan): NnunetModel {
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
