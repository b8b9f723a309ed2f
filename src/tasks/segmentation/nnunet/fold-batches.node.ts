import { fail } from "../../../core/errors.js";
import type { Batch } from "../../../train/loop.js";
import { augmentations } from "../../../transforms/augmentation.js";
import { type Fitted, memoryShare } from "../../memory.node.js";
import type { BatchPlan } from "./batches.js";
import { type CaseFile, type NnunetBatches, openBatches, type PatchSource } from "./batches.node.js";
import { augmentationOf, type NnunetConfig } from "./config.js";
import type { OpenExperiment } from "./experiment.node.js";
import { exists } from "./folders.node.js";
import { experimentPaths, foldPaths } from "./layout.js";
import { type NnunetModel, trainedConfiguration } from "./model.js";
import { networkOf } from "./network.js";
import type { ConfigurationName } from "./plan.js";
import { patchOf } from "./predicting.js";
import { preparedFolder } from "./prepare.node.js";
import { headStrides } from "./step.js";

/** Part of the free memory that prepared cases may stay in, where the training step leaves as much. */
const dataShare = 0.4;

/** Bytes that prepared cases may stay in beside a training step of so many: together no more than may be counted on. */
export function cacheBytes(stepBytes: number, freeBytes: number): number {
  return Math.min(dataShare * freeBytes, Math.max(0, memoryShare * freeBytes - stepBytes));
}

/** Prepared files of both parts of a fold; for a cascade with what the coarser stage says of each. */
export async function caseFiles(
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
export async function foldBatches(
  model: NnunetModel,
  { config, estimateBytes }: Pick<Fitted<NnunetConfig>, "config" | "estimateBytes">,
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
  const bytes = cacheBytes(estimateBytes, process.availableMemory());
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

/** Batches of held-out patches, the same every time. */
export async function* firstBatches(batches: NnunetBatches, count: number): AsyncGenerator<Batch> {
  for (let at = 0; at < count; at++) yield await batches.batch("validation", at);
}
