import { bytesOf } from "../core/tensor.js";
import { type Progress, train } from "../train/loop.js";
import type { RunRecord } from "./run.js";
import { writeRun } from "./run-folder.node.js";
import type { Trainable } from "./trainable.js";

/** Seconds kept for the last checkpoint and the model. */
const finishing = 2;

const stepsBetweenRevisions = 25;

/** Fix the number of steps: from epochs, or by measuring what the given minutes allow; recorded before the first step. */
export async function withPlan<R extends RunRecord>(
  prepared: Trainable<R>,
  dir: string,
  began: number,
): Promise<R> {
  const { run } = prepared;
  if (run.plan.totalSteps !== null) return run;
  const { config, plan } = run;
  let totalSteps = config.epochs * plan.stepsPerEpoch;
  let secondsPerStep: number | null = null;
  let secondsPerValidation: number | null = null;
  let { validations } = config;
  if (plan.minutes !== null) {
    const measured = await measure(prepared);
    secondsPerStep = measured.secondsPerStep;
    const left = plan.minutes * 60 - (performance.now() - began) / 1000;
    // Validation may take a twentieth of the time, the rest of it is steps.
    validations = Math.max(
      1,
      Math.min(validations, Math.floor((0.05 * left) / Math.max(1e-3, measured.secondsPerValidation))),
    );
    secondsPerValidation = measured.secondsPerValidation;
    totalSteps = Math.max(
      1,
      Math.floor((left - finishing - validations * secondsPerValidation) / secondsPerStep),
    );
  }
  const stateBytes = Object.values(prepared.state).reduce((sum, value) => sum + bytesOf(value), 0);
  const validateEvery = Math.max(1, Math.ceil(totalSteps / validations));
  // A checkpoint costs about a second per 200 MB: keep that under a few percent of the steps between two.
  const saveEvery = Math.max(1, Math.min(validateEvery, stateBytes > 100e6 ? 100 : 25));
  const planned: R = {
    ...run,
    plan: {
      ...plan,
      totalSteps,
      revisions: [{ step: 0, totalSteps }],
      secondsPerStep,
      secondsPerValidation,
      validateEvery,
      saveEvery,
    },
  };
  await writeRun(dir, planned);
  return planned;
}

/** A plan that keeps a budget of minutes: steps are not equally fast for long on a machine with other work. */
export interface Keeper<R> {
  /** The run with the plan as it is now. */
  readonly run: () => R;
  /** How many steps the training has by now; asked after every step. */
  readonly replan: (progress: Progress) => number;
  /** Tell how long a validation took. */
  readonly validated: (seconds: number) => void;
  /** Wait until the latest plan stands in `run.json`. */
  readonly settled: () => Promise<void>;
}

/** Revise the plan now and then; `setupSeconds` have passed before the first step of this sitting. */
export function keepPlan<R extends RunRecord>(
  run: R,
  dir: string,
  start: Progress,
  setupSeconds: number,
): Keeper<R> {
  let current = run;
  let validating = 0;
  let writing = Promise.resolve();
  const replan = ({ step, seconds }: Progress): number => {
    const { minutes, totalSteps, validateEvery, secondsPerValidation, revisions } = current.plan;
    if (minutes === null || step % stepsBetweenRevisions !== 0) return totalSteps!;
    const perStep = (seconds - start.seconds - validating) / (step - start.step);
    const validations = 1 + Math.floor((totalSteps! - step) / validateEvery);
    const left =
      minutes * 60 - setupSeconds - seconds - finishing - validations * (secondsPerValidation ?? 0);
    const revised = step + Math.max(1, Math.floor(left / perStep));
    if (Math.abs(revised - totalSteps!) <= 0.01 * totalSteps!) return totalSteps!;
    const plan = {
      ...current.plan,
      totalSteps: revised,
      revisions: [...revisions, { step, totalSteps: revised }],
    };
    current = { ...current, plan };
    writing = writing.then(() => writeRun(dir, current));
    writing.catch(() => undefined);
    return revised;
  };
  return {
    run: () => current,
    replan,
    validated: (seconds) => {
      validating += seconds;
    },
    settled: () => writing,
  };
}

/** Time of a step and of a validation, from a few steps whose results are thrown away. */
async function measure<R extends RunRecord>({
  executable,
  step,
  run,
  state,
  openBatches,
  validation,
}: Trainable<R>): Promise<{ readonly secondsPerStep: number; readonly secondsPerValidation: number }> {
  const source = await openBatches(run);
  const rows: number[] = [];
  const steps = 8;
  try {
    await train({
      executable,
      step,
      state,
      totalSteps: steps,
      stepsPerEpoch: steps,
      seed: run.seed,
      batches: source.batches,
      learningRate: () => 0,
      saveEvery: steps + 1,
      save: async () => undefined,
      onRow: ({ seconds }) => rows.push(seconds),
    });
  } finally {
    await source.close();
  }
  const times = rows
    .slice(1)
    .map((seconds, at) => seconds - rows[at]!)
    .slice(1)
    .sort((a, b) => a - b);
  const secondsPerStep = times[times.length >> 1]!;
  if (validation === undefined) return { secondsPerStep, secondsPerValidation: 0 };
  const began = performance.now();
  const open = await validation.open(run, state);
  const opened = performance.now();
  const some = Math.min(3, validation.cases);
  await open.judge(some);
  await open.close();
  const perCase = (performance.now() - opened) / 1000 / some;
  return { secondsPerStep, secondsPerValidation: (opened - began) / 1000 + perCase * validation.cases };
}
