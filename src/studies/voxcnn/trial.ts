import { rng } from "../../core/rng.js";
import type { Tensor } from "../../core/tensor.js";
import { lower } from "../../lower/lower.js";
import { areaUnderCurve, scoreClassification } from "../../metrics/classification/scores.js";
import type { Engine } from "../../runtime/engine.js";
import { type Classifier, probabilitiesOf } from "../../tasks/classification/apply.js";
import { batchMaker, samplesPerEpoch, type TrainingImage } from "../../tasks/classification/batches.js";
import { augmentationOf, type ClassificationConfig } from "../../tasks/classification/config.js";
import { classificationStep, predictionProgram } from "../../tasks/classification/model.js";
import { viewsOf } from "../../tasks/classification/positions.js";
import { occlusionFor, occlusionMap } from "../../tasks/classification/saliency.js";
import { splitSubjects } from "../../tasks/classification/split.js";
import { compileStep, lowerStep } from "../../train/compile.js";
import { train } from "../../train/loop.js";
import { weightsOf } from "../../train/step.js";
import type { ImageVolume } from "../../volume/volume.js";
import type { Patches } from "../batch-norm/data.js";
import { type DeepResult, runDeep } from "./deep.js";
import {
  coveredPerFold,
  type DeepTrial,
  type Extent,
  type FoldTrial,
  type NetworkName,
  type Stage,
} from "./plan.js";

/** A simulated subject, prepared; `sites` marks the voxels where the disease is: hippocampi and ventricles. */
export interface Subject {
  readonly id: string;
  readonly stage: Stage;
  readonly image: ImageVolume;
  readonly sites: Uint8Array;
}

export interface TrialSetup {
  readonly subjects: readonly Subject[];
  readonly patches: Patches;
  readonly extent: Extent;
  readonly seed: number;
  readonly configs: Readonly<Record<NetworkName, ClassificationConfig>>;
  /** One number that threads share: other than 0, trainings end at the next step with an error. */
  readonly stop: Int32Array;
}

/** What a fold's training came to on its held-out subjects. */
export interface FoldResult {
  readonly auc: number;
  readonly accuracy: number;
  readonly trainLoss: number;
  /** Of controls against dementia, first repetition: some held-out people with dementia. */
  readonly occlusion: readonly Covered[] | null;
}

/** Mean loss of probability when voxels of the disease, and others of the brain, are covered in somebody's image. */
export interface Covered {
  readonly subject: string;
  readonly sites: number;
  readonly elsewhere: number;
}

export type TrialResult = FoldResult | DeepResult;

/** What runs trials on an engine, on one thread: the result does not depend on the machine's number of processors. */
export function trialRunner(
  setup: TrialSetup,
  engine: Engine,
): (trial: FoldTrial | DeepTrial) => Promise<TrialResult> {
  const stopped = (): boolean => Atomics.load(setup.stop, 0) !== 0;
  return (trial) =>
    trial.kind === "deep" ? runDeep(trial, setup, engine, stopped) : runFold(trial, setup, engine, stopped);
}

