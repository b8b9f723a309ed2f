import { fail } from "../../core/errors.js";
import { floats } from "../../core/tensor.js";
import type { Executable } from "../../runtime/engine.js";
import {
  accumulator,
  addPatch,
  extractMirrored,
  gaussianWeights,
  tilePositions,
  weightedMean,
} from "../../volume/patches.js";
import { type ImageVolume, voxelCount } from "../../volume/volume.js";
import type { DenoisingModel } from "./run.js";
import { referenceOf } from "./scale.js";

/** A network of one window, ready to run. */
export interface DenoisingNetwork {
  /** Input `noisy` `[1, 1, k, j, i]`, output `clean` of the same shape. */
  readonly executable: Executable;
  readonly model: DenoisingModel;
}

export interface ApplyOptions {
  /** File or case, for messages. */
  readonly where?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((fraction: number) => void) | undefined;
}

/**
 * A volume without noise, on its own grid: overlapping windows, averaged with Gaussian weights so that no seam is seen.
 * Beyond its border the volume goes on as its mirror image. No voxel becomes brighter than the brightest of the input.
 *
 * Throws `bad-data` for a volume of several channels, with negative values, or with nothing in it, and `non-finite`.
 */
export async function denoiseByNetwork(
  { executable, model }: DenoisingNetwork,
  image: ImageVolume,
  { where, signal, onProgress }: ApplyOptions = {},
): Promise<ImageVolume> {
  const { window, overlap } = model;
  const [ni, nj, nk] = window;
  const brightest = requireMagnitude(image, where);
  const reference = referenceOf(image, where);
  const weights = gaussianWeights(window);
  const sums = accumulator(image.size, 1);
  const noisy = new Float32Array(voxelCount(window));
  const starts = tilePositions(image.size, window, overlap);
  for (const [n, start] of starts.entries()) {
    signal?.throwIfAborted();
    onProgress?.(n / starts.length);
    extractMirrored(image, start, window, noisy);
    for (let v = 0; v < noisy.length; v++) noisy[v] = noisy[v]! / reference;
    const found = await executable.run({ noisy: floats([1, 1, nk, nj, ni], noisy) });
    addPatch(sums, found.clean!.data as Float32Array, weights, start, window);
  }
  onProgress?.(1);
  const data = weightedMean(sums);
  for (let v = 0; v < data.length; v++) {
    const value = data[v]! * reference;
    if (!Number.isFinite(value))
      fail("non-finite", {
        what: "the denoised volume holds values that are not numbers",
        where,
        fix: "Train the model anew",
      });
    data[v] = Math.min(brightest, value);
  }
  return { ...image, data };
}

function requireMagnitude({ data, channels, size }: ImageVolume, where: string | undefined): number {
  let [low, high] = [0, 0];
  for (let v = 0; v < data.length; v++) {
    low = Math.min(low, data[v]!);
    high = Math.max(high, data[v]!);
  }
  if (channels !== 1 || low < 0)
    fail("bad-data", {
      what: channels !== 1 ? "one volume is denoised at a time" : "magnitudes cannot be negative",
      where,
      expected: channels !== 1 ? "a 3-D scan" : "values of 0 and above, as the network has learnt them",
      found: channels !== 1 ? `${size.join("x")}x${channels}` : `${low}`,
      fix: channels !== 1 ? "Extract the volume that is wanted" : "Give the scan before it was normalised",
    });
  return high;
}
