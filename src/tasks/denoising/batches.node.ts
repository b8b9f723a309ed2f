import { openPool } from "../../core/pool.node.js";
import { shareArrays } from "../../core/share.js";
import type { Batch } from "../../train/loop.js";
import type { ThreadedBatches } from "../trainable.js";
import { type BatchPlan, batchMaker, type TrainingVolume } from "./batches.js";

interface Setup {
  readonly volumes: readonly TrainingVolume[];
  readonly plan: BatchPlan;
}

/** The same batches as `batchMaker`, bit for bit, made on a thread that shares the volumes' memory. */
export async function threadedBatches(
  volumes: readonly TrainingVolume[],
  plan: BatchPlan,
): Promise<ThreadedBatches> {
  const setup = { volumes: shareArrays(volumes), plan };
  const pool = await openPool<Setup, number, Batch>(new URL(import.meta.url), setup, 1);
  return { batches: (step) => pool.run(step), close: () => pool.close() };
}

/** What the thread does: see `openPool`. */
export function start({ volumes, plan }: Setup): (step: number) => Batch {
  return batchMaker(volumes, plan);
}
