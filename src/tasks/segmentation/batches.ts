import { rng } from "../../core/rng.js";
import { floats, type Tensor, tensor } from "../../core/tensor.js";
import type { Batch } from "../../train/loop.js";
import type { Augmentation } from "../../transforms/augmentation.js";
import { type ForegroundIndex, indexForeground } from "../../transforms/patch.js";
import { augment } from "../../transforms/pipeline.js";
import { type ImageVolume, type LabelVolume, type Size3, voxelCount } from "../../volume/volume.js";
import { borderWeights } from "./border.js";

/** A prepared training case: normalised image and classes on the network's grid. */
export interface TrainingCase {
  readonly id: string;
  readonly image: ImageVolume;
  readonly label: LabelVolume;
}

/** What decides a batch, besides the cases and the step's number. */
export interface BatchPlan {
  readonly seed: number;
  readonly batch: number;
  readonly patch: Size3;
  readonly dimensions: 2 | 3;
  readonly augmentation: Augmentation;
  readonly foreground: number;
  readonly border: { readonly weight: number; readonly sigmaPixels: number } | null;
  readonly classWeights: readonly number[] | null;
}

/**
 * A function from a step's number to its batch: every case once an epoch, in an order drawn anew for each; patch
 * and augmentation drawn from a generator of that step and place. Nothing is remembered between steps.
 */
export function batchMaker(cases: readonly TrainingCase[], plan: BatchPlan): (step: number) => Batch {
  const root = rng(plan.seed);
  const foregrounds: (ForegroundIndex | undefined)[] = cases.map(() => undefined);
  const [pi, pj, pk] = plan.patch;
  const extents = plan.dimensions === 3 ? [pk, pj, pi] : [pj, pi];
  const voxels = voxelCount(plan.patch);
  const channels = cases[0]!.image.channels;

  const caseAt = (place: number): number => {
    const epoch = Math.floor(place / cases.length);
    return root.split("order", epoch).shuffle(cases.map((_, n) => n))[place % cases.length]!;
  };

  return (step) => {
    const image = new Float32Array(plan.batch * channels * voxels);
    const label = new Uint8Array(plan.batch * voxels);
    const weight = plan.border === null ? undefined : new Float32Array(plan.batch * voxels);
    const names: string[] = [];
    for (let b = 0; b < plan.batch; b++) {
      const index = caseAt(step * plan.batch + b);
      const sample = cases[index]!;
      foregrounds[index] ??= indexForeground(sample.label);
      const patch = augment(plan.augmentation, root.split("sample", step, b), sample, plan.patch, {
        foreground: foregrounds[index],
        foregroundProbability: plan.foreground,
      });
      image.set(patch.image, b * channels * voxels);
      label.set(patch.label!, b * voxels);
      if (weight !== undefined) weight.set(pixelWeights(patch.label!, plan), b * voxels);
      names.push(sample.id);
    }
    const tensors: Record<string, Tensor> = {
      image: floats([plan.batch, channels, ...extents], image),
      label: tensor("uint8", [plan.batch, ...extents], label),
    };
    if (weight !== undefined) tensors.weight = floats([plan.batch, ...extents], weight);
    return { tensors, cases: names };
  };
}

/** w(x) = w_class(x) + border term: Ronneberger 2015, eq. 2. */
function pixelWeights(label: Uint8Array, { border, classWeights, patch }: BatchPlan): Float32Array {
  const weights = borderWeights(label, [patch[0], patch[1]], border!);
  for (let v = 0; v < weights.length; v++) weights[v]! += classWeights?.[label[v]!] ?? 1;
  return weights;
}

/** Weights that give every class the same say: total / (classes · count), 0 for a class that never occurs. */
export function balancedWeights(labels: readonly LabelVolume[], classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const { data } of labels) for (let v = 0; v < data.length; v++) counts[data[v]!]!++;
  const total = counts.reduce((a, b) => a + b, 0);
  return counts.map((count) => (count === 0 ? 0 : total / (classes * count)));
}
