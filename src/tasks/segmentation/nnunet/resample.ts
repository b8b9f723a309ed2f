import { type ResizeOrder, resizeChannel, resizeLabels } from "../../../volume/resize.js";
import type { Size3 } from "../../../volume/volume.js";
import type { Plan } from "./plan.js";

type Resampling = Plan["resampling"];

/** How voxels change: sizes and spacings along i, j, k. */
export interface Resizing {
  readonly from: Size3;
  readonly to: Size3;
  readonly fromMm: readonly number[];
  readonly toMm: readonly number[];
}

/**
 * The axis along which the nearest slice is taken instead of interpolating: one whose voxels are more than 3 times as
 * long as the shortest, before or, if none was, after resampling; null where no axis or more than one is the longest
 * (v2, `determine_do_sep_z_and_axis`).
 */
export function separateAxis(
  fromMm: readonly number[],
  toMm: readonly number[],
  { separateAbove }: Pick<Resampling, "separateAbove">,
): number | null {
  const thick = [fromMm, toMm].find((mm) => Math.max(...mm) / Math.min(...mm) > separateAbove);
  if (thick === undefined) return null;
  const longest = [0, 1, 2].filter((axis) => thick[axis] === Math.max(...thick));
  return longest.length === 1 ? longest[0]! : null;
}

const sameSize = (a: Size3, b: Size3): boolean => a.every((n, axis) => n === b[axis]);

function ordersOf<T extends ResizeOrder>(order: T, thick: number | null): [T | 0, T | 0, T | 0] {
  return [0, 1, 2].map((axis) => (axis === thick ? 0 : order)) as [T | 0, T | 0, T | 0];
}

/**
 * One channel of an image on another grid: a cubic spline, cut to the range of values that it began with (of every
 * slice, where slices are apart), and the nearest slice along a thick axis.
 */
export function resampleChannel(data: Float32Array, resizing: Resizing, rules: Resampling): Float32Array {
  const { from, to } = resizing;
  if (sameSize(from, to)) return data.slice();
  const thick = separateAxis(resizing.fromMm, resizing.toMm, rules);
  if (thick === null) {
    const whole = resizeChannel(data, from, to, ordersOf(rules.imageOrder, null));
    return clampPlanes(whole, to, data, from, null);
  }
  // In planes first, each within its own range; then whole planes are picked.
  const between = from.map((n, axis) => (axis === thick ? n : to[axis]!)) as unknown as Size3;
  const planes = resizeChannel(data, from, between, ordersOf(rules.imageOrder, thick));
  return resizeChannel(clampPlanes(planes, between, data, from, thick), between, to, [0, 0, 0]);
}

/** Cut values to the range of the source, plane by plane along `axis`, or all at once. */
function clampPlanes(
  values: Float32Array,
  size: Size3,
  source: Float32Array,
  sourceSize: Size3,
  axis: number | null,
): Float32Array {
  const planes = axis === null ? 1 : size[axis]!;
  const runs = runLength(size, axis);
  const sourceRuns = runLength(sourceSize, axis);
  for (let plane = 0; plane < planes; plane++) {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let start = plane * sourceRuns; start < source.length; start += planes * sourceRuns)
      for (let at = start; at < start + sourceRuns; at++) {
        const value = source[at]!;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    for (let start = plane * runs; start < values.length; start += planes * runs)
      for (let at = start; at < start + runs; at++) values[at] = Math.min(high, Math.max(low, values[at]!));
  }
  return values;
}

/** Voxels of one plane that lie side by side in memory. */
function runLength([ni, nj, nk]: Size3, axis: number | null): number {
  return axis === null ? ni * nj * nk : axis === 2 ? ni * nj : axis === 1 ? ni : 1;
}

/** A label map on another grid: by one-hot maps, and the nearest slice along a thick axis. */
export function resampleClasses<T extends Uint8Array | Uint16Array>(
  data: T,
  { from, to, fromMm, toMm }: Resizing,
  rules: Resampling,
): T {
  if (sameSize(from, to)) return data.slice() as T;
  return resizeLabels(data, from, to, ordersOf(rules.labelOrder, separateAxis(fromMm, toMm, rules)));
}

/** One class's probabilities on another grid: linear, and the nearest slice along a thick axis. */
export function resampleProbability(
  data: Float32Array,
  { from, to, fromMm, toMm }: Resizing,
  rules: Resampling,
): Float32Array {
  return resizeChannel(data, from, to, ordersOf(rules.probabilityOrder, separateAxis(fromMm, toMm, rules)));
}
