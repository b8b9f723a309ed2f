import type { Size3 } from "../volume/volume.js";

/** What the threads that compute non-local means share. */
export interface NlmSetup {
  /** Voxels whose patches are compared, in units of the noise. */
  readonly guide: Float32Array;
  /** Voxels that are averaged. */
  readonly values: Float32Array;
  readonly out: Float32Array;
  readonly size: Size3;
  /** Voxels to either side along each axis in which to look for similar patches. */
  readonly searchRadius: Size3;
  /** Strength β: patches at a mean squared difference of 2β have weight 1/e. */
  readonly beta: number;
}

/** Planes to compute: from `from` to below `to`. */
export interface Slab {
  readonly from: number;
  readonly to: number;
}

/** Patches are cubes of three voxels. */
const patchVoxels = 27;
/** Weights below exp(-12) count as none; between, a table with steps of 1/256 is exact to 0.2 %. */
const largestExponent = 12;
const exponentSteps = 256;

/**
 * Non-local means in 3-D: every voxel becomes the mean of those around it, each weighing `exp(-d²/(2β·27))`, d² the
 * squared difference of the cubes of 27 voxels about both (Buades et al. 2005; the scale of Coupé et al. 2008). The
 * voxel itself weighs 1. Beyond the border, edge voxels are repeated for comparison and never averaged.
 *
 * For one shift at a time, all differences of a plane are squared once and added up to patches by running sums, and
 * each weight serves both voxels of its pair: the cost does not depend on the patch. The result does not depend on
 * how the volume is cut into slabs.
 */
export function nlmKernel(setup: NlmSetup): (slab: Slab) => void {
  const { size, searchRadius, beta } = setup;
  const exponentials = Float32Array.from({ length: largestExponent * exponentSteps + 1 }, (_, n) =>
    Math.exp(-(n + 0.5) / exponentSteps),
  );
  const scale = exponentSteps / (2 * beta * patchVoxels);
  const shifts = halfOfShifts(searchRadius);
  return ({ from, to }) => {
    const plane = size[0] * size[1];
    const sums = setup.values.slice(from * plane, to * plane);
    const weights = new Float32Array(sums.length).fill(1);
    const pair = { ...setup, sums, weights, from, to, scale, exponentials, ring: ringOf(size) };
    for (const shift of shifts) addShift(pair, shift);
    for (let v = 0; v < sums.length; v++) sums[v]! /= weights[v]!;
    setup.out.set(sums, from * plane);
  };
}

/** Every shift within the radius whose opposite has not come before, without none at all. */
function halfOfShifts([ri, rj, rk]: Size3): Size3[] {
  const shifts: Size3[] = [];
  for (let k = 0; k <= rk; k++)
    for (let j = k === 0 ? 0 : -rj; j <= rj; j++)
      for (let i = k === 0 && j === 0 ? 1 : -ri; i <= ri; i++) shifts.push([i, j, k]);
  return shifts;
}

interface Pairing extends NlmSetup, Slab {
  readonly sums: Float32Array;
  readonly weights: Float32Array;
  readonly scale: number;
  readonly exponentials: Float32Array;
  readonly ring: readonly [Float32Array, Float32Array, Float32Array];
}

const ringOf = ([ni, nj]: Size3): [Float32Array, Float32Array, Float32Array] => [
  new Float32Array(ni * nj),
  new Float32Array(ni * nj),
  new Float32Array(ni * nj),
];

/** Let every voxel and its partner at one shift count for each other, where one of the two is in the slab. */
function addShift(pairing: Pairing, shift: Size3): void {
  const { size, from, to, ring } = pairing;
  const dk = shift[2];
  const first = Math.max(0, from - dk);
  const last = Math.min(size[2] - dk, to);
  if (first >= last) return;
  // Plane k needs the squared differences of k - 1, k and k + 1; each is made once and kept for three planes.
  const slot = (k: number): Float32Array => ring[(k + 3) % 3]!;
  sumPlane(pairing, shift, first - 1, slot(first - 1));
  sumPlane(pairing, shift, first, slot(first));
  for (let k = first; k < last; k++) {
    sumPlane(pairing, shift, k + 1, slot(k + 1));
    addPlane(pairing, shift, k);
  }
}

