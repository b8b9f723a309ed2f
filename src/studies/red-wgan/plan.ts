import type { CohortOptions } from "../../sim/cohort.js";
import type { DenoisingConfig } from "../../tasks/denoising/config.js";
import type { Part } from "../study.js";

/** Percent of the brightest voxel. */
export const levels = [3, 9, 15] as const;
/** The level that networks of one level have learnt. */
export const trainedLevel = 9;

export const classicMethods = ["gaussian", "median", "tv", "nlm", "bm4d"] as const;
export type ClassicMethod = (typeof classicMethods)[number];

/** Networks, all begun with the same weights: CNN3D goes on by itself, the others with more terms or more levels. */
export const networks = ["cnn3d", "perceptual", "critic", "red-wgan", "mixed"] as const;
export type NetworkName = (typeof networks)[number];

export type Method = "noisy" | ClassicMethod | NetworkName;
export const methods: readonly Method[] = ["noisy", ...classicMethods, ...networks];

/** The names of the methods for people. */
export const titles: Readonly<Record<Method, string>> = {
  noisy: "Noisy",
  gaussian: "Gaussian",
  median: "Median",
  tv: "Total variation",
  nlm: "NLM",
  bm4d: "BM4D",
  cnn3d: "CNN3D (MSE)",
  perceptual: "MSE + perceptual",
  critic: "MSE + critic",
  "red-wgan": "RED-WGAN",
  mixed: "RED-WGAN, 1-15 %",
};

/** How much is computed. */
export interface Extent {
  readonly cohort: CohortOptions;
  readonly training: number;
  readonly validation: number;
  readonly test: number;
  /** Training steps that all networks have in common, by mean squared error. */
  readonly commonSteps: number;
  /** Further generator steps of each network. */
  readonly ownSteps: number;
  readonly tiny: boolean;
}

export const fullMinutes = 20;
/** Below so many minutes small heads are used, to see that all works. */
const leastMinutes = 2;

/** Processor seconds on the machine this was made on. */
const cost = {
  head: 1.8,
  step: { cnn3d: 0.12, perceptual: 0.2, critic: 0.35, "red-wgan": 0.45, mixed: 0.45 },
  classic: 45,
  network: 35,
} as const;

/** What takes about so many minutes on two cores. */
export function extentFor(minutes: number, seed: number): Extent {
  const tiny = minutes < leastMinutes;
  const common = {
    seed,
    noisePercent: 0,
    biasPercent: 6,
    ageYears: [20, 80],
  } as const;
  if (tiny)
    return {
      cohort: { ...common, subjects: 5, spacingMm: 6.5, size: [24, 30, 24] },
      training: 2,
      validation: 1,
      test: 2,
      commonSteps: Math.max(2, Math.round(40 * minutes)),
      ownSteps: Math.max(2, Math.round(20 * minutes)),
      tiny,
    };
  const share = Math.min(3, minutes / fullMinutes);
  const [training, validation, test] = [Math.max(6, Math.round(16 * Math.min(1, share))), 2, 4];
  return {
    cohort: { ...common, subjects: training + validation + test, spacingMm: 2, size: [84, 108, 84] },
    training,
    validation,
    test,
    commonSteps: Math.round(4500 * share),
    ownSteps: Math.round(300 * share),
    tiny,
  };
}

export const partIds = {
  common: "train-common",
  train: (name: NetworkName) => `train-${name}`,
  judge: (name: NetworkName) => `judge-${name}`,
  classic: (head: number) => `classic-${head + 1}`,
} as const;

/** The classic methods head by head beside the common training, then the networks. */
export function partsOf(extent: Extent): Part[] {
  const heads = Array.from({ length: extent.test }, (_, n) => n);
  return [
    {
      id: partIds.common,
      what: "the training that all networks have in common",
      cost: cost.step.cnn3d * extent.commonSteps,
    },
    ...heads.map((n) => ({
      id: partIds.classic(n),
      what: `the classic methods on head ${n + 1}`,
      cost: extent.tiny ? 1 : cost.classic,
    })),
    ...networks.map((name) => ({
      id: partIds.train(name),
      what: `the training of ${titles[name]}`,
      cost: cost.step[name] * extent.ownSteps,
      after: [partIds.common],
    })),
    ...networks.map((name) => ({
      id: partIds.judge(name),
      what: `the scans denoised by ${titles[name]}`,
      cost: extent.tiny ? 1 : cost.network,
      after: [partIds.train(name)],
    })),
  ];
}

export function openingCost({ cohort: { subjects }, tiny }: Extent): number {
  return (tiny ? 0.1 : cost.head) * subjects;
}

/** The settings of a network, or of what all have in common, from the system's preset. */
export function configOf(
  extent: Extent,
  name: NetworkName | "common",
  preset: DenoisingConfig,
): DenoisingConfig {
  const { loss } = preset;
  const has = (...names: readonly string[]): boolean => names.includes(name);
  const steps = name === "common" ? extent.commonSteps : extent.ownSteps;
  const epochs = Math.min(10, steps);
  return {
    ...preset,
    optimizer: {
      ...preset.optimizer,
      learningRate: preset.optimizer.learningRate * (name === "common" ? 2 : 0.5),
    },
    loss: {
      mse: loss.mse,
      perceptual: has("perceptual", "red-wgan", "mixed") ? loss.perceptual : 0,
      adversarial: has("critic", "red-wgan", "mixed") ? loss.adversarial : 0,
    },
    noise: name === "mixed" ? [1, 15] : [trainedLevel, trainedLevel],
    ...(extent.tiny
      ? { patch: [12, 12, 12] as [number, number, number], window: [24, 24, 24] as [number, number, number] }
      : {}),
    epochs,
    stepsPerEpoch: Math.floor(steps / epochs),
    validations: epochs,
  };
}

/** All that decides the results, for the record and the report. */
export function configurationOf(extent: Extent, preset: DenoisingConfig): Record<string, unknown> {
  const all = (["common", ...networks] as const).map((name) => [name, configOf(extent, name, preset)]);
  return { levels, ...extent, training: Object.fromEntries(all) };
}
