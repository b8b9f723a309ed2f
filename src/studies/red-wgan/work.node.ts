import { denoise } from "../../denoise/denoise.js";
import { classicMethods } from "./plan.js";
import type { Judged } from "./score.js";
import { judgedOf, realTrials, simulatedTrials, type TestData } from "./trial.js";

export interface WorkSetup {
  readonly data: TestData;
  readonly seed: number;
}

/** A simulated head, or all real scans. */
export type Work = { readonly head: number } | "real";

/** What the thread does: every classic method on every trial, the noise known to it. See `openPool`. */
export function start({ data, seed }: WorkSetup): (work: Work) => Promise<Judged[]> {
  return async (work) => {
    const trials = work === "real" ? realTrials(data, seed) : simulatedTrials(data, work.head, seed);
    const found: Judged[] = [];
    for (const trial of trials) {
      const { image, sigma } = trial.scan();
      if (trial.shown) found.push(judgedOf(trial, "clean", trial.head.image, sigma));
      found.push(judgedOf(trial, "noisy", image, sigma));
      for (const method of classicMethods)
        found.push(judgedOf(trial, method, (await denoise(image, { method, sigma })).image, sigma));
    }
    return found;
  };
}
