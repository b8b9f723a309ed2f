import type { Shape } from "../../core/tensor.js";
import type { Node, Value } from "../../graph/node.js";
import { type ConvGeometry, conv, convGeometry, convInputGrad, convWeightGrad } from "../../ops/conv.js";
import { matmul } from "../../ops/linalg.js";
import { concat, flip, pad, reshape, slice, transpose } from "../../ops/move.js";
import { sum } from "../../ops/reduce.js";
import type { Rewrite } from "../target.js";
import { depthToSpace, spaceToDepth } from "./blocks.js";
import { shiftedProducts } from "./weight-grad.js";

const product = (extents: Shape): number => extents.reduce((a, b) => a * b, 1);
const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
const geometryOf = (node: Node): ConvGeometry => node.attributes as unknown as ConvGeometry;
const isOne = (values: readonly number[]): boolean => values.every((value) => value === 1);
const spatialOf = (value: Value): Shape => value.shape.slice(2);

/** Kernel equals stride, nothing padded, everything covered: each output sees a block of its own. */
export function isBlockwise(
  x: Shape,
  kernel: Shape,
  { stride, dilation, before, after }: ConvGeometry,
): boolean {
  return (
    isOne(dilation) &&
    [...before, ...after].every((width) => width === 0) &&
    kernel.every((extent, axis) => extent === stride[axis]! && x[axis]! % extent === 0)
  );
}

const flatten = (x: Value): Value => reshape(x, [x.shape[0]!, x.shape[1]!, product(spatialOf(x))]);

/**
 * Where kernel and stride are one block size, as in the up-convolutions of a U-Net: one matrix product, whose rows are
 * dealt out to the blocks. ConvTranspose does the same at a tenth of the speed in 3-D, and not at all on WebGPU.
 */
export const blockwiseInputGrad: Rewrite = (node) => {
  const [dy, w] = node.inputs as [Value, Value];
  const geometry = geometryOf(node);
  const spatial = node.outputs[0]!.shape.slice(2);
  if (geometry.groups !== 1 || !isBlockwise(spatial, spatialOf(w), geometry)) return undefined;
  const weights = reshape(w, [1, w.shape[0]!, product(w.shape.slice(1))]);
  const batch = dy.shape[0]!;
  const stacked =
    batch === 1
      ? weights
      : concat(
          range(batch).map(() => weights),
          0,
        );
  const columns = matmul(stacked, flatten(dy), true, false);
  return [depthToSpace(reshape(columns, [batch, columns.shape[1]!, ...spatialOf(dy)]), geometry.stride)];
};

/**
 * Input gradient without ConvTranspose, which runs at 8-17 GFLOP/s in 3-D where Conv runs at 94-148 (engine.md).
 * Blockwise: one matrix product. Stride 1: Conv with flipped, swapped weights. Strided: see `asUnitStride`.
 */
export const inputGrad: Rewrite = (node) => {
  const [dy, w] = node.inputs as [Value, Value];
  const geometry = geometryOf(node);
  const shape = node.outputs[0]!.shape;
  const kernel = spatialOf(w);
  if (geometry.groups !== 1) return undefined;
  const blockwise = blockwiseInputGrad(node);
  if (blockwise !== undefined) return blockwise;
  if (isOne(geometry.stride)) {
    const reach = kernel.map((extent, axis) => geometry.dilation[axis]! * (extent - 1));
    const before = reach.map((r, axis) => r - geometry.before[axis]!);
    const after = reach.map((r, axis) => r - geometry.after[axis]!);
    if ([...before, ...after].some((width) => width < 0)) return undefined;
    const axes = kernel.map((_, axis) => axis + 2);
    const turned = flip(transpose(w, [1, 0, ...axes]), axes);
    return [conv(dy, turned, { ...geometry, before, after })];
  }
  const unit = asUnitStride(shape, w.shape, spatialOf(dy), geometry);
  if (unit === undefined) return undefined;
  const blocks = convInputGrad(dy, unit.blockWeights(w), unit.blockShape, unit.geometry);
  const padded = depthToSpace(blocks, geometry.stride);
  const starts = [0, 0, ...geometry.before];
  return [slice(cover(padded, starts, shape), starts, shape)];
};

