import { type Rng, rng } from "../../core/rng.js";
import { floats } from "../../core/tensor.js";
import { withMrNoise } from "../../sim/mr/noise.js";
import type { Batch } from "../../train/loop.js";
import { drawPatch, type ForegroundIndex, indexForeground } from "../../transforms/patch.js";
import { extractMirrored } from "../../volume/patches.js";
import { type ImageVolume, type Size3, voxelCount } from "../../volume/volume.js";
import type { DenoisingConfig } from "./config.js";
import { type Brightness, noiseUnits, referenceAt } from "./scale.js";

/** A clean volume to learn from. */
export interface TrainingVolume {
  readonly id: string;
  readonly image: ImageVolume;
  readonly brightness: Brightness;
}

/** What decides a batch, besides the volumes and the step's number. */
export type BatchPlan = PairPlan & {
  readonly batch: number;
  readonly seed: number;
  /** Batches within an iteration: see `Steps`. */
  readonly subBatches: number;
};

/** What decides a patch, besides the volume. */
export type PairPlan = Pick<DenoisingConfig, "noise" | "patch" | "foreground" | "mirror" | "units">;

/** A patch twice, in the network's units. */
export interface Pair {
  readonly clean: Float32Array;
  readonly noisy: Float32Array;
  /** Percent of the brightest voxel. */
  readonly level: number;
  /** The network's unit in those of the volume's reference; 1 where that is the unit. */
  readonly scale: number;
  /** The volume's brightest voxel, in the same units. */
  readonly peak: number;
}

/**
 * A function from a step's number to its batch: patches of the volumes in turn, in an order drawn anew for each epoch;
 * place, mirroring, level and noise drawn from a generator of that step and place.
 */
export function batchMaker(volumes: readonly TrainingVolume[], plan: BatchPlan): (step: number) => Batch {
  const root = rng(plan.seed);
  const count = plan.batch * plan.subBatches;
  const voxels = voxelCount(plan.patch);
  const [i, j, k] = plan.patch;
  const indices: (ForegroundIndex | undefined)[] = volumes.map(() => undefined);
  let order: { readonly epoch: number; readonly places: readonly number[] } | undefined;
  const volumeAt = (place: number): number => {
    const epoch = Math.floor(place / volumes.length);
    if (order?.epoch !== epoch)
      order = { epoch, places: root.split("order", epoch).shuffle(volumes.map((_, n) => n)) };
    return order.places[place % volumes.length]!;
  };
  return (step) => {
    const clean = new Float32Array(count * voxels);
    const noisy = new Float32Array(count * voxels);
    const scale = new Float32Array(count);
    const names = new Set<string>();
    for (let b = 0; b < count; b++) {
      const at = volumeAt(step * count + b);
      const one = volumes[at]!;
      indices[at] ??= indexBright(one.image, one.brightness);
      const pair = drawPair(one, root.split("sample", step, b), plan, indices[at]);
      clean.set(pair.clean, b * voxels);
      noisy.set(pair.noisy, b * voxels);
      scale[b] = pair.scale;
      names.add(one.id);
    }
    const shape = [count, 1, k, j, i];
    const scales = floats([count, 1, 1, 1, 1], scale);
    return {
      tensors: { clean: floats(shape, clean), noisy: floats(shape, noisy), scale: scales },
      cases: [...names],
    };
  };
}

/** Draw a patch of a volume with noise on it; levels are drawn evenly, in units of the noise evenly in their logarithm. */
export function drawPair(
  { image, brightness }: TrainingVolume,
  random: Rng,
  { noise: [low, high], patch, foreground, mirror, units }: PairPlan,
  bright: ForegroundIndex | undefined,
): Pair {
  const options = { foreground: bright, foregroundProbability: foreground };
  const start = drawPatch(random.split("patch"), image.size, patch, options);
  const data = new Float32Array(voxelCount(patch));
  extractMirrored(image, start, patch, data);
  if (mirror) mirrorByChance(data, patch, random.split("mirror"));
  const level = drawLevel(random.split("level"), low, high, units);
  const { peak } = brightness;
  const reference = referenceAt(brightness, level);
  const unit = units === "noise" ? noiseUnits * (level / 100) * peak : reference;
  const cut: ImageVolume = { data, size: patch, affine: image.affine, channels: 1 };
  const made = withMrNoise(cut, random.split("noise"), { percent: level, peak }).image.data;
  for (let v = 0; v < data.length; v++) {
    data[v] = data[v]! / unit;
    made[v] = made[v]! / unit;
  }
  return { clean: data, noisy: made, level, scale: unit / reference, peak: peak / unit };
}

function drawLevel(random: Rng, low: number, high: number, units: PairPlan["units"]): number {
  if (low === high) return low;
  if (units === "reference") return random.between(low, high);
  return Math.exp(random.between(Math.log(low), Math.log(high)));
}

/** Voxels that are brighter than air: a tenth of the reference. */
export function indexBright(
  { data, size, affine }: ImageVolume,
  { references }: Brightness,
): ForegroundIndex {
  const threshold = 0.1 * references[0]!;
  const label = Uint8Array.from(data, (value) => (value > threshold ? 1 : 0));
  return indexForeground({ data: label, size, affine, channels: 1 });
}

function mirrorByChance(data: Float32Array, [ni, nj, nk]: Size3, random: Rng): void {
  const [i, j, k] = [random.chance(0.5), random.chance(0.5), random.chance(0.5)];
  const rows: Float32Array[] = [];
  for (let row = 0; row < nj * nk; row++) {
    const from = data.slice(row * ni, (row + 1) * ni);
    rows.push(i ? from.reverse() : from);
  }
  for (let z = 0; z < nk; z++)
    for (let y = 0; y < nj; y++)
      data.set(rows[(k ? nk - 1 - z : z) * nj + (j ? nj - 1 - y : y)]!, (z * nj + y) * ni);
}
