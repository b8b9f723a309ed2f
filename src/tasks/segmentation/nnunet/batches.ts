import { type Rng, rng } from "../../../core/rng.js";
import { type Tensor, tensor } from "../../../core/tensor.js";
import type { Batch } from "../../../train/loop.js";
import type { Augmentation } from "../../../transforms/augmentation.js";
import { type AugmentedPatch, type AugmentOptions, augment } from "../../../transforms/pipeline.js";
import { applySpatial } from "../../../transforms/spatial.js";
import { type ImageVolume, type LabelVolume, type Size3, voxelCount } from "../../../volume/volume.js";
import { augmentMask } from "./mask-augmentation.js";
import { roundHalfEven } from "./numbers.js";

/** A prepared case to draw patches from. */
export interface NnunetCase {
  readonly id: string;
  readonly image: ImageVolume;
  readonly label: LabelVolume;
  /** Voxels to aim at, for every one of `locationTargets`. */
  readonly locations: readonly Int32Array[];
  /** 1 where any channel is not zero, where some channels are normalised inside of that alone. */
  readonly mask?: LabelVolume;
  /** Classes that the stage before found, on the same grid: for a cascade. */
  readonly previous?: LabelVolume;
}

/** What decides a batch, besides the cases and its number. */
export interface BatchPlan {
  readonly seed: number | string;
  readonly batch: number;
  /** Along i, j, k of a volume in the network's frame. */
  readonly patch: Size3;
  readonly dimensions: 2 | 3;
  readonly augmentation: Augmentation;
  /** Whether 3-D patches are turned and scaled within planes only. */
  readonly planar: boolean;
  readonly foreground: number;
  /** How much coarser than the patch every head's labels are, along the network's axes. */
  readonly headStrides: readonly (readonly number[])[];
  /** Classes of every region, where regions are trained instead of classes. */
  readonly regions: readonly (readonly number[])[] | null;
  readonly ignoredClass: number | null;
  /** Channels that are zero outside the mask, and stay it whatever augmentation does to intensities. */
  readonly masked: readonly number[];
  /** Labels of the stage before that become channels, and whether they are made worse; null without a cascade. */
  readonly previous: { readonly labels: number; readonly augment: boolean } | null;
}

/** Which cases make a batch: every one once an epoch, in an order drawn anew for each. */
export function casesAt(plan: Pick<BatchPlan, "seed" | "batch">, cases: number, step: number): number[] {
  const root = rng(plan.seed);
  return Array.from({ length: plan.batch }, (_, b) => {
    const place = step * plan.batch + b;
    const order = root.split("order", Math.floor(place / cases));
    return order.shuffle(Array.from({ length: cases }, (_unused, n) => n))[place % cases]!;
  });
}

/**
 * Whether a sample of a batch must be a patch around something labelled: the last third, in the reference's rounding (1
 * of 2, 3 of 9; v2, `_oversample_last_XX_percent`). Of a batch of one that rounding would never force any, so there it is
 * drawn from `random`, with as much probability as the share that is wanted (v2's other way, `_probabilistic_oversampling`).
 */
export function isForced(
  sample: number,
  { batch, foreground }: Pick<BatchPlan, "batch" | "foreground">,
  random: Rng,
): boolean {
  if (batch === 1) return random.chance(foreground);
  return sample >= roundHalfEven(batch * (1 - foreground));
}

/**
 * The batch of a step from its cases, which `casesAt` chose: patch and augmentation come from a generator of that step
 * and place, so that nothing is remembered between steps.
 */
export function makeBatch(plan: BatchPlan, step: number, cases: readonly NnunetCase[]): Batch {
  const root = rng(plan.seed);
  const samples = cases.map((one, b) =>
    makeSample(plan, one, root.split("sample", step, b), isForced(b, plan, root.split("forced", step))),
  );
  const count = samples.length;
  const extents = [...plan.patch].reverse().slice(3 - plan.dimensions);
  const tensors: Record<string, Tensor> = {};
  const [first] = samples as [Sample];
  const channels = first.image.length / voxelCount(plan.patch);
  const image = new Float32Array(count * first.image.length);
  samples.forEach((sample, b) => {
    image.set(sample.image, b * first.image.length);
  });
  tensors.image = tensor("float32", [count, channels, ...extents], image);
  plan.headStrides.forEach((strides, head) => {
    const coarse = extents.map((n, axis) => n / strides[axis]!);
    const labels = samples.map(({ label }) => coarsen(label, extents, strides));
    Object.assign(tensors, targetsOf(plan, head, labels, coarse));
  });
  return { tensors, cases: cases.map(({ id }) => id) };
}

interface Sample {
  readonly image: Float32Array;
  readonly label: Uint8Array;
}

