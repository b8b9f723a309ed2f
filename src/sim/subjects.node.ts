import { availableParallelism } from "node:os";
import { openPool } from "../core/pool.node.js";
import { type CohortOptions, checkOptions, type SimulatedSubject, simulateSubject } from "./cohort.js";

/**
 * The subjects of a cohort in their order, simulated on all processors; the same bits as `simulateBrains`. A few
 * subjects more than there are threads are held in memory.
 */
export async function* simulateInParallel(
  options: CohortOptions,
): AsyncGenerator<SimulatedSubject, void, void> {
  checkOptions(options);
  // Callers' options may hold functions, which do not cross threads.
  const { subjects, seed, spacingMm, size, noisePercent, biasPercent, ageYears } = options;
  const plain: CohortOptions = { subjects, seed, spacingMm, size, noisePercent, biasPercent, ageYears };
  const threads = Math.min(availableParallelism(), options.subjects);
  const pool = await openPool<CohortOptions, number, SimulatedSubject>(
    new URL(import.meta.url),
    plain,
    threads,
  );
  const ahead: Promise<SimulatedSubject>[] = [];
  const request = (index: number): void => {
    if (index >= options.subjects) return;
    const subject = pool.run(index);
    subject.catch(() => undefined);
    ahead.push(subject);
  };
  try {
    for (let n = 0; n < threads + 1; n++) request(n);
    for (let n = 0; n < options.subjects; n++) {
      request(n + threads + 1);
      yield await ahead.shift()!;
    }
  } finally {
    await pool.close();
  }
}

/** What each thread does: see `openPool`. */
export function start(options: CohortOptions): (index: number) => SimulatedSubject {
  return (index) => simulateSubject(options, index);
}