/** Squares of 3x3 differences of a plane and its partner's, for the voxels whose partner exists. */
function sumPlane({ guide, size }: Pairing, [di, dj, dk]: Size3, k: number, out: Float32Array): void {
  const [ni, nj, nk] = size;
  const plane = ni * nj;
  const near = Math.min(nk - 1, Math.max(0, k)) * plane;
  const far = Math.min(nk - 1, Math.max(0, k + dk)) * plane;
  const [firstI, lastI] = [Math.max(0, -di), Math.min(ni, ni - di)];
  const [firstJ, lastJ] = [Math.max(0, -dj), Math.min(nj, nj - dj)];
  const rows = [new Float32Array(ni), new Float32Array(ni), new Float32Array(ni)];
  for (let j = firstJ - 1; j <= lastJ; j++) {
    const a = near + Math.min(nj - 1, Math.max(0, j)) * ni;
    const b = far + Math.min(nj - 1, Math.max(0, j + dj)) * ni;
    sumRow(guide, a, b, di, firstI, lastI, ni, rows[(j + 3) % 3]!);
    if (j <= firstJ) continue;
    const [r0, r1, r2] = [rows[0]!, rows[1]!, rows[2]!];
    for (let i = firstI, to = (j - 1) * ni + firstI; i < lastI; i++, to++) out[to] = r0[i]! + r1[i]! + r2[i]!;
  }
}

/** Squares of three neighbouring differences along a row, the first and last voxel repeated beyond its ends. */
function sumRow(
  guide: Float32Array,
  a: number,
  b: number,
  di: number,
  first: number,
  last: number,
  ni: number,
  out: Float32Array,
): void {
  const differenceAt = (i: number): number => {
    const difference =
      guide[a + Math.min(ni - 1, Math.max(0, i))]! - guide[b + Math.min(ni - 1, Math.max(0, i + di))]!;
    return difference * difference;
  };
  let before = differenceAt(first - 1);
  let here = differenceAt(first);
  const far = b + di;
  for (let i = first; i < last - 1; i++) {
    const difference = guide[a + i + 1]! - guide[far + i + 1]!;
    const after = difference * difference;
    out[i] = before + here + after;
    before = here;
    here = after;
  }
  out[last - 1] = before + here + differenceAt(last);
}

function addPlane(pairing: Pairing, [di, dj, dk]: Size3, k: number): void {
  const { values, size, from, to, sums, weights, scale, exponentials, ring } = pairing;
  const [ni, nj] = size;
  const plane = ni * nj;
  const [r0, r1, r2] = ring;
  const limit = largestExponent * exponentSteps;
  const [firstI, lastI] = [Math.max(0, -di), Math.min(ni, ni - di)];
  const [firstJ, lastJ] = [Math.max(0, -dj), Math.min(nj, nj - dj)];
  const step = (dk * nj + dj) * ni + di;
  const nearInside = k >= from;
  const farInside = k + dk < to;
  for (let j = firstJ; j < lastJ; j++) {
    let p = j * ni + firstI;
    let v = k * plane + p;
    let near = v - from * plane;
    for (let i = firstI; i < lastI; i++, p++, v++, near++) {
      const exponent = (r0[p]! + r1[p]! + r2[p]!) * scale;
      if (exponent >= limit) continue;
      const weight = exponentials[exponent | 0]!;
      if (nearInside) {
        sums[near] = sums[near]! + weight * values[v + step]!;
        weights[near] = weights[near]! + weight;
      }
      if (farInside) {
        sums[near + step] = sums[near + step]! + weight * values[v]!;
        weights[near + step] = weights[near + step]! + weight;
      }
    }
  }
}
