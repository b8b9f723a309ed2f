import type { ClassificationConfig } from "../../tasks/classification/config.js";
import type { Part, StudySize } from "../study.js";

/** What the networks of the study see of a head; "single" and "multi" are patches with one network, and with one each. */
export const frameworks = ["subject", "roi", "single", "multi", "slice"] as const;
export type Framework = (typeof frameworks)[number];

/**
 * Networks that are trained fold by fold: every framework, the one of whole volumes after pre-training as an autoencoder
 * on the training subjects ("pretrained"), and the same on all subjects, held-out ones included ("late").
 */
export const networks = [...frameworks, "pretrained", "late"] as const;
export type Network = (typeof networks)[number];

/** Linear classifiers: voxels of grey matter, the share of fluid, true regional volumes. */
export const baselines = ["svm", "csf", "volumes"] as const;
export type Baseline = (typeof baselines)[number];

export type Model = Network | Baseline;
export const models: readonly Model[] = [...networks, ...baselines];

/** Models whose split is honest. */
export const honestModels: readonly Model[] = models.filter((name) => name !== "late");
export const threeD: readonly Framework[] = ["subject", "roi", "single", "multi"];
/** Networks that learn sMCI against pMCI from random weights as well, to be compared with transfer. */
export const scratch: readonly Network[] = ["subject", "roi"];

export const modelWords: Readonly<Record<Model, string>> = {
  subject: "3-D subject",
  pretrained: "3-D subject, autoencoder pre-training",
  roi: "3-D ROI (hippocampi)",
  single: "3-D patches, one network",
  multi: "3-D patches, a network each",
  slice: "2-D slices",
  svm: "linear SVM, grey matter of voxels",
  csf: "logistic regression, share of fluid",
  volumes: "logistic regression, true regional volumes",
  late: "late split: pre-training on all subjects",
};

export type Configs = Readonly<Record<Framework | "memory", ClassificationConfig>>;

/** How much is computed. */
export interface Extent {
  /** Voxels along each edge and their size. */
  readonly grid: number;
  readonly spacingMm: number;
  /** Subjects of each class that are trained on and, of AD and CN and of sMCI and pMCI, held out; of each class abroad. */
  readonly pair: number;
  readonly mild: number;
  readonly test: number;
  readonly external: number;
  readonly folds: number;
  /** Share of the epochs of a full study. */
  readonly effort: number;
  /** Heads that are cut into slices: voxels, size, slices of each, subjects of each class, those of the clean test. */
  readonly sliceGrid: number;
  readonly sliceSpacingMm: number;
  readonly slices: number;
  readonly sliceSubjects: number;
  readonly cleanSubjects: number;
  /** Folds of the honest split of slices that are trained, of five. */
  readonly sliceFolds: number;
  readonly real: boolean;
  /** In-plane voxels of real slabs as networks see them. */
  readonly realSize: readonly [number, number];
  /** Draws of labels and folds in the linear studies, and looks at the reported set. */
  readonly draws: number;
  readonly looks: number;
}

export const fullMinutes = 22;

/** Epochs of a full study, with the mild cases' after transfer, and of autoencoders. */
export const fullEpochs = {
  subject: 20,
  roi: 40,
  single: 12,
  multi: 20,
  slice: 12,
  autoencoder: 8,
  memory: 20,
} as const;
/** Of the epochs; and of the learning rate, since these networks know something already (the paper takes a tenth). */
export const transfer = { epochs: 0.5, learningRate: 0.3 } as const;

export function extentFor(minutes: number, real: boolean): Extent {
  const effort = Math.min(1, minutes / fullMinutes);
  const tiny = minutes < 4;
  const folds = tiny ? 2 : 5;
  const count = (full: number): number =>
    Math.max(2 * folds, Math.round(full * Math.min(1, Math.sqrt(effort))));
  return {
    grid: tiny ? 20 : 40,
    spacingMm: tiny ? 7.6 : 3.8,
    pair: count(60),
    mild: count(45),
    test: count(50),
    external: count(50),
    folds,
    effort,
    sliceGrid: tiny ? 24 : 48,
    sliceSpacingMm: tiny ? 6 : 3,
    slices: tiny ? 8 : 20,
    sliceSubjects: count(48),
    cleanSubjects: count(12),
    sliceFolds: minutes < 12 ? 1 : 3,
    real,
    realSize: tiny ? [30, 36] : [58, 69],
    draws: Math.max(2, Math.round(10 * effort)),
    looks: Math.max(10, Math.round(200 * effort)),
  };
}

/** Epochs of a network in this extent: at least two. */
export function epochsOf({ effort }: Extent, name: keyof typeof fullEpochs, share = 1): number {
  return Math.max(2, Math.round(fullEpochs[name] * effort * share));
}

/** The framework whose configuration a network has. */
export const frameworkOf = (network: Network): Framework =>
  network === "pretrained" || network === "late" ? "subject" : network;

/** A configuration with its regions in voxels of this extent: presets have voxels of 4 mm in mind. */
export function configFor(configs: Configs, name: Framework, extent: Extent): ClassificationConfig {
  const config = configs[name];
  const { framework } = config;
  const whole = { ...config, input: { ...config.input, size: null } };
  const half = Math.floor(extent.grid / 2);
  if (framework.kind === "roi") {
    const size = framework.size.map((extents) => Math.round((4 * extents) / extent.spacingMm));
    return { ...whole, framework: { ...framework, size: size as [number, number, number] } };
  }
  if (framework.kind === "patch")
    return {
      ...whole,
      framework: { ...framework, size: [half, half, half], stride: [half, half, half] },
    };
  if (framework.kind === "slice")
    return { ...whole, framework: { ...framework, skip: Math.round(0.15 * extent.grid) } };
  return whole;
}

