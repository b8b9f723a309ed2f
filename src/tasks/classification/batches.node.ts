import { openPool } from "../../core/pool.node.js";
import { shareArrays } from "../../core/share.js";
import type { Batch } from "../../train/loop.js";
import type { ThreadedBatches } from "../trainable.js";
import { type BatchPlan, batchMaker, type TrainingImage } from "./batches.js";

interface Setup {
  readonly images: readonly TrainingImage[];
  readonly plan: BatchPlan;
}

/** The same batches as `batchMaker`, bit for bit, made on a thread that shares the images' memory. */
export async function threadedBatches(
  images: readonly TrainingImage[],
  plan: BatchPlan,
): Promise<ThreadedBatches> {
  const setup = { images: shareArrays(images), plan };
  const pool = await openPool<Setup, number, Batch>(new URL(import.meta.url), setup, 1);
  return { batches: (step) => pool.run(step), close: () => pool.close() };
}

/** What the thread does: see `openPool`. */
export function start({ images, plan }: Setup): (step: number) => Batch {
  return batchMaker(images, plan);
}
