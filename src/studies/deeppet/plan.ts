import { type PetGeometry, petGeometries } from "../../sim/pet/geometry.js";
import type { ReconstructionConfig } from "../../tasks/reconstruction/config.js";
import type { Part } from "../study.js";

/** Expected prompts of a slice at which the methods are compared: a short or a low-dose scan, a usual one, a long one. */
export const levels = [
  { name: "low", counts: 1e5 },
  { name: "clinical", counts: 1e6 },
  { name: "high", counts: 1e7 },
] as const;
export type LevelName = (typeof levels)[number]["name"];

export const classicMethods = ["fbp", "mlem", "osem"] as const;
export type ClassicMethod = (typeof classicMethods)[number];

/** DeepPET, arranged to learn in minutes, and a network that improves backprojections: nothing to learn about lines. */
export const networkMethods = ["deeppet", "backprojected"] as const;
export type NetworkMethod = (typeof networkMethods)[number];

export const methods = [...classicMethods, ...networkMethods] as const;
export type Method = (typeof methods)[number];

/** The names of the methods for people. */
export const titles: Readonly<Record<Method, string>> = {
  fbp: "FBP",
  mlem: "ML-EM",
  osem: "OSEM",
  deeppet: "DeepPET",
  backprojected: "FBP + network",
};

/** The paper's figures against each method: percent lower rRMSE, percent higher SSIM, dB, times faster. */
export const paperFigures = {
  osem: { rRMSE: 11, ssim: 1, psnrDb: 1.1, faster: 108 },
  fbp: { rRMSE: 53, ssim: 11, psnrDb: 3.8, faster: 3 },
} as const;
export type Rival = keyof typeof paperFigures;
export const rivals = ["osem", "fbp"] as const;

/** The system's presets for the two geometries that a study can afford, for both kinds of input. */
export interface StudyConfigs {
  readonly small: ReconstructionConfig;
  readonly tiny: ReconstructionConfig;
  readonly "small-backprojected": ReconstructionConfig;
  readonly "tiny-backprojected": ReconstructionConfig;
}

/** How much is computed. */
export interface Extent {
  readonly preset: "small" | "tiny";
  /** Persons, heads and bodies in turn; slices of each that are trained on. */
  readonly trainPhantoms: number;
  readonly slicesPerPhantom: number;
  /** Chance of every slice that is trained on to have uptake that does not keep to structures: see `diffused`. */
  readonly diffuse: number;
  readonly validationPhantoms: number;
  readonly testPhantoms: number;
  /** Training steps of each network. DeepPET has the larger share: it has to find out where lines go. */
  readonly steps: Readonly<Record<NetworkMethod, number>>;
  /** What the classic methods try on the validation phantoms. */
  readonly search: {
    readonly osemSubsets: number;
    readonly osemIterations: readonly number[];
    readonly mlemIterations: readonly number[];
    readonly filterFwhmMm: readonly number[];
    readonly fbpFilterFwhmMm: readonly number[];
    readonly fbpCutOff: readonly number[];
  };
  /** Slices that are timed. */
  readonly timed: number;
}

/** Processor seconds on the machine this was made on: a slice of a phantom with its scan, a training step. */
const cost = { slice: 0.13, step: { deeppet: 0.21, backprojected: 0.18 }, classic: 25, judge: 8 };
/** Minutes of the study as it is meant. */
export const fullMinutes = 17;
/** Below so many minutes the tiny geometry is used, to see that all works. */
const leastMinutes = 2;

/**
 * Real images are smoother than phantoms whose uptake keeps to structures, and have contrasts that no phantom was given.
 * Half of what is learnt from is like that, nothing of what is held out: see decision 10.
 */
const diffuse = 0.5;

