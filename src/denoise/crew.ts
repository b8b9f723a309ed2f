import { type KernelName, kernels, type Result, type Setup, type Task } from "./kernels.js";

/** Workers that have been given their setup. */
export interface Workers<K extends KernelName> {
  run(task: Task<K>): Promise<Result<K>>;
  close(): Promise<void>;
}

/** Who does the work: this thread (`soloCrew`), or several (`threadCrew` in `gyrus/node`), with the same result. */
export interface Crew {
  /** At least this many tasks are wanted at a time. */
  readonly threads: number;
  /** Zeros in memory that all workers see. */
  floats(length: number): Float32Array;
  open<K extends KernelName>(kernel: K, setup: Setup<K>): Promise<Workers<K>>;
}

/** Everything in this thread; between two tasks other work may run, so that a page stays alive. */
export const soloCrew: Crew = {
  threads: 1,
  floats: (length) => new Float32Array(length),
  open: async (kernel, setup) => {
    const work = kernels[kernel] as unknown as (
      given: typeof setup,
    ) => (task: Task<typeof kernel>) => Result<typeof kernel>;
    const act = work(setup);
    return {
      run: async (task) => {
        await breathe();
        return act(task);
      },
      close: async () => undefined,
    };
  },
};

/** A task of the event loop, not a promise of the same one: timers and signals get their turn. */
function breathe(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/**
 * Run tasks on workers and hand each result to `take` in the tasks' order, whatever order they end in: sums that are
 * taken in this way do not depend on the number of threads. Only a few results wait at a time.
 */
export async function inOrder<K extends KernelName>(
  workers: Workers<K>,
  threads: number,
  tasks: readonly Task<K>[],
  take: (result: Result<K>, index: number) => void,
): Promise<void> {
  const waiting: Promise<Result<K>>[] = [];
  const request = (index: number): void => {
    if (index >= tasks.length) return;
    const result = workers.run(tasks[index]!);
    // A failure is thrown where its turn comes; until then nobody must take it for unhandled.
    result.catch(() => undefined);
    waiting.push(result);
  };
  for (let n = 0; n < threads + 1; n++) request(n);
  for (let n = 0; n < tasks.length; n++) {
    const result = await waiting.shift()!;
    request(n + threads + 1);
    take(result, n);
  }
}

/** Planes 0 to `planes` in slabs of `thick`. */
export function slabsOf(planes: number, thick: number): { from: number; to: number }[] {
  return Array.from({ length: Math.ceil(planes / thick) }, (_, n) => ({
    from: n * thick,
    to: Math.min(planes, (n + 1) * thick),
  }));
}
