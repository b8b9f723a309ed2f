import type { Shape } from "../../core/tensor.js";
import type { Value } from "../../graph/node.js";
import type { ConvGeometry } from "../../ops/conv.js";
import { add } from "../../ops/elementwise.js";
import { matmul } from "../../ops/linalg.js";
import { concat, pad, reshape, slice, transpose } from "../../ops/move.js";
import { sum } from "../../ops/reduce.js";

/** Positions that are worked on at once: their slices then stay in the processor's cache. */
const positionsAtOnce = 30_000;

/** Up to so many channels times taps, the whole neighbourhood of a voxel is one column of a single product. */
const columnsAtMost = 64;

const product = (extents: Shape): number => extents.reduce((a, b) => a * b, 1);
const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
const spatialOf = (value: Value): Shape => value.shape.slice(2);
const flatten = (x: Value): Value => reshape(x, [x.shape[0]!, x.shape[1]!, product(spatialOf(x))]);

/**
 * Weight gradient of a convolution of stride 1 as matrix products over the flattened voxels, where one Conv with
 * swapped roles runs at 29-46 GFLOP/s and this at 65-113 (decision 0001).
 *
 * Both tensors are laid out with one pitch, so that a tap is a shift of the flat axis, far + near: the near shifts
 * (along the last axis) are stacked on the channels of dy, the far ones are slices of x. The first axis is cut
 * into slabs of about `positionsAtOnce` positions.
 */
export function shiftedProducts(x: Value, dy: Value, shape: Shape, geometry: ConvGeometry): Value {
  const { dilation, before, after } = geometry;
  const kernel = shape.slice(2);
  // A slab more at the far end: the last shift runs past the last row, where dy has zeros.
  const spare = kernel.length > 1 ? 1 : 0;
  const image = pad(
    x,
    [0, 0, ...before],
    [0, 0, ...after.map((width, axis) => width + (axis === 0 ? spare : 0))],
  );
  const slabs = spatialOf(dy)[0]!;
  const reach = dilation[0]! * (kernel[0]! - 1);
  const perSlab = product(spatialOf(image).slice(1));
  const thickness =
    kernel.length === 1 ? slabs : Math.max(1, Math.min(slabs, Math.round(positionsAtOnce / perSlab)));
  const parts: Value[] = [];
  for (let start = 0; start < slabs; start += thickness) {
    const count = Math.min(thickness, slabs - start);
    parts.push(
      slabProducts(cut(image, start, count + reach + spare), cut(dy, start, count), shape, dilation),
    );
  }
  return parts.reduce(add);
}

/** Slabs `start` to `start + count` along the first spatial axis. */
function cut(x: Value, start: number, count: number): Value {
  return slice(
    x,
    x.shape.map((_, axis) => (axis === 2 ? start : 0)),
    x.shape.map((extent, axis) => (axis === 2 ? count : extent)),
  );
}

function slabProducts(image: Value, dy: Value, shape: Shape, dilation: readonly number[]): Value {
  const [outChannels, channels, ...kernel] = shape as [number, number, ...number[]];
  const pitch = spatialOf(image);
  const last = kernel.length - 1;
  const strides = pitch.map((_, axis) => product(pitch.slice(axis + 1)));
  const shifts = (axis: number): number[] =>
    range(kernel[axis]!).map((tap) => tap * dilation[axis]! * strides[axis]!);
  const far = range(last).reduce<number[]>(
    (offsets, axis) => offsets.flatMap((offset) => shifts(axis).map((shift) => offset + shift)),
    [0],
  );
  const near = shifts(last);
  const gaps = spatialOf(dy).map((extent, axis) => (axis === 0 && last > 0 ? 0 : pitch[axis]! - extent));
  const embed = (shift: number): Value =>
    flatten(
      pad(
        dy,
        [0, 0, ...gaps.map((_, axis) => (axis === last ? shift : 0))],
        [0, 0, ...gaps.map((gap, axis) => (axis === last ? gap - shift : gap))],
      ),
    );
  const flat = flatten(image);
  const columns = last > 0 && channels * far.length * near.length <= columnsAtMost;
  const left = columns ? embed(0) : concat(near.map(embed), 1);
  const starts = columns ? far.flatMap((f) => near.map((n) => f + n)) : far;
  const length = left.shape[2]!;
  const slices = starts.map((start) => slice(flat, [0, 0, start], [flat.shape[0]!, channels, length]));
  if (columns) {
    // [K, taps, C] → [K, C, taps]
    const taps = sum(matmul(left, concat(slices, 1), false, true), [0]);
    return reshape(transpose(reshape(taps, [outChannels, starts.length, channels]), [0, 2, 1]), shape);
  }
  // [far, N, near, K, C] → [K, C, far, near]
  const products = slices.map((one) => matmul(left, one, false, true));
  const taps = sum(
    concat(
      products.map((p) => reshape(p, [1, ...p.shape])),
      0,
    ),
    [1],
  );
  const parts = reshape(taps, [far.length, near.length, outChannels, channels]);
  return reshape(transpose(parts, [2, 3, 0, 1]), shape);
}
