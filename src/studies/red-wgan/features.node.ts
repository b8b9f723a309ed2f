import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { joinPath } from "../../io/files.js";
import { writeText, writeVolume } from "../../io/node.js";
import { coarseStructures } from "../../sim/labels.js";
import { paths } from "../../tasks/run-folder.node.js";
import type { SegmentationConfig } from "../../tasks/segmentation/config.js";
import { trainSegmentation } from "../../tasks/segmentation/train.node.js";
import { tissueUnet } from "../tissue-unet.js";
import type { Extent } from "./plan.js";
import type { TestHead } from "./score.js";
import type { StudySetup } from "./train.node.js";

/** Heads that the judge learns from. */
const heads = 6;

/** The judge of the perceptual term: a small U-Net with instance norm that labels tissue in clean heads. */
function judgeConfig({ featureSteps, tiny }: Extent): SegmentationConfig {
  const epochs = Math.min(10, featureSteps);
  return tissueUnet(
    {
      patch: tiny ? [12, 12, 12] : [32, 32, 32],
      patchVoxels: 32 ** 3,
      spacingMm: "median",
      augmentation: "light",
      foreground: 0.33,
      epochs,
      stepsPerEpoch: Math.floor(featureSteps / epochs),
      overlap: 0.5,
    },
    tiny,
  );
}

/** Train the judge on clean training heads, which are written beside it; or go on where an interrupted study stopped. */
export async function trainJudge(
  { extent, clean, folder, seed }: StudySetup,
  signal: AbortSignal,
): Promise<{ readonly steps: number }> {
  const dataDir = joinPath(folder, "features-data");
  const runDir = joinPath(folder, "run-features");
  const resume = existsSync(paths.run(runDir));
  if (!resume) await writeHeads(dataDir, clean.slice(0, Math.min(heads, extent.training)));
  const { steps } = await trainSegmentation(
    { name: "segment-unet", presets: { judge: judgeConfig(extent) } },
    { dataDir, runDir, preset: "judge", set: {}, folds: 2, seed, threads: 1, resume, signal },
  );
  return { steps };
}

/** A Decathlon data set of heads. */
async function writeHeads(folder: string, clean: readonly TestHead[]): Promise<void> {
  await mkdir(joinPath(folder, "imagesTr"), { recursive: true });
  await mkdir(joinPath(folder, "labelsTr"), { recursive: true });
  for (const { id, image, labels } of clean) {
    await writeVolume(joinPath(folder, `imagesTr/${id}.nii.gz`), image);
    await writeVolume(joinPath(folder, `labelsTr/${id}.nii.gz`), labels);
  }
  const description = {
    name: "clean training heads of the study",
    tensorImageSize: "3D",
    modality: { 0: "T1w" },
    labels: Object.fromEntries(coarseStructures.map(({ index, name }) => [index, name])),
    training: clean.map(({ id }) => ({ image: `./imagesTr/${id}.nii.gz`, label: `./labelsTr/${id}.nii.gz` })),
  };
  await writeText(joinPath(folder, "dataset.json"), `${JSON.stringify(description, null, 2)}\n`);
}
