import type { Size3 } from "../../volume/volume.js";
import { cubeSide } from "./transform.js";

/** How similar cubes are looked for. */
export interface Matching {
  /** Voxels to either side along each axis. */
  readonly searchRadius: Size3;
  /** At most so many cubes, a power of two. */
  readonly largest: number;
  /** Sum of squared differences beyond which cubes are not alike. */
  readonly farthest: number;
}

/**
 * A search for the cubes of 4³ voxels most like the one at a corner (i, j, k), itself first, then by increasing sum
 * of squared differences, earlier in memory first where equal. `find` writes the first voxels of the cubes into
 * `found` and gives their number, the largest power of two that there are enough for.
 */
export interface Matcher {
  readonly found: Int32Array;
  find(i: number, j: number, k: number): number;
}

export function cubeMatcher(guide: Float32Array, size: Size3, matching: Matching): Matcher {
  const { searchRadius, largest, farthest } = matching;
  const [ni, nj] = size;
  const plane = ni * nj;
  const found = new Int32Array(largest);
  const distances = new Float64Array(largest);
  const cube = new Float32Array(64);
  const bounds = (at: number, axis: number): [number, number] => [
    Math.max(0, at - searchRadius[axis]!),
    Math.min(size[axis]! - cubeSide, at + searchRadius[axis]!),
  ];
  const find = (i: number, j: number, k: number): number => {
    const self = k * plane + j * ni + i;
    copyCube(guide, self, ni, plane, cube);
    const [i0, i1] = bounds(i, 0);
    const [j0, j1] = bounds(j, 1);
    const [k0, k1] = bounds(k, 2);
    found[0] = self;
    distances[0] = -1;
    let count = 1;
    let worst = farthest;
    for (let c = k0; c <= k1; c++)
      for (let b = j0; b <= j1; b++)
        for (let a = i0, at = c * plane + b * ni + i0; a <= i1; a++, at++) {
          if (at === self) continue;
          const distance = squaredDifference(guide, at, ni, plane, cube, worst);
          if (distance >= worst) continue;
          // Insertion into the few best so far.
          let slot = count < largest ? count++ : count - 1;
          while (distances[slot - 1]! > distance) {
            distances[slot] = distances[slot - 1]!;
            found[slot] = found[slot - 1]!;
            slot--;
          }
          distances[slot] = distance;
          found[slot] = at;
          if (count === largest) worst = distances[count - 1]!;
        }
    return 2 ** Math.floor(Math.log2(count));
  };
  return { found, find };
}

/** Voxels of a cube, in order. */
export function copyCube(
  from: Float32Array,
  at: number,
  ni: number,
  plane: number,
  cube: Float32Array,
): void {
  for (let c = 0, n = 0; c < 4; c++)
    for (let b = 0; b < 4; b++, n += 4) {
      const row = at + c * plane + b * ni;
      cube[n] = from[row]!;
      cube[n + 1] = from[row + 1]!;
      cube[n + 2] = from[row + 2]!;
      cube[n + 3] = from[row + 3]!;
    }
}

/** Sum of squared differences to the cube at `at`; given up, and `worst` or more, once it reaches `worst`. */
function squaredDifference(
  guide: Float32Array,
  at: number,
  ni: number,
  plane: number,
  cube: Float32Array,
  worst: number,
): number {
  let sum = 0;
  for (let c = 0, n = 0; c < 4; c++) {
    let row = at + c * plane;
    for (let b = 0; b < 4; b++, n += 4, row += ni) {
      const d0 = guide[row]! - cube[n]!;
      const d1 = guide[row + 1]! - cube[n + 1]!;
      const d2 = guide[row + 2]! - cube[n + 2]!;
      const d3 = guide[row + 3]! - cube[n + 3]!;
      sum += d0 * d0 + d1 * d1 + (d2 * d2 + d3 * d3);
    }
    if (sum >= worst) return sum;
  }
  return sum;
}
