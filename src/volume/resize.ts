import type { Size3 } from "./volume.js";

/** Interpolation along an axis: the nearest voxel, linear, or the cubic B-spline through all voxels. */
export type ResizeOrder = 0 | 1 | 3;

/**
 * One channel with other voxels over the same field of view: voxel m of M lies at (m + ½) n / M - ½ of n, and beyond the
 * outermost centres the edge value goes on. Axis by axis with an order for each; an axis that keeps its length is
 * left alone, which is what interpolation does at whole positions. As `scipy.ndimage.zoom(grid_mode=True,
 * mode="nearest")`; a cubic spline may overshoot.
 */
export function resizeChannel(
  data: Float32Array,
  size: Size3,
  target: Size3,
  orders: readonly [ResizeOrder, ResizeOrder, ResizeOrder],
): Float32Array {
  let current = data;
  const extents: [number, number, number] = [...size];
  // Axes that shrink come first: the fewer voxels the others have to go through.
  const growth = (axis: number): number => target[axis]! / size[axis]!;
  for (const axis of [0, 1, 2].sort((a, b) => growth(a) - growth(b) || a - b)) {
    if (extents[axis] === target[axis]) continue;
    current = resizeAxis(current, extents, axis, target[axis]!, orders[axis]!);
    extents[axis] = target[axis]!;
  }
  return current === data ? data.slice() : current;
}

/** Lines that are worked on side by side, so that memory is read in runs along every axis. */
const mostLines = 64;

function resizeAxis(
  data: Float32Array,
  size: Size3,
  axis: number,
  length: number,
  order: ResizeOrder,
): Float32Array {
  const extent = size[axis]!;
  const inner = axis === 0 ? 1 : axis === 1 ? size[0] : size[0] * size[1];
  const outer = data.length / (inner * extent);
  const out = new Float32Array(outer * length * inner);
  const { taps, first, weights } = tapsOf(extent, length, order);
  const lines = Math.min(inner, mostLines);
  const work = new Float64Array((extent + 2 * margin) * lines);
  for (let o = 0; o < outer; o++)
    for (let start = 0; start < inner; start += lines) {
      const count = Math.min(lines, inner - start);
      gatherLines(data, o * extent * inner + start, inner, extent, count, work);
      if (order === 3) splineLines(work, extent + 2 * margin, count);
      for (let m = 0; m < length; m++) {
        const to = (o * length + m) * inner + start;
        const from = (first[m]! + margin) * count;
        for (let line = 0; line < count; line++) {
          let sum = 0;
          for (let tap = 0; tap < taps; tap++)
            sum += weights[m * taps + tap]! * work[from + tap * count + line]!;
          out[to + line] = sum;
        }
      }
    }
  return out;
}

/** Voxels beyond each end that a cubic spline reaches for. */
const margin = 2;

/** Lines into `work`, position slowest, with the edge value repeated at both ends. */
function gatherLines(
  data: Float32Array,
  from: number,
  stride: number,
  extent: number,
  count: number,
  work: Float64Array,
): void {
  for (let n = -margin; n < extent + margin; n++) {
    const source = from + Math.min(extent - 1, Math.max(0, n)) * stride;
    const to = (n + margin) * count;
    for (let line = 0; line < count; line++) work[to + line] = data[source + line]!;
  }
}

/** For each new voxel the first old one that it is made of, and the weights from there on. */
function tapsOf(extent: number, length: number, order: ResizeOrder) {
  const taps = order + 1;
  const first = new Int32Array(length);
  const weights = new Float64Array(length * taps);
  for (let m = 0; m < length; m++) {
    const x = ((m + 0.5) * extent) / length - 0.5;
    const inside = Math.min(extent - 1, Math.max(0, x));
    if (order === 0) {
      first[m] = nearestVoxel(m, extent, length);
      weights[m] = 1;
    } else if (order === 1) {
      first[m] = Math.floor(inside);
      weights[2 * m + 1] = inside - first[m]!;
      weights[2 * m] = 1 - weights[2 * m + 1]!;
    } else {
      const base = Math.floor(x);
      const [t, s] = [x - base, 1 - (x - base)];
      first[m] = base - 1;
      weights.set(
        [(s * s * s) / 6, 2 / 3 - t * t + (t * t * t) / 2, 2 / 3 - s * s + (s * s * s) / 2, (t * t * t) / 6],
        4 * m,
      );
    }
  }
  return { taps, first, weights };
}

