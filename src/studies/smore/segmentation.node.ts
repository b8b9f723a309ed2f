import { mkdir, rm } from "node:fs/promises";
import { joinPath } from "../../io/files.js";
import { nodeFiles, writeText, writeVolume } from "../../io/node.js";
import { paths } from "../../tasks/run-folder.node.js";
import { segmentationVerbs } from "../../tasks/segmentation/node.js";
import { openModelAt, segmentImage } from "../../tasks/segmentation/predict.node.js";
import type { ImageVolume, LabelVolume } from "../../volume/volume.js";
import { type Head, tissueNames } from "./data.js";
import { type Extent, segmentationConfig } from "./plan.js";

const segmentationRun = (folder: string): string => joinPath(folder, "run-segmentation");

/** Do something with the trained segmentation at hand; on one thread, as another number can change the last bits. */
export async function withSegmentation<T>(
  folder: string,
  work: (segment: (image: ImageVolume) => Promise<LabelVolume>) => Promise<T>,
): Promise<T> {
  const open = await openModelAt(segmentationRun(folder), { threads: 1 });
  try {
    return await work((image) => segmentImage(open, image, "a head of the study", { mirror: false }));
  } finally {
    await open.network.executable.dispose();
  }
}

/** A data set of heads in the study's folder, and a U-Net that has learnt it; on one thread, as another number can change the last bits. */
export async function trainSegmentation(
  heads: readonly Head[],
  extent: Extent,
  { folder, seed, signal }: { readonly folder: string; readonly seed: number; readonly signal: AbortSignal },
): Promise<{ readonly steps: number; readonly dice: number | null }> {
  const dataDir = joinPath(folder, "segmentation-data");
  const runDir = segmentationRun(folder);
  await rm(dataDir, { recursive: true, force: true });
  await mkdir(joinPath(dataDir, "imagesTr"), { recursive: true });
  await mkdir(joinPath(dataDir, "labelsTr"), { recursive: true });
  const training: object[] = [];
  for (const { id, image, tissues } of heads) {
    const [own, label] = [`imagesTr/${id}.nii.gz`, `labelsTr/${id}.nii.gz`];
    await writeVolume(joinPath(dataDir, own), image, { dtype: "int16" });
    await writeVolume(joinPath(dataDir, label), tissues, { dtype: "uint8" });
    training.push({ image: `./${own}`, label: `./${label}` });
  }
  const labels = Object.fromEntries(["background", ...tissueNames].map((name, n) => [n, name]));
  const description = { name: "Heads of the study", modality: { 0: "T1w" }, labels, training };
  await writeText(
    joinPath(dataDir, "dataset.json"),
    JSON.stringify({ ...description, tensorImageSize: "3D", description: "simulated" }),
  );
  const verbs = segmentationVerbs({
    name: "segment-unet",
    presets: { "study: tissues": segmentationConfig(extent) },
  });
  const resume = (await nodeFiles.list(runDir))?.some(({ name }) => paths.run("").endsWith(name)) ?? false;
  const { steps, bestScore } = await verbs.train({
    dataDir,
    runDir,
    set: {},
    folds: heads.length,
    seed,
    threads: 1,
    resume,
    signal,
  });
  return { steps, dice: bestScore };
}
