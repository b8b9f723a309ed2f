import { fail } from "../core/errors.js";
import type { ImageVolume, LabelVolume, Size3, VoxelArray } from "../volume/volume.js";

/** What augmentation works on: an image and, where there is one, the label map on the same grid. */
export interface Sample {
  readonly image: ImageVolume;
  readonly label?: LabelVolume | undefined;
}

/** From low to high, both included. */
export type Range = readonly [low: number, high: number];

/** Throws `geometry` when the label has another size than the image, or more than one channel. */
export function requireSample({ image, label }: Sample): void {
  if (label === undefined) return;
  if (label.channels !== 1 || label.size.some((extent, axis) => extent !== image.size[axis]))
    fail("geometry", {
      what: "image and label are not on one grid",
      expected: `a label of ${image.size.join("x")} voxels, one channel, as the image`,
      found: `${label.size.join("x")}, ${label.channels} channel(s)`,
      fix: "Resample the label onto the grid of the image (nearest neighbour) first",
    });
}

/** What parameters may depend on: where the result will live, never its voxel values. */
export interface DrawContext {
  /** Extents of the patch to be made; `[w, h, 1]` in 2-D. */
  readonly size: Size3;
  readonly spacingMm: Size3;
  readonly channels: number;
  /** Whether changes stay in the planes across k; default: where its voxels are thick (`planeNormal`). */
  readonly planar?: boolean | undefined;
}

/**
 * The axis that spatial changes must leave alone: k in 2-D and where `planar` says so, else the thick-slice axis
 * where one spacing is more than three times the smallest, undefined otherwise.
 */
export function planeNormal({ size, spacingMm, planar }: DrawContext): 0 | 1 | 2 | undefined {
  const flat = size.indexOf(1);
  if (flat >= 0) return flat as 0 | 1 | 2;
  if (planar !== undefined) return planar ? 2 : undefined;
  const thickest = spacingMm.indexOf(Math.max(...spacingMm)) as 0 | 1 | 2;
  return spacingMm[thickest]! > 3 * Math.min(...spacingMm) ? thickest : undefined;
}

const minima = new WeakMap<VoxelArray, readonly number[]>();

/** Smallest value of each channel; remembered for as long as the voxel array lives. */
export function channelMinima(image: ImageVolume): readonly number[] {
  const known = minima.get(image.data);
  if (known !== undefined) return known;
  const perChannel = image.data.length / image.channels;
  const found = Array.from({ length: image.channels }, (_, c) => {
    let least = Number.POSITIVE_INFINITY;
    for (let v = c * perChannel, end = v + perChannel; v < end; v++) {
      const value = image.data[v]!;
      if (value < least) least = value;
    }
    return least;
  });
  minima.set(image.data, found);
  return found;
}
