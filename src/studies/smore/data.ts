import { acquireSlices } from "../../sim/mr/slices.js";
import { spacingMm } from "../../volume/affine.js";
import { crop } from "../../volume/crop.js";
import { percentiles } from "../../volume/intensity.js";
import { isotropicGrid } from "../../volume/isotropic.js";
import { resampleTo } from "../../volume/resample.js";
import type { Grid, ImageVolume, LabelVolume, Size3 } from "../../volume/volume.js";

/** A head in full resolution. */
export interface Head {
  readonly id: string;
  readonly image: ImageVolume;
  /** What is where: 1 cerebrospinal fluid, 2 grey matter, 3 white matter. */
  readonly tissues: LabelVolume;
}

export const tissueNames = ["cerebrospinal fluid", "grey matter", "white matter"] as const;

/** Tissue of every coarse structure of the simulator: ventricles are fluid, nuclei and hippocampi grey; the rest is left out. */
const tissueOf = [0, 1, 2, 3, 1, 2, 2, 2, 0, 0] as const;

/** The tissues of a map of coarse structures. */
export function tissuesOf(labels: LabelVolume): LabelVolume {
  return { ...labels, data: Uint8Array.from(labels.data, (label) => tissueOf[label] ?? 0) };
}

/** A head, what slices make of it, and the part of its field in which results are compared. */
export interface Thickened {
  readonly thick: ImageVolume;
  /** Voxels of the head, and of every result. */
  readonly common: Grid;
}

/**
 * A head in slices of so many mm along an axis. Where the head's voxels and the result's would lie half a voxel apart,
 * the head is first cut by a voxel: results are then compared voxel by voxel, and nothing is interpolated to do so.
 */
export function thickenHead(image: ImageVolume, axis: 0 | 1 | 2, thicknessMm: number): Thickened {
  const targetMm = spacingMm(image.affine)[axis];
  for (const less of [0, 1]) {
    const size = image.size.map((n, a) => (a === axis ? n - less : n)) as unknown as Size3;
    const part = crop(image, { start: [0, 0, 0], size });
    const thick = acquireSlices(part, { axis, thicknessMm });
    const fine = isotropicGrid(thick, { targetMm });
    if ((size[axis] - fine.size[axis]) % 2 !== 0 && less === 0) continue;
    const rows = Math.min(size[axis], fine.size[axis]);
    const start: [number, number, number] = [0, 0, 0];
    start[axis] = (size[axis] - rows) >> 1;
    const common = size.map((n, a) => (a === axis ? rows : n)) as unknown as Size3;
    const { affine } = crop(part, { start, size: common });
    return { thick, common: { size: common, affine } };
  }
  // The second turn always returns.
  throw new RangeError("unreachable");
}

/** The voxels of a volume that lie on the common grid: its own values, at whole voxels. */
export function onCommon(image: ImageVolume, common: Grid): ImageVolume {
  return resampleTo(image, common, { order: "nearest" }) as ImageVolume;
}

/**
 * Limits between air, fluid, grey and white matter for an image without a label map: what splits the brightness of the
 * voxels above a tenth of the 99th percentile into three groups with the least spread (Otsu 1979, with two thresholds).
 */
export function tissueLimits({ data }: ImageVolume): readonly [number, number, number] {
  const [top] = percentiles(data, [99]);
  const bins = 128;
  const counts = new Float64Array(bins);
  const air = 0.1 * top!;
  for (let v = 0; v < data.length; v++)
    if (data[v]! > air) counts[Math.min(bins - 1, Math.floor((bins * (data[v]! - air)) / (top! - air)))]!++;
  const [mass, moment] = [new Float64Array(bins + 1), new Float64Array(bins + 1)];
  for (let n = 0; n < bins; n++) {
    mass[n + 1] = mass[n]! + counts[n]!;
    moment[n + 1] = moment[n]! + n * counts[n]!;
  }
  const between = (from: number, to: number): number => {
    const weight = mass[to]! - mass[from]!;
    return weight === 0 ? 0 : (moment[to]! - moment[from]!) ** 2 / weight;
  };
  let [best, low, high] = [-1, 1, 2];
  for (let a = 1; a < bins - 1; a++)
    for (let b = a + 1; b < bins; b++) {
      const spread = between(0, a) + between(a, b) + between(b, bins);
      if (spread > best) [best, low, high] = [spread, a, b];
    }
  const brightness = (bin: number): number => air + ((top! - air) * bin) / bins;
  return [air, brightness(low), brightness(high)];
}

/** The classes 0 to 3 of an image by limits. */
export function classify({ data, size, affine }: ImageVolume, limits: readonly number[]): LabelVolume {
  const classes = new Uint8Array(data.length);
  for (let v = 0; v < data.length; v++)
    for (let n = 0; n < limits.length; n++) if (data[v]! > limits[n]!) classes[v] = n + 1;
  return { data: classes, size, affine, channels: 1 };
}