/** Zeros at the far end where a tensor ends before `starts + sizes`. */
function cover(x: Value, starts: readonly number[], sizes: Shape): Value {
  const missing = x.shape.map((extent, axis) => Math.max(0, starts[axis]! + sizes[axis]! - extent));
  return pad(
    x,
    missing.map(() => 0),
    missing,
  );
}

/**
 * A strided convolution is one of stride 1 on blocks: with blocks of `stride` voxels as channels, the kernel
 * becomes ceil(k / stride) wide. It multiplies some zeros (64 taps for 27 at k 3, stride 2), on an eighth of the
 * voxels.
 */
function asUnitStride(x: Shape, w: Shape, out: Shape, { stride, dilation, before }: ConvGeometry) {
  if (!isOne(dilation)) return undefined;
  const [outChannels, channels, ...kernel] = w as [number, number, ...number[]];
  const taps = kernel.map((extent, axis) => Math.ceil(extent / stride[axis]!));
  const blocks = taps.map((count, axis) => out[axis]! + count - 1);
  const paddedTo = blocks.map((count, axis) => count * stride[axis]!);
  const full = taps.map((count, axis) => count * stride[axis]!);
  const blockShape = [x[0]!, channels * product(stride), ...blocks];
  return {
    blockShape,
    blockWeightShape: [outChannels, channels * product(stride), ...taps],
    geometry: convGeometry(taps),
    /** Weights over blocks: zero where a block reaches past the kernel. */
    blockWeights: (weights: Value): Value =>
      spaceToDepth(
        pad(
          weights,
          [0, 0, ...kernel.map(() => 0)],
          [0, 0, ...kernel.map((extent, axis) => full[axis]! - extent)],
        ),
        stride,
      ),
    /** The input, padded as the convolution pads it, cut or filled to whole blocks. */
    blockInput: (input: Value): Value => {
      const far = spatialOf(input).map((extent, axis) => paddedTo[axis]! - before[axis]! - extent);
      const filled = pad(input, [0, 0, ...before], [0, 0, ...far.map((width) => Math.max(0, width))]);
      const sizes = [...input.shape.slice(0, 2), ...paddedTo];
      return spaceToDepth(
        slice(
          filled,
          sizes.map(() => 0),
          sizes,
        ),
        stride,
      );
    },
    /** Weights from their blocks. */
    fromBlockWeights: (weights: Value): Value =>
      slice(
        depthToSpace(weights, stride),
        w.map(() => 0),
        w,
      ),
  };
}

/** Weight gradient as matrix products; strided ones on blocks of voxels. See `shiftedProducts`. */
export const weightGrad: Rewrite = (node) => {
  const [x, dy] = node.inputs as [Value, Value];
  const geometry = geometryOf(node);
  const shape = node.outputs[0]!.shape;
  const kernel = shape.slice(2);
  if (geometry.groups !== 1) return undefined;
  if (isBlockwise(spatialOf(x), kernel, geometry)) {
    const blocks = flatten(spaceToDepth(x, geometry.stride));
    return [reshape(sum(matmul(flatten(dy), blocks, false, true), [0]), shape)];
  }
  if (!isOne(geometry.stride)) {
    const unit = asUnitStride(x.shape, shape, spatialOf(dy), geometry);
    if (unit === undefined) return undefined;
    const blocks = convWeightGrad(unit.blockInput(x), dy, unit.blockWeightShape, unit.geometry);
    return [unit.fromBlockWeights(blocks)];
  }
  return [shiftedProducts(x, dy, shape, geometry)];
};
