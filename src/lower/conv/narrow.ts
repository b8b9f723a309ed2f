import { floats } from "../../core/tensor.js";
import type { Value } from "../../graph/node.js";
import { type ConvGeometry, conv } from "../../ops/conv.js";
import { mul } from "../../ops/elementwise.js";
import { constant } from "../../ops/leaf.js";
import { matmul } from "../../ops/linalg.js";
import { concat, pad, reshape, slice, transpose } from "../../ops/move.js";
import { broadcast, sum } from "../../ops/reduce.js";
import { take } from "../../ops/take.js";
import type { Rewrite } from "../target.js";
import { depthToSpace } from "./blocks.js";
import { isBlockwise } from "./gradients.js";

/*
 * Convolutions of few channels on WebGPU. Its matrix products work on tiles of 32 columns behind barriers, of which
 * two or four output channels fill a corner; its kernel for groups is a plain loop per output, four channels at once
 * where a group has a multiple of four. So depth slices, of which there are many, are dealt out to groups.
 */

/** Up to so many output channels a tile is filled to a quarter at most. */
const fewOutputs = 8;
/** Up to so many pairs of channels the products are too small for tiles, however they are arranged. */
const fewPairs = 64;

const product = (extents: readonly number[]): number => extents.reduce((a, b) => a * b, 1);
const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
const geometryOf = (attributes: unknown): ConvGeometry => attributes as ConvGeometry;

/** The least multiple of `count` that is a multiple of four, over `count`. */
function toFours(count: number): number {
  return count % 4 === 0 ? 1 : count % 2 === 0 ? 2 : 4;
}

/** Slices along depth, `[N, C, D, H, W] → [N, D, C · H · W]`. */
function slicesOf(x: Value): Value {
  const [batch, channels, depth, height, width] = x.shape as [number, number, number, number, number];
  const rows = transpose(reshape(x, [batch, channels, depth, height * width]), [0, 2, 1, 3]);
  return reshape(rows, [batch, depth, channels * height * width]);
}

/**
 * Entries `wanted` of axis 1, zeros where they lie outside: by a product, since the provider's Pad takes 66 ms for
 * 2x40x4480 and a product 6.
 */
function takeSlices(slices: Value, wanted: readonly number[]): Value {
  const depth = slices.shape[1]!;
  if (wanted.length === depth && wanted.every((at, i) => at === i)) return slices;
  const shape = [wanted.length];
  const nearest = Int32Array.from(wanted, (at) => Math.min(Math.max(at, 0), depth - 1));
  const taken = take(slices, constant({ dtype: "int32", shape, data: nearest }), 1);
  const inside = Float32Array.from(wanted, (at, i) => Number(at === nearest[i]));
  return inside.every((one) => one === 1)
    ? taken
    : mul(taken, constant(floats([1, wanted.length, 1], inside)));
}

/**
 * A 3-D convolution to few channels as a 2-D one in two groups. A group makes several output slices at once, so many
 * that its channels are a multiple of four; its weights are a band of the kernel's along depth. In software (processor
 * time): 0.3 s for 2 → 2 channels on 2x40x56x40, where the engine's 3-D kernel takes 1.3 and `asPlanes` 5.8; 0.3 s for
 * 8 → 8 on 2x20x28x20, and 1.4.
 */
export const narrowConv: Rewrite = (node) => {
  const [x, w] = node.inputs as [Value, Value];
  const { stride, dilation, before, after, groups } = geometryOf(node.attributes);
  if (x.shape.length !== 5 || groups !== 1) return undefined;
  const [outChannels, channels, taps, ...plane] = w.shape as [number, number, number, number, number];
  if (outChannels > fewOutputs && outChannels * channels > fewPairs) return undefined;
  // One tap between fewer than eight channels: the provider has a plain loop for that product.
  if (Math.max(channels, outChannels) < 8 && [taps, ...plane].every((extent) => extent === 1))
    return undefined;
  const [batch, , , height, width] = x.shape as [number, number, number, number, number];
  const [, , depth, ...outPlane] = node.outputs[0]!.shape as [number, number, number, number, number];
  const [step, apart] = [stride[0]!, dilation[0]!];
  const many = toFours(outChannels);
  const reach = (taps - 1) * apart + 1;
  const span = (many - 1) * step + reach;
  // Whole pairs of blocks of output slices.
  const blocks = 2 * Math.ceil(depth / many / 2);
  const wanted = range(blocks).flatMap((block) =>
    range(span).map((at) => block * many * step + at - before[0]!),
  );
  const stacked = reshape(takeSlices(slicesOf(x), wanted), [
    batch * (blocks / 2),
    2 * span * channels,
    height,
    width,
  ]);

  const byDepth =
    taps === 1
      ? reshape(w, [outChannels, 1, channels, ...plane])
      : spreadTaps(transpose(w, [0, 2, 1, 3, 4]), apart);
  const band = concat(
    range(many).map((at) => pad(byDepth, [0, at * step, 0, 0, 0], [0, span - reach - at * step, 0, 0, 0])),
    0,
  );
  const weights = reshape(band, [many * outChannels, span * channels, ...plane]);
  const rest = {
    stride: stride.slice(1),
    dilation: dilation.slice(1),
    before: before.slice(1),
    after: after.slice(1),
    groups: 2,
  };
  const y = conv(stacked, concat([weights, weights], 0), rest);
  const length = outPlane[0]! * outPlane[1]!;
  const slices = slice(
    reshape(y, [batch, blocks * many, outChannels, length]),
    [0, 0, 0, 0],
    [batch, depth, outChannels, length],
  );
  return [reshape(transpose(slices, [0, 2, 1, 3]), node.outputs[0]!.shape)];
};

