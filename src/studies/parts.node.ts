import { openPool, type Start } from "../core/pool.node.js";
import { shareArrays } from "../core/share.js";
import type { Part, Workshop } from "./study.js";

/** A part that a thread is to do, with the results of the parts that it comes after. */
export interface PartTask {
  readonly id: string;
  readonly before: Readonly<Record<string, unknown>>;
}

/** A study's setup with one number that threads share: other than 0, parts are to be given up. */
export interface PartSetup<S> {
  readonly setup: S;
  readonly stop: Int32Array;
}

/** Does any part, as `Workshop.run` says. */
export type PartWork = (id: string, read: (id: string) => unknown) => unknown;

/** Between looks at whether parts are to be given up. */
const watchMs = 100;

/**
 * What a study's module for threads exports as `start`: `make` gets the setup, and a signal that is aborted when parts
 * are to be given up. A training then saves where it is.
 */
export function partThread<S>(
  make: (setup: S, signal: AbortSignal) => PartWork,
): Start<PartSetup<S>, PartTask, unknown> {
  return ({ setup, stop }) => {
    const controller = new AbortController();
    const watch = setInterval(() => {
      if (Atomics.load(stop, 0) === 0) return;
      clearInterval(watch);
      // Another reason than the usual one, which cannot be sent from thread to thread.
      controller.abort(new Error("the study was interrupted"));
    }, watchMs);
    watch.unref();
    const work = make(setup, controller.signal);
    return ({ id, before }) => work(id, (other) => before[other]);
  };
}

export interface PartsRequest {
  readonly parts: readonly Part[];
  readonly threads: number;
  /** Parts that may be ended from outside at any moment: those that never use the engine, and write no files. */
  readonly killable?: (id: string) => boolean;
}

/**
 * A workshop whose parts are done on so many threads at a time, trainings too: the engine keeps the thread that calls it
 * busy, so two trainings in one thread would take turns. `module` exports `start`, made by `partThread`. The setup's
 * arrays are shared between threads.
 */
export async function openParts<S>(
  module: URL,
  setup: S,
  { parts, threads, killable = () => false }: PartsRequest,
): Promise<Workshop> {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const pool = await openPool<PartSetup<S>, PartTask, unknown>(
    module,
    { setup: shareArrays(setup), stop },
    threads,
  );
  const after = new Map(parts.map((part) => [part.id, part.after ?? []]));
  const running = new Map<Promise<unknown>, string>();
  return {
    run: (id, read) => {
      const before = Object.fromEntries(after.get(id)!.map((other) => [other, read(other)]));
      const working = pool.run({ id, before });
      running.set(working, id);
      return working.finally(() => running.delete(working));
    },
    close: async () => {
      Atomics.store(stop, 0, 1);
      // A thread must not be ended from outside while the engine computes on it: that takes the whole process down.
      const waitedFor = [...running].flatMap(([working, id]) => (killable(id) ? [] : [working]));
      await Promise.allSettled(waitedFor);
      const killed = [...running.keys()];
      await pool.close();
      await Promise.allSettled(killed);
    },
  };
}
