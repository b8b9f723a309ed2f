import type { SegmentationConfig } from "../tasks/segmentation/config.js";
import type { System } from "./system.js";

/** A padded 3-D U-Net with instance norm, Dice and cross-entropy: U-Net as it is trained on brain images today. */
const small: SegmentationConfig = {
  dimensions: 3,
  network: {
    widths: [16, 32, 64, 128],
    depth: 2,
    norm: "instance",
    slope: 0.01,
    padding: "same",
    down: "stride",
    dropout: 0,
  },
  patch: "auto",
  patchVoxels: 40 * 56 * 40,
  batch: 2,
  spacingMm: "median",
  normalization: "zscore",
  loss: { crossEntropy: 1, dice: 1, border: null, balanceClasses: false },
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
  augmentation: "light",
  foreground: 0.33,
  epochs: 30,
  stepsPerEpoch: "auto",
  validations: 10,
  patience: null,
  overlap: 0.5,
};

const tiny: SegmentationConfig = {
  ...small,
  network: { ...small.network, widths: [8, 16, 32] },
  patchVoxels: 32 ** 3,
  epochs: 20,
};

/** The same in 2-D, for slices and pictures. */
const small2d: SegmentationConfig = {
  ...small,
  dimensions: 2,
  network: { ...small.network, widths: [16, 32, 64, 128, 256], norm: "batch" },
  patch: [256, 256, 1],
  batch: 4,
  optimizer: { ...small.optimizer, learningRate: 4e-3 },
  spacingMm: "native",
  augmentation: "unet2015",
  foreground: 0,
  stepsPerEpoch: 50,
};

/** Volumes slice by slice: learns a whole head's structures in a few minutes, where a 3-D network is still far off. */
const slices: SegmentationConfig = {
  ...small2d,
  network: { ...small2d.network, widths: [16, 32, 64, 128] },
  patch: "auto",
  patchVoxels: 256 ** 2,
  batch: 16,
  optimizer: { ...small.optimizer, learningRate: 5e-3 },
  augmentation: "light",
  // Every slice holds some structure, each structure equally often: rare ones are learnt too.
  foreground: 1,
};

/** The network, loss, optimiser and augmentation of the paper: 31.0 M parameters, 572 pixels in, 388 out. */
const paper: SegmentationConfig = {
  ...small2d,
  network: {
    widths: [64, 128, 256, 512, 1024],
    depth: 2,
    norm: "none",
    slope: 0,
    padding: "valid",
    down: "maxPool",
    dropout: 0.5,
  },
  patch: [572, 572, 1],
  batch: 1,
  normalization: "minmax",
  loss: { crossEntropy: 1, dice: 0, border: { weight: 10, sigmaPixels: 5 }, balanceClasses: true },
  // The learning rate is not in the paper; with a mean loss and momentum 0.99, 1e-3 to 1e-4 is what trains.
  optimizer: { name: "sgd", learningRate: 1e-3, weightDecay: 0, momentum: 0.99, nesterov: false, clip: null },
  schedule: { kind: "constant" },
  average: null,
  augmentation: "unet2015",
  epochs: 200,
  stepsPerEpoch: 30,
  overlap: 0,
};

export const configs = { small, tiny, "small-2d": small2d, slices, paper } as const;

/** U-Net (Ronneberger, Fischer & Brox 2015) and its padded descendants in 2-D and 3-D. */
export const segmentUnet: System = {
  name: "segment-unet",
  task: "segmentation",
  summary: "Label every voxel of a scan or pixel of a picture with a U-Net",
  paper: {
    title: "U-Net: Convolutional Networks for Biomedical Image Segmentation",
    authors: "Ronneberger, Fischer, Brox",
    venue: "MICCAI",
    year: 2015,
    arxiv: "1505.04597",
  },
  presets: {
    small: { summary: "3-D, 4 levels from 16 channels, instance norm: minutes on two cores" },
    tiny: { summary: "3-D, 3 levels from 8 channels: seconds to minutes, for trying out" },
    "small-2d": { summary: "2-D, 5 levels from 16 channels, batch norm: pictures" },
    slices: { summary: "2-D, 4 levels from 16 channels: volumes slice by slice, quick to learn whole heads" },
    paper: {
      summary: "the network of 2015: 2-D, valid convolutions, border-weighted loss, 31.0 M parameters",
    },
  },
  averagesMirrored: true,
  extendable: true,
  verbs: async () =>
    (await import("../tasks/segmentation/node.js")).segmentationVerbs({
      name: "segment-unet",
      presets: configs,
    }),
};
