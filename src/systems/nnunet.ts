import type { NnunetPreset } from "../tasks/segmentation/nnunet/config.js";
import type { System } from "./system.js";

/** nnU-Net v2 as published: 1000 epochs of 250 steps, everything else by the plan. */
const paper: NnunetPreset = {
  rules: "v2",
  memoryGb: null,
  configuration: "auto",
  firstWidth: "planned",
  patch: "planned",
  batch: "planned",
  loss: { crossEntropy: 1, dice: 1, batchDice: "planned" },
  deepSupervision: true,
  augmentation: "nnunet",
  foreground: 0.33,
  optimizer: {
    name: "sgd",
    learningRate: 1e-2,
    weightDecay: 3e-5,
    momentum: 0.99,
    nesterov: true,
    clip: 12,
  },
  schedule: { kind: "poly", power: 0.9, perEpoch: true },
  average: null,
  epochs: 1000,
  stepsPerEpoch: 250,
  validations: 1000,
  validationPatches: 100,
  smoothing: 0.9,
  patience: null,
  overlap: 0.5,
};

/** Planned for 1 GB and half as wide, with what trains best in minutes: AdamW, averaged weights, light augmentation. */
const small: NnunetPreset = {
  ...paper,
  memoryGb: 1,
  firstWidth: 16,
  patch: "inside",
  batch: { "2d": 16, "3d": 2 },
  // It slows the first hundreds of steps down, which are a good part of minutes.
  deepSupervision: false,
  loss: { ...paper.loss, batchDice: true },
  augmentation: "light",
  optimizer: {
    name: "adamw",
    learningRate: 8e-3,
    weightDecay: 1e-2,
    momentum: 0.9,
    nesterov: false,
    clip: 12,
  },
  schedule: { kind: "cosine", warmup: 20 },
  average: 0.99,
  epochs: 20,
  stepsPerEpoch: 75,
  validations: 10,
  validationPatches: 20,
  smoothing: 0.5,
};

const tiny: NnunetPreset = {
  ...small,
  memoryGb: 0.1,
  deepSupervision: true,
  firstWidth: 8,
  epochs: 10,
  stepsPerEpoch: 50,
  validationPatches: 10,
};

/** nnU-Net of 2018, as the lecture shows it: its own planner, 30 channels, Adam, elastic deformation, no deep supervision. */
const v1: NnunetPreset = {
  ...paper,
  rules: "v1",
  deepSupervision: false,
  augmentation: "nnunet2018",
  optimizer: {
    name: "adam",
    learningRate: 3e-4,
    weightDecay: 3e-5,
    momentum: 0.9,
    nesterov: false,
    clip: 12,
  },
  // The smoothing is that of the published code.
  schedule: { kind: "plateau", patience: 30, factor: 0.2, of: "loss", smoothing: 0.93, least: 1e-6 },
};

export const configs = { small, tiny, paper, v1 } as const;

/** nnU-Net (Isensee et al. 2021): measures a data set, plans networks for it and trains them in five folds. */
export const nnunet: System = {
  name: "nnunet",
  task: "segmentation",
  summary: "Plan, prepare and train segmentation of any data set by nnU-Net's rules, fold by fold",
  paper: {
    title: "nnU-Net: a self-configuring method for deep learning-based biomedical image segmentation",
    authors: "Isensee, Jaeger, Kohl, Petersen, Maier-Hein",
    venue: "Nature Methods 18",
    year: 2021,
    arxiv: "1904.08128",
  },
  presets: {
    small: { summary: "planned for 1 GB, half as wide, AdamW: minutes a fold on two cores" },
    tiny: { summary: "planned for 0.1 GB, a quarter as wide: seconds to minutes, for trying out" },
    paper: { summary: "nnU-Net v2: 1000 epochs of 250 steps with SGD, weeks on a processor" },
    v1: { summary: "nnU-Net of 2018: its planner, 30 channels, Adam, plateau schedule" },
  },
  crossValidates: true,
  averagesMirrored: true,
  extendable: true,
  verbs: async () =>
    (await import("../tasks/segmentation/nnunet/node.js")).nnunetVerbs({ name: "nnunet", presets: configs }),
  study: async () => (await import("../studies/nnunet/node.js")).nnunetStudy(small),
};
