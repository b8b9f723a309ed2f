import { fail } from "../../../core/errors.js";
import { tensor } from "../../../core/tensor.js";
import { extractPatch, tilePositions } from "../../../volume/patches.js";
import { type ImageVolume, type Size3, voxelCount } from "../../../volume/volume.js";
import { mirror, type PatchNetwork, subsets } from "../sliding.js";

/** Neighbouring windows overlap by half (v2, `tile_step_size`). */
export const windowOverlap = 0.5;

/** Standard deviation of a window's weights as a part of it (v2, `compute_gaussian`). */
const sigmaShare = 1 / 8;

/** Lends a network for as long as it is used: who lends decides whether it stays open. */
export type Lend = <T>(use: (network: PatchNetwork) => Promise<T>) => Promise<T>;

export interface WindowOptions {
  /** Average over all mirrorings of these axes of the volume (0 = i, 1 = j, 2 = k). */
  readonly mirrorAxes: readonly number[];
  readonly overlap?: number;
  readonly signal?: AbortSignal | undefined;
  /** After every window. */
  readonly onWindow?: ((done: number, total: number) => void) | undefined;
}

/**
 * The mean output `[K, k, j, i]` of several networks over a prepared image, in windows that overlap by half, weighted by
 * a Gaussian about each window's middle, and over mirrored copies. All windows of all networks and mirrorings are added
 * into one array: whatever their number, memory is K numbers a voxel. The weights are a product over axes and windows
 * lie on a grid, so their sum is a product too and takes no memory. Beyond the image there are zeros, its mean.
 *
 * Throws `non-finite` when a network puts out numbers that are none, `shape` when it does not fit the image.
 */
export async function averageOutputs(
  networks: readonly Lend[],
  image: ImageVolume,
  { mirrorAxes, overlap = windowOverlap, signal, onWindow }: WindowOptions,
): Promise<Float32Array> {
  const flips = subsets(mirrorAxes);
  let sums: Float32Array | undefined;
  let grid: WindowGrid | undefined;
  let done = 0;
  for (const lend of networks)
    await lend(async (network) => {
      requireFit(network, image);
      grid ??= windowGrid(image.size, network.patch, overlap);
      sums ??= new Float32Array(network.classes * voxelCount(image.size));
      const { positions, weights } = grid;
      const window = new Float32Array(network.channels * voxelCount(network.patch));
      for (const start of positions) {
        extractPatch(image, start, network.patch, window);
        for (const axes of flips) {
          signal?.throwIfAborted();
          addWindow(sums, await outputOf(network, window, axes), weights, start, network, image.size);
        }
        onWindow?.(++done, positions.length * networks.length);
      }
    });
  if (sums === undefined || grid === undefined)
    return fail("bad-argument", { what: "no network was given to predict with" });
  divide(sums, image.size, grid.totals, networks.length * flips.length);
  return sums;
}

/** Where windows begin, what each of their voxels weighs along each axis, and what all weigh together. */
interface WindowGrid {
  readonly positions: readonly Size3[];
  readonly weights: readonly [Float32Array, Float32Array, Float32Array];
  readonly totals: readonly [Float64Array, Float64Array, Float64Array];
}

function windowGrid(size: Size3, patch: Size3, overlap: number): WindowGrid {
  const positions = tilePositions(size, patch, overlap);
  const perAxis = [0, 1, 2].map((axis) => {
    const extent = patch[axis]!;
    const weights = gaussian(extent);
    const totals = new Float64Array(size[axis]!);
    for (const start of new Set(positions.map((position) => position[axis]!)))
      for (let at = Math.max(0, -start); at < Math.min(extent, totals.length - start); at++)
        totals[start + at]! += weights[at]!;
    return { weights, totals };
  });
  return {
    positions,
    weights: perAxis.map(({ weights }) => weights) as unknown as WindowGrid["weights"],
    totals: perAxis.map(({ totals }) => totals) as unknown as WindowGrid["totals"],
  };
}

/** At four deviations from the middle 3e-4 is left: no voxel of a window weighs nothing. */
function gaussian(extent: number): Float32Array {
  const middle = (extent - 1) / 2;
  const sigma = extent * sigmaShare;
  return Float32Array.from({ length: extent }, (_, at) => Math.exp(-0.5 * ((at - middle) / sigma) ** 2));
}

function requireFit({ channels }: PatchNetwork, image: ImageVolume): void {
  if (channels !== image.channels)
    fail("shape", {
      what: "the image has not the channels that the network takes",
      expected: `${channels}`,
      found: `${image.channels}`,
    });
}

/** What the network says of a window and of its mirror image, turned back. */
async function outputOf(
  { executable, dimensions, channels, classes, patch }: PatchNetwork,
  window: Float32Array,
  axes: readonly number[],
): Promise<Float32Array> {
  const extents = dimensions === 3 ? [patch[2], patch[1], patch[0]] : [patch[1], patch[0]];
  const fed = axes.length === 0 ? window : mirror(window, patch, channels, axes);
  const results = await executable.run({ image: tensor("float32", [1, channels, ...extents], fed) });
  const found = results.probabilities!.data as Float32Array;
  return axes.length === 0 ? found : mirror(found, patch, classes, axes);
}

function addWindow(
  sums: Float32Array,
  found: Float32Array,
  [wi, wj, wk]: WindowGrid["weights"],
  start: Size3,
  { patch, classes }: PatchNetwork,
  [ni, nj, nk]: Size3,
): void {
  const [pi, pj, pk] = patch;
  const [voxels, inWindow] = [ni * nj * nk, pi * pj * pk];
  const [firstI, lastI] = [Math.max(0, -start[0]), Math.min(pi, ni - start[0])];
  for (let c = 0; c < classes; c++)
    for (let k = Math.max(0, -start[2]); k < Math.min(pk, nk - start[2]); k++)
      for (let j = Math.max(0, -start[1]); j < Math.min(pj, nj - start[1]); j++) {
        const to = c * voxels + ((k + start[2]) * nj + j + start[1]) * ni + start[0];
        const from = c * inWindow + (k * pj + j) * pi;
        const row = wk[k]! * wj[j]!;
        for (let i = firstI; i < lastI; i++) sums[to + i]! += row * wi[i]! * found[from + i]!;
      }
}

/** Sums to means, in place. Every voxel is in a window, so no total is nought. */
function divide(
  sums: Float32Array,
  [ni, nj, nk]: Size3,
  [ti, tj, tk]: WindowGrid["totals"],
  count: number,
): void {
  const planes = sums.length / (ni * nj);
  let at = 0;
  let finite = true;
  for (let plane = 0; plane < planes; plane++)
    for (let j = 0; j < nj; j++) {
      const row = 1 / (count * tk[plane % nk]! * tj[j]!);
      for (let i = 0; i < ni; i++, at++) {
        sums[at] = (sums[at]! * row) / ti[i]!;
        if (!Number.isFinite(sums[at]!)) finite = false;
      }
    }
  if (!finite)
    fail("non-finite", {
      what: "the network puts out values that are not numbers",
      fix: "Its training went wrong: train this fold anew, with a lower learning rate",
    });
}
