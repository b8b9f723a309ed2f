import { Piscina } from "piscina";
import { type ErrorDetails, type ErrorKind, GyrusError } from "./errors.js";

/** What a worker module exports: work to be done over and over, after a preparation of its own. */
export type Start<S, T, R> = (setup: S) => (task: T) => R | Promise<R>;

/** Threads that work on tasks; a task's result does not depend on which thread has it. */
export interface Pool<T, R> {
  run(task: T): Promise<R>;
  close(): Promise<void>;
}

/** An answer that crosses threads: structured cloning keeps plain data, not the class of an error. */
export type Answer<R> = { readonly result: R } | { readonly kind: ErrorKind; readonly details: ErrorDetails };

/**
 * Run `module`'s exported `start(setup)` on threads of their own. Voxels in a `SharedArrayBuffer` are shared, the rest
 * of `setup` is copied. From TypeScript sources, which Node cannot start a thread on, the same work is done in this
 * thread, with the same results.
 */
export async function openPool<S, T, R>(module: URL, setup: S, threads: number): Promise<Pool<T, R>> {
  if (!module.pathname.endsWith(".js")) {
    const { start } = (await import(module.href)) as { start: Start<S, T, R> };
    const work = start(setup);
    return { run: async (task) => work(task), close: async () => undefined };
  }
  const pool = new Piscina<T, Answer<R>>({
    filename: new URL("./pool-worker.node.js", import.meta.url).href,
    name: "answer",
    minThreads: threads,
    maxThreads: threads,
    workerData: { module: module.href, setup },
  });
  return {
    run: async (task) => {
      const answer = await pool.run(task);
      if ("result" in answer) return answer.result;
      throw new GyrusError(answer.kind, answer.details);
    },
    close: () => pool.destroy(),
  };
}
