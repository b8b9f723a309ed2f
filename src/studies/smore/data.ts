import { acquireSlices } from "../../sim/mr/slices.js";
import { spacingMm } from "../../volume/affine.js";
import { crop } from "../../volume/crop.js";
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