export type SliceData = "simulated" | "real";
export type SliceSplit = "slices" | "subjects";
export type SliceLabels = "true" | "shuffled";

/** A part of the study. */
export type Trial =
  | { readonly kind: "network"; readonly network: Network; readonly fold: number }
  | { readonly kind: "linear" }
  | { readonly kind: "selection" }
  | { readonly kind: "looks" }
  | {
      readonly kind: "slices";
      readonly data: SliceData;
      readonly split: SliceSplit;
      readonly labels: SliceLabels;
      readonly fold: number;
    }
  | { readonly kind: "audit"; readonly data: SliceData; readonly split: SliceSplit };

/** A trial's file name. */
export function idOf(trial: Trial): string {
  switch (trial.kind) {
    case "network":
      return `network-${trial.network}-${trial.fold}`;
    case "slices":
      return `slices-${trial.data}-${trial.split}-${trial.labels}-${trial.fold}`;
    case "audit":
      return `audit-${trial.data}-${trial.split}`;
    default:
      return trial.kind;
  }
}

function wordsOf(trial: Trial): string {
  switch (trial.kind) {
    case "network":
      return `${modelWords[trial.network]}, fold ${trial.fold}`;
    case "linear":
      return "linear classifiers";
    case "selection":
      return "features selected before and after the split";
    case "looks":
      return "many looks at the reported set";
    case "slices":
      return `slices of ${trial.data} heads split by ${trial.split}, ${trial.labels} labels, fold ${trial.fold}`;
    case "audit":
      return `audit of ${trial.data} slices split by ${trial.split}`;
  }
}

const count = (n: number): number[] => Array.from({ length: n }, (_, at) => at);
export const dataOf = ({ real }: Extent): readonly SliceData[] =>
  real ? ["simulated", "real"] : ["simulated"];
export const splits: readonly SliceSplit[] = ["slices", "subjects"];
export const labelings: readonly SliceLabels[] = ["true", "shuffled"];
/** Folds of a split of slices that are trained: the leaky one has every subject in its first. */
export const foldsOf = ({ sliceFolds }: Extent, split: SliceSplit): number[] =>
  count(split === "slices" ? 1 : sliceFolds);

export function trialsOf(extent: Extent): ReadonlyMap<string, Trial> {
  const trials: Trial[] = [
    ...networks.flatMap((network) =>
      count(extent.folds).map((fold): Trial => ({ kind: "network", network, fold })),
    ),
    ...dataOf(extent).flatMap((data) =>
      splits.flatMap((split) =>
        labelings.flatMap((labels) =>
          foldsOf(extent, split).map((fold): Trial => ({ kind: "slices", data, split, labels, fold })),
        ),
      ),
    ),
    ...dataOf(extent).flatMap((data) => splits.map((split): Trial => ({ kind: "audit", data, split }))),
    { kind: "linear" },
    { kind: "selection" },
    { kind: "looks" },
  ];
  return new Map(trials.map((trial) => [idOf(trial), trial]));
}

/** Real slabs: subjects and slices of each. */
const slabs = { subjects: 140, slices: 16 } as const;

/** Processor seconds as estimated for the machine this was made on, by voxels and samples. */
function costOf(trial: Trial, extent: Extent): number {
  const voxels = (extent.grid / 40) ** 3;
  const subjects = (2 * extent.pair + extent.mild) / 165;
  const each = {
    subject: 30,
    roi: 15,
    single: 15,
    multi: 25,
    slice: 14,
    pretrained: 36,
    late: 27,
  } as const;
  switch (trial.kind) {
    case "network":
      return each[trial.network] * voxels * subjects * extent.effort;
    case "slices": {
      const real = trial.data === "real";
      const pixels = real ? extent.realSize[0] * extent.realSize[1] : extent.sliceGrid ** 2;
      const images = real ? slabs.subjects * slabs.slices : 2 * extent.sliceSubjects * extent.slices;
      return 4.2e-7 * pixels * images * epochsOf(extent, "memory");
    }
    case "audit":
      return trial.data === "real" ? 25 : 15 * (extent.sliceSubjects / 48);
    case "linear":
      return 30 * voxels;
    default:
      return 15 * voxels;
  }
}

export function partsOf(extent: Extent): Part[] {
  return [...trialsOf(extent)].map(([id, trial]) => ({
    id,
    what: wordsOf(trial),
    cost: costOf(trial, extent),
  }));
}

/** Heads of everybody, and heads that are cut into slices. */
export function headsOf({ pair, mild, test, external, sliceSubjects, cleanSubjects }: Extent): {
  readonly whole: number;
  readonly cut: number;
} {
  return {
    whole: 2 * (pair + test) + 2 * (mild + test) + 2 * external,
    cut: 2 * (sliceSubjects + cleanSubjects),
  };
}

export function openingCost(extent: Extent): number {
  const { whole, cut } = headsOf(extent);
  return 0.85 * whole * (extent.grid / 40) ** 3 + 1.2 * cut * (extent.sliceGrid / 48) ** 3;
}

/** All that decides the results, for the record and the report. */
export function configurationOf(
  extent: Extent,
  configs: Configs,
  { seed, dataDir }: StudySize,
): Record<string, unknown> {
  const networksHere = Object.fromEntries(frameworks.map((name) => [name, configFor(configs, name, extent)]));
  return {
    ...extent,
    seed,
    transfer,
    epochs: Object.fromEntries(
      Object.keys(fullEpochs).map((name) => [name, epochsOf(extent, name as keyof typeof fullEpochs)]),
    ),
    images: dataDir ?? "simulated",
    records: "what trainings were given",
    networks: { ...networksHere, memory: configs.memory },
  };
}
