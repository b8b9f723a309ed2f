import { fail } from "../core/errors.js";
import { scalar, type Tensor, tensor, zerosTensor } from "../core/tensor.js";
import { randomKeyName } from "../nn/scope.js";
import { randomKey } from "../ops/random.js";
import type { Executable } from "../runtime/engine.js";
import type { Step } from "./step.js";

export type State = Readonly<Record<string, Tensor>>;

/** What one step eats, and whom to name when it goes wrong. */
export interface Batch {
  /** By the names of `StepDefinition.batch`. */
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly cases: readonly string[];
}

/** The batch of a step is a function of the step's number alone: that is what makes resuming exact. */
export type BatchSource = (step: number) => Promise<Batch>;

/** One line of the history; `step` counts the steps done. */
export interface HistoryRow {
  readonly step: number;
  readonly epoch: number;
  /** Seconds of training so far, over all sittings. */
  readonly seconds: number;
  readonly learningRate: number;
  readonly trainLoss?: number;
  readonly validationLoss?: number;
  /** Of the batch that was learnt from, beside the loss: terms of it, norms of gradients. */
  readonly trainMetrics?: Readonly<Record<string, number>>;
  /** Of the validation, where there was one. */
  readonly metrics?: Readonly<Record<string, number>>;
}

/** What validation found: `score` decides which weights are best (higher is better). */
export interface Validation {
  readonly score: number;
  readonly loss?: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** Everything besides the state that the next step depends on; stored in the checkpoint. */
export interface Progress {
  readonly step: number;
  readonly seconds: number;
  readonly bestScore: number | null;
  readonly bestStep: number;
  /** Scores of all validations so far, smoothed: plateau schedules and early stopping count on them. */
  readonly scores: readonly number[];
  /** Mean training loss between validations, oldest first, and of the steps since the last; where it is asked for. */
  readonly losses?: readonly number[];
  readonly sinceValidation?: { readonly sum: number; readonly steps: number };
}

export const freshProgress: Progress = { step: 0, seconds: 0, bestScore: null, bestStep: 0, scores: [] };

export interface LoopOptions {
  readonly executable: Executable;
  readonly step: Pick<Step, "stateNames">;
  readonly state: State;
  readonly progress?: Progress;
  /** Steps of the whole training. */
  readonly totalSteps: number;
  /** Asked after every step how many steps the whole training has by now: a budget of time is kept that way. */
  readonly replan?: (progress: Progress) => number;
  readonly stepsPerEpoch: number;
  readonly seed: number | string;
  readonly batches: BatchSource;
  readonly learningRate: (step: number, progress: Progress) => number;
  /** Validate after every so many steps, and at the end. */
  readonly validateEvery?: number;
  readonly validate?: (state: State, step: number) => Promise<Validation>;
  /**
   * A score counts as this much of the one before and the rest of the one found: what decides about the best weights
   * is then no single lucky validation. Default 0: as found.
   */
  readonly smoothing?: number;
  /** Keep the mean training losses in the progress: for schedules that look at them. */
  readonly tracksLoss?: boolean;
  /** Asked after a validation: nothing more is to be learnt, so that the training stops early. */
  readonly exhausted?: (progress: Progress) => boolean;
  /** Stop when so many validations in a row brought no better score. */
  readonly patience?: number;
  /** Save after every so many steps, at the end, and when `shouldStop` says so. */
  readonly saveEvery: number;
  /** `best` is true when the last validation was the best so far. */
  readonly save: (state: State, progress: Progress, best: boolean) => Promise<void>;
  readonly onRow?: (row: HistoryRow) => void;
  /** Asked after every step: interrupted, or out of time. */
  readonly shouldStop?: (progress: Progress) => boolean;
}

export interface LoopResult {
  readonly state: State;
  readonly progress: Progress;
  readonly stopped: "done" | "early" | "asked";
}

/**
 * Run steps until the end, early stopping, or a request to stop. Every step's inputs depend on the seed and the
 * step's number only, so a run that is resumed from a checkpoint gives the same bits as one that never stopped.
 *
 * Throws `non-finite` at the first loss or recorded metric that is not a number, and before saving a state that
 * holds one, naming the step and its cases; what was saved before stays.
 */
export async function train(options: LoopOptions): Promise<LoopResult> {
  const { executable, step, stepsPerEpoch, batches } = options;
  let { totalSteps } = options;
  let { state, progress = freshProgress } = options;
  const isEarly = (now: Progress): boolean =>
    (options.patience !== undefined && waited(now.scores) >= options.patience) ||
    (now.scores.length > 0 && (options.exhausted?.(now) ?? false));
  // A run that stopped early and is resumed has nothing left to do.
  if (isEarly(progress)) return { state, progress, stopped: "early" };
  const began = performance.now() - progress.seconds * 1000;
  /** Started early, awaited later: a failure must not count as unhandled in between. */
  const request = (index: number): Promise<Batch> | undefined => {
    const batch = index < totalSteps ? batches(index) : undefined;
    batch?.catch(() => undefined);
    return batch;
  };
  let ahead = request(progress.step);
  let stopped: LoopResult["stopped"] = "done";
  /** Whether somebody else may have kept the state: then the step after the next one must not write over it. */
  let lent = true;
  let spare: Record<string, Tensor> | undefined;

  while (progress.step < totalSteps) {
    const index = progress.step;
    const batch = await (ahead ?? batches(index));
    ahead = request(index + 1);
    const learningRate = options.learningRate(index, progress);
    const feeds = {
      ...state,
      ...prefixed("batch/", batch.tensors),
      [randomKeyName]: tensor("int32", [2], randomKey(options.seed, "random", index)),
      learningRate: scalar(learningRate),
      step: scalar(index + 1),
    };
    // Tensors of ours even for the first results: those that the engine makes would stay in its own memory for good.
    spare ??= prefixed("next:", emptyLike(state));
    const outputs = await executable.run(feeds, spare);
    const metrics = readMetrics(outputs);
    requireFinite(metrics, index, batch.cases, () => firstNonFinite(batch.tensors, state, outputs));
    // Two sets of tensors take turns: fresh ones every step cost memory, and time to have it cleared and copied.
    spare = lent ? undefined : prefixed("next:", state);
    lent = false;
    state = Object.fromEntries(step.stateNames.map((name) => [name, outputs[`next:${name}`]!]));
    const done = index + 1;
    const { loss, ...others } = metrics;
    progress = { ...progress, step: done, seconds: (performance.now() - began) / 1000 };
    if (options.tracksLoss) progress = withLoss(progress, loss!);
    totalSteps = options.replan?.(progress) ?? totalSteps;
    let row: HistoryRow = {
      step: done,
      epoch: done / stepsPerEpoch,
      seconds: progress.seconds,
      learningRate,
      trainLoss: loss!,
      ...(Object.keys(others).length === 0 ? {} : { trainMetrics: others }),
    };

    let best = false;
    if (options.validate && (done % (options.validateEvery ?? stepsPerEpoch) === 0 || done === totalSteps)) {
      lent = true;
      const found = await options.validate(state, done);
      const score = smoothed(progress.scores, found.score, options.smoothing);
      best = progress.bestScore === null || score > progress.bestScore;
      progress = {
        ...progress,
        seconds: (performance.now() - began) / 1000,
        scores: [...progress.scores, score],
        ...(options.tracksLoss ? closedLosses(progress) : {}),
        ...(best ? { bestScore: score, bestStep: done } : {}),
      };
      row = {
        ...row,
        ...(found.loss === undefined ? {} : { validationLoss: found.loss }),
        metrics: {
          ...found.metrics,
          ...(options.smoothing === undefined ? {} : { "smoothed score": score }),
        },
      };
    }
    options.onRow?.(row);
    const early = isEarly(progress);
    const asked = options.shouldStop?.(progress) ?? false;
    if (best || early || asked || done % options.saveEvery === 0 || done === totalSteps) {
      requireFiniteState(state, index, batch.cases);
      lent = true;
      await options.save(state, progress, best);
    }
    if (early || asked) {
      stopped = early ? "early" : "asked";
      break;
    }
  }
  await ahead?.catch(() => undefined);
  return { state, progress, stopped };
}

function withLoss(progress: Progress, loss: number): Progress {
  const { sum, steps } = progress.sinceValidation ?? { sum: 0, steps: 0 };
  return { ...progress, sinceValidation: { sum: sum + loss, steps: steps + 1 } };
}

function closedLosses({
  losses = [],
  sinceValidation,
}: Progress): Pick<Progress, "losses" | "sinceValidation"> {
  const { sum, steps } = sinceValidation!;
  return { losses: [...losses, sum / steps], sinceValidation: { sum: 0, steps: 0 } };
}

function smoothed(before: readonly number[], found: number, share = 0): number {
  const last = before.at(-1);
  return last === undefined ? found : share * last + (1 - share) * found;
}

/** Validations since the best one. */
function waited(scores: readonly number[]): number {
  return scores.length === 0 ? 0 : scores.length - 1 - scores.indexOf(Math.max(...scores));
}

function emptyLike(state: State): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(state).map(([name, { dtype, shape }]) => [name, zerosTensor(dtype, shape)]),
  );
}

