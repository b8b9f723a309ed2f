import { conv4Fc3, conv5Fc3 } from "../models/conv-fc.js";
import { resNet18 } from "../models/resnet.js";
import type { ClassificationConfig } from "../tasks/classification/config.js";
import type { System } from "./system.js";

const adam: ClassificationConfig["optimizer"] = {
  name: "adam",
  learningRate: 5e-4,
  weightDecay: 1e-4,
  momentum: 0.9,
  nesterov: false,
  clip: null,
};

/** Whole volumes of at most 64 voxels an axis: a Conv5_FC3 with narrow layers. */
const subjectSmall: ClassificationConfig = {
  classes: ["CN", "AD"],
  table: { diagnosis: null, map: null, missing: "refuse" },
  sessions: "all",
  input: { size: [64, 64, 64], enlarge: false, intensity: "percentile" },
  framework: { kind: "subject" },
  network: {
    kind: "conv-fc",
    widths: [8, 16, 32, 64],
    padding: "same",
    hidden: [64],
    dropout: 0.5,
    momentum: 0.1,
    average: false,
  },
  balance: "weights",
  augmentation: "light",
  selection: { share: 0.2, by: "auc" },
  pretraining: null,
  freeze: [],
  batch: 8,
  optimizer: adam,
  schedule: { kind: "cosine" },
  average: 0.98,
  epochs: 30,
  stepsPerEpoch: "auto",
  validations: 15,
  patience: null,
};

/** Boxes about both hippocampi, in the world of images whose origin is the anterior commissure, as MNI's is. */
const roiSmall: ClassificationConfig = {
  ...subjectSmall,
  input: { size: null, enlarge: false, intensity: "percentile" },
  framework: {
    kind: "roi",
    size: [16, 20, 16],
    centres: [
      [-26, -20, -14],
      [26, -20, -14],
    ],
    unit: "mm",
  },
  network: { ...narrow([8, 16, 32]), dropout: 0.3 },
  batch: 16,
};

const patchSmall: ClassificationConfig = {
  ...subjectSmall,
  input: { size: [48, 48, 48], enlarge: false, intensity: "percentile" },
  framework: {
    kind: "patch",
    size: [24, 24, 24],
    stride: [24, 24, 24],
    networks: "each",
    threshold: 0.7,
  },
  network: { ...narrow([8, 16, 32]), dropout: 0.3 },
};

/** All axial slices by one 2-D network of features that are averaged over the slice, which few subjects suffice for. */
const sliceSmall: ClassificationConfig = {
  ...subjectSmall,
  input: { size: [52, 52, 52], enlarge: false, intensity: "percentile" },
  framework: { kind: "slice", axis: 2, skip: 0, size: null },
  network: { ...narrow([8, 16, 32]), dropout: 0.3, average: true },
  selection: { share: 0, by: "auc" },
  batch: 32,
  optimizer: { ...adam, learningRate: 3e-3 },
  epochs: 15,
};

function narrow(widths: number[]): Extract<ClassificationConfig["network"], { kind: "conv-fc" }> {
  return {
    kind: "conv-fc",
    widths,
    padding: "same",
    hidden: [32],
    dropout: 0.5,
    momentum: 0.1,
    average: false,
  };
}

/** Conv5_FC3 on the grid of MNI at 1 mm, pre-trained as an autoencoder; where the paper adds up two steps, one has twice the batch. */
const subjectPaper: ClassificationConfig = {
  ...subjectSmall,
  input: { size: null, enlarge: false, intensity: "minMax" },
  network: {
    kind: "conv-fc",
    widths: [...conv5Fc3.widths],
    padding: conv5Fc3.padding,
    hidden: [...conv5Fc3.hidden],
    dropout: conv5Fc3.dropout,
    momentum: 0.1,
    average: false,
  },
  balance: "none",
  augmentation: "none",
  selection: { share: 0.2, by: "balanced accuracy" },
  pretraining: { epochs: 50, learningRate: 1e-4, batch: 24, weightDecay: 0 },
  batch: 12,
  optimizer: { ...adam, learningRate: 1e-4, weightDecay: 0 },
  schedule: { kind: "constant" },
  average: null,
  epochs: 50,
  validations: 50,
  patience: 10,
};

const conv4: ClassificationConfig["network"] = {
  kind: "conv-fc",
  widths: [...conv4Fc3.widths],
  padding: conv4Fc3.padding,
  hidden: [...conv4Fc3.hidden],
  dropout: conv4Fc3.dropout,
  momentum: 0.1,
  average: false,
};

/** Conv4_FC3 on 50³ voxels about the hippocampi of images cropped to 169 x 208 x 179 voxels. */
const roiPaper: ClassificationConfig = {
  ...subjectPaper,
  framework: {
    kind: "roi",
    size: [50, 50, 50],
    centres: [
      [61, 96, 68],
      [109, 96, 68],
    ],
    unit: "voxel",
  },
  network: conv4,
  pretraining: { epochs: 200, learningRate: 1e-5, batch: 32, weightDecay: 0 },
  batch: 32,
  optimizer: { ...adam, learningRate: 1e-5, weightDecay: 1e-4 },
  epochs: 200,
  validations: 200,
  patience: 10,
};