/** What takes about so many minutes on two cores. */
export function extentFor(minutes: number): Extent {
  if (minutes < leastMinutes)
    return {
      preset: "tiny",
      trainPhantoms: 4,
      slicesPerPhantom: 1,
      diffuse,
      validationPhantoms: 2,
      testPhantoms: 4,
      steps: {
        deeppet: Math.max(4, Math.round(100 * minutes)),
        backprojected: Math.max(4, Math.round(100 * minutes)),
      },
      search: {
        osemSubsets: 4,
        osemIterations: [1, 2, 4],
        mlemIterations: [4, 8, 16],
        filterFwhmMm: [0, 8],
        fbpFilterFwhmMm: [0, 10],
        fbpCutOff: [0.5, 1],
      },
      timed: 2,
    };
  const share = minutes / fullMinutes;
  return {
    preset: "small",
    trainPhantoms: Math.max(20, Math.round(240 * Math.min(2, share))),
    slicesPerPhantom: 4,
    diffuse,
    validationPhantoms: Math.max(6, Math.round(16 * Math.min(1, share))),
    testPhantoms: Math.max(10, Math.round(40 * Math.min(1, share))),
    steps: { deeppet: Math.round(4000 * share), backprojected: Math.round(2200 * share) },
    search: {
      osemSubsets: 8,
      osemIterations: [1, 2, 3, 4, 6, 8, 12, 16, 24, 36, 48],
      mlemIterations: [8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384],
      filterFwhmMm: [0, 3, 4, 5, 6, 8, 10, 13],
      fbpFilterFwhmMm: [0, 4, 6, 8, 11, 14],
      fbpCutOff: [0.4, 0.6, 0.8, 1],
    },
    timed: 12,
  };
}

export function geometryOf({ preset }: Pick<Extent, "preset">): PetGeometry {
  return petGeometries[preset];
}

/** The preset of a network. */
export function presetOf({ preset }: Extent, method: NetworkMethod): keyof StudyConfigs {
  return method === "deeppet" ? preset : `${preset}-backprojected`;
}

/** A network's settings: the preset's, for so many steps. */
export function configOf(extent: Extent, method: NetworkMethod, configs: StudyConfigs): ReconstructionConfig {
  const steps = extent.steps[method];
  const epochs = Math.min(10, steps);
  const preset = configs[presetOf(extent, method)];
  return { ...preset, epochs, stepsPerEpoch: Math.floor(steps / epochs), validations: epochs };
}

export const partIds = {
  train: (method: NetworkMethod) => `train-${method}`,
  classic: (level: LevelName) => `classic-${level}`,
  judge: (method: NetworkMethod) => `judge-${method}`,
  time: "time",
} as const;

/** The trainings and the classic methods, then the networks' images, and last, alone, the clock. */
export function partsOf(extent: Extent): Part[] {
  const scale = extent.preset === "small" ? 1 : 0.02;
  const train = (method: NetworkMethod): Part => ({
    id: partIds.train(method),
    what: `the training of ${titles[method]}`,
    cost: cost.step[method] * extent.steps[method],
  });
  const classic = levels.map(({ name }) => ({
    id: partIds.classic(name),
    what: `FBP, ML-EM and OSEM tuned and judged at ${name} counts`,
    cost: cost.classic * scale,
  }));
  const judged = networkMethods.map((method) => ({
    id: partIds.judge(method),
    what: `the images of ${titles[method]} judged`,
    cost: cost.judge * scale,
    after: [partIds.train(method)],
  }));
  const before = [train("deeppet"), train("backprojected"), ...classic, ...judged];
  return [
    ...before,
    {
      id: partIds.time,
      what: "the time of a slice",
      cost: cost.judge * scale,
      after: before.map(({ id }) => id),
    },
  ];
}

/** Processor seconds of making the data. */
export function dataCost({
  trainPhantoms,
  slicesPerPhantom,
  validationPhantoms,
  testPhantoms,
}: Extent): number {
  return cost.slice * (trainPhantoms * slicesPerPhantom + 3 * (validationPhantoms + testPhantoms));
}

/** All that decides the results, for the record and the report. */
export function configurationOf(extent: Extent, configs: StudyConfigs): Record<string, unknown> {
  const training = networkMethods.map((method) => [method, configOf(extent, method, configs)] as const);
  return { levels, ...extent, geometry: geometryOf(extent), training: Object.fromEntries(training) };
}
