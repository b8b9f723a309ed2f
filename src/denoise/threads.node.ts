import { availableParallelism } from "node:os";
import { openPool } from "../core/pool.node.js";
import type { Crew } from "./crew.js";
import { type KernelName, kernels, type Result, type Setup, type Task } from "./kernels.js";

interface Assignment<K extends KernelName = KernelName> {
  readonly kernel: K;
  readonly setup: Setup<K>;
}

/** Workers on threads of their own, all processors unless told otherwise; voxels are shared, not copied. */
export function threadCrew(threads = availableParallelism()): Crew {
  return {
    threads,
    floats: (length) => new Float32Array(new SharedArrayBuffer(4 * length)),
    open: (kernel, setup) =>
      openPool<Assignment<typeof kernel>, Task<typeof kernel>, Result<typeof kernel>>(
        new URL(import.meta.url),
        { kernel, setup },
        threads,
      ),
  };
}

/** What each thread does: see `openPool`. */
export function start<K extends KernelName>({ kernel, setup }: Assignment<K>): (task: Task<K>) => Result<K> {
  const work = kernels[kernel] as unknown as (given: Setup<K>) => (task: Task<K>) => Result<K>;
  return work(setup);
}
