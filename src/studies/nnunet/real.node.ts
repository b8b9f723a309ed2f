import { existsSync } from "node:fs";
import { joinPath } from "../../io/files.js";
import { loadCase, readVolume } from "../../io/node.js";
import { heldOutCases, openCompared } from "../../tasks/segmentation/nnunet/compared.node.js";
import type { NnunetPreset } from "../../tasks/segmentation/nnunet/config.js";
import { labelMapOf } from "../../tasks/segmentation/nnunet/cross-validation.node.js";
import { findBest } from "../../tasks/segmentation/nnunet/find-best.node.js";
import { explainPlan } from "../../tasks/segmentation/nnunet/words.js";
import { type Box, boundingBox, crop } from "../../volume/crop.js";
import { toCanonical } from "../../volume/orient.js";
import type { ImageVolume, LabelVolume, Size3 } from "../../volume/volume.js";
import type { StudyCase } from "./data.js";
import {
  type DataSetWords,
  type ExperimentPlace,
  planExperiment,
  trainFolds,
  writeDataSet,
} from "./experiment.node.js";
import { halved } from "./halve.js";
import { type NeckScan, neckParts } from "./neck.js";
import { type RealSet, realSets } from "./plan.js";
import type { RealResult, Shown } from "./score.js";
import { shownOverlay } from "./test.node.js";

const spinal = [
  { name: "t1w", image: "t1w.nii.gz", label: "t1w_seg-manual.nii.gz" },
  { name: "t2w", image: "t2.nii.gz", label: "t2_seg-manual.nii.gz" },
] as const;

const patients = [
  { id: "0003", folder: "validation/brats_2013_pat0003_1" },
  { id: "0004", folder: "validation/brats_2013_pat0004_1" },
  { id: "0005", folder: "train/brats_2013_pat0005_1" },
  { id: "0006", folder: "train/brats_2013_pat0006_1" },
] as const;

const first: Readonly<Record<RealSet, string>> = {
  "spinal-cord": spinal[0].image,
  "brats-2013": `${patients[0].folder}/OTMultiClass.nii.gz`,
};

/** The sets that a folder of data has. */
export function realIn(dataDir: string | undefined): RealSet[] {
  if (dataDir === undefined) return [];
  return realSets.filter((set) => existsSync(joinPath(dataDir, set, first[set])));
}

const words: Readonly<Record<RealSet, DataSetWords>> = {
  "spinal-cord": { name: "Spinal cord", channels: ["MRI"], labels: { "spinal cord": 1 }, simulated: false },
  // Regions as the challenge has them: necrosis 1, oedema 2, non-enhancing 3, enhancing 4.
  "brats-2013": {
    name: "Gliomas",
    channels: ["FLAIR", "T1c"],
    labels: { "whole tumour": [1, 2, 3, 4], "tumour core": [1, 3, 4], "enhancing tumour": [4] },
    regionsOrder: [2, 1, 4],
    simulated: false,
  },
};

/** What the values of the label maps are, for pictures. */
const structures: Readonly<Record<RealSet, readonly string[]>> = {
  "spinal-cord": ["spinal cord"],
  "brats-2013": ["necrosis", "oedema", "non-enhancing tumour", "enhancing tumour"],
};

/** Folds: every part of the neck, and every patient, is held out once. */
export const realFolds: Readonly<Record<RealSet, number>> = { "spinal-cord": 2, "brats-2013": 4 };

/**
 * Cross-validate a small set of real scans: planned, trained in 3-D with a few steps, every case judged by the network
 * that has not seen it.
 */
export async function studyReal(
  set: RealSet,
  root: string,
  place: ExperimentPlace,
  preset: NnunetPreset,
): Promise<RealResult> {
  const cases =
    set === "spinal-cord" ? await spinalCases(joinPath(root, set)) : await gliomas(joinPath(root, set));
  await writeDataSet(place.dataDir, words[set], cases);
  const plan = await planExperiment(place, preset);
  const { steps } = await trainFolds(place, preset);
  const { best, evaluation } = await findBest({ dir: place.dir, workers: 1, signal: place.signal });
  const order = [...evaluation.cases].sort((a, b) => meanDice(b.scores) - meanDice(a.scores));
  return {
    set,
    steps,
    because: explainPlan(plan).map(({ choice, because }) => ({ choice, because })),
    labels: evaluation.labels,
    cases: evaluation.cases.map(({ case: id, scores }) => ({ case: id, scores })),
    pictures: [
      await picture(set, place.dir, "best", order[0]!.case, best.postprocessing),
      await picture(set, place.dir, "worst", order.at(-1)!.case, best.postprocessing),
    ],
  };
}

function meanDice(scores: RealResult["cases"][number]["scores"]): number {
  const values = Object.values(scores).flatMap(({ dice }) => dice ?? []);
  return values.length === 0 ? 0 : values.reduce((a, b) => a + b, 0) / values.length;
}

async function picture(
  set: RealSet,
  dir: string,
  rank: string,
  id: string,
  steps: Parameters<typeof labelMapOf>[2]["steps"],
): Promise<Shown> {
  const experiment = await openCompared(dir);
  const folds = experiment.splits.folds.map((_, fold) => fold);
  const held = heldOutCases(experiment, folds).find(({ one }) => one.id === id)!;
  const ensemble = [...experiment.done.keys()];
  const prediction = await labelMapOf(experiment, held, { ensemble, steps });
  const { image, label } = await loadCase(experiment.dataset, held.one);
  const caption = `${experiment.dataset.name}, ${id}, the ${rank} of ${experiment.dataset.cases.length}.`;
  return shownOverlay(caption, { image, truth: label!, prediction, labels: structures[set], channel: 0 });
}

async function read(path: string): Promise<ImageVolume> {
  return toCanonical((await readVolume(path, { as: "float32" })).volume).volume as ImageVolume;
}

/** Two scans of one person, each in two parts: what is held out is another part of the same neck, in both scans. */
export async function spinalCases(dir: string): Promise<StudyCase[]> {
  const scans: NeckScan[] = [];
  for (const { name, image, label } of spinal)
    scans.push({ name, image: await read(joinPath(dir, image)), cord: await read(joinPath(dir, label)) });
  return neckParts(scans);
}

/** FLAIR and contrast-enhanced T1 of four patients, the box about the brain, at half the resolution. */
async function gliomas(dir: string): Promise<StudyCase[]> {
  const cases: StudyCase[] = [];
  for (const { id, folder } of patients) {
    const at = (name: string): string => joinPath(dir, folder, `${name}.nii.gz`);
    const brain = await read(at("brainmask"));
    const { start, size } = boundingBox(brain)!;
    const box: Box = { start, size: size.map((n) => n - (n % 2)) as unknown as Size3 };
    const channels: ImageVolume[] = [];
    for (const name of ["Flair_subtrMeanDivStd", "T1c_subtrMeanDivStd"])
      channels.push(halved(crop(await read(at(name)), box) as ImageVolume, "mean") as ImageVolume);
    const map = halved(crop(await read(at("OTMultiClass")), box) as ImageVolume, "majority");
    const [one, two] = channels as [ImageVolume, ImageVolume];
    const data = new Float32Array(2 * one.data.length);
    data.set(one.data);
    data.set(two.data, one.data.length);
    const label: LabelVolume = { ...map, data: Uint8Array.from(map.data) };
    cases.push({ id: `patient-${id}`, image: { ...one, data, channels: 2 }, label });
  }
  return cases;
}
