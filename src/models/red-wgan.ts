import { fail } from "../core/errors.js";
import { showShape, sizeOf } from "../core/tensor.js";
import type { Value } from "../graph/node.js";
import { heNormal, type Initializer, zeros } from "../nn/initialize.js";
import { conv, linear } from "../nn/layers.js";
import { batchNorm } from "../nn/norms.js";
import type { Scope } from "../nn/scope.js";
import { add, leakyRelu, relu } from "../ops/elementwise.js";
import { reshape } from "../ops/move.js";
import { mean } from "../ops/norm.js";

/** Slope of every leaky ReLU of both networks for negative values. */
const slope = 0.01;

export interface DenoisingGeneratorOptions {
  /** Channels of the encoder's convolutions; the decoder's are the same backwards, and 1 at last. */
  readonly widths: readonly number[];
  /**
   * "batch", as in the paper, or "none", no part of it: statistics of small batches that hold several levels of noise
   * are those of no level. Default "batch".
   */
  readonly norm?: "batch" | "none";
  /** Rate at which the running statistics follow. Default 0.1. */
  readonly momentum?: number;
  /** Begin as the identity, with weights of 0 in the last convolution: no part of the paper, and much sooner useful. Default false. */
  readonly identityAtFirst?: boolean;
}

/**
 * The residual encoder and decoder of RED-WGAN: noisy `[N, 1, k, j, i]` → clean, of any extents. Convolutions of 3³ with
 * stride 1 throughout. Encoder: convolution, batch norm, leaky ReLU. Decoder: convolution, the sum with the encoder's
 * result of as many channels, and only then batch norm and leaky ReLU; the last one adds the input and ends in a ReLU, as
 * magnitudes have no sign.
 *
 * Ran et al., Medical Image Analysis 55, 2019, arXiv 1808.03941; the paper's is `{ widths: [32, 64, 128, 256] }`. Its
 * decoder layers are called deconvolutions, which at stride 1 are convolutions. He-normal weights, biases of 0.
 */
export function denoisingGenerator(
  scope: Scope,
  x: Value,
  { widths, norm = "batch", momentum = 0.1, identityAtFirst = false }: DenoisingGeneratorOptions,
): Value {
  requireInput(x, widths, "the denoising generator");
  const finish = (into: Scope, y: Value): Value =>
    leakyRelu(norm === "batch" ? batchNorm(into.child("norm"), y, { momentum }) : y, slope);
  const encoded: Value[] = [];
  let y = x;
  widths.forEach((channels, n) => {
    const into = scope.child(`encoder${n}`);
    y = finish(into, convolution(into, y, channels, norm === "batch" ? undefined : withoutOffset));
    encoded.push(y);
  });
  for (let n = widths.length - 2; n >= 0; n--) {
    const into = scope.child(`decoder${n}`);
    y = finish(into, add(convolution(into, y, widths[n]!), encoded[n]!));
  }
  return relu(add(convolution(scope.child("head"), y, 1, identityAtFirst ? zeros : undefined), x));
}

/**
 * Kernels that sum to 0 at first: without a norm, features would begin with the brightness of tissue in them, beside which
 * noise is small, and training would begin by taking it out.
 */
const withoutOffset: Initializer = (shape, rng) => {
  const weights = heNormal(slope)(shape, rng);
  const voxels = sizeOf(shape.slice(2));
  for (let from = 0; from < weights.length; from += voxels) {
    const kernel = weights.subarray(from, from + voxels);
    const mean = kernel.reduce((sum, value) => sum + value, 0) / voxels;
    for (let v = 0; v < voxels; v++) kernel[v]! -= mean;
  }
  return weights;
};

export interface CriticOptions {
  readonly widths: readonly number[];
  /**
   * "full": one weight for every voxel of every channel, as in the paper, which fixes the extents; "pooled": one for every
   * channel, of its mean over the voxels. The latter is no part of the paper: most of its critic is that one layer.
   */
  readonly head: "full" | "pooled";
}

/**
 * The critic of RED-WGAN: `[N, 1, k, j, i]` → a number without bounds for each sample, `[N, 1]`. Convolutions of 3³ with
 * leaky ReLU and no norm, as the penalty on its gradient is a sample's own (Gulrajani et al. 2017), then one linear
 * layer. The paper's is `{ widths: [32, 64, 128], head: "full" }` on 32 x 32 x 6 voxels.
 */
export function denoisingCritic(scope: Scope, x: Value, { widths, head }: CriticOptions): Value {
  requireInput(x, widths, "the critic");
  let y = x;
  widths.forEach((channels, n) => {
    y = leakyRelu(convolution(scope.child(`conv${n}`), y, channels), slope);
  });
  const samples = y.shape[0]!;
  const features = head === "full" ? reshape(y, [samples, -1]) : reshape(mean(y, [2, 3, 4]), [samples, -1]);
  return linear(scope.child("head"), features, { channels: 1 });
}

function convolution(
  scope: Scope,
  x: Value,
  channels: number,
  initialize: Initializer = heNormal(slope),
): Value {
  return conv(scope, x, { channels, kernel: [3, 3, 3], padding: 1, initialize });
}

function requireInput(x: Value, widths: readonly number[], what: string): void {
  if (x.shape.length !== 5 || x.shape[1] !== 1)
    fail("shape", {
      what: `${what} cannot take this input`,
      expected: "[N, 1, k, j, i]",
      found: showShape(x.shape),
    });
  if (widths.length === 0) fail("bad-argument", { what: `${what} needs at least one width` });
}
