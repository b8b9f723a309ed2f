import { nodeFiles } from "../io/node.js";
import { type State, train } from "../train/loop.js";
import { explainMemory, peakBytes } from "./memory.node.js";
import { keepPlan, withPlan } from "./plan.node.js";
import type { RunRecord } from "./run.js";
import {
  bestCheckpoint,
  historyWriter,
  loadCheckpoint,
  paths,
  readHistory,
  saveCheckpoint,
  writeRun,
} from "./run-folder.node.js";
import { isExhausted, learningRateAt, tracksLoss } from "./settings.js";
import { honestyNotes } from "./split.node.js";
import type { Trainable } from "./trainable.js";
import type { TrainRequest, TrainSummary } from "./verbs.js";

/** Train into a run folder, or go on with one, until the planned end. See `TrainRequest`. */
export async function trainRun<R extends RunRecord>(
  prepared: Trainable<R>,
  request: Pick<TrainRequest, "runDir" | "signal" | "onProgress">,
  began: number,
): Promise<TrainSummary> {
  const { executable, step, validation } = prepared;
  const dir = request.runDir;
  const run = await withPlan(prepared, dir, began);
  const { config, plan } = run;
  const keeper = keepPlan(run, dir, prepared.progress, (performance.now() - began) / 1000);
  const history = historyWriter(dir);
  let bestMetrics = await validatedAt(dir, validation?.scores ?? [], prepared.progress.bestStep);
  const source = await prepared.openBatches(run);
  let score: number | undefined;
  let latestMetrics: Record<string, number> = {};
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
      learningRate: (at, progress) => learningRateAt(keeper.run().config, keeper.run().plan, at, progress),
      validateEvery: plan.validateEvery,
      ...(validation === undefined
        ? {}
        : {
            validate: async (state) => {
              const asked = performance.now();
              const open = await validation.open(run, state);
              const found = await open.judge();
              await open.close();
              keeper.validated((performance.now() - asked) / 1000);
              score = found.score;
              latestMetrics = scoresOf(found.metrics, validation.scores);
              return found;
            },
          }),
      ...(validation?.smoothing === undefined ? {} : { smoothing: validation.smoothing }),
      ...(config.patience === null ? {} : { patience: config.patience }),
      tracksLoss: tracksLoss(config),
      exhausted: (progress) => isExhausted(config, keeper.run().plan, progress),
      saveEvery: plan.saveEvery,
      save: async (state, progress, best) => {
        await history.flush();
        await keeper.settled();
        if (best) {
          bestMetrics = latestMetrics;
          await saveCheckpoint(paths.best(dir), state, progress);
        }
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
    if (result.stopped !== "asked")
      await writeModel(dir, (state) => prepared.encode(run, state), paths.model(dir), prepared.keeps);
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
      warnings: [...honestyNotes(run), ...run.warnings],
      memory: { estimateBytes: memory.estimateBytes, peakBytes: peak },
    };
  } catch (error) {
    throw explainMemory(error, run, prepared.sample);
  } finally {
    await source.close();
    await executable.dispose();
  }
}

function scoresOf(
  metrics: Readonly<Record<string, number>>,
  names: readonly string[],
): Record<string, number> {
  return Object.fromEntries(Object.entries(metrics).filter(([name]) => names.includes(name)));
}

/** What the validation after a step found, from the history: a resumed run may never better it. */
async function validatedAt(
  dir: string,
  names: readonly string[],
  step: number,
): Promise<Record<string, number>> {
  const row = (await readHistory(dir)).find((one) => one.step === step);
  return scoresOf(row?.metrics ?? {}, names);
}

/** Write `model.onnx` from the last weights, or the best ones where something was validated, the default. */
export async function writeModel(
  dir: string,
  encode: (state: State) => Uint8Array,
  out = paths.model(dir),
  keeps: "best" | "last" = "best",
): Promise<number> {
  const { state } = await (keeps === "best" ? bestCheckpoint(dir) : loadCheckpoint(paths.last(dir)));
  const bytes = encode(state);
  await nodeFiles.write(out, bytes);
  return bytes.length;
}
