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
  /** Step into every level along every axis; the first is mostly ones. Default: ones, then 2 everywhere. */
  readonly strides?: readonly (readonly number[])[];
  /** Kernel of every level along every axis; odd numbers. Default 3 everywhere. */
  readonly kernels?: readonly (readonly number[])[];
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
  return unetHeads(scope, x, options, 1)[0]!;
}

/**
 * U-Net with deep supervision: logits at the finest `heads` resolutions, the full one first, each halved (or whatever
 * the strides say) against the one before. The first is `unet`'s own, by value and by the names of its parameters, so
 * weights trained with many heads predict with one. Dou et al., MedIA 2017, arXiv 1607.00582.
 */
export function unetHeads(scope: Scope, x: Value, options: UNetOptions, heads: number): Value[] {
  const { widths, classes, dimensions, padding = "same" } = options;
  const ones = new Array<number>(dimensions).fill(1);
  const steps = stridesOf(options);
  requireHeads(heads, options);
  requireFit(x, options);
  const skips = unetEncoder(scope, x, options);
  let y = skips.at(-1)!;
  const logits: Value[] = [];
  const addHead = (level: number): void => {
    const place = scope.child(level === 0 ? "head" : `head${level}`);
    logits[level] = conv(place, y, { channels: classes, kernel: ones });
  };
  if (widths.length === 1) addHead(0);
  for (let level = widths.length - 2; level >= 0; level--) {
    const up = upConv(scope.child(`up${level}`), y, { channels: widths[level]!, factor: steps[level + 1]! });
    const skip = padding === "valid" ? cropLike(skips[level]!, up) : skips[level]!;
    y = block(scope.child(`decoder${level}`), concat([skip, up], 1), level, options, ones);
    if (level < heads) addHead(level);
  }
  return logits;
}

/**
 * The contracting path alone: its result at every level, the full resolution first. As a judge of likeness it takes any
 * extents, and fewer levels than it was trained with. Parameters have the names that `unet` gives them.
 */
export function unetEncoder(scope: Scope, x: Value, options: Omit<UNetOptions, "classes">): Value[] {
  const { widths, dimensions, down = "stride", dropout: rate = 0 } = options;
  const ones = new Array<number>(dimensions).fill(1);
  const steps = stridesOf(options);
  const levels: Value[] = [];
  let y = x;
  widths.forEach((_, level) => {
    const step = steps[level]!;
    const strided = down === "stride";
    if (!strided && step.some((n) => n > 1)) y = maxPool(y, step);
    y = block(scope.child(`encoder${level}`), y, level, options, strided ? step : ones);
    if (level >= widths.length - 2) y = dropout(scope.child(`dropout${level}`), y, rate);
    levels.push(y);
  });
  return levels;
}

/** The step into every level: as given, or halving from the second level on. */
function stridesOf({
  strides,
  widths,
  dimensions,
}: Omit<UNetOptions, "classes">): readonly (readonly number[])[] {
  return strides ?? widths.map((_, level) => new Array<number>(dimensions).fill(level === 0 ? 1 : 2));
}

function requireHeads(heads: number, { widths, strides, kernels, padding }: UNetOptions): void {
  if (padding === "valid" && (strides !== undefined || kernels !== undefined))
    fail("bad-argument", {
      what: "valid convolutions are the paper's, with its strides of 2 and kernels of 3",
      fix: 'Leave strides and kernels out, or use padding "same"',
    });
  const most = Math.max(1, widths.length - 1);
  if (!(Number.isInteger(heads) && heads >= 1 && heads <= most))
    fail("bad-argument", {
      what: "the U-Net has not so many resolutions to put heads on",
      expected: `1 to ${most} heads`,
      found: `${heads}`,
    });
  for (const [name, lists] of Object.entries({ strides, kernels }))
    if (lists !== undefined && lists.length !== widths.length)
      fail("bad-argument", {
        what: `the U-Net needs ${name} for every level`,
        expected: `${widths.length} lists, one for each of the widths`,
        found: `${lists.length}`,
      });
}

function block(
  scope: Scope,
  x: Value,
  level: number,
  options: Omit<UNetOptions, "classes">,
  stride: readonly number[],
): Value {
  const { depth = 2, norm = "instance", slope = 0.01, padding = "same", dimensions, widths } = options;
  const kernel = options.kernels?.[level] ?? new Array<number>(dimensions).fill(3);
  let y = x;
  for (let i = 0; i < depth; i++) {
    const layer = scope.child(`conv${i}`);
    y = conv(layer, y, {
      channels: widths[level]!,
      kernel,
      padding: padding === "same" ? kernel.map((n) => (n - 1) / 2) : 0,
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
  options: Pick<UNetOptions, "widths" | "padding" | "depth" | "strides">,
): string | undefined {
  const { widths, padding = "same", depth = 2, strides } = options;
  const valid = padding === "valid";
  const lost = valid ? 2 * depth : 0;
  const stepAt = (level: number, axis: number): number => strides?.[level]?.[axis] ?? (level === 0 ? 1 : 2);
  const fits = extents.every((extent, axis) => {
    let size = extent - lost;
    for (let level = 1; level < widths.length; level++) {
      if (size % stepAt(level, axis) !== 0) return false;
      size = size / stepAt(level, axis) - lost;
    }
    // Going up, each level loses once more what its block takes.
    for (let level = widths.length - 1; level >= 1; level--)
      size = size > 0 ? stepAt(level, axis) * size - lost : size;
    return size > 0;
  });
  if (fits) return undefined;
  const multiples = extents.map((_, axis) =>
    widths.reduce((total, _width, level) => total * stepAt(level, axis), 1),
  );
  const [first] = multiples;
  if (!valid)
    return multiples.every((n) => n === first)
      ? `extents that are multiples of ${first}`
      : `extents that are multiples of ${multiples.join("x")}`;
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
