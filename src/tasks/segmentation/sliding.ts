import { floats, type Tensor } from "../../core/tensor.js";
import type { Executable } from "../../runtime/engine.js";
import { channelMinima } from "../../transforms/sample.js";
import {
  accumulator,
  addPatch,
  extractMirrored,
  extractPatch,
  gaussianWeights,
  tilePositions,
  weightedMean,
} from "../../volume/patches.js";
import { type ImageVolume, type Size3, voxelCount } from "../../volume/volume.js";

/** A network of one patch, ready to run. */
export interface PatchNetwork {
  /** Input `image` `[1, C, …S]`, output `probabilities` `[1, K, …S - 2 margin]`. */
  readonly executable: Executable;
  readonly dimensions: 2 | 3;
  readonly channels: number;
  readonly classes: number;
  /** Voxels that go in, along i, j, k. */
  readonly patch: Size3;
  /** Voxels lost on each side by valid convolutions. */
  readonly margin: Size3;
}

export interface SlidingOptions {
  /** Overlap of neighbouring windows, as a part of the window. Default 0.5. */
  readonly overlap?: number;
  /** Average over all mirrorings of these axes (0 = i, 1 = j, 2 = k). Default none. */
  readonly mirrorAxes?: readonly number[];
  /** Asked between windows. */
  readonly signal?: AbortSignal;
}

/**
 * Class probabilities `[K, k, j, i]` of a prepared image: windows with Gaussian weights. Beyond its border the image
 * goes on as in training: with valid convolutions as its mirror image (Ronneberger 2015, overlap-tile), else
 * with each channel's smallest value.
 */
export async function predictProbabilities(
  network: PatchNetwork,
  image: ImageVolume,
  { overlap = 0.5, mirrorAxes = [], signal }: SlidingOptions = {},
): Promise<Float32Array> {
  const { patch, margin, classes, channels, executable, dimensions } = network;
  const output = patch.map((extent, axis) => extent - 2 * margin[axis]!) as unknown as Size3;
  const weights = gaussianWeights(output);
  const sums = accumulator(image.size, classes);
  const window = new Float32Array(channels * voxelCount(patch));
  const extents = dimensions === 3 ? [patch[2], patch[1], patch[0]] : [patch[1], patch[0]];
  const mirrored = margin.some((width) => width > 0);
  const outside = channelMinima(image);
  for (const start of tilePositions(image.size, output, overlap)) {
    signal?.throwIfAborted();
    const from = start.map((at, axis) => at - margin[axis]!) as unknown as Size3;
    if (mirrored && !inside(from, patch, image.size)) extractMirrored(image, from, patch, window);
    else extractChannels(image, from, patch, window, outside);
    const feed: Tensor = floats([1, channels, ...extents], window);
    const flips = subsets(mirrorAxes);
    for (const axes of flips) {
      const fed = axes.length === 0 ? feed : floats(feed.shape, mirror(window, patch, channels, axes));
      const found = (await executable.run({ image: fed })).probabilities!.data as Float32Array;
      addPatch(
        sums,
        axes.length === 0 ? found : mirror(found, output, classes, axes),
        weights,
        start,
        output,
      );
    }
  }
  return weightedMean(sums);
}

/** The class of the largest probability at every voxel; the lower class among equals. */
export function mostLikely(probabilities: Float32Array, classes: number): Uint8Array {
  const voxels = probabilities.length / classes;
  const labels = new Uint8Array(voxels);
  for (let v = 0; v < voxels; v++) {
    let best = probabilities[v]!;
    for (let c = 1; c < classes; c++) {
      const p = probabilities[c * voxels + v]!;
      if (p > best) {
        best = p;
        labels[v] = c;
      }
    }
  }
  return labels;
}

function inside(start: Size3, patch: Size3, size: Size3): boolean {
  return start.every((at, axis) => at >= 0 && at + patch[axis]! <= size[axis]!);
}

function extractChannels(
  image: ImageVolume,
  start: Size3,
  patch: Size3,
  out: Float32Array,
  outside: readonly number[],
) {
  const voxels = voxelCount(image.size);
  outside.forEach((value, c) => {
    const data = image.data.subarray(c * voxels, (c + 1) * voxels);
    extractPatch({ data, size: image.size, channels: 1 }, start, patch, out, c * voxelCount(patch), value);
  });
}

/** Every subset of the axes, the empty one first. */
export function subsets(axes: readonly number[]): number[][] {
  return Array.from({ length: 2 ** axes.length }, (_, bits) => axes.filter((_, at) => bits & (1 << at)));
}

/** The voxels of `[C, k, j, i]` in reverse order along the given axes. */
export function mirror(
  data: Float32Array,
  [ni, nj, nk]: Size3,
  channels: number,
  axes: readonly number[],
): Float32Array {
  const out = new Float32Array(data.length);
  const [fi, fj, fk] = [0, 1, 2].map((axis) => axes.includes(axis)) as [boolean, boolean, boolean];
  let at = 0;
  for (let c = 0; c < channels; c++)
    for (let k = 0; k < nk; k++)
      for (let j = 0; j < nj; j++) {
        const row = ((c * nk + (fk ? nk - 1 - k : k)) * nj + (fj ? nj - 1 - j : j)) * ni;
        for (let i = 0; i < ni; i++) out[at++] = data[row + (fi ? ni - 1 - i : i)]!;
      }
  return out;
}
