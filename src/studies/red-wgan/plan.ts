import type { CohortOptions } from "../../sim/cohort.js";
import type { DenoisingConfig } from "../../tasks/denoising/config.js";
import type { Part } from "../study.js";

/** Percent of the brightest voxel. */
export const levels = [3, 5, 7, 9, 11, 13, 15] as const;
/** The level that networks of one level have learnt. */
export const trainedLevel = 9;
/** The range that networks of all levels have learnt: wider than what they are judged at. */
const learntRange: readonly [number, number] = [2, 18];

export const classicMethods = ["gaussian", "median", "tv", "nlm", "bm4d"] as const;
export type ClassicMethod = (typeof classicMethods)[number];

/** Networks, all begun with the weights of the first: those of one level go on at it, with more terms or without. */
export const networks = ["cnn3d-mixed", "cnn3d", "perceptual", "critic", "red-wgan", "mixed"] as const;
/** `real` is trained on real scans and judged on those alone. */
export type NetworkName = (typeof networks)[number] | "real";

export type Method = "noisy" | ClassicMethod | NetworkName;
export const methods: readonly Method[] = ["noisy", ...classicMethods, ...networks];

/** Networks that see real scans. */
export const realNetworks = ["cnn3d-mixed", "mixed", "real"] as const;
export const realMethods: readonly Method[] = ["noisy", ...classicMethods, ...realNetworks];

/** Real scans to learn from, in a folder of data. */
export const trainingScans = [
  "labelled-t1/vxm_test_scan_T1.nii.gz",
  "templates-spm/single_subj_T1.nii.gz",
  "templates-mni/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz",
] as const;

/** The names of the methods for people. */
export const titles: Readonly<Record<Method, string>> = {
  noisy: "Noisy",
  gaussian: "Gaussian",
  median: "Median",
  tv: "Total variation",
  nlm: "NLM",
  bm4d: "BM4D",
  "cnn3d-mixed": "CNN3D, all levels",
  cnn3d: "CNN3D (MSE)",
  perceptual: "MSE + perceptual",
  critic: "MSE + critic",
  "red-wgan": "RED-WGAN",
  mixed: "RED-WGAN, all levels",
  real: "CNN3D, gone on on real scans",
};

/** Whether a network has learnt all levels and is told which one it has before it. */
export const ofAllLevels = (name: NetworkName): boolean =>
  name === "mixed" || name === "cnn3d-mixed" || name === "real";

/** The levels at which a method is judged: terms of the loss at the one that was learnt. */
export const levelsOf = (method: Method): readonly number[] =>
  method === "perceptual" || method === "critic" ? [trainedLevel] : levels;

/** How much is computed. */
export interface Extent {
  readonly cohort: CohortOptions;
  readonly training: number;
  readonly validation: number;
  readonly test: number;
  /** Training steps that all networks have in common, by mean squared error at all levels. */
  readonly commonSteps: number;
  /** Further generator steps of each network. */
  readonly ownSteps: number;
  /** Steps of the network whose features judge. */
  readonly featureSteps: number;
  /** Whether there may be real scans to look at. */
  readonly real: boolean;
  readonly tiny: boolean;
}

export const fullMinutes = 20;
/** Below so many minutes small heads are used, to see that all works. */
const leastMinutes = 2;

/** Processor seconds on the machine this was made on. */
const cost = {
  head: 1.8,
  step: { cnn3d: 0.16, perceptual: 0.19, critic: 0.53, "red-wgan": 0.56, mixed: 0.56, real: 0.16 },
  featureStep: 0.1,
  /** Of one volume. */
  classic: 10,
  network: 3,
} as const;
/** A real head at every level, and what repetitions of a small scan come to. */
const realScans = levels.length + 1;

