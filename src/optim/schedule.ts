import { fail } from "../core/errors.js";

/** How the learning rate moves, as plain data that a checkpoint can hold. */
export type Schedule =
  | { readonly kind: "constant" }
  /** (1 - progress)^power: nnU-Net's, power 0.9. */
  | { readonly kind: "poly"; readonly power?: number; readonly warmup?: number }
  /** Half a cosine from 1 to `floor`. Loshchilov & Hutter, arXiv 1608.03983. */
  | { readonly kind: "cosine"; readonly floor?: number; readonly warmup?: number }
  /** Multiply by `factor` at each of the given fractions of the training. */
  | { readonly kind: "step"; readonly at: readonly number[]; readonly factor?: number }
  /** Multiply by `factor` when the validation loss has not fallen for `patience` validations. */
  | { readonly kind: "plateau"; readonly patience?: number; readonly factor?: number };

/**
 * Factor on the base learning rate.
 * @param step steps done, from 0
 * @param total steps of the whole training
 * @param reductions how often `plateau` has struck so far
 */
export function scheduleFactor(schedule: Schedule, step: number, total: number, reductions = 0): number {
  const warmup = "warmup" in schedule ? (schedule.warmup ?? 0) : 0;
  if (step < warmup) return (step + 1) / (warmup + 1);
  const progress = Math.min(1, (step - warmup) / Math.max(1, total - warmup));
  switch (schedule.kind) {
    case "constant":
      return 1;
    case "poly":
      return (1 - progress) ** (schedule.power ?? 0.9);
    case "cosine": {
      const floor = schedule.floor ?? 0;
      return floor + (1 - floor) * 0.5 * (1 + Math.cos(Math.PI * progress));
    }
    case "step":
      return (schedule.factor ?? 0.1) ** schedule.at.filter((fraction) => progress >= fraction).length;
    case "plateau":
      return (schedule.factor ?? 0.5) ** reductions;
  }
}

/** How often a plateau has struck, given every validation loss so far. */
export function plateauReductions(losses: readonly number[], patience: number): number {
  if (patience < 1)
    fail("bad-argument", { what: "a plateau needs a patience of at least 1", found: `${patience}` });
  let best = Number.POSITIVE_INFINITY;
  let waited = 0;
  let reductions = 0;
  for (const loss of losses) {
    waited = loss < best ? 0 : waited + 1;
    best = Math.min(best, loss);
    if (waited >= patience) {
      reductions++;
      waited = 0;
    }
  }
  return reductions;
}
