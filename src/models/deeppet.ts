import { fail } from "../core/errors.js";
import { showShape } from "../core/tensor.js";
import type { Value } from "../graph/node.js";
import { zeros } from "../nn/initialize.js";
import { conv } from "../nn/layers.js";
import { batchNorm } from "../nn/norms.js";
import type { Scope } from "../nn/scope.js";
import { add, relu } from "../ops/elementwise.js";
import { concat, slice } from "../ops/move.js";
import { resize } from "../ops/resize.js";
import { type JoinOptions, joinViews } from "./join-views.js";

/** Convolutions of one extent, on the way down. */
export interface EncoderStage {
  readonly convs: number;
  readonly channels: number;
  /** Of the stage's first convolution. */
  readonly stride: 1 | 2;
}

/** Bilinear upsampling to `size` x `size`, then convolutions. */
export interface DecoderStage {
  readonly size: number;
  readonly convs: number;
  readonly channels: number;
}

export interface DeepPetOptions {
  readonly encoder: readonly EncoderStage[];
  /** The last size is the image's. */
  readonly decoder: readonly DecoderStage[];
  /** Extent of the kernels of the first convolutions, in order; those that follow have 3. Odd numbers. */
  readonly kernels?: readonly number[];
  /** Rate at which the running statistics follow. Default 0.2. */
  readonly momentum?: number;
  /** For linograms as input: how their views become the feature images that the stages work on. Default: none. */
  readonly join?: JoinOptions | null;
  /**
   * For images instead of sinograms as input, where a pixel of the input is about one of the output: stages of one
   * extent are joined as in a U-Net, and the first channel of the input, or of the features, is added to the output.
   * Default false.
   */
  readonly residual?: boolean;
}

/**
 * DeepPET: sinograms `[N, C, views, bins]` → images `[N, 1, size, size]`, in one pass. Convolution
 * with bias, batch normalisation, ReLU throughout; strides halve, bilinear interpolation enlarges; the head is a 1x1
 * convolution, linear.
 *
 * Häggström, Schmidtlein, Campanella & Fuchs, Medical Image Analysis 54, 2019. Nothing in it knows about lines or
 * angles: where a bin ends up in the image is learnt, so its input always has the same geometry. The usual mistake:
 * feeding counts of any scale. Inputs are normalised by a known factor, outputs multiplied by it.
 */
export function deepPet(scope: Scope, x: Value, options: DeepPetOptions): Value {
  const { encoder, decoder, kernels = [], momentum = 0.2, residual = false, join } = options;
  requireFit(x, options);
  let count = 0;
  const layer = (into: Scope, y: Value, channels: number, stride: number): Value => {
    const kernel = kernels[count++] ?? 3;
    const z = conv(into, y, { channels, kernel: [kernel, kernel], padding: (kernel - 1) / 2, stride });
    return relu(batchNorm(into.child("norm"), z, { momentum }));
  };
  const { size } = decoder.at(-1)!;
  const given = join ? joinViews(scope.child("views"), x, { ...join, size }) : x;
  let y = given;
  const passed: Value[] = [];
  encoder.forEach(({ convs, channels, stride }, stage) => {
    const into = scope.child(`encoder${stage}`);
    for (let n = 0; n < convs; n++) y = layer(into.child(`conv${n}`), y, channels, n === 0 ? stride : 1);
    passed.push(y);
  });
  decoder.forEach(({ size, convs, channels }, stage) => {
    const into = scope.child(`decoder${stage}`);
    y = resize(y, [size, size]);
    const skip = residual
      ? passed.findLast(({ shape }) => shape[2] === size && shape[3] === size)
      : undefined;
    if (skip !== undefined) y = concat([skip, y], 1);
    for (let n = 0; n < convs; n++) y = layer(into.child(`conv${n}`), y, channels, 1);
  });
  const head = { channels: 1, kernel: [1, 1] };
  if (!residual) return conv(scope.child("head"), y, head);
  // From zero: the first images are the input's.
  const change = conv(scope.child("head"), y, { ...head, initialize: zeros });
  return add(change, slice(given, [0, 0, 0, 0], change.shape));
}

function requireFit(x: Value, { encoder, decoder, kernels = [], residual, join }: DeepPetOptions): void {
  if (x.shape.length !== 4)
    fail("shape", {
      what: "DeepPET cannot take this input",
      expected: "[N, C, views, bins]",
      found: showShape(x.shape),
    });
  if (encoder.length === 0 || decoder.length === 0)
    fail("bad-argument", { what: "DeepPET needs at least one encoder and one decoder stage" });
  const size = decoder.at(-1)!.size;
  if (residual === true && !join && (x.shape[2] !== size || x.shape[3] !== size))
    fail("shape", {
      what: "DeepPET cannot add its input to its output",
      expected: `images of ${size}x${size}`,
      found: showShape(x.shape),
    });
  const bad = kernels.find((extent) => !(Number.isInteger(extent) && extent % 2 === 1));
  if (bad !== undefined)
    fail("bad-argument", {
      what: "a kernel of DeepPET has no middle",
      expected: "odd extents",
      found: `${bad}`,
    });
}