/** The old voxel whose centre is closest to a new one's; half-way goes to the higher. */
function nearestVoxel(m: number, extent: number, length: number): number {
  const x = ((m + 0.5) * extent) / length - 0.5;
  return Math.min(extent - 1, Math.max(0, Math.floor(x + 0.5)));
}

const pole = Math.sqrt(3) - 2;

/**
 * Spline coefficients of lines in place, as if their edge values went on for ever: the recursions then begin with
 * what they settle at (poles as in Unser 1999; the closed sums are of geometric series).
 */
function splineLines(c: Float64Array, length: number, count: number): void {
  for (let line = 0; line < count; line++) c[line] = (6 * c[line]!) / (1 - pole);
  const last = (length - 1) * count;
  for (let at = count; at < length * count; at++) c[at] = 6 * c[at]! + pole * c[at - count]!;
  for (let line = 0; line < count; line++) {
    // The edge value repeats in the margin, so two neighbours of the sum tell what it settles at.
    const now = c[last + line]!;
    const edge = now - pole * c[last - count + line]!;
    const settled = edge / (1 - pole);
    c[last + line] = -pole * (settled / (1 - pole) + (now - settled) / (1 - pole * pole));
  }
  for (let at = last - 1; at >= 0; at--) c[at] = pole * (c[at + count]! - c[at]!);
}

/**
 * A label map with other voxels over the same field of view. Order 1: the label whose one-hot map, interpolated
 * linearly, is largest, of equals the higher one, as rounding up at ½ would have it; order 0 along an axis takes
 * the nearest voxel there. No labels come up that were not there.
 */
export function resizeLabels<T extends Uint8Array | Uint16Array>(
  data: T,
  size: Size3,
  target: Size3,
  orders: readonly [0 | 1, 0 | 1, 0 | 1],
): T {
  const [ni, nj] = size;
  const [mi, mj, mk] = target;
  const out = new (data.constructor as new (length: number) => T)(mi * mj * mk);
  const [x, y, z] = orders.map((order, axis) => pairsOf(size[axis]!, target[axis]!, order)) as [
    Pairs,
    Pairs,
    Pairs,
  ];
  const labels = new Int32Array(8);
  const weights = new Float64Array(8);
  let to = 0;
  for (let k = 0; k < mk; k++)
    for (let j = 0; j < mj; j++)
      for (let i = 0; i < mi; i++, to++) {
        let used = 0;
        for (let corner = 0; corner < 8; corner++) {
          const [a, b, d] = [2 * i + (corner & 1), 2 * j + ((corner >> 1) & 1), 2 * k + (corner >> 2)];
          const weight = x.weights[a]! * y.weights[b]! * z.weights[d]!;
          if (weight === 0) continue;
          const label = data[(z.at[d]! * nj + y.at[b]!) * ni + x.at[a]!]!;
          let slot = 0;
          while (slot < used && labels[slot] !== label) slot++;
          if (slot === used) {
            labels[used] = label;
            weights[used++] = 0;
          }
          weights[slot]! += weight;
        }
        let best = 0;
        for (let slot = 1; slot < used; slot++) {
          const more = weights[slot]! - weights[best]!;
          if (more > 1e-9 || (more > -1e-9 && labels[slot]! > labels[best]!)) best = slot;
        }
        out[to] = labels[best]!;
      }
  return out;
}

/** For each new voxel two old ones with their weights; the second weighs 0 where one is enough. */
interface Pairs {
  readonly at: Int32Array;
  readonly weights: Float64Array;
}

function pairsOf(extent: number, length: number, order: 0 | 1): Pairs {
  const at = new Int32Array(2 * length);
  const weights = new Float64Array(2 * length);
  for (let m = 0; m < length; m++) {
    const x = Math.min(extent - 1, Math.max(0, ((m + 0.5) * extent) / length - 0.5));
    const low = order === 0 || extent === length ? nearestVoxel(m, extent, length) : Math.floor(x);
    const part = order === 0 || extent === length ? 0 : x - low;
    at[2 * m] = low;
    at[2 * m + 1] = Math.min(extent - 1, low + 1);
    weights[2 * m] = 1 - part;
    weights[2 * m + 1] = part;
  }
  return { at, weights };
}
