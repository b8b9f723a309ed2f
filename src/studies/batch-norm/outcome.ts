import { type Arm, type Extent, partId } from "./plan.js";
import type { TrialResult } from "./trial.js";

/** What guessing reaches, and twice that: below it nothing has been learnt. */
export const chance = 0.1;
export const learnt = 0.2;

/** The trainings of one arm, a repetition each. */
export type Trials = readonly TrialResult[];

/** All trainings, by network and learning rate. */
export interface Results {
  readonly extent: Extent;
  readonly dense: (norm: boolean, rate: number) => Trials;
  readonly conv: (norm: boolean, rate: number) => Trials;
  readonly convSigmoid: (norm: boolean, rate: number) => Trials;
  /** The rate at which the dense network without batch norm ends best. */
  readonly denseRate: number;
  /** What the convolutional network without batch norm reaches at best, in each repetition: the paper's target. */
  readonly convTargets: readonly number[];
}

export function trialsOfArm(arm: Arm, { repetitions }: Extent, result: (id: string) => TrialResult): Trials {
  return Array.from({ length: repetitions }, (_, n) => result(partId(arm, n)));
}

/** The first judged step with at least the given accuracy, or none. */
export function stepsTo({ steps, accuracy }: TrialResult, target: number): number | undefined {
  const at = accuracy.findIndex((value) => value >= target);
  return at < 0 ? undefined : steps[at];
}

export function bestAccuracy({ accuracy }: TrialResult): number {
  return Math.max(...accuracy);
}

/** Mean over the last tenth of the judgements, one at least; chance where the training diverged. */
export function endAccuracy({ accuracy, divergedAt }: TrialResult): number {
  if (divergedAt !== null) return chance;
  const last = accuracy.slice(-Math.max(1, Math.floor(accuracy.length / 10)));
  return average(last);
}

/** Whether nothing came of it: the loss became infinite, or the accuracy stayed near chance to the end. */
export function failed(trial: TrialResult): boolean {
  return trial.divergedAt !== null || endAccuracy(trial) < learnt;
}

export function average(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

/**
 * How many times fewer steps the second needs than the first. Who never arrives is counted with all the steps there
 * were: where the first never does, this is a lower bound.
 */
export function speedUp(slow: number | undefined, fast: number | undefined, available: number): number {
  // Both were judged for the first time at step 0: at chance, unless a target is below it.
  return Math.max(1, slow ?? available) / Math.max(1, fast ?? available);
}
