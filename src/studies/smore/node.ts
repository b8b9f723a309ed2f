import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { rng } from "../../core/rng.js";
import { joinPath } from "../../io/files.js";
import { nodeFiles, readVolume, writeText, writeVolume } from "../../io/node.js";
import { simulateInParallel } from "../../sim/subjects.node.js";
import { paths } from "../../tasks/run-folder.node.js";
import { segmentationVerbs } from "../../tasks/segmentation/node.js";
import { openModelAt as openSegmentation, segmentImage } from "../../tasks/segmentation/predict.node.js";
import type { SuperresolutionConfig } from "../../tasks/superresolution/config.js";
import { crop } from "../../volume/crop.js";
import { toCanonical } from "../../volume/orient.js";
import type { ImageVolume, LabelVolume, Size3 } from "../../volume/volume.js";
import type { OpenRequest, Study, StudySize, Workshop } from "../study.js";
import { conclude } from "./conclude.js";
import { classify, type Head, tissueLimits, tissueNames, tissuesOf } from "./data.js";
import {
  axes,
  axisNames,
  configurationOf,
  type Extent,
  extentFor,
  fullMinutes,
  openingCost,
  partIds,
  partsOf,
  segmentationConfig,
  smoreConfig,
} from "./plan.js";
import { restoreHead } from "./restore.node.js";
import type { Judged } from "./score.js";

/** A real head in a folder of data. */
const realFile = "t1-head/chris_t1.nii.gz";

/** The lecture's table: slices of rising thickness, interpolated and by SMORE, on simulated heads and a real one. */
export function smoreStudy(preset: SuperresolutionConfig): Study {
  return {
    title: "SMORE beside interpolation, by slice thickness",
    description:
      "Heads in full resolution are seen through slices of 1.2 to 4.8 mm, as a 2-D acquisition would, and brought back to cubes: by linear, cubic and zero-padded Fourier interpolation, and by SMORE, whose two networks learn from nothing but the thick scan itself. What comes out is compared with the full resolution, voxel by voxel and after an automatic segmentation of the tissues.",
    minutes: fullMinutes,
    plan: (size) => {
      const extent = extentFor(size.minutes, size.seed);
      const real = realIn(size.dataDir);
      const parts = partsOf(extent, real !== null);
      return {
        configuration: configurationOf(extent, preset, real),
        parts,
        openingCost: openingCost(extent),
        open: (request) => open(extent, preset, size, real, request),
        conclude: async (read) => {
          const judged = parts
            .filter(({ id }) => id !== partIds.segmentation)
            .map(({ id }) => read(id) as Judged);
          return conclude(judged, rng(size.seed).split("intervals"));
        },
      };
    },
  };
}

function realIn(dataDir: string | undefined): string | null {
  return dataDir !== undefined && existsSync(joinPath(dataDir, realFile)) ? realFile : null;
}

async function open(
  extent: Extent,
  preset: SuperresolutionConfig,
  { seed, dataDir }: StudySize,
  real: string | null,
  { folder, onProgress, signal }: OpenRequest,
): Promise<Workshop> {
  const heads: Head[] = [];
  for await (const { id, t1, labels } of simulateInParallel(extent.cohort)) {
    signal?.throwIfAborted();
    heads.push({ id, image: t1, tissues: tissuesOf(labels) });
    onProgress?.(heads.length / extent.cohort.subjects);
  }
  const realHead = real === null ? undefined : await readHead(joinPath(dataDir!, real), extent.crop);
  const config = smoreConfig(extent, preset);
  const stop = new AbortController();
  const running = new Set<Promise<unknown>>();
  const segmentationRun = joinPath(folder, "run-segmentation");
  let segmentation: Awaited<ReturnType<typeof openSegmentation>> | undefined;
  const segmentBy = async (image: ImageVolume): Promise<LabelVolume> => {
    segmentation ??= await openSegmentation(segmentationRun, { threads: 1 });
    return segmentImage(segmentation, image, "a head of the study", { mirror: false });
  };
  const work = async (id: string): Promise<unknown> => {
    const how = { seed, config, folder, signal: stop.signal };
    if (id === partIds.segmentation)
      return trainSegmentation(heads.slice(extent.test), extent, {
        folder,
        runDir: segmentationRun,
        seed,
        signal: stop.signal,
      });
    for (const mm of extent.thicknessesMm) {
      for (const [n, head] of heads.slice(0, extent.test).entries())
        if (id === partIds.simulated(n, mm))
          return restoreHead(id, head.image, {
            ...how,
            axis: 2,
            thicknessMm: mm,
            segment: segmentBy,
            reference: () => head.tissues,
            label: { id: head.id, real: false, shown: n === 0 },
          });
      if (realHead === undefined) continue;
      for (const axis of axes)
        if (id === partIds.real(axis, mm)) {
          const limits = tissueLimits(realHead);
          const classes = async (image: ImageVolume): Promise<LabelVolume> => classify(image, limits);
          return restoreHead(id, realHead, {
            ...how,
            axis,
            thicknessMm: mm,
            segment: classes,
            reference: () => classify(realHead, limits),
            label: { id: axisNames[axis], real: true, shown: axis === 2 },
          });
        }
    }
    return undefined;
  };
  return {
    run: (id) => {
      const working = work(id);
      running.add(working);
      return working.finally(() => running.delete(working));
    },
    close: async () => {
      stop.abort();
      // A training saves where it is.
      await Promise.allSettled(running);
      await segmentation?.network.executable.dispose();
    },
  };
}

/** The middle of a real head. */
async function readHead(path: string, wanted: readonly [number, number, number]): Promise<ImageVolume> {
  const { volume } = await readVolume(path, { as: "float32" });
  const head = toCanonical(volume).volume as ImageVolume;
  const size = head.size.map((n, axis) => Math.min(n, wanted[axis]!)) as unknown as Size3;
  // The brain lies above the middle of a head.
  const start = head.size.map((n, axis) =>
    axis === 2 ? Math.floor((n - size[axis]!) * 0.85) : (n - size[axis]!) >> 1,
  ) as unknown as Size3;
  return crop(head, { start, size }) as ImageVolume;
}

/** A data set of heads in the study's folder, and a U-Net that has learnt it; on one thread, as another number can change the last bits. */
async function trainSegmentation(
  heads: readonly Head[],
  extent: Extent,
  {
    folder,
    runDir,
    seed,
    signal,
  }: {
    readonly folder: string;
    readonly runDir: string;
    readonly seed: number;
    readonly signal: AbortSignal;
  },
): Promise<{ readonly steps: number; readonly dice: number | null }> {
  const dataDir = joinPath(folder, "segmentation-data");
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
