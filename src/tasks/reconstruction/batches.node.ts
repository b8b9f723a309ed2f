import { openPool } from "../../core/pool.node.js";
import { shareArrays } from "../../core/share.js";
import type { Batch } from "../../train/loop.js";
import type { ThreadedBatches } from "../trainable.js";
import { type BatchPlan, batchMaker } from "./batches.js";
import type { TrainingScan } from "./draw.js";

interface Setup {
  readonly scans: readonly TrainingScan[];
  readonly plan: BatchPlan;
}

/** The same batches as `batchMaker`, bit for bit, made on a thread that shares the scans' memory. */
export async function threadedBatches(
  scans: readonly TrainingScan[],
  plan: BatchPlan,
): Promise<ThreadedBatches> {
  const setup = { scans: shareArrays(scans), plan };
  const pool = await openPool<Setup, number, Batch>(new URL(import.meta.url), setup, 1);
  return { batches: (step) => pool.run(step), close: () => pool.close() };
}

/** What the thread does: see `openPool`. */
export function start({ scans, plan }: Setup): (step: number) => Batch {
  return batchMaker(scans, plan);
}