function prefixed(prefix: string, tensors: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(tensors).map(([name, value]) => [prefix + name, value]));
}

function readMetrics(outputs: Readonly<Record<string, Tensor>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(outputs)
      .filter(([name]) => name.startsWith("metric:"))
      .map(([name, { data }]) => [name.slice("metric:".length), Number(data[0])]),
  );
}

/** A gradient can overflow where the loss did not: such weights must not replace the last good checkpoint. */
function requireFiniteState(state: State, index: number, cases: readonly string[]): void {
  for (const [name, { data }] of Object.entries(state))
    for (let at = 0; at < data.length; at++)
      if (!Number.isFinite(Number(data[at]))) requireFinite({ [name]: Number(data[at]) }, index, cases);
}

function requireFinite(
  metrics: Readonly<Record<string, number>>,
  index: number,
  cases: readonly string[],
  culprit?: () => string,
): void {
  const bad = Object.entries(metrics).find(([, value]) => !Number.isFinite(value));
  if (bad !== undefined)
    fail("non-finite", {
      what: `the ${bad[0]} is ${bad[1]} at step ${index + 1}`,
      where: `case ${cases.join(", ")}`,
      expected: "finite numbers",
      ...(culprit === undefined ? {} : { found: culprit() }),
      fix: "Look at these cases with gyrus inspect; if they are sound, lower the learning rate or clip the gradient",
    });
}

