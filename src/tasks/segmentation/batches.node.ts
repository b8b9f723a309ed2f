import { existsSync } from "node:fs";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { GyrusError } from "../../core/errors.js";
import type { Batch, BatchSource } from "../../train/loop.js";
import { type BatchPlan, batchMaker, type TrainingCase } from "./batches.js";

interface Job {
  readonly cases: readonly TrainingCase[];
  readonly plan: BatchPlan;
}

type Answer = { readonly step: number } & (
  | { readonly batch: Batch }
  | { readonly error: string; readonly details?: GyrusError["details"]; readonly kind?: GyrusError["kind"] }
);

/** Batches made on a thread of their own while the engine computes; `close` ends it. */
export interface ThreadedBatches {
  readonly batches: BatchSource;
  close(): Promise<void>;
}

const self = new URL(import.meta.url);

/**
 * The same batches as `batchMaker`, bit for bit, made on a worker thread. Voxels are shared, not copied. Run from TypeScript sources, where there is no worker file to start, they are made in this thread.
 */
export function threadedBatches(cases: readonly TrainingCase[], plan: BatchPlan): ThreadedBatches {
  if (!self.pathname.endsWith(".js") || !existsSync(self)) {
    const make = batchMaker(cases, plan);
    return { batches: async (step) => make(step), close: async () => undefined };
  }
  const shared = cases.map((one) => ({
    ...one,
    image: { ...one.image, data: share(one.image.data, Float32Array) },
    label: { ...one.label, data: share(one.label.data, Uint8Array) },
  }));
  const worker = new Worker(self, { workerData: { cases: shared, plan } satisfies Job });
  const waiting = new Map<number, { resolve: (batch: Batch) => void; reject: (error: unknown) => void }>();
  const failAll = (error: unknown): void => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  worker.on("message", (answer: Answer) => {
    const one = waiting.get(answer.step);
    waiting.delete(answer.step);
    if ("batch" in answer) one?.resolve(answer.batch);
    else
      one?.reject(
        answer.details && answer.kind ? new GyrusError(answer.kind, answer.details) : new Error(answer.error),
      );
  });
  worker.on("error", failAll);

  return {
    batches: (step) =>
      new Promise<Batch>((resolve, reject) => {
        waiting.set(step, { resolve, reject });
        worker.postMessage(step);
      }),
    close: async () => void (await worker.terminate()),
  };
}

function share<T extends Float32Array | Uint8Array>(
  data: ArrayLike<number>,
  make: new (buffer: SharedArrayBuffer) => T,
): T {
  const width = (make as unknown as { BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT;
  const copy = new make(new SharedArrayBuffer(data.length * width));
  copy.set(data);
  return copy;
}

function serve({ cases, plan }: Job): void {
  const make = batchMaker(cases, plan);
  parentPort!.on("message", (step: number) => {
    try {
      const batch = make(step);
      const buffers = Object.values(batch.tensors).map(({ data }) => data.buffer as ArrayBuffer);
      parentPort!.postMessage({ step, batch } satisfies Answer, buffers);
    } catch (error) {
      const known = error instanceof GyrusError ? { details: error.details, kind: error.kind } : {};
      parentPort!.postMessage({ step, error: String(error), ...known } satisfies Answer);
    }
  });
}

if (!isMainThread && workerData && "plan" in (workerData as object)) serve(workerData as Job);