/** What takes about so many minutes on two cores. */
export function extentFor(minutes: number, seed: number, real = false): Extent {
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
      featureSteps: 2,
      real: false,
      tiny,
    };
  const share = Math.min(3, minutes / fullMinutes);
  const [training, validation, test] = [Math.max(6, Math.round(16 * Math.min(1, share))), 2, 3];
  return {
    cohort: { ...common, subjects: training + validation + test, spacingMm: 2, size: [84, 108, 84] },
    training,
    validation,
    test,
    commonSteps: Math.round(3500 * share),
    ownSteps: Math.round(250 * share),
    featureSteps: Math.round(400 * share),
    real,
    tiny,
  };
}

export const partIds = {
  common: "train-common",
  features: "train-features",
  train: (name: NetworkName) => `train-${name}`,
  judge: (name: NetworkName) => `judge-${name}`,
  classic: (head: number) => `classic-${head + 1}`,
  realClassic: "classic-real",
  realJudge: (name: NetworkName) => `judge-${name}-real`,
} as const;

/** Terms of the loss beside the mean squared error. */
const terms = (name: NetworkName | "common"): { readonly perceptual: boolean; readonly critic: boolean } => ({
  perceptual: name === "perceptual" || name === "red-wgan" || name === "mixed",
  critic: name === "critic" || name === "red-wgan" || name === "mixed",
});

/** The classic methods head by head beside the common training, then the networks, the longest work first. */
export function partsOf(extent: Extent): Part[] {
  const { test, real, tiny, ownSteps } = extent;
  const heads = Array.from({ length: test }, (_, n) => n);
  const small = (seconds: number): number => (tiny ? 1 : seconds);
  const own = [...networks.filter((name) => name !== "cnn3d-mixed"), ...(real ? ["real" as const] : [])];
  const before = (name: NetworkName): string =>
    name === "cnn3d-mixed" ? partIds.common : partIds.train(name);
  const longestFirst = (parts: readonly Part[]): Part[] => [...parts].sort((a, b) => b.cost - a.cost);
  return [
    {
      id: partIds.common,
      what: "the training that all networks have in common",
      cost: cost.step.cnn3d * extent.commonSteps,
    },
    {
      id: partIds.features,
      what: "the training of the network whose features judge",
      cost: cost.featureStep * extent.featureSteps,
    },
    ...heads.map((n) => ({
      id: partIds.classic(n),
      what: `the classic methods on head ${n + 1}`,
      cost: small(cost.classic * levels.length),
    })),
    ...(real
      ? [
          {
            id: partIds.realClassic,
            what: "the classic methods on real scans",
            cost: cost.classic * realScans,
          },
        ]
      : []),
    ...longestFirst(
      own.map((name) => ({
        id: partIds.train(name),
        what: `the training of ${titles[name]}`,
        cost: cost.step[name] * ownSteps,
        after: [partIds.common, ...(terms(name).perceptual ? [partIds.features] : [])],
      })),
    ),
    ...longestFirst([
      ...networks.map((name) => ({
        id: partIds.judge(name),
        what: `the scans denoised by ${titles[name]}`,
        cost: small(cost.network * test * levelsOf(name).length),
        after: [before(name)],
      })),
      ...(real ? realNetworks : []).map((name) => ({
        id: partIds.realJudge(name),
        what: `real scans denoised by ${titles[name]}`,
        cost: cost.network * realScans,
        after: [before(name)],
      })),
    ]),
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
  const { perceptual, critic } = terms(name);
  const steps = name === "common" ? extent.commonSteps : extent.ownSteps;
  const epochs = Math.min(10, steps);
  const oneLevel = name !== "common" && !ofAllLevels(name);
  return {
    ...preset,
    optimizer: {
      ...preset.optimizer,
      learningRate: preset.optimizer.learningRate * (name === "common" ? 1 : 0.25),
    },
    loss: {
      mse: loss.mse,
      perceptual: perceptual ? loss.perceptual : 0,
      adversarial: critic ? loss.adversarial : 0,
    },
    noise: oneLevel ? [trainedLevel, trainedLevel] : [...learntRange],
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