/**
 * Input gradient where kernel and stride are one block, as in the up-convolutions of a thin U-Net: four columns of the
 * product at a time, since the provider has a plain loop for products with less than eight columns, summed over less
 * than eight channels. In software 42 ms for 4 → 2 channels on 2x20x28x20, as one product 250; 27 ms for 3 → 2 and one
 * tap on 2x40x56x40, and 2 s.
 */
export const narrowBlocks: Rewrite = (node) => {
  const [dy, w] = node.inputs as [Value, Value];
  const geometry = geometryOf(node.attributes);
  const [channels, outChannels, ...kernel] = w.shape as [number, number, ...number[]];
  const columns = outChannels * product(kernel);
  if (geometry.groups !== 1 || channels >= 8) return undefined;
  if (!isBlockwise(node.outputs[0]!.shape.slice(2), kernel, geometry)) return undefined;
  const width = columns < 8 ? columns : 4;
  if (columns % width !== 0) return undefined;
  const parts = columns / width;
  const [batch, , ...extents] = dy.shape as [number, number, ...number[]];
  const voxels = batch * product(extents);
  const rows = transpose(reshape(dy, [batch, channels, voxels / batch]), [0, 2, 1]);
  const weights = transpose(reshape(w, [channels, parts, width]), [1, 0, 2]);
  const copies = broadcast(reshape(rows, [1, voxels, channels]), [parts, voxels, channels]);
  const products = reshape(matmul(copies, weights), [parts, batch, voxels / batch, width]);
  const blocks = reshape(transpose(products, [1, 0, 3, 2]), [batch, columns, ...extents]);
  return [depthToSpace(blocks, geometry.stride)];
};

/** Zeros between the taps of axis 1 of a kernel that is dilated there. */
function spreadTaps(w: Value, apart: number): Value {
  if (apart === 1) return w;
  const [outChannels, taps, ...rest] = w.shape as [number, number, ...number[]];
  const none = [0, 0, 0, ...rest.map(() => 0)];
  const gaps = none.map((_, axis) => (axis === 2 ? apart - 1 : 0));
  const wide = pad(reshape(w, [outChannels, taps, 1, ...rest]), none, gaps);
  const all = reshape(wide, [outChannels, taps * apart, ...rest]);
  return slice(
    all,
    all.shape.map(() => 0),
    [outChannels, (taps - 1) * apart + 1, ...rest],
  );
}

/**
 * The weight gradient of a 3-D convolution between few channels as a 2-D convolution with slices of the output
 * gradient as kernels, each slice a group of its own, and a sum over the groups. In software (processor time): 0.5 s
 * for 2 → 2 channels on 2x40x56x40, where `chunkedWeightGrad` takes 6.8; 0.6 s for 8 → 8 on 2x20x28x20, and 2.4.
 */
export const narrowWeightGrad: Rewrite = (node) => {
  const [x, dy] = node.inputs as [Value, Value];
  const geometry = geometryOf(node.attributes);
  const shape = node.outputs[0]!.shape as readonly [number, number, number, number, number];
  const [outChannels, channels, taps] = shape;
  if (shape.length !== 5 || geometry.groups !== 1 || outChannels * channels > fewPairs) return undefined;
  const { stride, dilation, before, after } = geometry;
  const [batch, , depth, height, width] = x.shape as [number, number, number, number, number];
  const [, , outDepth, ...outPlane] = dy.shape as [number, number, number, number, number];
  // A group is a slice of x with all slices of dy that it meets, or a slice of dy with all slices of x.
  const byInput = stride[0] === 1 && channels > 1;
  const count = byInput ? depth : outDepth;
  const groups = batch * count;
  let shifts = taps;
  let kernels: Value;
  let images: Value;
  let perShift = outChannels;
  if (byInput) {
    while ((shifts * outChannels) % 4 !== 0) shifts++;
    const wanted = range(depth).flatMap((at) =>
      range(shifts).map((tap) => at + before[0]! - tap * dilation[0]!),
    );
    kernels = takeSlices(slicesOf(dy), wanted);
    images = transpose(reshape(x, [batch, channels, depth, height * width]), [1, 0, 2, 3]);
  } else {
    perShift = outChannels * toFours(outChannels);
    const filled = pad(dy, [0, 0, 0, 0, 0], [0, perShift - outChannels, 0, 0, 0]);
    kernels = slicesOf(filled);
    const wanted = range(taps).flatMap((tap) =>
      range(outDepth).map((at) => at * stride[0]! + tap * dilation[0]! - before[0]!),
    );
    const near = reshape(takeSlices(slicesOf(x), wanted), [batch, taps, outDepth, channels, height * width]);
    images = transpose(near, [1, 3, 0, 2, 4]);
  }
  const rows = byInput ? channels : taps * channels;
  const y = conv(
    reshape(images, [rows, groups, height, width]),
    reshape(kernels, [groups * (byInput ? shifts : 1) * perShift, 1, ...outPlane]),
    {
      stride: dilation.slice(1),
      dilation: stride.slice(1),
      before: before.slice(1),
      after: after.slice(1),
      groups,
    },
  );
  const [, , ...found] = y.shape as [number, number, number, number];
  const total = sum(reshape(y, [rows, groups, y.shape[1]! / groups, found[0]! * found[1]!]), [1]);
  const ordered = byInput
    ? transpose(reshape(total, [channels, shifts, outChannels, ...found]), [2, 0, 1, 3, 4])
    : transpose(reshape(total, [taps, channels, perShift, ...found]), [2, 1, 0, 3, 4]);
  return [
    slice(
      ordered,
      ordered.shape.map(() => 0),
      shape,
    ),
  ];
};