/**
 * Where numbers that are none came from, in words: what was fed, a layer whose weights were not sound before the step, or
 * the first layer that the step spoilt.
 */
function firstNonFinite(
  batch: Readonly<Record<string, Tensor>>,
  state: State,
  outputs: Readonly<Record<string, Tensor>>,
): string {
  const broken = (tensors: Readonly<Record<string, Tensor>>): string | undefined =>
    Object.entries(tensors).find(([, { data }]) => !isFiniteArray(data))?.[0];
  const fed = broken(batch);
  if (fed !== undefined) return `numbers that are none in the ${fed} of the batch`;
  const before = broken(state);
  if (before !== undefined)
    return `${before} was broken before this step, by an update that overflowed; the batch is finite`;
  const after = broken(layersOf(outputs));
  return after === undefined
    ? "a finite batch and finite weights: the loss itself overflowed"
    : `a finite batch and finite weights before the step; the first that it breaks is ${after.replace(/^next:/, "")}`;
}

/** The state after a step; metrics aside, of which one is broken by itself. */
function layersOf(outputs: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(outputs).filter(([name]) => name.startsWith("next:")));
}

function isFiniteArray(data: Tensor["data"]): boolean {
  for (let at = 0; at < data.length; at++) if (!Number.isFinite(Number(data[at]))) return false;
  return true;
}