/** A Conv4_FC3 for each of the patches of 50³ voxels: 36 in images of 169 x 208 x 179; one autoencoder of all patches before. */
const patchPaper: ClassificationConfig = {
  ...roiPaper,
  framework: {
    kind: "patch",
    size: [50, 50, 50],
    stride: [50, 50, 50],
    networks: "each",
    threshold: 0.7,
  },
  pretraining: { epochs: 20, learningRate: 1e-5, batch: 64, weightDecay: 1e-4 },
  patience: 15,
};

/** ResNet-18 on sagittal slices of 224 x 224 pixels, of which the last stage and what follows it is trained: needs --init. */
const slicePaper: ClassificationConfig = {
  ...subjectPaper,
  framework: { kind: "slice", axis: 0, skip: 20, size: [224, 224] },
  network: {
    kind: "resnet",
    stem: resNet18.stem,
    widths: [...resNet18.widths],
    blocks: [...resNet18.blocks],
    shortcut: resNet18.shortcut,
    hidden: [1000],
    dropout: 0.8,
    channels: 3,
  },
  pretraining: null,
  freeze: ["stem", "stage0", "stage1", "stage2"],
  batch: 32,
  optimizer: { ...adam, learningRate: 1e-6, weightDecay: 1e-4 },
  epochs: 50,
  validations: 50,
  patience: 15,
};

export const configs = {
  "subject-small": subjectSmall,
  "roi-small": roiSmall,
  "patch-small": patchSmall,
  "slice-small": sliceSmall,
  "subject-paper": subjectPaper,
  "roi-paper": roiPaper,
  "patch-paper": patchPaper,
  "slice-paper": slicePaper,
} as const;

/** For the study: simulated volumes as they are, mirrored at most, classes of equal size, so many looks at the validation fold. */
function quick(config: ClassificationConfig): ClassificationConfig {
  return {
    ...config,
    input: { ...config.input, size: null },
    balance: "none",
    augmentation: { mirror: { probability: 0.5, axes: [0] } },
    selection: { share: 0.2, by: "balanced accuracy" },
    optimizer: { ...config.optimizer, learningRate: Math.max(1e-3, config.optimizer.learningRate) },
    validations: 8,
  };
}

/** Patches that one network sees all of, so many at once that statistics are of several places of several heads. */
function withOneNetwork(config: ClassificationConfig): ClassificationConfig {
  const { framework } = config;
  if (framework.kind !== "patch") return config;
  return { ...config, framework: { ...framework, networks: "one" }, batch: 32 };
}

/** For the study of leakage: a network of single slices that can learn every head by heart, as ResNet-18 can. */
const memory: ClassificationConfig = {
  ...sliceSmall,
  framework: { kind: "slice", axis: 2, skip: 0, size: null },
  network: { ...narrow([16, 32, 64]), hidden: [64], dropout: 0 },
  balance: "none",
  augmentation: "none",
  selection: { share: 0, by: "auc" },
  batch: 32,
  // At 7e-4 and above some trainings never leave a loss of ln 2.
  optimizer: { ...adam, learningRate: 5e-4, weightDecay: 0, clip: 1 },
};

/** The frameworks that Wen et al. (2020) compared: Alzheimer's disease from volumes, regions, patches or slices. */
export const adcnn: System = {
  name: "adcnn",
  task: "classification",
  summary: "Tell Alzheimer's disease from health by whole volumes, the hippocampi, patches or slices",
  paper: {
    title:
      "Convolutional neural networks for classification of Alzheimer's disease: overview and reproducible evaluation",
    authors:
      "Wen, Thibeau-Sutre, Diaz-Melo, Samper-González, Routier, Bottani, Dormont, Durrleman, Burgos, Colliot",
    venue: "Medical Image Analysis 63",
    year: 2020,
    arxiv: "1904.07773",
  },
  presets: {
    "subject-small": { summary: "whole volumes of at most 64 voxels an axis: minutes on two cores" },
    "roi-small": { summary: "boxes about both hippocampi of images in MNI's world, by one network" },
    "patch-small": { summary: "patches of 24 voxels, each with a network of its own, and a vote" },
    "slice-small": {
      summary: "axial slices by one small 2-D network, and their mean: a minute on two cores",
    },
    "subject-paper": { summary: "Conv5_FC3 of 42.3 M parameters on 169 x 208 x 179 voxels, pre-trained" },
    "roi-paper": { summary: "Conv4_FC3 on 50 x 50 x 50 voxels about each hippocampus, pre-trained" },
    "patch-paper": { summary: "36 networks, Conv4_FC3, on patches of 50 x 50 x 50 voxels, pre-trained" },
    "slice-paper": { summary: "ResNet-18 on sagittal slices, the last stage fine-tuned: needs --init" },
  },
  crossValidates: true,
  verbs: async () =>
    (await import("../tasks/classification/node.js")).classificationVerbs({
      name: "adcnn",
      presets: configs,
    }),
  study: async () =>
    (await import("../studies/adcnn/node.js")).adcnnStudy({
      subject: quick(subjectSmall),
      roi: quick(roiSmall),
      single: quick(withOneNetwork(patchSmall)),
      multi: quick(patchSmall),
      slice: quick(sliceSmall),
      memory,
    }),
};
