import { rng } from "../../core/rng.js";
import type { Tensor } from "../../core/tensor.js";
import { lower } from "../../lower/lower.js";
import type { Judgement } from "../../metrics/classification/scores.js";
import type { Engine } from "../../runtime/engine.js";
import { type Classifier, samplesAtOnce } from "../../tasks/classification/apply.js";
import { autoencoderStep, encoderOf } from "../../tasks/classification/autoencoder.js";
import {
  type BatchPlan,
  batchMaker,
  samplesPerEpoch,
  type TrainingImage,
} from "../../tasks/classification/batches.js";
import { augmentationOf, type ClassificationConfig } from "../../tasks/classification/config.js";
import { classificationStep, predictionProgram } from "../../tasks/classification/model.js";
import { type Views, viewsOf } from "../../tasks/classification/positions.js";
import { judgementsOf, opinionsOn, thresholdOf, validate } from "../../tasks/classification/validate.js";
import { equalVotes, votesBy } from "../../tasks/classification/vote.js";
import { withFirst } from "../../tasks/first-weights.js";
import { compileStep, lowerStep } from "../../train/compile.js";
import { type Batch, train } from "../../train/loop.js";
import { type Step, weightsOf } from "../../train/step.js";

type Weights = Readonly<Record<string, Tensor>>;

/** Where and how trainings run: on one thread, so that a result does not depend on the machine's number of processors. */
export interface Bench {
  readonly engine: Engine;
  readonly stopped: () => boolean;
}

export interface FitRequest {
  readonly config: ClassificationConfig;
  readonly training: readonly TrainingImage[];
  /** The weights are chosen, and positions given their votes, on these; none: the last weights, equal votes. */
  readonly validation: readonly TrainingImage[];
  readonly epochs: number;
  /** Factor of the configuration's learning rate. Default 1. */
  readonly rate?: number;
  /** Weights to begin with, by name; others are drawn. */
  readonly first?: Weights;
  readonly seed: string;
}

/** A network that has been trained in memory. */
export interface FittedNetwork {
  readonly config: ClassificationConfig;
  readonly views: Views;
  readonly weights: Weights;
  readonly votes: readonly number[];
  /** What every look at the validation subjects found: the best one chose the weights. */
  readonly scores: readonly number[];
  /** Mean over the last epoch. */
  readonly loss: number;
}

/** Train on images in memory. */
export async function fitNetwork(request: FitRequest, bench: Bench): Promise<FittedNetwork> {
  const { config, training, validation, epochs, rate = 1, first = {}, seed } = request;
  const views = viewsOf(config, training[0]!.image);
  const step = classificationStep(config, {
    shape: views.shape,
    networks: views.several ? views.positions.length : 1,
  });
  const { augmentation } = config;
  const plain = augmentation === "none";
  const plan = planOf(request, views, { augmentation: augmentationOf(config), plain });
  const votes = equalVotes(views.positions.length);
  const chooses = validation.length > 0;
  let weights: Weights = {};
  const judge = async (state: Weights) => {
    const open = await openNetwork({ config, views, weights: weightsOf(state), votes }, bench);
    const found = await validate(open, validation, config);
    await open.executable.dispose();
    return found;
  };
  const { scores, loss } = await run(step, bench, {
    epochs,
    seed,
    samples: samplesPerEpoch(training, plan),
    make: batchMaker(training, plan),
    state: withFirst(step.initialize(rng(seed).split("weights")), first),
    config,
    // Half a cosine, as the presets have it.
    learningRate: (share) => rate * config.optimizer.learningRate * 0.5 * (1 + Math.cos(Math.PI * share)),
    ...(chooses ? { judge } : {}),
    keep: (state, best) => {
      if (best || !chooses) weights = weightsOf(state);
    },
  });
  const fitted = { config, views, weights, votes, scores, loss };
  if (!chooses || votes.length === 1) return fitted;
  const open = await openNetwork(fitted, bench);
  const opinions = await opinionsOn(open, validation);
  await open.executable.dispose();
  return { ...fitted, votes: votesBy(opinions, thresholdOf(config)).weights };
}

