import { denoise } from "../../denoise/denoise.js";
import { classicMethods, levels, trainedLevel } from "./plan.js";
import { cutOf, type Judged, noisyOf, scoresOf, type TestHead } from "./score.js";

export interface WorkSetup {
  readonly heads: readonly TestHead[];
  readonly seed: number;
}

/** What the thread does: every classic method on a head at every level, the noise known to it as it was made. See `openPool`. */
export function start({ heads, seed }: WorkSetup): (head: number) => Promise<Judged[]> {
  return async (n) => {
    const head = heads[n]!;
    const found: Judged[] = [];
    for (const level of levels) {
      const { image, sigma } = noisyOf(head, level, seed);
      const shown = n === 0 && level === trainedLevel;
      const note = (method: string, result: typeof image): void => {
        const scores = scoresOf(head, result);
        found.push({ head: head.id, level, method, scores, ...(shown ? { cut: cutOf(result) } : {}) });
      };
      if (shown) note("clean", head.image);
      note("noisy", image);
      for (const method of classicMethods) note(method, (await denoise(image, { method, sigma })).image);
    }
    return found;
  };
}
