import { fail } from "../core/errors.js";
import type { Size3 } from "./volume.js";
import { voxelCount } from "./volume.js";

/**
 * Where windows of a patch size begin so that together they cover every voxel: evenly spaced, neighbours
 * overlapping by at least the given part of the patch. Along an axis shorter than the patch there is one
 * window about the middle, which begins before the volume does.
 */
export function tilePositions(size: Size3, patch: Size3, overlap = 0.5): Size3[] {
  if (!(overlap >= 0 && overlap < 1))
    fail("bad-argument", {
      what: "the overlap of windows is out of range",
      expected: "at least 0 and below 1",
      found: `${overlap}`,
    });
  if (patch.some((n) => !(Number.isInteger(n) && n > 0)))
    fail("bad-argument", { what: "the patch size is no size", found: patch.join("x") });
  const [is, js, ks] = [0, 1, 2].map((axis) => starts(size[axis]!, patch[axis]!, overlap)) as [
    number[],
    number[],
    number[],
  ];
  return ks.flatMap((k) => js.flatMap((j) => is.map((i): Size3 => [i, j, k])));
}

function starts(length: number, patch: number, overlap: number): number[] {
  if (length <= patch) return [0 - Math.floor((patch - length) / 2)];
  const step = Math.max(1, patch * (1 - overlap));
  const steps = Math.ceil((length - patch) / step);
  return Array.from({ length: steps + 1 }, (_, n) => Math.round((n * (length - patch)) / steps));
}

/**
 * How much each voxel of a window counts where windows overlap: a Gaussian about the middle with
 * σ = 1/8 of the patch along each axis (Isensee 2021, nnU-Net), largest 1, nowhere below 1e-6.
 * A patch of one voxel along an axis, as in 2-D, is flat along it.
 */
export function gaussianWeights(patch: Size3, sigmaFraction = 1 / 8): Float32Array {
  const [wi, wj, wk] = patch.map((n) => {
    const sigma = n * sigmaFraction;
    const middle = (n - 1) / 2;
    return Float64Array.from({ length: n }, (_, at) => Math.exp(-0.5 * ((at - middle) / sigma) ** 2));
  }) as [Float64Array, Float64Array, Float64Array];
  const weights = new Float32Array(voxelCount(patch));
  let at = 0;
  let largest = 0;
  for (let k = 0; k < patch[2]; k++)
    for (let j = 0; j < patch[1]; j++)
      for (let i = 0; i < patch[0]; i++) {
        weights[at] = wi[i]! * wj[j]! * wk[k]!;
        largest = Math.max(largest, weights[at++]!);
      }
  for (let n = 0; n < weights.length; n++) weights[n] = Math.max(1e-6, weights[n]! / largest);
  return weights;
}

/** Channels of voxels on a grid: `[C, k, j, i]` as in a volume. */
export interface Field<T extends Float32Array | Uint8Array | Uint16Array | Int32Array = Float32Array> {
  readonly data: T;
  readonly size: Size3;
  readonly channels: number;
}

/**
 * Copy a window of all channels into `out` at `offset` (one sample of a batch `[N, C, k, j, i]`); voxels
 * outside the volume become `outside`.
 */
export function extractPatch<T extends Float32Array | Uint8Array | Uint16Array | Int32Array>(
  { data, size, channels }: Field<T>,
  start: Size3,
  patch: Size3,
  out: T,
  offset = 0,
  outside = 0,
): void {
  const [ni, nj, nk] = size;
  const [pi, pj, pk] = patch;
  const first = Math.min(pi, Math.max(0, -start[0]));
  const last = Math.max(first, Math.min(pi, ni - start[0]));
  for (let c = 0; c < channels; c++)
    for (let k = 0; k < pk; k++)
      for (let j = 0; j < pj; j++) {
        const to = offset + ((c * pk + k) * pj + j) * pi;
        const [fromK, fromJ] = [k + start[2], j + start[1]];
        if (fromK < 0 || fromK >= nk || fromJ < 0 || fromJ >= nj) {
          out.fill(outside, to, to + pi);
          continue;
        }
        const from = ((c * nk + fromK) * nj + fromJ) * ni + start[0];
        if (first > 0) out.fill(outside, to, to + first);
        for (let i = first; i < last; i++) out[to + i] = data[from + i]!;
        if (last < pi) out.fill(outside, to + last, to + pi);
      }
}

/** Copy a window; beyond the border the image goes on as its mirror image (the border voxel is not repeated). */
export function extractMirrored(
  { data, size, channels }: Field,
  start: Size3,
  patch: Size3,
  out: Float32Array,
): void {
  const [ci, cj, ck] = start.map((from, axis) => mirroredIndices(from, patch[axis]!, size[axis]!)) as [
    Int32Array,
    Int32Array,
    Int32Array,
  ];
  let at = 0;
  for (let c = 0; c < channels; c++)
    for (const k of ck)
      for (const j of cj) {
        const row = ((c * size[2] + k) * size[1] + j) * size[0];
        for (let i = 0; i < ci.length; i++) out[at++] = data[row + ci[i]!]!;
      }
}

function mirroredIndices(start: number, length: number, size: number): Int32Array {
  const period = Math.max(1, 2 * (size - 1));
  return Int32Array.from({ length }, (_, n) => {
    const at = (((start + n) % period) + period) % period;
    return at < size ? at : period - at;
  });
}

/** Sums of weighted windows and of the weights, to be divided when all windows are in. */
export interface Accumulator {
  readonly sum: Float32Array;
  readonly weight: Float32Array;
  readonly size: Size3;
  readonly channels: number;
}

export function accumulator(size: Size3, channels: number): Accumulator {
  const voxels = voxelCount(size);
  return { sum: new Float32Array(voxels * channels), weight: new Float32Array(voxels), size, channels };
}

/** Add a window `[C, k, j, i]` (at `offset` of `values`) with its weights; what lies outside is dropped. */
export function addPatch(
  { sum, weight, size, channels }: Accumulator,
  values: Float32Array,
  weights: Float32Array,
  start: Size3,
  patch: Size3,
  offset = 0,
): void {
  const [ni, nj, nk] = size;
  const [pi, pj, pk] = patch;
  const voxels = ni * nj * nk;
  const window = pi * pj * pk;
  for (let k = Math.max(0, -start[2]); k < Math.min(pk, nk - start[2]); k++)
    for (let j = Math.max(0, -start[1]); j < Math.min(pj, nj - start[1]); j++) {
      const to = ((k + start[2]) * nj + j + start[1]) * ni + start[0];
      const from = (k * pj + j) * pi;
      for (let i = Math.max(0, -start[0]); i < Math.min(pi, ni - start[0]); i++) {
        const w = weights[from + i]!;
        weight[to + i]! += w;
        for (let c = 0; c < channels; c++)
          sum[c * voxels + to + i]! += w * values[offset + c * window + from + i]!;
      }
    }
}

/** The weighted mean `[C, k, j, i]`. Throws `bad-argument` when some voxel was in no window. */
export function weightedMean({ sum, weight, channels }: Accumulator): Float32Array {
  const mean = new Float32Array(sum.length);
  const voxels = weight.length;
  for (let at = 0; at < voxels; at++) {
    const w = weight[at]!;
    if (w === 0)
      fail("bad-argument", {
        what: "the windows do not cover the volume",
        expected: "every voxel in a window",
        found: `voxel ${at} in none`,
      });
    for (let c = 0; c < channels; c++) mean[c * voxels + at] = sum[c * voxels + at]! / w;
  }
  return mean;
}