async function runFold(
  { network, classes, repeat, fold }: FoldTrial,
  { subjects, extent, seed, configs }: TrialSetup,
  engine: Engine,
  stopped: () => boolean,
): Promise<FoldResult> {
  const config = configs[network];
  const own = subjects.filter(({ stage }) => classes.includes(stage));
  const images = own.map(
    ({ id, stage, image }): TrainingImage => ({ id, subject: id, label: classes.indexOf(stage), image }),
  );
  const rows = own.map(({ id, stage }) => ({ id, subject: id, image: id, diagnosis: stage, fields: {} }));
  const split = splitSubjects(
    { rows, classes: [...classes], source: "the simulated cohort" },
    { fold, folds: extent.folds, share: 0, seed: seed + repeat },
  );
  const part = (ids: readonly string[]): TrainingImage[] => images.filter(({ id }) => ids.includes(id));
  const training = part(split.train);
  const trained = await trainOn(
    config,
    training,
    extent.epochs,
    `${seed}/${repeat}/${fold}/${classes}`,
    engine,
    stopped,
  );
  const views = viewsOf(config, training[0]!.image);
  const program = predictionProgram(config.network, views.shape, 1, 1);
  const executable = await engine.compile(lower(program, await engine.target(), weightsOf(trained.state)), {
    threads: 1,
  });
  // What prediction needs to know of a model is what it sees of an image.
  const classifier = {
    executable,
    model: { ...views, votes: [1] } as unknown as Classifier["model"],
  };
  const judged = [];
  for (const { subject, label, image } of part(split.test)) {
    const [probability] = await probabilitiesOf(classifier, image);
    judged.push({ subject, positive: label === 1, probability: Math.min(1, Math.max(0, probability!)) });
  }
  const looks = repeat === 0 && classes[0] === "CN" && classes[1] === "AD";
  const held = own.filter(({ id, stage }) => stage === "AD" && split.test.includes(id));
  const occlusion = looks ? await coveredAt(classifier, held.slice(0, coveredPerFold)) : null;
  await executable.dispose();
  return {
    auc: areaUnderCurve(judged),
    accuracy: scoreClassification(judged).accuracy,
    trainLoss: trained.loss,
    occlusion,
  };
}

interface Fitted {
  readonly state: Readonly<Record<string, Tensor>>;
  /** Mean over the last epoch. */
  readonly loss: number;
}

/** Train on images in memory to the last step. */
async function trainOn(
  config: ClassificationConfig,
  images: readonly TrainingImage[],
  epochs: number,
  seed: string,
  engine: Engine,
  stopped: () => boolean,
): Promise<Fitted> {
  const views = viewsOf(config, images[0]!.image);
  const step = classificationStep(config, { shape: views.shape, networks: 1 });
  const executable = await compileStep(engine, step, lowerStep(step, await engine.target()), { threads: 1 });
  const number = rng(seed).integer(2 ** 31);
  const { batch, balance, augmentation } = config;
  const plan = {
    seed: number,
    batch,
    balance,
    augmentation: augmentationOf(config),
    plain: augmentation === "none",
    views,
  };
  const make = batchMaker(images, plan);
  const stepsPerEpoch = Math.ceil(samplesPerEpoch(images, plan) / batch);
  const totalSteps = epochs * stepsPerEpoch;
  const losses: number[] = [];
  const { state, stopped: how } = await train({
    executable,
    step,
    state: step.initialize(rng(seed).split("weights")),
    totalSteps,
    stepsPerEpoch,
    seed,
    batches: async (at) => make(at),
    // Half a cosine, as the presets have it.
    learningRate: (at) => 0.5 * config.optimizer.learningRate * (1 + Math.cos((Math.PI * at) / totalSteps)),
    saveEvery: totalSteps + 1,
    save: async () => undefined,
    onRow: ({ trainLoss }) => losses.push(trainLoss!),
    shouldStop: stopped,
  });
  await executable.dispose();
  if (how === "asked") throw new Error("the study was interrupted");
  const last = losses.slice(-stepsPerEpoch);
  return { state, loss: last.reduce((a, b) => a + b, 0) / last.length };
}

/** Probability lost where the disease is and where it is not, within the brain. */
async function coveredAt(classifier: Classifier, subjects: readonly Subject[]): Promise<Covered[]> {
  const found: Covered[] = [];
  for (const { id, image, sites } of subjects) {
    const map = await occlusionMap(classifier, image, true, occlusionFor(image.size));
    const counts = { sites: 0, elsewhere: 0 };
    const own = { sites: 0, elsewhere: 0 };
    map.forEach((lost, at) => {
      // Air is dark: what is covered there was nothing.
      if (image.data[at]! < 0.1) return;
      const where = sites[at] === 1 ? "sites" : "elsewhere";
      own[where] += lost;
      counts[where]++;
    });
    found.push({
      subject: id,
      sites: own.sites / Math.max(1, counts.sites),
      elsewhere: own.elsewhere / Math.max(1, counts.elsewhere),
    });
  }
  return found;
}
