import { nodeFiles } from "../../io/node.js";
import { plateauReductions, type Schedule, scheduleFactor } from "../../optim/schedule.js";
import { type Progress, train } from "../../train/loop.js";
import type { TrainRequest, TrainSummary } from "../verbs.js";
import { threadedBatches } from "./batches.node.js";
import {
  bestCheckpoint,
  historyWriter,
  paths,
  readHistory,
  saveCheckpoint,
  writeRun,
} from "./folder.node.js";
import { explainMemory, peakBytes } from "./memory.node.js";
import { encodeNetwork, networkOfState, placeOf } from "./network.node.js";
import { progressAt } from "./plan.js";
import { keepPlan, withPlan } from "./plan.node.js";
import type { Run } from "./run.js";
import { batchPlan, type SegmentationSystem, setUp } from "./setup.node.js";
import { validate } from "./validate.node.js";

/** Train a segmenting system into a run folder, or go on with one. See `TrainRequest`. */
export async function trainSegmentation(
  system: SegmentationSystem,
  request: TrainRequest,
): Promise<TrainSummary> {
  const began = performance.now();
  const prepared = await setUp(system, request);
  const { executable, step } = prepared;
  const dir = request.runDir;
  const run = await withPlan(prepared, dir, began);
  const { config, model, plan } = run;
  const keeper = keepPlan(run, dir, prepared.progress, (performance.now() - began) / 1000);
  const history = historyWriter(dir);
  const source = await threadedBatches(prepared.training, batchPlan(run));
  let best = prepared.progress.bestScore;
  let bestMetrics = await validatedAt(dir, run, prepared.progress.bestStep);
  let score: number | undefined;
  const sitting = performance.now();
  const before = prepared.progress.step;

  try {
    const result = await train({
      executable,
      step,
      state: prepared.state,
      progress: prepared.progress,
      totalSteps: plan.totalSteps!,
      replan: keeper.replan,
      stepsPerEpoch: plan.stepsPerEpoch,
      seed: run.seed,
      batches: source.batches,
      learningRate: (at, progress) => learningRateAt(keeper.run(), at, progress),
      validateEvery: plan.validateEvery,
      ...(prepared.validation.length === 0
        ? {}
        : {
            validate: async (state) => {
              const asked = performance.now();
              const open = await networkOfState(config, model, state, placeOf(run));
              const found = await validate(open, prepared.validation);
              await open.network.executable.dispose();
              keeper.validated((performance.now() - asked) / 1000);
              score = found.score;
              if (best === null || score > best) [best, bestMetrics] = [score, found.metrics];
              return found;
            },
          }),
      ...(config.patience === null ? {} : { patience: config.patience }),
      saveEvery: plan.saveEvery,
      save: async (state, progress, best) => {
        await history.flush();
        await keeper.settled();
        if (best) await saveCheckpoint(paths.best(dir), state, progress);
        await saveCheckpoint(paths.last(dir), state, progress);
      },
      onRow: (row) => {
        history.write(row);
        const perStep = (performance.now() - sitting) / 1000 / (row.step - before);
        const totalSteps = keeper.run().plan.totalSteps!;
        request.onProgress?.({
          step: row.step,
          totalSteps,
          epoch: row.epoch,
          loss: row.trainLoss!,
          ...(score === undefined ? {} : { score }),
          secondsLeft: perStep * (totalSteps - row.step),
        });
      },
      shouldStop: () => request.signal?.aborted ?? false,
    });
    await history.flush();
    if (result.stopped !== "asked") await writeModel(dir, run);
    const { memory } = keeper.run();
    const peak = Math.max(peakBytes(), memory.peakBytes ?? 0);
    await keeper.settled();
    await writeRun(dir, { ...keeper.run(), memory: { ...memory, peakBytes: peak } });
    return {
      run: dir,
      steps: result.progress.step,
      seconds: result.progress.seconds,
      stopped: result.stopped,
      bestScore: result.progress.bestScore,
      bestStep: result.progress.bestStep,
      scores: bestMetrics,
      warnings: run.warnings,
      memory: { estimateBytes: memory.estimateBytes, peakBytes: peak },
    };
  } catch (error) {
    throw explainMemory(error, run);
  } finally {
    await source.close();
    await executable.dispose();
  }
}

/** What the validation after a step found, from the history: a resumed run may never better it. */
async function validatedAt(dir: string, { model }: Run, step: number): Promise<Record<string, number>> {
  const row = (await readHistory(dir)).find((one) => one.step === step);
  const names = [...model.labels.map(({ name }) => `dice ${name}`), "mean dice"];
  return Object.fromEntries(Object.entries(row?.metrics ?? {}).filter(([name]) => names.includes(name)));
}

function learningRateAt({ config, plan }: Run, step: number, { scores }: Progress): number {
  const schedule = config.schedule as Schedule;
  const patience = schedule.kind === "plateau" ? (schedule.patience ?? 3) : undefined;
  const reductions =
    patience === undefined
      ? 0
      : plateauReductions(
          scores.map((score) => -score),
          patience,
        );
  const total = plan.totalSteps!;
  return (
    config.optimizer.learningRate *
    scheduleFactor(schedule, progressAt(plan.revisions, step) * total, total, reductions)
  );
}

/** Write `model.onnx` from the best weights, or the last ones where nothing was validated. */
export async function writeModel(dir: string, run: Run, out = paths.model(dir)): Promise<number> {
  const bytes = encodeNetwork(run.config, run.model, (await bestCheckpoint(dir)).state);
  await nodeFiles.write(out, bytes);
  return bytes.length;
}
