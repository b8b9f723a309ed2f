import { openPool } from "../../core/pool.node.js";
import type { Batch, BatchSource } from "../../train/loop.js";
import { type BatchPlan, batchMaker, type TrainingCase } from "./batches.js";

interface Setup {
  readonly cases: readonly TrainingCase[];
  readonly plan: BatchPlan;
}

/** Batches made on a thread of their own while the engine computes; `close` ends it. */
export interface ThreadedBatches {
  readonly batches: BatchSource;
  close(): Promise<void>;
}

/** The same batches as `batchMaker`, bit for bit, made on a thread that shares the voxels. */
export async function threadedBatches(
  cases: readonly TrainingCase[],
  plan: BatchPlan,
): Promise<ThreadedBatches> {
  const shared = cases.map(({ id, image, label }) => ({
    id,
    image: { ...image, data: share(image.data) },
    label: { ...label, data: share(label.data) },
  }));
  const pool = await openPool<Setup, number, Batch>(new URL(import.meta.url), { cases: shared, plan }, 1);
  return { batches: (step) => pool.run(step), close: () => pool.close() };
}

/** What the thread does: see `openPool`. */
export function start({ cases, plan }: Setup): (step: number) => Batch {
  return batchMaker(cases, plan);
}

function share<T extends Float32Array | Uint8Array | Uint16Array>(data: T): T {
  const Type = data.constructor as new (buffer: SharedArrayBuffer) => T;
  const copy = new Type(new SharedArrayBuffer(data.byteLength));
  copy.set(data);
  return copy;
}