/** Weights of a network's convolutions after so many steps as an autoencoder on some images. */
export async function pretrainOn(
  request: Pick<FitRequest, "config" | "training" | "seed"> & { readonly steps: number },
  bench: Bench,
): Promise<Weights> {
  const { config, training, seed, steps } = request;
  const views = viewsOf(config, training[0]!.image);
  const step = autoencoderStep(config, views.shape);
  if (step === undefined) return {};
  const plan = planOf(request, views, { augmentation: augmentationOf(config), plain: true });
  let weights: Weights = {};
  await run(step, bench, {
    epochs: 1,
    seed: `${seed}/pretraining`,
    samples: steps * config.batch,
    make: batchMaker(training, plan),
    state: step.initialize(rng(seed).split("pretraining")),
    config,
    learningRate: () => config.optimizer.learningRate,
    keep: (state) => {
      weights = encoderOf(weightsOf(state));
    },
  });
  return weights;
}

/** What a network says of images, by its votes. */
export async function judge(
  network: Pick<FittedNetwork, "config" | "views" | "weights" | "votes">,
  images: readonly TrainingImage[],
  bench: Bench,
): Promise<Judgement[]> {
  const open = await openNetwork(network, bench);
  const found = judgementsOf(await opinionsOn(open, images), network.votes);
  await open.executable.dispose();
  return found;
}

function planOf(
  { config: { batch, balance }, seed }: Pick<FitRequest, "config" | "seed">,
  views: Views,
  how: Pick<BatchPlan, "augmentation" | "plain">,
): BatchPlan {
  return { seed: rng(seed).integer(2 ** 31), batch, balance, views, ...how };
}

async function openNetwork(
  { config, views, weights, votes }: Pick<FittedNetwork, "config" | "views" | "weights" | "votes">,
  { engine }: Bench,
): Promise<Classifier> {
  const networks = views.several ? views.positions.length : 1;
  // What prediction needs to know of a model is what it sees of an image.
  const model = { ...views, votes } as unknown as Classifier["model"];
  const program = predictionProgram(config.network, views.shape, samplesAtOnce(model), networks);
  const executable = await engine.compile(lower(program, await engine.target(), weights), { threads: 1 });
  return { executable, model };
}

interface RunRequest {
  readonly epochs: number;
  readonly samples: number;
  readonly seed: string;
  readonly make: (step: number) => Batch;
  readonly state: Weights;
  readonly config: Pick<ClassificationConfig, "batch" | "validations">;
  /** By the share of the steps that are done. */
  readonly learningRate: (share: number) => number;
  readonly judge?: (state: Weights) => ReturnType<typeof validate>;
  keep(state: Weights, best: boolean): void;
}

async function run(
  step: Step,
  { engine, stopped }: Bench,
  { epochs, samples, seed, make, state, config, learningRate, judge, keep }: RunRequest,
): Promise<{ readonly scores: readonly number[]; readonly loss: number }> {
  const stepsPerEpoch = Math.max(1, Math.ceil(samples / config.batch));
  const totalSteps = epochs * stepsPerEpoch;
  const executable = await compileStep(engine, step, lowerStep(step, await engine.target()), { threads: 1 });
  const losses: number[] = [];
  const { stopped: how, progress } = await train({
    executable,
    step,
    state,
    totalSteps,
    stepsPerEpoch,
    seed,
    batches: async (at) => make(at),
    learningRate: (at) => learningRate(at / totalSteps),
    ...(judge === undefined
      ? {}
      : { validate: judge, validateEvery: Math.max(1, Math.ceil(totalSteps / config.validations)) }),
    saveEvery: totalSteps + 1,
    save: async (now, _, best) => keep(now, best),
    onRow: ({ trainLoss }) => losses.push(trainLoss!),
    shouldStop: stopped,
  });
  await executable.dispose();
  if (how === "asked") throw new Error("the study was interrupted");
  const last = losses.slice(-stepsPerEpoch);
  return { scores: progress.scores, loss: last.reduce((a, b) => a + b, 0) / last.length };
}
