import { type Rng, rng } from "../../core/rng.js";
import { sizeOf, tensor } from "../../core/tensor.js";
import type { Batch } from "../../train/loop.js";
import type { Augmentation } from "../../transforms/augmentation.js";
import { applyAugmentation, drawAugmentation } from "../../transforms/pipeline.js";
import { extractPatch } from "../../volume/patches.js";
import { resizeChannel } from "../../volume/resize.js";
import { type ImageVolume, voxelCount } from "../../volume/volume.js";
import type { ClassificationConfig } from "./config.js";
import type { Position, Views } from "./positions.js";

/** An image to learn from, prepared. */
export interface TrainingImage {
  /** `sub-01_ses-M12`. */
  readonly id: string;
  readonly subject: string;
  /** 0 or 1: the place of its diagnosis among the classes. */
  readonly label: number;
  readonly image: ImageVolume;
}

/** What decides a batch, besides the images and the step's number. */
export interface BatchPlan {
  readonly seed: number;
  readonly batch: number;
  readonly balance: ClassificationConfig["balance"];
  readonly augmentation: Augmentation;
  /** Whether it does nothing, so that the voxels are copied as they are. */
  readonly plain: boolean;
  readonly views: Views;
}

/** One thing to see: an image and, where one network sees all positions, a position of it. */
interface Item {
  readonly image: number;
  readonly position: number;
}

/** How many samples an epoch has. */
export function samplesPerEpoch(
  images: readonly TrainingImage[],
  { balance, views }: Pick<BatchPlan, "balance" | "views">,
): number {
  const counts = [0, 1].map((label) => images.filter((one) => one.label === label).length);
  const chosen = balance === "undersample" ? 2 * Math.min(...counts) : images.length;
  return chosen * (views.several ? 1 : views.positions.length);
}

/**
 * A function from a step's number to its batch: `image` `[N, …shape]` and `label` `[N]`, or for several networks all
 * positions of N images, position by position. Every epoch has an order of its own, and with "undersample" as many images
 * of the larger class, drawn anew, as the smaller one has.
 */
export function batchMaker(images: readonly TrainingImage[], plan: BatchPlan): (step: number) => Batch {
  const root = rng(plan.seed);
  const { views, batch } = plan;
  const size = sizeOf(views.shape);
  const length = samplesPerEpoch(images, plan);
  let order: { readonly epoch: number; readonly items: readonly Item[] } | undefined;
  const itemAt = (place: number): Item => {
    const epoch = Math.floor(place / length);
    if (order?.epoch !== epoch) order = { epoch, items: drawEpoch(images, plan, root.split("epoch", epoch)) };
    return order.items[place % length]!;
  };
  const copies = views.several ? views.positions.length : 1;
  return (step) => {
    const data = new Float32Array(copies * batch * size);
    const labels = new Int32Array(copies * batch);
    const names = new Set<string>();
    for (let b = 0; b < batch; b++) {
      const item = itemAt(step * batch + b);
      const one = images[item.image]!;
      names.add(one.id);
      for (let copy = 0; copy < copies; copy++) {
        const position = views.positions[views.several ? copy : item.position]!;
        const at = copy * batch + b;
        drawView(one.image, position, plan, root.split("sample", step, b, copy), data, at * size);
        labels[at] = one.label;
      }
    }
    const shape = [copies * batch, ...views.shape];
    return {
      tensors: { image: tensor("float32", shape, data), label: tensor("int32", [copies * batch], labels) },
      cases: [...names],
    };
  };
}

function drawEpoch(images: readonly TrainingImage[], { balance, views }: BatchPlan, random: Rng): Item[] {
  let chosen = images.map((_, n) => n);
  if (balance === "undersample") {
    const groups = [0, 1].map((label) => chosen.filter((n) => images[n]!.label === label));
    const least = Math.min(...groups.map((group) => group.length));
    chosen = groups.flatMap((group, label) => random.split("draw", label).shuffle(group).slice(0, least));
  }
  const positions = views.several ? 1 : views.positions.length;
  const items = chosen.flatMap((image) =>
    Array.from({ length: positions }, (_, position): Item => ({ image, position })),
  );
  return random.split("order").shuffle(items);
}

function drawView(
  image: ImageVolume,
  position: Position,
  { augmentation, plain, views }: BatchPlan,
  random: Rng,
  out: Float32Array,
  offset: number,
): void {
  if (plain) {
    viewOf(image, position, views, out, offset);
    return;
  }
  const drawn = drawAugmentation(augmentation, random, image, position.size);
  const placed = { ...drawn, spatial: { ...drawn.spatial, start: position.start } };
  const { image: data } = applyAugmentation(placed, { image });
  putView({ data, size: position.size, affine: image.affine, channels: 1 }, views, out, offset);
}

/** What the network sees of a position, into `out` at `offset`. */
export function viewOf(
  image: ImageVolume,
  { start, size }: Position,
  views: Pick<Views, "resized" | "shape">,
  out: Float32Array,
  offset: number,
): void {
  const data = new Float32Array(voxelCount(size));
  extractPatch(image, start, size, data);
  putView({ data, size, affine: image.affine, channels: 1 }, views, out, offset);
}

function putView(
  { data, size }: ImageVolume,
  { resized, shape }: Pick<Views, "resized" | "shape">,
  out: Float32Array,
  offset: number,
): void {
  const seen = resized === null ? data : resizeChannel(data, size, resized, [1, 1, 1]);
  // The grey image once for each channel.
  for (let channel = 0; channel < shape[0]!; channel++) out.set(seen, offset + channel * seen.length);
}
