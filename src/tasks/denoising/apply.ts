import { fail } from "../../core/errors.js";
import { floats } from "../../core/tensor.js";
import { noiseOf } from "../../denoise/denoise.js";
import { requireVolume } from "../../denoise/options.js";
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
import { noiseUnits, referenceOf } from "./scale.js";

/** A network of one window, ready to run. */
export interface DenoisingNetwork {
  /** Input `noisy` `[1, 1, k, j, i]`, output `clean` of the same shape. */
  readonly executable: Executable;
  readonly model: DenoisingModel;
}

export interface ApplyOptions {
  /**
   * Standard deviation of the noise in the image's units, of all voxels or voxel by voxel; default: estimated by
   * `noiseFromImage`. Of use only to networks in units of the noise.
   */
  readonly sigma?: number | Float32Array | undefined;
  /** Estimate it voxel by voxel instead: for noise that differs over the field. Default false. */
  readonly uneven?: boolean | undefined;
  /** File or case, for messages. */
  readonly where?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((fraction: number) => void) | undefined;
}

/**
 * A volume without noise, on its own grid: overlapping windows, averaged with Gaussian weights so that no seam is seen.
 * Beyond its border the volume goes on as its mirror image. No voxel becomes brighter than the brightest of the input.
 *
 * Throws `bad-data` for a 2-D image, several channels, a constant volume and negative values, `bad-argument` for a
 * standard deviation that is not above 0, and `non-finite`.
 */
export async function denoiseByNetwork(
  { executable, model }: DenoisingNetwork,
  image: ImageVolume,
  options: ApplyOptions = {},
): Promise<ImageVolume> {
  const { where, signal, onProgress } = options;
  const { window, overlap } = model;
  const [ni, nj, nk] = window;
  // Slabs of a few slices are what networks may have learnt.
  requireVolume(image, where, 2);
  const brightest = requireMagnitude(image, where);
  const units = unitsOf(model, image, options);
  const scaled = image.data.map((value, v) => value / units(v));
  const weights = gaussianWeights(window);
  const sums = accumulator(image.size, 1);
  const noisy = new Float32Array(voxelCount(window));
  const starts = tilePositions(image.size, window, overlap);
  for (const [n, start] of starts.entries()) {
    signal?.throwIfAborted();
    onProgress?.(n / starts.length);
    extractMirrored({ ...image, data: scaled }, start, window, noisy);
    const found = await executable.run({ noisy: floats([1, 1, nk, nj, ni], noisy) });
    addPatch(sums, found.clean!.data as Float32Array, weights, start, window);
  }
  onProgress?.(1);
  const data = weightedMean(sums);
  for (let v = 0; v < data.length; v++) {
    const value = data[v]! * units(v);
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

/** What the network takes as 1, voxel by voxel. */
function unitsOf(
  { units }: DenoisingModel,
  image: ImageVolume,
  { sigma: given, uneven, where }: ApplyOptions,
): (v: number) => number {
  if (units === "reference") {
    const reference = referenceOf(image, where);
    return () => reference;
  }
  const sigma = noiseOf(image, given, { where }, uneven);
  return typeof sigma === "number" ? () => noiseUnits * sigma : (v) => noiseUnits * sigma[v]!;
}

function requireMagnitude({ data }: ImageVolume, where: string | undefined): number {
  let [low, high] = [0, 0];
  for (let v = 0; v < data.length; v++) {
    low = Math.min(low, data[v]!);
    high = Math.max(high, data[v]!);
  }
  if (low < 0)
    fail("bad-data", {
      what: "magnitudes cannot be negative",
      where,
      expected: "values of 0 and above, as the network has learnt them",
      found: `${low}`,
      fix: "Give the scan before it was normalised",
    });
  return high;
}
