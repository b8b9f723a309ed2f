import { existsSync } from "node:fs";
import { rng } from "../../core/rng.js";
import { joinPath } from "../../io/files.js";
import { readVolume } from "../../io/node.js";
import { simulateInParallel } from "../../sim/subjects.node.js";
import type { SuperresolutionConfig } from "../../tasks/superresolution/config.js";
import { crop } from "../../volume/crop.js";
import { toCanonical } from "../../volume/orient.js";
import type { ImageVolume, Size3 } from "../../volume/volume.js";
import { openParts } from "../parts.node.js";
import type { OpenRequest, Study, StudySize, Workshop } from "../study.js";
import { conclude } from "./conclude.js";
import { type Head, tissuesOf } from "./data.js";
import {
  configurationOf,
  type Extent,
  extentFor,
  fullMinutes,
  openingCost,
  partIds,
  partsOf,
  smoreConfig,
} from "./plan.js";
import type { Judged } from "./score.js";
import type { StudySetup } from "./work.node.js";

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
  { folder, threads, onProgress, signal }: OpenRequest,
): Promise<Workshop> {
  const heads: Head[] = [];
  for await (const { id, t1, labels } of simulateInParallel(extent.cohort)) {
    signal?.throwIfAborted();
    heads.push({ id, image: t1, tissues: tissuesOf(labels) });
    onProgress?.(heads.length / extent.cohort.subjects);
  }
  const realHead = real === null ? undefined : await readHead(joinPath(dataDir!, real), extent.crop);
  const setup: StudySetup = { heads, realHead, extent, config: smoreConfig(extent, preset), seed, folder };
  const module = new URL(import.meta.url.replace(/node(\.\w+)$/, "work.node$1"));
  return openParts(module, setup, { parts: partsOf(extent, realHead !== undefined), threads });
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
