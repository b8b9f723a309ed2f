import { openPool } from "../../core/pool.node.js";
import { shareArrays } from "../../core/share.js";
import type { Batch } from "../../train/loop.js";
import type { ThreadedBatches } from "../trainable.js";
import { type BatchPlan, batchMaker } from "./batches.js";
import type { TrainingStack } from "./stack.js";

interface Setup {
  readonly stacks: readonly TrainingStack[];
  readonly plan: BatchPlan;
}

/** The same batches as `batchMaker`, bit for bit, made on a thread that shares the stacks' memory. */
export async function threadedBatches(
  stacks: readonly TrainingStack[],
  plan: BatchPlan,
): Promise<ThreadedBatches> {
  const setup = { stacks: shareArrays(stacks), plan };
  const pool = await openPool<Setup, number, Batch>(new URL(import.meta.url), setup, 1);
  return { batches: (step) => pool.run(step), close: () => pool.close() };
}

/** What the thread does: see `openPool`. */
export function start({ stacks, plan }: Setup): (step: number) => Batch {
  return batchMaker(stacks, plan);
}
