import type { Part, StudySize } from "../study.js";
import { structures } from "./data.js";
import { convLayers, type Variant } from "./networks.js";
import type { Schedule, Trial } from "./trial.js";

/** Every network is compared at these learning rates; the second of each suits the network without BN best. */
export const denseRates = [0.1, 0.5, 2.5, 12.5] as const;
/** A fifth of the base, the base, and the paper's 5 and 30 times as much. */
export const convRates = [0.002, 0.01, 0.05, 0.3] as const;
export const [, baseRate, fiveTimes, thirtyTimes] = convRates;

/** The set accuracy of the dense networks. */
export const denseTarget = 0.8;

/** A network at a learning rate. */
export interface Arm {
  readonly variant: Variant;
  readonly learningRate: number;
}

const variantOf = (
  network: "dense" | "conv",
  activation: "sigmoid" | "relu",
  batchNorm: boolean,
): Variant => ({
  network,
  activation,
  batchNorm,
});

export const variants = {
  densePlain: variantOf("dense", "sigmoid", false),
  denseNorm: variantOf("dense", "sigmoid", true),
  convPlain: variantOf("conv", "relu", false),
  convNorm: variantOf("conv", "relu", true),
  convSigmoidPlain: variantOf("conv", "sigmoid", false),
  convSigmoidNorm: variantOf("conv", "sigmoid", true),
} as const;

const at = (variant: Variant, rates: readonly number[]): Arm[] =>
  rates.map((learningRate) => ({ variant, learningRate }));

export const arms: readonly Arm[] = [
  ...at(variants.densePlain, denseRates),
  ...at(variants.denseNorm, denseRates),
  ...at(variants.convPlain, convRates),
  ...at(variants.convNorm, convRates),
  ...at(variants.convSigmoidPlain, [baseRate, fiveTimes, thirtyTimes]),
  ...at(variants.convSigmoidNorm, [fiveTimes]),
];

interface Span {
  readonly steps: number;
  readonly every: number;
}

/** How much is computed. */
export interface Extent {
  readonly repetitions: number;
  /** Steps of a training, and after how many of them it is judged each time. */
  readonly dense: Span;
  readonly conv: Span;
  readonly trainHeads: number;
  readonly testHeads: number;
  /** Patches of each structure from a head for training and for testing. */
  readonly trainPatches: number;
  readonly testPatches: number;
}

/** Processor seconds on the machine this was made on: a head; a step with the judgements that fall to it. */
const cost = { head: 1.5, dense: 0.0014, conv: 0.0088 };
/** Steps of a training that is not shortened. */
export const fullLength = { dense: 4000, conv: 1000 };
const leastRepetitions = 3;
const judgeEvery = { dense: 50, conv: 25 };

const stepCost = ({ variant }: Arm): number => cost[variant.network];

/** What fits into so many minutes on two cores: repetitions first, shorter trainings where even three do not fit. */
export function extentFor(minutes: number): Extent {
  const heads = Math.min(1, minutes / 4);
  const trainHeads = Math.max(2, Math.round(24 * heads));
  const testHeads = Math.max(1, Math.round(8 * heads));
  // A part of the time goes into starting threads and waiting for the last part.
  const seconds = 0.85 * 2 * 60 * minutes - cost.head * (trainHeads + testHeads);
  const repetition = arms.reduce((sum, arm) => sum + stepCost(arm) * fullLength[arm.variant.network], 0);
  const repetitions = Math.max(leastRepetitions, Math.min(20, Math.floor(seconds / repetition)));
  const length = Math.max(0, Math.min(1, seconds / (repetitions * repetition)));
  const spans = (full: number, every: number): Span => {
    const wanted = Math.max(5, Math.round(full * length));
    const span = Math.min(every, wanted);
    return { steps: Math.round(wanted / span) * span, every: span };
  };
  return {
    repetitions,
    dense: spans(fullLength.dense, judgeEvery.dense),
    conv: spans(fullLength.conv, judgeEvery.conv),
    trainHeads,
    testHeads,
    trainPatches: 80,
    testPatches: 12,
  };
}

/** The paper's batches: 60 for the sigmoid network, 32 and momentum for the convolutional one. */
export function scheduleOf({ network }: Variant, extent: Extent): Schedule {
  const { steps, every } = extent[network];
  const kind = network === "dense" ? { batch: 60, momentum: 0 } : { batch: 32, momentum: 0.9 };
  return { ...kind, steps, evaluateEvery: every };
}

export function partId({ variant, learningRate }: Arm, repetition: number): string {
  const { network, activation, batchNorm } = variant;
  return `${network}-${activation}-${batchNorm ? "norm" : "plain"}-${learningRate}-${repetition + 1}`;
}

/** Every training, repetition by repetition. */
export function trialsOf(extent: Extent, { seed }: StudySize): ReadonlyMap<string, Trial> {
  const trials = new Map<string, Trial>();
  for (let repetition = 0; repetition < extent.repetitions; repetition++)
    for (const arm of arms)
      trials.set(partId(arm, repetition), {
        ...arm,
        schedule: scheduleOf(arm.variant, extent),
        seed: `${seed}/repetition/${repetition}`,
      });
  return trials;
}

export function partsOf(extent: Extent): Part[] {
  return Array.from({ length: extent.repetitions }, (_, repetition) =>
    arms.map((arm): Part => {
      const { network, activation, batchNorm } = arm.variant;
      return {
        id: partId(arm, repetition),
        what: `${network} network of ${activation === "relu" ? "ReLU" : "sigmoid"} units ${batchNorm ? "with" : "without"} batch norm, rate ${arm.learningRate}`,
        cost: stepCost(arm) * scheduleOf(arm.variant, extent).steps,
      };
    }),
  ).flat();
}

/** Processor seconds of making the data. */
export function dataCost({ trainHeads, testHeads }: Extent): number {
  return cost.head * (trainHeads + testHeads);
}

/** All that decides the results, for the record and the report. */
export function configurationOf(extent: Extent): Record<string, unknown> {
  const { dense: _, conv: __, ...others } = extent;
  return {
    ...others,
    classes: structures.map(({ name }) => name),
    dense: {
      hidden: [100, 100, 100],
      rates: denseRates,
      target: denseTarget,
      ...scheduleOf(variants.densePlain, extent),
    },
    conv: {
      channels: convLayers.map(({ channels }) => channels),
      strides: convLayers.map(({ stride }) => stride),
      rates: convRates,
      baseRate,
      ...scheduleOf(variants.convPlain, extent),
    },
  };
}
