import { bytesOf } from "../../core/tensor.js";
import { train } from "../../train/loop.js";
import { threadedBatches } from "./batches.node.js";
import { writeRun } from "./folder.node.js";
import { networkOfState } from "./network.node.js";
import type { Run } from "./run.js";
import { batchPlan, type Prepared } from "./setup.node.js";
import { validate } from "./validate.node.js";

/** Fix the number of steps: from epochs, or by measuring what the given minutes allow. Recorded before the first step. */
export async function withPlan(prepared: Prepared, dir: string, began: number): Promise<Run> {
  const { run } = prepared;
  if (run.plan.totalSteps !== null) return run;
  const { config, plan } = run;
  let totalSteps = config.epochs * plan.stepsPerEpoch;
  let secondsPerStep: number | null = null;
  let { validations } = config;
  if (plan.minutes !== null) {
    const measured = await measure(prepared);
    secondsPerStep = measured.secondsPerStep;
    const left = plan.minutes * 60 - (performance.now() - began) / 1000;
    // Validation may take a tenth of the time, the rest of it is steps; three hundredths are kept for saving.
    validations = Math.max(
      1,
      Math.min(validations, Math.floor((0.1 * left) / Math.max(1e-3, measured.secondsPerValidation))),
    );
    totalSteps = Math.max(
      1,
      Math.floor((left * 0.97 - validations * measured.secondsPerValidation) / secondsPerStep),
    );
  }
  const stateBytes = Object.values(prepared.state).reduce((sum, value) => sum + bytesOf(value), 0);
  const validateEvery = Math.max(1, Math.ceil(totalSteps / validations));
  // A checkpoint costs about a second per 200 MB: keep that under a few percent of the steps between two.
  const saveEvery = Math.max(1, Math.min(validateEvery, stateBytes > 100e6 ? 100 : 25));
  const planned: Run = { ...run, plan: { ...plan, totalSteps, secondsPerStep, validateEvery, saveEvery } };
  await writeRun(dir, planned);
  return planned;
}

/** Time of a step and of a validation, from a few steps whose results are thrown away. */
async function measure({ executable, step, training, validation, run, state }: Prepared) {
  const source = await threadedBatches(training, batchPlan(run));
  const rows: number[] = [];
  const steps = 8;
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
  await source.close();
  const times = rows
    .slice(1)
    .map((seconds, at) => seconds - rows[at]!)
    .slice(1)
    .sort((a, b) => a - b);
  const secondsPerStep = times[times.length >> 1]!;
  if (validation.length === 0) return { secondsPerStep, secondsPerValidation: 0 };
  const began = performance.now();
  const open = await networkOfState(run.config, run.model, state, run.threads ?? undefined);
  const opened = performance.now();
  const some = validation.slice(0, 3);
  await validate(open, some);
  await open.network.executable.dispose();
  const perCase = (performance.now() - opened) / 1000 / some.length;
  return { secondsPerStep, secondsPerValidation: (opened - began) / 1000 + perCase * validation.length };
}
