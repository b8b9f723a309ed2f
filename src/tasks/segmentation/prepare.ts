import { spacingMm } from "../../volume/affine.js";
import { minMax, zScore } from "../../volume/intensity.js";
import { resampleLabels, resampleTo, withSpacing } from "../../volume/resample.js";
import type { Grid, ImageVolume, LabelVolume, Size3 } from "../../volume/volume.js";
import type { SegmentationConfig } from "./config.js";

/** How a scan becomes a network's input: stored with every model, applied alike in training and prediction. */
export interface Preparation {
  readonly normalization: SegmentationConfig["normalization"];
  /** Voxel size along i, j, k that the network was trained at; null: whatever the scan has. */
  readonly spacingMm: readonly [number, number, number] | null;
}

/** Voxel sizes that differ by less than this part are taken as equal: nothing is resampled. */
const spacingTolerance = 0.01;

/** The grid on which the network sees a scan: the scan's own where its voxels have the wanted size already. */
export function networkGrid(grid: Grid, { spacingMm: wanted }: Preparation): Grid {
  if (wanted === null) return grid;
  const own = spacingMm(grid.affine);
  const close = own.every((mm, axis) => Math.abs(mm - wanted[axis]!) <= spacingTolerance * wanted[axis]!);
  return close ? grid : withSpacing(grid, wanted, { cover: true });
}

/** Resample and normalise an image in the canonical frame; throws `bad-data` that names it when it is constant. */
export function prepareImage(image: ImageVolume, preparation: Preparation, where: string): ImageVolume {
  const grid = networkGrid(image, preparation);
  const resampled = grid === image ? image : (resampleTo(image, grid, { order: "linear" }) as ImageVolume);
  if (preparation.normalization === "minmax") return minMax(resampled, [0, 1], { where });
  return zScore(resampled, { over: preparation.normalization === "zscore" ? "all" : "nonzero", where });
}

/** Labels on the network's grid. */
export function prepareLabel(label: LabelVolume, preparation: Preparation): LabelVolume {
  const grid = networkGrid(label, preparation);
  return grid === label ? label : resampleLabels(label, grid);
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/** What `spacingMm` of a configuration means for the given training grids. */
export function resolveSpacing(config: SegmentationConfig, grids: readonly Grid[]): Preparation["spacingMm"] {
  if (config.spacingMm === "native") return null;
  if (config.spacingMm !== "median") return config.spacingMm;
  const all = grids.map((grid) => spacingMm(grid.affine));
  return [0, 1, 2].map((axis) => median(all.map((mm) => mm[axis]!))) as unknown as [number, number, number];
}

/**
 * What `patch` of a configuration means: the median size of the training images on the network's grid, made a
 * multiple of what the network halves by rounding down (padding costs time and teaches nothing), and cut along its longest axes until it has at most `patchVoxels` voxels.
 */
export function resolvePatch(config: SegmentationConfig, sizes: readonly Size3[]): Size3 {
  if (config.patch !== "auto") return config.patch;
  const step = 2 ** (config.network.widths.length - 1);
  const flat = config.dimensions === 2;
  const patch = [0, 1, 2].map((axis) => {
    if (flat && axis === 2) return 1;
    return Math.max(step, Math.floor(median(sizes.map((size) => size[axis]!)) / step) * step);
  }) as [number, number, number];
  while (patch[0] * patch[1] * patch[2] > config.patchVoxels) {
    const longest = patch.indexOf(Math.max(...patch));
    if (patch[longest]! <= step) break;
    patch[longest]! -= step;
  }
  return patch;
}
