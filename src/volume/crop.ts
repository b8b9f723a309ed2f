import { fail } from "../core/errors.js";
import { shiftOrigin } from "./affine.js";
import { makeLike } from "./arrays.js";
import type { Size3, Volume, VoxelArray } from "./volume.js";
import { voxelCount } from "./volume.js";

/** A box of voxels: its first voxel (may be negative, where it reaches outside) and its size. */
export interface Box {
  readonly start: Size3;
  readonly size: Size3;
}

/**
 * The part of a volume inside a box; where the box reaches outside, `value`. World coordinates stay right: the
 * affine's origin moves with the first voxel. Crops, pads or both.
 */
export function cropOrPad<T extends VoxelArray>(
  volume: Volume<T>,
  { start, size }: Box,
  value = 0,
): Volume<T> {
  if ([...start, ...size].some((n) => !Number.isInteger(n)) || size.some((n) => n < 1))
    fail("bad-argument", {
      what: "this is not a box of voxels",
      expected: "whole numbers, and a size of at least 1 along every axis",
      found: `start ${start.join(", ")}, size ${size.join("x")}`,
    });
  const [ni, nj, nk] = volume.size;
  const [mi, mj, mk] = size;
  const data = makeLike(volume.data, voxelCount(size) * volume.channels);
  if (value !== 0) data.fill(value);
  const first = Math.max(0, -start[0]);
  const last = Math.min(mi, ni - start[0]);
  if (last > first)
    for (let c = 0; c < volume.channels; c++)
      for (let k = 0; k < mk; k++) {
        const fromK = k + start[2];
        if (fromK < 0 || fromK >= nk) continue;
        for (let j = 0; j < mj; j++) {
          const fromJ = j + start[1];
          if (fromJ < 0 || fromJ >= nj) continue;
          const from = ((c * nk + fromK) * nj + fromJ) * ni + start[0];
          data.set(volume.data.subarray(from + first, from + last), ((c * mk + k) * mj + j) * mi + first);
        }
      }
  return { data, size, channels: volume.channels, affine: shiftOrigin(volume.affine, start) };
}

/** Crop to a box that lies inside. Throws `geometry` when it does not. */
export function crop<T extends VoxelArray>(volume: Volume<T>, box: Box): Volume<T> {
  if (box.start.some((n, axis) => n < 0 || n + box.size[axis]! > volume.size[axis]!))
    fail("geometry", {
      what: "the box reaches outside the volume",
      expected: `inside ${volume.size.join("x")}`,
      found: `from ${box.start.join(", ")}, size ${box.size.join("x")}`,
      fix: "Use cropOrPad to fill what is outside",
    });
  return cropOrPad(volume, box);
}

/** Add voxels before and after along each axis. */
export function pad<T extends VoxelArray>(
  volume: Volume<T>,
  before: Size3,
  after: Size3,
  value = 0,
): Volume<T> {
  const start = before.map((n) => -n) as unknown as Size3;
  const size = volume.size.map((n, axis) => n + before[axis]! + after[axis]!) as unknown as Size3;
  return cropOrPad(volume, { start, size }, value);
}

/** Crop or pad to a size about the middle; of an odd difference, the larger part falls at the end. */
export function cropOrPadTo<T extends VoxelArray>(volume: Volume<T>, size: Size3, value = 0): Volume<T> {
  const start = size.map((n, axis) => {
    const more = n - volume.size[axis]!;
    return more >= 0 ? 0 - Math.floor(more / 2) : Math.floor(-more / 2);
  }) as unknown as Size3;
  return cropOrPad(volume, { start, size }, value);
}

/**
 * Put the voxels of a box back where they came from, the reverse of `cropOrPad`: into a copy of `into`, what
 * falls outside is dropped.
 */
export function pasteBox<T extends VoxelArray>(part: Volume<T>, start: Size3, into: Volume<T>): Volume<T> {
  const back = start.map((n) => 0 - n) as unknown as Size3;
  const placed = cropOrPad(part, { start: back, size: into.size });
  const [ni, nj, nk] = into.size;
  const data = into.data.slice() as T;
  const low = start.map((n) => Math.max(0, n));
  const high = start.map((n, axis) => Math.min(into.size[axis]!, n + part.size[axis]!));
  for (let c = 0; c < into.channels; c++)
    for (let k = low[2]!; k < high[2]!; k++)
      for (let j = low[1]!; j < high[1]!; j++) {
        const row = ((c * nk + k) * nj + j) * ni;
        if (high[0]! > low[0]!) data.set(placed.data.subarray(row + low[0]!, row + high[0]!), row + low[0]!);
      }
  return { ...into, data };
}

/** The smallest box around all non-zero voxels of all channels, or `undefined` when there are none. */
export function boundingBox({ data, size, channels }: Volume): Box | undefined {
  const [ni, nj, nk] = size;
  const low = [ni, nj, nk];
  const high = [-1, -1, -1];
  let at = 0;
  for (let c = 0; c < channels; c++)
    for (let k = 0; k < nk; k++)
      for (let j = 0; j < nj; j++)
        for (let i = 0; i < ni; i++) {
          if (data[at++] === 0) continue;
          if (i < low[0]!) low[0] = i;
          if (i > high[0]!) high[0] = i;
          if (j < low[1]!) low[1] = j;
          if (j > high[1]!) high[1] = j;
          if (k < low[2]!) low[2] = k;
          if (k > high[2]!) high[2] = k;
        }
  if (high[0]! < 0) return undefined;
  return {
    start: low as unknown as Size3,
    size: high.map((n, axis) => n - low[axis]! + 1) as unknown as Size3,
  };
}