function makeSample(plan: BatchPlan, one: NnunetCase, random: Rng, forced: boolean): Sample {
  const { patch, augmentation, dimensions, planar, previous } = plan;
  const drawn = augment(augmentation, random, one, patch, {
    ...aimAt(plan, one, forced),
    ...(dimensions === 3 ? { planar } : {}),
  });
  const label = drawn.label!;
  const voxels = voxelCount(patch);
  if (one.mask !== undefined) {
    const inside = movedWith(drawn, one.mask);
    for (const channel of plan.masked)
      for (let at = 0; at < voxels; at++) if (inside[at] === 0) drawn.image[channel * voxels + at] = 0;
  }
  if (previous === null || one.previous === undefined) return { image: drawn.image, label };
  const moved = movedWith(drawn, one.previous);
  const image = new Float32Array(drawn.image.length + previous.labels * voxels);
  image.set(drawn.image);
  const masks = image.subarray(drawn.image.length);
  for (let at = 0; at < voxels; at++) if (moved[at]! > 0) masks[(moved[at]! - 1) * voxels + at] = 1;
  if (previous.augment) augmentMask(masks, patch, random.split("previous"));
  return { image, label };
}

/** Another map of the case where the patch was taken from, moved as its image was. */
function movedWith({ parameters }: AugmentedPatch, map: LabelVolume): Uint8Array {
  const { size, affine } = map;
  // An image without channels costs nothing.
  const image = { data: new Float32Array(0), size, affine, channels: 0 };
  return applySpatial(parameters.spatial, { image, label: map }, parameters.resampling).label!;
}

/**
 * Where a patch is placed. Forced: around a voxel of a class, drawn evenly among those that the case has. Otherwise
 * anywhere, but where some voxels were never labelled around one that was (v2, `get_bbox`).
 */
function aimAt({ ignoredClass }: BatchPlan, { locations }: NnunetCase, forced: boolean): AugmentOptions {
  const annotated = ignoredClass === null ? undefined : locations.at(-1);
  const classes = (ignoredClass === null ? locations : locations.slice(0, -1)).filter(
    ({ length }) => length > 0,
  );
  const fallback = annotated === undefined || annotated.length === 0 ? [] : [annotated];
  const wanted = forced && classes.length > 0 ? classes : fallback;
  if (wanted.length === 0) return { foregroundProbability: 0 };
  return {
    foreground: {
      values: wanted.map((_, at) => at),
      voxels: wanted.map(({ buffer, byteOffset, length }) => new Uint32Array(buffer, byteOffset, length)),
    },
    foregroundProbability: 1,
  };
}

/** The voxel nearest to the middle of every coarse one; of two equally near the later one. */
function coarsen(label: Uint8Array, extents: readonly number[], strides: readonly number[]): Uint8Array {
  if (strides.every((stride) => stride === 1)) return label;
  const [nk, nj, ni] = [...Array<number>(3 - extents.length).fill(1), ...extents] as [number, number, number];
  const [sk, sj, si] = [...Array<number>(3 - strides.length).fill(1), ...strides] as [number, number, number];
  const out = new Uint8Array(label.length / (sk * sj * si));
  let to = 0;
  for (let k = sk >> 1; k < nk; k += sk)
    for (let j = sj >> 1; j < nj; j += sj)
      for (let i = si >> 1; i < ni; i += si) out[to++] = label[(k * nj + j) * ni + i]!;
  return out;
}

/** What a head is compared with: classes, or a map of zeros and ones per region, and where it counts. */
function targetsOf(
  { regions, ignoredClass }: BatchPlan,
  head: number,
  labels: readonly Uint8Array[],
  extents: readonly number[],
): Record<string, Tensor> {
  const voxels = labels[0]!.length;
  const found: Record<string, Tensor> = {};
  if (ignoredClass !== null) {
    const weight = new Float32Array(labels.length * voxels);
    labels.forEach((label, b) => {
      for (let at = 0; at < voxels; at++) weight[b * voxels + at] = label[at] === ignoredClass ? 0 : 1;
    });
    found[`weight${head}`] = tensor("float32", [labels.length, ...extents], weight);
  }
  const maps = regions?.length ?? 1;
  const target = new Uint8Array(labels.length * maps * voxels);
  labels.forEach((label, b) => {
    if (regions === null) {
      const to = target.subarray(b * voxels, (b + 1) * voxels);
      for (let at = 0; at < voxels; at++) to[at] = label[at] === ignoredClass ? 0 : label[at]!;
      return;
    }
    regions.forEach((classes, region) => {
      const to = target.subarray((b * maps + region) * voxels, (b * maps + region + 1) * voxels);
      const wanted = new Uint8Array(256);
      for (const one of classes) wanted[one] = 1;
      for (let at = 0; at < voxels; at++) to[at] = wanted[label[at]!]!;
    });
  });
  const shape = regions === null ? [labels.length, ...extents] : [labels.length, maps, ...extents];
  found[`label${head}`] = tensor("uint8", shape, target);
  return found;
}
