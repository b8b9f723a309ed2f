import { fail } from "../../core/errors.js";
import { rng as makeRng, type Rng } from "../../core/rng.js";
import { floats, scalar, type Tensor, tensor } from "../../core/tensor.js";
import { type Program, program } from "../../graph/program.js";
import { crossEntropy } from "../../loss/segmentation.js";
import { type Lowered, lower } from "../../lower/lower.js";
import { trace } from "../../nn/scope.js";
import { cast, equal } from "../../ops/elementwise.js";
import { input } from "../../ops/leaf.js";
import { mean } from "../../ops/norm.js";
import { argMax } from "../../ops/reduce.js";
import { sgd } from "../../optim/optimizers.js";
import type { Engine, Executable } from "../../runtime/engine.js";
import { buildStep, type Step, weightsOf } from "../../train/step.js";
import { type Patches, patchEdge, structures } from "./data.js";
import { typicalUnit, type UnitPercentiles, unitPercentiles, wander } from "./inputs.js";
import { network, type Variant } from "./networks.js";

/** How the networks of one kind are trained. */
export interface Schedule {
  readonly batch: number;
  readonly momentum: number;
  readonly steps: number;
  /** Judge on the test patches after every so many steps; a divisor of `steps`. */
  readonly evaluateEvery: number;
}

/** One training of one network. */
export interface Trial {
  readonly variant: Variant;
  readonly schedule: Schedule;
  readonly learningRate: number;
  /** First weights and order of the batches; the same for all variants of a repetition. */
  readonly seed: string;
}

export interface TrialResult {
  /** Steps at which it was judged, up to where it diverged. */
  readonly steps: readonly number[];
  /** Share of test patches named right, predicted with running statistics. */
  readonly accuracy: readonly number[];
  /** Mean training loss since the last judgement. */
  readonly loss: readonly number[];
  /** The step at which the loss was no longer a finite number. */
  readonly divergedAt: number | null;
  /** What enters a typical unit of the last hidden layer over the test patches, at `steps`; see `typicalUnit`. */
  readonly inputs: {
    readonly p15: readonly number[];
    readonly p50: readonly number[];
    readonly p85: readonly number[];
  };
  /** See `wander`; the median over the units of the last hidden layer. */
  readonly wander: number;
}

interface Compiled {
  readonly step: Step;
  readonly training: Executable;
  readonly judging: Executable;
}

export interface TrialSetup {
  readonly train: Patches;
  readonly test: Patches;
  /**
   * One number that threads share: other than 0, trainings end at the next step with an error. A thread must not be
   * ended from outside while the engine computes on it: that takes the whole process down.
   */
  readonly stop: Int32Array;
}

/**
 * What runs trials on an engine, on one thread: the result does not depend on the machine's number of processors.
 * Networks are compiled once for each variant; the learning rate is an input.
 */
export function trialRunner(
  { train, test, stop }: TrialSetup,
  engine: Engine,
): (trial: Trial) => Promise<TrialResult> {
  const compiled = new Map<string, Promise<Compiled>>();
  // Copies: the engine takes no memory that is shared between threads.
  const judged = {
    image: floats([test.count, 1, patchEdge, patchEdge], Float32Array.from(test.images)),
    label: tensor("int32", [test.count], Int32Array.from(test.labels)),
  };
  return async (trial) => {
    const key = JSON.stringify([trial.variant, trial.schedule]);
    const known = compiled.get(key) ?? compile(trial, test.count, engine);
    compiled.set(key, known);
    return runTrial(trial, train, judged, await known, () => Atomics.load(stop, 0) !== 0);
  };
}

