import { fail } from "../core/errors.js";
import { type Shape, showShape } from "../core/tensor.js";
import type { Value } from "../graph/node.js";
import { heNormal } from "../nn/initialize.js";
import { conv, dropout, upConv } from "../nn/layers.js";
import { batchNorm, instanceNorm } from "../nn/norms.js";
import type { Scope } from "../nn/scope.js";
import { leakyRelu } from "../ops/elementwise.js";
import { concat, slice } from "../ops/move.js";
import { maxPool } from "../ops/pool.js";

export interface UNetOptions {
  /** Channels of each level, from the full resolution down. */
  readonly widths: readonly number[];
  /** Classes of the output. */
  readonly classes: number;
  /** Spatial axes, 2 or 3. */
  readonly dimensions: 2 | 3;
  /** Convolutions per block. Default 2. */
  readonly depth?: number;
  /** Between convolution and activation. Default "instance". */
  readonly norm?: "none" | "batch" | "instance";
  /** Slope of the activation for negative values. Default 0.01; 0 is ReLU. */
  readonly slope?: number;
  /** "same" keeps extents; "valid" is the paper's: unpadded, the skips are cropped. Default "same". */
  readonly padding?: "same" | "valid";
  /** Going down: a strided convolution, or max pooling as in the paper. Default "stride". */
  readonly down?: "stride" | "maxPool";
  /** Dropout at the end of the two lowest levels of the contracting path. Default 0. */
  readonly dropout?: number;
}

/**
 * U-Net: `[N, C, …S]` → logits `[N, classes, …S]` (smaller by `unetMargin` with valid convolutions).
 *
 * Ronneberger, Fischer & Brox, MICCAI 2015, arXiv 1505.04597; the paper's own network is
 * `{ widths: [64, 128, 256, 512, 1024], norm: "none", slope: 0, padding: "valid", down: "maxPool" }`. With padding,
 * norms and strided convolutions it is what nnU-Net trains. The usual mistake: calling that one the original.
 */
export function unet(scope: Scope, x: Value, options: UNetOptions): Value {
  const { widths, classes, dimensions, down = "stride", padding = "same", dropout: rate = 0 } = options;
  const two = new Array<number>(dimensions).fill(2);
  requireFit(x, options);
  const skips: Value[] = [];
  let y = x;
  widths.forEach((width, level) => {
    const strided = level > 0 && down === "stride";
    if (level > 0 && down === "maxPool") y = maxPool(y, two);
    y = block(scope.child(`encoder${level}`), y, width, options, strided ? 2 : 1);
    if (level >= widths.length - 2) y = dropout(scope.child(`dropout${level}`), y, rate);
    skips.push(y);
  });
  for (let level = widths.length - 2; level >= 0; level--) {
    const up = upConv(scope.child(`up${level}`), y, { channels: widths[level]!, factor: two });
    const skip = padding === "valid" ? cropLike(skips[level]!, up) : skips[level]!;
    y = block(scope.child(`decoder${level}`), concat([skip, up], 1), widths[level]!, options, 1);
  }
  return conv(scope.child("head"), y, { channels: classes, kernel: two.map(() => 1) });
}

function block(scope: Scope, x: Value, width: number, options: UNetOptions, stride: number): Value {
  const { depth = 2, norm = "instance", slope = 0.01, padding = "same", dimensions } = options;
  let y = x;
  for (let i = 0; i < depth; i++) {
    const layer = scope.child(`conv${i}`);
    y = conv(layer, y, {
      channels: width,
      kernel: new Array<number>(dimensions).fill(3),
      padding: padding === "same" ? 1 : 0,
      stride: i === 0 ? stride : 1,
      bias: norm === "none",
      initialize: heNormal(slope),
    });
    if (norm === "batch") y = batchNorm(layer.child("norm"), y);
    if (norm === "instance") y = instanceNorm(layer.child("norm"), y);
    y = leakyRelu(y, slope);
  }
  return y;
}

/** The middle of `x`, of the spatial extents of `like`. */
function cropLike(x: Value, like: Value): Value {
  const starts = x.shape.map((extent, axis) => (axis < 2 ? 0 : Math.floor((extent - like.shape[axis]!) / 2)));
  const sizes = x.shape.map((extent, axis) => (axis < 2 ? extent : like.shape[axis]!));
  return slice(x, starts, sizes);
}

function requireFit(x: Value, options: UNetOptions): void {
  const { dimensions } = options;
  const expected =
    x.shape.length === dimensions + 2
      ? unetExtents(x.shape.slice(2), options)
      : `[N, C, ${dimensions} spatial axes]`;
  if (expected !== undefined)
    fail("shape", { what: "the U-Net cannot take this input", expected, found: showShape(x.shape) });
}

/** Which extents the network wants instead of these; undefined: it takes them. */
export function unetExtents(
  extents: Shape,
  { widths, padding = "same", depth = 2 }: Pick<UNetOptions, "widths" | "padding" | "depth">,
): string | undefined {
  const valid = padding === "valid";
  const lost = valid ? 2 * depth : 0;
  const fits = extents.every((extent) => {
    let size = extent - lost;
    for (let level = 1; level < widths.length; level++) {
      if (size % 2 !== 0) return false;
      size = size / 2 - lost;
    }
    // Going up, each level loses once more what its block takes.
    for (let level = 1; level < widths.length; level++) size = size > 0 ? 2 * size - lost : size;
    return size > 0;
  });
  if (fits) return undefined;
  if (!valid) return `extents that are multiples of ${2 ** (widths.length - 1)}`;
  return "extents that stay even before every pooling and above what the convolutions take, e.g. 572";
}

/** Voxels lost on each side of every axis by valid convolutions: 92 for the paper's network. */
export function unetMargin({ widths, padding = "same", depth = 2 }: UNetOptions): number {
  if (padding === "same") return 0;
  let margin = 0;
  for (let level = 0; level < widths.length; level++) {
    const blocks = level === widths.length - 1 ? 1 : 2;
    margin += blocks * depth * 2 ** level;
  }
  return margin;
}
