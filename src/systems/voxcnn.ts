import { voxCnnOfPaper } from "../models/vox-cnn.js";
import { voxResNetOfPaper } from "../models/vox-resnet.js";
import type { ClassificationConfig } from "../tasks/classification/config.js";
import type { System } from "./system.js";

const common = {
  classes: ["CN", "AD"],
  table: { diagnosis: null, map: null, missing: "refuse" },
  sessions: "first",
  framework: { kind: "subject" },
  balance: "undersample",
  pretraining: null,
  freeze: [],
} as const satisfies Partial<ClassificationConfig>;

const adam = {
  name: "adam",
  learningRate: 1e-3,
  weightDecay: 0,
  momentum: 0.9,
  nesterov: false,
  clip: null,
} as const;

/** VoxCNN at 48 voxels an axis: half the channels, padded convolutions, batch norm, minutes on two cores. */
const small: ClassificationConfig = {
  ...common,
  classes: [...common.classes],
  input: { size: [48, 48, 48], enlarge: false, intensity: "percentile" },
  network: {
    kind: "vox-cnn",
    blocks: [
      { convs: 1, channels: 8 },
      { convs: 1, channels: 16 },
      { convs: 2, channels: 32 },
      { convs: 2, channels: 64 },
    ],
    padding: "same",
    hidden: [64, 32],
    dropout: 0.2,
    norm: true,
    initialize: "he",
  },
  augmentation: "light",
  selection: { share: 0.2, by: "auc" },
  batch: 8,
  optimizer: { ...adam, learningRate: 2e-3 },
  schedule: { kind: "cosine" },
  average: 0.98,
  epochs: 30,
  stepsPerEpoch: "auto",
  validations: 15,
  patience: null,
  freeze: [],
};

/** VoxResNet at 48 voxels an axis with a quarter of the channels. */
const resnetSmall: ClassificationConfig = {
  ...small,
  network: {
    kind: "vox-resnet",
    stem: [8],
    stages: [
      { channels: 16, blocks: 1 },
      { channels: 16, blocks: 1 },
      { channels: 32, blocks: 1 },
    ],
    pool: 3,
    hidden: 32,
    shortcuts: true,
    momentum: 0.1,
  },
  optimizer: { ...adam, learningRate: 3e-3 },
};

const tiny: ClassificationConfig = {
  ...small,
  input: { ...small.input, size: [32, 32, 32] },
  network: {
    kind: "vox-cnn",
    blocks: [
      { convs: 1, channels: 8 },
      { convs: 1, channels: 16 },
      { convs: 1, channels: 32 },
    ],
    padding: "same",
    hidden: [32, 16],
    dropout: 0.3,
    norm: true,
    initialize: "he",
  },
};

/** The network, optimiser and schedule of the paper's code; 110³ voxels, each image over its maximum. */
const paper: ClassificationConfig = {
  ...small,
  input: { size: [110, 110, 110], enlarge: true, intensity: "max" },
  network: {
    kind: "vox-cnn",
    blocks: voxCnnOfPaper.blocks.map((block) => ({ ...block })),
    padding: voxCnnOfPaper.padding,
    hidden: [...voxCnnOfPaper.hidden],
    dropout: voxCnnOfPaper.dropout,
    norm: false,
    initialize: "glorot",
  },
  augmentation: "none",
  // The paper watched the fold that it reported; here the last weights are taken instead.
  selection: { share: 0, by: "auc" },
  batch: 5,
  optimizer: { ...adam, learningRate: 2.7e-5 },
  schedule: { kind: "constant" },
  average: null,
  epochs: 150,
  validations: 150,
};

const resnetPaper: ClassificationConfig = {
  ...paper,
  network: {
    kind: "vox-resnet",
    stem: [...voxResNetOfPaper.stem],
    stages: voxResNetOfPaper.stages.map((stage) => ({ ...stage })),
    pool: voxResNetOfPaper.pool,
    hidden: voxResNetOfPaper.hidden,
    shortcuts: true,
    momentum: 0.1,
  },
  batch: 3,
  optimizer: { ...adam, name: "sgd", learningRate: 1e-3, momentum: 0.9, nesterov: true },
  epochs: 70,
  validations: 70,
};

/** The same layers with nothing added past them. */
function plain(config: ClassificationConfig): ClassificationConfig {
  const { network } = config;
  return network.kind === "vox-resnet" ? { ...config, network: { ...network, shortcuts: false } } : config;
}

/** For the study: simulated volumes as they are, mirrored at most, trained to the last step. */
function quick(config: ClassificationConfig): ClassificationConfig {
  return {
    ...config,
    input: { ...config.input, size: null },
    augmentation: { mirror: { probability: 0.5, axes: [0] } },
    selection: { ...config.selection, share: 0 },
  };
}

export const configs = {
  small,
  "resnet-small": resnetSmall,
  "plain-small": plain(resnetSmall),
  tiny,
  paper,
  "resnet-paper": resnetPaper,
  "plain-paper": plain(resnetPaper),
} as const;

/** VoxCNN and VoxResNet (Korolev et al. 2017): diagnoses from whole T1 volumes. */
export const voxcnn: System = {
  name: "voxcnn",
  task: "classification",
  summary: "Tell two diagnoses apart from whole brain volumes, by a plain or a residual 3-D network",
  paper: {
    title: "Residual and plain convolutional neural networks for 3D brain MRI classification",
    authors: "Korolev, Safiullin, Belyaev, Dodonova",
    venue: "ISBI",
    year: 2017,
    arxiv: "1701.06643",
  },
  presets: {
    small: { summary: "VoxCNN of at most 48 voxels an axis, padded, with batch norm: minutes on two cores" },
    "resnet-small": { summary: "VoxResNet of at most 48 voxels an axis, a quarter of the channels" },
    "plain-small": { summary: "resnet-small without its shortcuts" },
    tiny: { summary: "three blocks on at most 32 voxels an axis: a minute or two, for trying out" },
    paper: { summary: "the VoxCNN of 2017: 110 x 110 x 110 voxels, 375,210 parameters, 150 epochs" },
    "resnet-paper": { summary: "the VoxResNet of 2017: 21 layers, 3,205,026 parameters, 70 epochs" },
    "plain-paper": { summary: "resnet-paper without its shortcuts" },
  },
  crossValidates: true,
  verbs: async () =>
    (await import("../tasks/classification/node.js")).classificationVerbs({
      name: "voxcnn",
      presets: configs,
    }),
  study: async () =>
    (await import("../studies/voxcnn/node.js")).voxcnnStudy({
      voxcnn: quick(small),
      resnet: quick(resnetSmall),
    }),
};
