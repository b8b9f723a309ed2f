import { fail } from "../core/errors.js";
import { affineFromColumns, applyAffine, nearestRotation, type Point3, spacingMm } from "./affine.js";
import { makeLike } from "./arrays.js";
import type { Affine, Grid, Size3, Volume, VoxelArray } from "./volume.js";

/** Which voxel axis runs along each world axis, and whether backwards. */
export interface Orientation {
  /** `axes[0]` is the voxel axis that runs closest to left-right, then posterior-anterior, inferior-superior. */
  readonly axes: readonly [number, number, number];
  /** True where that axis runs to the left, to the back, down. */
  readonly flipped: readonly [boolean, boolean, boolean];
  /** Where i, j and k run to, as nibabel writes it: `RAS`, `LAS`, `PIR`. */
  readonly code: string;
}

/**
 * The orientation of a grid: every voxel axis goes to the world axis it is closest to, the clearest first.
 * An oblique grid has the orientation of the nearest straight one.
 */
export function orientationOf(affine: Affine): Orientation {
  const spacing = spacingMm(affine);
  const directions: number[] = [];
  for (let row = 0; row < 3; row++)
    for (let column = 0; column < 3; column++)
      directions.push(affine[row * 4 + column]! / (spacing[column]! || 1));
  const r = nearestRotation(directions);
  const strength = (axis: number) => Math.max(...[0, 1, 2].map((world) => Math.abs(r[world * 3 + axis]!)));
  const order = [0, 1, 2].sort((a, b) => strength(b) - strength(a) || a - b);
  const axes: [number, number, number] = [0, 0, 0];
  const flipped: [boolean, boolean, boolean] = [false, false, false];
  const letters = ["", "", ""];
  const free = new Set([0, 1, 2]);
  for (const axis of order) {
    const world = [...free].reduce((a, b) =>
      Math.abs(r[b * 3 + axis]!) > Math.abs(r[a * 3 + axis]!) ? b : a,
    );
    free.delete(world);
    axes[world] = axis;
    flipped[world] = r[world * 3 + axis]! < 0;
    letters[axis] = (flipped[world] ? "LPI" : "RAS")[world]!;
  }
  return { axes, flipped, code: letters.join("") };
}

/** The canonical grid (closest to RAS+) that holds the same voxels. */
export function canonicalGrid({ size, affine }: Grid): Grid {
  const { axes, flipped } = orientationOf(affine);
  const corner: number[] = [0, 0, 0];
  const columns = axes.map((axis, world): Point3 => {
    if (flipped[world]) corner[axis] = size[axis]! - 1;
    const sign = flipped[world] ? -1 : 1;
    // Adding zero turns -0 into 0.
    return [affine[axis]! * sign + 0, affine[4 + axis]! * sign + 0, affine[8 + axis]! * sign + 0];
  });
  const origin = applyAffine(affine, corner as [number, number, number]);
  return {
    size: [size[axes[0]]!, size[axes[1]]!, size[axes[2]]!],
    affine: affineFromColumns(columns[0]!, columns[1]!, columns[2]!, origin),
  };
}

/**
 * The same image with i to the right, j to the front, k up: axes are swapped and turned round, no value changes.
 */
export function toCanonical<T extends VoxelArray>(
  volume: Volume<T>,
): { volume: Volume<T>; orientation: Orientation } {
  const orientation = orientationOf(volume.affine);
  const grid = canonicalGrid(volume);
  const { start, strides } = walk(volume.size, orientation);
  const data = gather(volume.data, grid.size, volume.channels, start, strides);
  return { volume: { ...grid, channels: volume.channels, data }, orientation };
}

/**
 * Back from the canonical frame onto the grid that `toCanonical` was given, bit for bit, affine included.
 * Throws `geometry` when the sizes do not belong together.
 */
export function fromCanonical<T extends VoxelArray>(volume: Volume<T>, native: Grid): Volume<T> {
  const orientation = orientationOf(native.affine);
  const expected = canonicalGrid(native).size;
  if (expected.some((n, axis) => n !== volume.size[axis]))
    fail("geometry", {
      what: "this volume does not come from that grid",
      expected: `${expected.join("x")} voxels in the canonical frame`,
      found: volume.size.join("x"),
      fix: "Give the grid of the scan itself",
    });
  const back = inverse(orientation);
  const { start, strides } = walk(volume.size, back);
  const data = gather(volume.data, native.size, volume.channels, start, strides);
  return { size: native.size, affine: native.affine, channels: volume.channels, data };
}

function inverse({ axes, flipped }: Orientation): Pick<Orientation, "axes" | "flipped"> {
  const back: [number, number, number] = [0, 0, 0];
  const turned: [boolean, boolean, boolean] = [false, false, false];
  axes.forEach((axis, world) => {
    back[axis] = world;
    turned[axis] = flipped[world]!;
  });
  return { axes: back, flipped: turned };
}

/** Where reading begins in the source, and how far one step along each new axis goes. */
function walk(size: Size3, { axes, flipped }: Pick<Orientation, "axes" | "flipped">) {
  const stride = [1, size[0], size[0] * size[1]];
  let start = 0;
  const strides = axes.map((axis, at) => {
    if (!flipped[at]) return stride[axis]!;
    start += stride[axis]! * (size[axis]! - 1);
    return -stride[axis]!;
  });
  return { start, strides };
}

function gather<T extends VoxelArray>(
  source: T,
  [ni, nj, nk]: Size3,
  channels: number,
  start: number,
  strides: readonly number[],
): T {
  const out = makeLike(source, source.length);
  const [si, sj, sk] = strides as [number, number, number];
  const voxels = ni * nj * nk;
  let to = 0;
  for (let c = 0; c < channels; c++)
    for (let k = 0; k < nk; k++)
      for (let j = 0; j < nj; j++) {
        let from = c * voxels + start + k * sk + j * sj;
        for (let i = 0; i < ni; i++, from += si) out[to++] = source[from]!;
      }
  return out;
}
