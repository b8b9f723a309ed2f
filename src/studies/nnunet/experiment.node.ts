import { mkdir, rm } from "node:fs/promises";
import { fail } from "../../core/errors.js";
import { joinPath } from "../../io/files.js";
import { writeText, writeVolume } from "../../io/node.js";
import type { NnunetPreset } from "../../tasks/segmentation/nnunet/config.js";
import { openExperiment } from "../../tasks/segmentation/nnunet/experiment.node.js";
import { findBest } from "../../tasks/segmentation/nnunet/find-best.node.js";
import type { Plan } from "../../tasks/segmentation/nnunet/plan.js";
import { trainNnunet } from "../../tasks/segmentation/nnunet/train.node.js";
import type { StudyCase } from "./data.js";
import type { Choice } from "./score.js";

/** An experiment of the study: its data set and its folder, and how all of its networks are trained. */
export interface ExperimentPlace {
  readonly dataDir: string;
  readonly dir: string;
  readonly folds: number;
  readonly seed: number;
  readonly signal: AbortSignal;
}

export interface DataSetWords {
  readonly name: string;
  readonly channels: readonly string[];
  /** As `dataset.json` has them: a value, or the values of a region. */
  readonly labels: Readonly<Record<string, number | readonly number[]>>;
  readonly regionsOrder?: readonly number[];
  /** Made by a computer: trainings then say so. */
  readonly simulated: boolean;
}

const system = "nnunet";

/** Write a data set as the Decathlon has it, in place of what an interrupted study has left there. */
export async function writeDataSet(
  dir: string,
  { name, channels, labels, regionsOrder, simulated }: DataSetWords,
  cases: readonly StudyCase[],
): Promise<void> {
  await rm(dir, { recursive: true, force: true });
  for (const folder of ["imagesTr", "labelsTr"]) await mkdir(joinPath(dir, folder), { recursive: true });
  const training: object[] = [];
  for (const { id, subject, image, label } of cases) {
    const [own, map] = [`imagesTr/${id}.nii.gz`, `labelsTr/${id}.nii.gz`];
    await writeVolume(joinPath(dir, own), image, { dtype: "float32" });
    await writeVolume(joinPath(dir, map), label, { dtype: "uint8" });
    training.push({ image: `./${own}`, label: `./${map}`, ...(subject === undefined ? {} : { subject }) });
  }
  const description = {
    name,
    channel_names: Object.fromEntries(channels.map((channel, c) => [c, channel])),
    labels: { background: 0, ...labels },
    ...(regionsOrder === undefined ? {} : { regions_class_order: regionsOrder }),
    training,
  };
  if (simulated)
    await writeText(
      joinPath(dir, "dataset_description.json"),
      `${JSON.stringify({ Name: name, Description: "Simulated for a study" })}\n`,
    );
  await writeText(joinPath(dir, "dataset.json"), `${JSON.stringify(description, null, 2)}\n`);
}

/** Make the experiment's folder anew: measure and plan the data set, deal its cases into folds. */
export async function planExperiment(place: ExperimentPlace, preset: NnunetPreset): Promise<Plan> {
  const { dataDir, dir, folds, signal } = place;
  await rm(dir, { recursive: true, force: true });
  const { plan } = await openExperiment(system, { dataDir, runDir: dir, folds }, preset, {
    workers: 1,
    signal,
  });
  return plan;
}

/**
 * Train all folds of the preset's configuration, or go on where an interrupted study stopped; on one thread, as another
 * number can change the last bits. Throws `runtime` when it is asked to stop: what is done stays in the folder.
 */
export async function trainFolds(
  { dataDir, dir, folds, seed, signal }: ExperimentPlace,
  preset: NnunetPreset,
): Promise<{ readonly steps: number; readonly scores: Readonly<Record<string, number>> }> {
  const { steps, scores, stopped } = await trainNnunet(
    { name: system, presets: { study: preset } },
    { dataDir, runDir: dir, set: {}, allFolds: true, folds, seed, threads: 1, resume: true, signal },
  );
  if (stopped === "asked" || signal.aborted)
    fail("runtime", { what: "the training was interrupted", where: dir, fix: "Resume the study" });
  return { steps, scores };
}

/** Choose among the configurations that are trained, and what is done afterwards. */
export async function choose({ dir, signal }: ExperimentPlace): Promise<Choice> {
  const { best } = await findBest({ dir, workers: 1, signal });
  const { sentence, ensemble, postprocessing, candidates, decisions, crossValidation } = best;
  return { sentence, ensemble, postprocessing, candidates, decisions, crossValidation };
}
