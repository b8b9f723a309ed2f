import { fail } from "../../core/errors.js";
import { spacingMm } from "../../volume/affine.js";
import { weighAlong } from "../../volume/along.js";
import { swapAxes } from "../../volume/axes.js";
import { splineCoefficients } from "../../volume/bspline.js";
import { resampleFourier } from "../../volume/fourier.js";
import { percentiles } from "../../volume/intensity.js";
import { smoothedFor } from "../../volume/isotropic.js";
import { resampleTo } from "../../volume/resample.js";
import type { Grid, ImageVolume, Size3, Volume } from "../../volume/volume.js";
import { requireField, type ScanPlan } from "./acquisition.js";
import { splineRows } from "./kernels.js";

/** Which percentile of a scan is 1 for the networks. */
export const referencePercentile = 99.9;

/** What the networks take as 0 and as 1. */
export interface Scale {
  readonly zero: number;
  readonly one: number;
}

/** The slices of a scan, sharp within themselves, to draw pairs from. In units of the networks. */
export interface TrainingStack {
  readonly id: string;
  /** Along i, j and from slice to slice. */
  readonly size: Size3;
  readonly data: Float32Array;
  /** Of the cubic spline through each slice; absent where no angle needs one. */
  readonly coefficients?: Float32Array;
  /** How much edges there are up to the end of each row of voxels: patches are drawn in proportion. */
  readonly edges: Float64Array;
  /** Where pairs may have their middle; absent: everywhere. */
  readonly mask?: Uint8Array;
  /** Voxels of the result: across the slices, and of its first one in slices. */
  readonly rows: number;
  readonly first: number;
}

/** A scan's slices with voxels of the result's size within them, the axis across them last. */
export function slicesOf(scan: ImageVolume, { axis, inPlane, targetMm }: ScanPlan): ImageVolume {
  const turned = swapAxes(scan, axis, 2);
  const spacing = spacingMm(turned.affine);
  const same = [0, 1].every(
    (n) => Math.abs(spacing[n]! / targetMm - 1) < 1e-6 && turned.size[n] === inPlane.size[n],
  );
  if (same) return turned;
  return resampleTo(smoothedFor(turned, targetMm), inPlane, { order: "cubic" });
}

/** Slices on the grid of the result: by cubic B-splines from one to the next, or by zero padding in k-space. */
export function interpolateSlices(
  slices: ImageVolume,
  { fine, first, targetMm, sliceMm }: ScanPlan,
  acquisition: "2d" | "3d",
): ImageVolume {
  if (acquisition === "3d") return resampleFourier(slices, fine);
  const weights = splineRows(slices.size[2], fine.size[2], first, targetMm / sliceMm);
  return {
    ...fine,
    channels: 1,
    data: weighAlong(slices.data, slices.size, 2, weights, fine.size[2]),
  };
}

/** What the networks take as 0 (0, or the least value where some are below) and as 1. Throws `bad-data` for an empty scan. */
export function scaleOf({ data }: Pick<ImageVolume, "data">, where?: string): Scale {
  let zero = 0;
  for (let v = 0; v < data.length; v++) if (data[v]! < zero) zero = data[v]!;
  const [one] = percentiles(data, [referencePercentile]);
  if (!(one! > zero))
    fail("bad-data", {
      what: "the scan is empty: nothing stands out of it",
      where,
      expected: `a ${referencePercentile}th percentile above ${zero}`,
      found: `${one}`,
      fix: "Check that this is the scan and not a mask",
    });
  return { zero, one: one! };
}

export interface StackOptions {
  readonly id: string;
  /** Angles that pairs are drawn along: see the configuration. */
  readonly rotations: number;
  /** On the scan's grid: pairs have their middle where it is not 0. */
  readonly mask?: Volume | undefined;
  readonly where?: string | undefined;
}

/**
 * A scan ready to draw pairs from. Throws `bad-data` where its slices, or what the mask leaves of them, have no edges, and
 * what `requireField` throws.
 */
export function trainingStack(
  scan: ImageVolume,
  plan: ScanPlan,
  { id, rotations, mask, where }: StackOptions,
): TrainingStack {
  requireField(plan, where);
  const slices = slicesOf(scan, plan);
  const { zero, one } = scaleOf(slices, where);
  const data = slices.data.map((value) => (value - zero) / (one - zero));
  const inside = mask && maskOf(mask, plan);
  const edges = edgesOf(data, slices.size, inside);
  if (!(edges.at(-1)! > 0))
    fail("bad-data", {
      what: mask === undefined ? "the slices have no edges" : "the slices have no edges within the mask",
      where,
      expected: "values that differ",
      found: "one value everywhere",
      fix: "Check that this is the scan, or leave the mask out",
    });
  return {
    id,
    size: slices.size,
    data,
    edges,
    rows: plan.fine.size[2],
    first: plan.first,
    ...(rotations > 1 && rotations !== 2 ? { coefficients: coefficientsOf(data, slices.size) } : {}),
    ...(inside === undefined ? {} : { mask: inside }),
  };
}

function maskOf(mask: Volume, { axis, inPlane }: ScanPlan): Uint8Array {
  const ones: ImageVolume = {
    ...(mask as Grid),
    channels: 1,
    data: Float32Array.from(mask.data, (value) => (value === 0 ? 0 : 1)),
  };
  const there = resampleTo(swapAxes(ones, axis, 2), inPlane, { order: "nearest" });
  return Uint8Array.from(there.data);
}

function coefficientsOf(data: Float32Array, [ni, nj, nk]: Size3): Float32Array {
  const all = new Float32Array(data.length);
  for (let k = 0; k < nk; k++) {
    const at = k * ni * nj;
    all.set(splineCoefficients(data.subarray(at, at + ni * nj), [ni, nj, 1]), at);
  }
  return all;
}

/** The size of the gradient within its slice, at a voxel; 0 outside the mask. */
export function edgeAt(
  data: Float32Array,
  [ni, nj]: Size3,
  mask: Uint8Array | undefined,
  row: number,
  i: number,
): number {
  const at = row * ni + i;
  if (mask !== undefined && mask[at] === 0) return 0;
  const j = row % nj;
  const x = data[at + (i + 1 < ni ? 1 : 0)]! - data[at - (i > 0 ? 1 : 0)]!;
  const y = data[at + (j + 1 < nj ? ni : 0)]! - data[at - (j > 0 ? ni : 0)]!;
  return Math.sqrt(x * x + y * y);
}

function edgesOf(data: Float32Array, size: Size3, mask: Uint8Array | undefined): Float64Array {
  const [ni, nj, nk] = size;
  const edges = new Float64Array(nj * nk);
  let sum = 0;
  for (let row = 0; row < edges.length; row++) {
    for (let i = 0; i < ni; i++) sum += edgeAt(data, size, mask, row, i);
    edges[row] = sum;
  }
  return edges;
}
