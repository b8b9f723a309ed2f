import { fail } from "../core/errors.js";

/** Voxel values in memory. Images are float32 inside Gyrus; label maps are unsigned integers. */
export type VoxelArray = Float32Array | Float64Array | Uint8Array | Uint16Array | Int16Array | Int32Array;

/** Extents along the voxel axes i, j, k; a 2-D image is `[width, height, 1]`. */
export type Size3 = readonly [number, number, number];

/** A 4x4 matrix as 16 numbers, row-major: `mm = A · [i, j, k, 1]`, millimetres in RAS+ world space. */
export type Affine = readonly number[];

/** Where voxels lie: how many, and where in the world. Two volumes on one grid can be compared voxel by voxel. */
export interface Grid {
  readonly size: Size3;
  readonly affine: Affine;
}

/**
 * A 3-D image in millimetres, with one or more channels.
 *
 * `data[((c * nk + k) * nj + j) * ni + i]`: i fastest, channel slowest. That is NIfTI's own order, and at the
 * same time a row-major `[C, D, H, W]` tensor with D = k, H = j, W = i: no transposition on the way to a network.
 * In the canonical frame i runs to the right, j to the front, k up (RAS+).
 */
export interface Volume<T extends VoxelArray = VoxelArray> extends Grid {
  readonly data: T;
  readonly channels: number;
}

export type ImageVolume = Volume<Float32Array>;
/** Integer labels, 0 is background; one channel. */
export type LabelVolume = Volume<Uint8Array | Uint16Array>;

/** Number of voxels of a grid (per channel). */
export function voxelCount(size: Size3): number {
  return size[0] * size[1] * size[2];
}

/** Build a volume; throws `shape` when data, size and channels disagree. */
export function volume<T extends VoxelArray>(data: T, grid: Grid, channels = 1): Volume<T> {
  const expected = voxelCount(grid.size) * channels;
  if (data.length !== expected)
    fail("shape", {
      what: "the number of voxels does not fit the size",
      expected: `${expected} for ${grid.size.join("x")} x ${channels} channel(s)`,
      found: `${data.length}`,
    });
  return { data, size: grid.size, affine: grid.affine, channels };
}
