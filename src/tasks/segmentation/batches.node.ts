import { openPool } from "../../core/pool.node.js";
import { shareArrays } from "../../core/share.js";
import type { Batch } from "../../train/loop.js";
import type { ThreadedBatches } from "../trainable.js";
import { type BatchPlan, batchMaker, type TrainingCase } from "./batches.js";

interface Setup {
  readonly cases: readonly TrainingCase[];
  readonly plan: BatchPlan;
}

/** The same batches as `batchMaker`, bit for bit, made on a thread that shares the voxels. */
export async function threadedBatches(
  cases: readonly TrainingCase[],
  plan: BatchPlan,
): Promise<ThreadedBatches> {
  const pool = await openPool<Setup, number, Batch>(
    new URL(import.meta.url),
    { cases: shareArrays(cases), plan },
    1,
  );
  return { batches: (step) => pool.run(step), close: () => pool.close() };
}

/** What the thread does: see `openPool`. */
export function start({ cases, plan }: Setup): (step: number) => Batch {
  return batchMaker(cases, plan);
}
