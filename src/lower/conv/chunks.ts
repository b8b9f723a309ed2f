import type { Node, Value } from "../../graph/node.js";
import { type ConvGeometry, convWeightGrad } from "../../ops/conv.js";
import { matmul } from "../../ops/linalg.js";
import { concat, pad, reshape, slice, transpose } from "../../ops/move.js";
import { sum } from "../../ops/reduce.js";
import type { Rewrite } from "../target.js";
import { weightGrad } from "./gradients.js";

/** Voxels that one matrix product sums over: the products of a layer then fill a GPU with work side by side. */
const voxelsAtOnce = 1024;

/** Up to so many channels times taps, the whole neighbourhood of a voxel is one column of a single product. */
const columnsAtMost = 64;

const product = (extents: readonly number[]): number => extents.reduce((a, b) => a * b, 1);
const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
const isOne = (values: readonly number[]): boolean => values.every((value) => value === 1);

/**
 * Weight gradient as many short matrix products, for a GPU: what `shiftedProducts` does on a processor, the voxels cut
 * into chunks that become the batch, because one product with a sum over all voxels would keep a handful of cores
 * busy. Strided convolutions come back here on blocks of voxels; groups are taken one by one.
 */
export const chunkedWeightGrad: Rewrite = (node) => {
  const geometry = node.attributes as unknown as ConvGeometry;
  if (geometry.groups > 1) return [byGroup(node, geometry)];
  if (!isOne(geometry.stride)) return weightGrad(node);
  const [x, dy] = node.inputs as [Value, Value];
  return [chunkedProducts(x, dy, node.outputs[0]!.shape, geometry)];
};

function byGroup(node: Node, geometry: ConvGeometry): Value {
  const [x, dy] = node.inputs as [Value, Value];
  const shape = node.outputs[0]!.shape;
  const { groups } = geometry;
  const part = (value: Value, group: number): Value => {
    const sizes = value.shape.map((extent, axis) => (axis === 1 ? extent / groups : extent));
    return slice(
      value,
      sizes.map((size, axis) => (axis === 1 ? group * size : 0)),
      sizes,
    );
  };
  const own = [shape[0]! / groups, ...shape.slice(1)];
  const parts = range(groups).map((group) =>
    convWeightGrad(part(x, group), part(dy, group), own, { ...geometry, groups: 1 }),
  );
  return concat(parts, 0);
}

/**
 * Both tensors are laid out with one pitch, so that a tap is a shift of the flat axis: far shifts are slices of x with
 * its channels last, near ones (along the last axis) are stacked on the channels of dy.
 */
function chunkedProducts(x: Value, dy: Value, shape: readonly number[], geometry: ConvGeometry): Value {
  const [outChannels, channels, ...kernel] = shape as [number, number, ...number[]];
  const batch = x.shape[0]!;
  const last = kernel.length - 1;
  const spatial = dy.shape.slice(2);
  // The row that every tap of every voxel of dy lies in, and a slab more for the shifts that run past its end.
  const pitch = kernel.map((extent, axis) => spatial[axis]! + geometry.dilation[axis]! * (extent - 1));
  const strides = pitch.map((_, axis) => product(pitch.slice(axis + 1)));
  const shifts = (axis: number): number[] =>
    range(kernel[axis]!).map((tap) => tap * geometry.dilation[axis]! * strides[axis]!);
  const far = range(last).reduce<number[]>(
    (offsets, axis) => offsets.flatMap((offset) => shifts(axis).map((shift) => offset + shift)),
    [0],
  );
  const near = shifts(last);
  const columns = channels * far.length * near.length <= columnsAtMost;
  const starts = columns ? far.flatMap((f) => near.map((n) => f + n)) : far;
  const span = product(pitch);
  const chunk = Math.min(voxelsAtOnce, span);
  const chunks = Math.ceil(span / chunk);

  const embed = (shift: number): Value => {
    const gaps = spatial.map((extent, axis) => pitch[axis]! - extent);
    const placed = pad(
      dy,
      [0, 0, ...gaps.map((_, axis) => (axis === last ? shift : 0))],
      [0, 0, ...gaps.map((gap, axis) => (axis === last ? gap - shift : gap))],
    );
    return reshape(placed, [batch, outChannels, span]);
  };
  const rows = columns ? embed(0) : concat(near.map(embed), 1);
  const count = rows.shape[1]!;
  const left = transpose(
    reshape(pad(rows, [0, 0, 0], [0, 0, chunks * chunk - span]), [batch, count, chunks, chunk]),
    [0, 2, 1, 3],
  );

  const image = channelsLast(x, pitch, geometry, Math.max(...starts) + chunks * chunk);
  const slices = starts.map((start) => slice(image, [0, start, 0], [batch, chunks * chunk, channels]));
  const multiply = (one: Value): Value =>
    sum(matmul(left, reshape(one, [batch, chunks, chunk, one.shape[2]!])), [0, 1]);
  if (columns) {
    // [K, taps · C] → [K, C, taps]
    const taps = reshape(multiply(concat(slices, 2)), [outChannels, starts.length, channels]);
    return reshape(transpose(taps, [0, 2, 1]), shape);
  }
  // far times [near · K, C] → [K, C, far, near]
  const parts = slices.map((one) => reshape(multiply(one), [1, near.length, outChannels, channels]));
  return reshape(transpose(concat(parts, 0), [2, 3, 0, 1]), shape);
}

/** x padded to `pitch`, flat, `[N, length, C]`. */
function channelsLast(x: Value, pitch: readonly number[], { before }: ConvGeometry, length: number): Value {
  const [batch, channels, ...extents] = x.shape as [number, number, ...number[]];
  const padded = pad(
    x,
    [0, 0, ...before],
    [0, 0, ...extents.map((extent, axis) => Math.max(0, pitch[axis]! - before[axis]! - extent))],
  );
  const cut = slice(
    padded,
    padded.shape.map(() => 0),
    [batch, channels, ...pitch],
  );
  const flat = transpose(reshape(cut, [batch, channels, product(pitch)]), [0, 2, 1]);
  return pad(flat, [0, 0, 0], [0, length - product(pitch), 0]);
}
