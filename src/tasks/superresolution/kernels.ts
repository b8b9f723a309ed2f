import { type SliceProfile, sliceWeights } from "../../sim/mr/profile.js";

/** What happens to a line of voxels across slices, in the result's voxels. */
export interface Degradation {
  readonly acquisition: "2d" | "3d";
  readonly profile: SliceProfile;
  /** Between slices. */
  readonly ratio: number;
  /** Full width of the profile at half maximum. */
  readonly thickness: number;
}

/** Rows of weights `[rows, rows + 2 · margin]`: row r is about voxel r + margin of a line. Each sums to 1. */
export interface Kernels {
  readonly margin: number;
  /** Blurred by the slices, sampled once a slice, interpolated between them. */
  readonly aliased: Float64Array;
  /** Blurred alone; of a 3-D acquisition, which is sampled often enough, the same. */
  readonly blurred: Float64Array;
}

/** Slices to either side that interpolation reaches for: what lies beyond weighs less than 2e-4 (spline), or is tapered off (sinc). */
const reach = { "2d": 7, "3d": 12 } as const;

/**
 * What slices make of a piece of a line. `phase` is where a slice has its centre, in voxels from row 0: any of them.
 *
 * 2-D: the profile, samples every `ratio` voxels, cubic B-spline through them, as `resampleTo` brings the scan itself to
 * its result's grid. 3-D: the ideal low-pass of zero padding in k-space, tapered by Hann over twelve slices.
 */
export function degradationKernels(how: Degradation, phase: number, rows: number): Kernels {
  if (how.acquisition === "3d") return lowPass(how, rows);
  const { profile, ratio, thickness } = how;
  const margin = Math.ceil((reach["2d"] + 1) * ratio + 2 * thickness);
  const extent = rows + 2 * margin;
  const first = (((margin + phase) % ratio) + ratio) % ratio;
  const slices = Math.floor((extent - 1 - first) / ratio) + 1;
  const seen = sliceWeights({ extent, slices, first, step: ratio, thickness, profile });
  const aliased = new Float64Array(rows * extent);
  for (let row = 0; row < rows; row++) {
    for (let slice = 0; slice < slices; slice++) {
      const away = (row + margin - first) / ratio - slice;
      if (Math.abs(away) > reach["2d"]) continue;
      const weight = cardinalSpline(away);
      for (let n = 0; n < extent; n++) aliased[row * extent + n]! += weight * seen[slice * extent + n]!;
    }
    normalise(aliased, row, extent);
  }
  const blurred = sliceWeights({ extent, slices: rows, first: margin, step: 1, thickness, profile });
  return { margin, aliased, blurred };
}

function lowPass({ ratio }: Degradation, rows: number): Kernels {
  const margin = Math.ceil(reach["3d"] * ratio);
  const extent = rows + 2 * margin;
  const weights = new Float64Array(rows * extent);
  for (let row = 0; row < rows; row++) {
    for (let n = row; n <= row + 2 * margin; n++) {
      const x = (n - row - margin) / ratio;
      const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
      weights[row * extent + n] = sinc * (0.5 + 0.5 * Math.cos((Math.PI * x) / reach["3d"]));
    }
    normalise(weights, row, extent);
  }
  return { margin, aliased: weights, blurred: weights };
}

function normalise(weights: Float64Array, row: number, extent: number): void {
  let sum = 0;
  for (let n = 0; n < extent; n++) sum += weights[row * extent + n]!;
  for (let n = 0; n < extent; n++) weights[row * extent + n]! /= sum;
}

const pole = Math.sqrt(3) - 2;

/** What a sample counts for in the cubic B-spline through all samples, at a distance in samples (Unser 1999). */
export function cardinalSpline(away: number): number {
  const x = Math.abs(away);
  let sum = 0;
  for (let n = Math.floor(x) - 1; n <= Math.floor(x) + 2; n++) sum += pole ** Math.abs(n) * cubicBump(x - n);
  return ((-6 * pole) / (1 - pole * pole)) * sum;
}

function cubicBump(at: number): number {
  const x = Math.abs(at);
  if (x >= 2) return 0;
  return x < 1 ? 2 / 3 - x * x + (x * x * x) / 2 : (2 - x) ** 3 / 6;
}

/**
 * Weights that bring lines of slices to the result's voxels by the same interpolation, `[length, slices]`, for
 * `weighAlong`: voxel m lies at `first + m · step` slices. Beyond the outermost centres the edge slice goes on.
 */
export function splineRows(slices: number, length: number, first: number, step: number): Float64Array {
  const weights = new Float64Array(length * slices);
  for (let m = 0; m < length; m++) {
    const at = Math.min(slices - 1, Math.max(0, first + m * step));
    // Mirrored about the outermost centres, as the spline is.
    for (let n = Math.floor(at) - 2 * reach["2d"]; n <= Math.floor(at) + 2 * reach["2d"] + 1; n++)
      weights[m * slices + mirrored(n, slices)]! += cardinalSpline(at - n);
  }
  return weights;
}

/** A place beyond the ends of a line, mirrored about its first and its last voxel. */
export function mirrored(n: number, length: number): number {
  const period = Math.max(1, 2 * (length - 1));
  const at = ((n % period) + period) % period;
  return at < length ? at : period - at;
}