async function compile({ variant, schedule }: Trial, testCount: number, engine: Engine): Promise<Compiled> {
  const step = buildStep({
    batch: {
      image: { dtype: "float32", shape: [schedule.batch, 1, patchEdge, patchEdge] },
      label: { dtype: "int32", shape: [schedule.batch] },
    },
    objective: (scope, { image, label }) => ({
      loss: crossEntropy(network(scope, image!, variant).logits, label!),
    }),
    optimizer: sgd({ momentum: schedule.momentum }),
  });
  const make = (lowered: Lowered): Promise<Executable> => engine.compile(lowered, { threads: 1 });
  const target = await engine.target();
  return {
    step,
    training: await make(lower(step.program, target)),
    judging: await make(lower(judgingProgram(variant, testCount), target)),
  };
}

/** Accuracy on all test patches at once, and what enters the last hidden layer's activations, `[N, C, …]`. */
function judgingProgram(variant: Variant, count: number): Program {
  const image = input("image", [count, 1, patchEdge, patchEdge]);
  const label = input("label", [count], "int32");
  const { logits, inputs } = trace(false, (scope) => network(scope, image, variant)).result;
  const right = equal(cast(argMax(logits, 1), "int32"), label);
  return program({ accuracy: mean(cast(right, "float32")), inputs });
}

async function runTrial(
  { schedule, learningRate, seed }: Trial,
  train: Patches,
  test: Readonly<Record<string, Tensor>>,
  { step, training, judging }: Compiled,
  isStopped: () => boolean,
): Promise<TrialResult> {
  const { batch, steps, evaluateEvery } = schedule;
  const rng = makeRng(seed);
  const nextBatch = batchFiller(train, batch, rng.split("order"));
  const rate = scalar(learningRate);
  const found = { steps: [] as number[], accuracy: [] as number[], loss: [] as number[] };
  const inputs: UnitPercentiles[][] = [];
  let state: Record<string, Tensor> = step.initialize(rng.split("weights"));
  let divergedAt: number | null = null;
  let lossSum = 0;
  for (let done = 0; done <= steps; done++) {
    if (isStopped()) fail("runtime", { what: "the training was interrupted" });
    if (done % evaluateEvery === 0) {
      const judged = await judging.run({ ...weightsOf(state), ...test });
      found.steps.push(done);
      found.accuracy.push(Number(judged.accuracy!.data[0]));
      found.loss.push(done === 0 ? Math.log(structures.length) : lossSum / evaluateEvery);
      inputs.push(unitPercentiles(judged.inputs!));
      lossSum = 0;
    }
    if (done === steps) break;
    const outputs = await training.run({
      ...state,
      ...nextBatch(),
      learningRate: rate,
      step: scalar(done + 1),
    });
    const loss = Number(outputs["metric:loss"]!.data[0]);
    if (!Number.isFinite(loss)) {
      divergedAt = done + 1;
      break;
    }
    lossSum += loss;
    state = Object.fromEntries(step.stateNames.map((name) => [name, outputs[`next:${name}`]!]));
  }
  const unit = typicalUnit(inputs);
  return {
    ...found,
    divergedAt,
    inputs: {
      p15: inputs.map((units) => units[unit]!.p15),
      p50: inputs.map((units) => units[unit]!.p50),
      p85: inputs.map((units) => units[unit]!.p85),
    },
    wander: wander(inputs)[unit]!,
  };
}

/** Gives the batches one after the other: every patch once an epoch, in an order of its own. */
function batchFiller(
  { images, labels, count }: Patches,
  batch: number,
  rng: Rng,
): () => Record<string, Tensor> {
  const pixels = patchEdge ** 2;
  // Filled anew for every step: the engine has read them by then.
  const image = floats([batch, 1, patchEdge, patchEdge], new Float32Array(batch * pixels));
  const label = tensor("int32", [batch], new Int32Array(batch));
  const all = Array.from({ length: count }, (_, n) => n);
  let order: number[] = [];
  let epoch = 0;
  return () => {
    for (let n = 0; n < batch; n++) {
      if (order.length === 0) order = rng.split(epoch++).shuffle(all);
      const patch = order.pop()!;
      (image.data as Float32Array).set(images.subarray(patch * pixels, (patch + 1) * pixels), n * pixels);
      label.data[n] = labels[patch]!;
    }
    return { "batch/image": image, "batch/label": label };
  };
}
