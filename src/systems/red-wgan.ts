import type { DenoisingConfig } from "../tasks/denoising/config.js";
import type { System } from "./system.js";

/**
 * For two cores: patches of 24³ voxels, three of the paper's four levels, a quarter of its channels, a critic with a pooled
 * head. No norm, kernels without offset and the identity at first, and values in units of the noise, which the paper does
 * not have either: one network then learns all levels, several times as fast. 9 % noise.
 */
const small: DenoisingConfig = {
  network: { widths: [16, 32, 32], norm: "none", momentum: 0.1, identityAtFirst: true },
  units: "noise",
  critic: { widths: [8, 16, 32], head: "pooled", steps: 2, penalty: 10, rate: 1 },
  loss: { mse: 1, perceptual: 0.05, adversarial: 2e-4 },
  features: { run: null, widths: [8, 16], levels: 2 },
  noise: [9, 9],
  patch: [24, 24, 24],
  window: [48, 48, 48],
  overlap: 0.25,
  foreground: 0.9,
  mirror: true,
  batch: 2,
  optimizer: {
    name: "adam",
    learningRate: 2e-3,
    weightDecay: 0,
    momentum: 0.9,
    nesterov: false,
    clip: null,
    betas: [0.5, 0.9],
  },
  schedule: { kind: "cosine", warmup: 20 },
  average: 0.99,
  epochs: 40,
  stepsPerEpoch: 50,
  validations: 10,
  patience: null,
};

const mixed: DenoisingConfig = { ...small, noise: [2, 18] };

const tiny: DenoisingConfig = {
  ...small,
  network: { ...small.network, widths: [8, 16] },
  critic: { ...small.critic, widths: [8, 16] },
  patch: [16, 16, 16],
  window: [32, 32, 32],
};

const onlyMse = { mse: 1, perceptual: 0, adversarial: 0 } as const;

/** The generator alone, by mean squared error: the paper's baseline. */
const cnn3d: DenoisingConfig = {
  ...small,
  loss: onlyMse,
  optimizer: { ...small.optimizer, betas: [0.9, 0.99] },
};

/** Squared errors of values of 0 to 4096 are so many times as large as those of 0 to 1. */
const paperScale = 4096 ** 2;

/**
 * The networks, patches, balance of the losses and optimiser of the paper, for values of 0 to about 1 instead of 4096: with
 * the learning rate that belongs to those. Random filters stand where VGG-19 stood.
 *
 * The paper's weights 1, 0.1 and 0.001 are of a squared error over 0 to 4096, of features, and of a critic of images over
 * 4096. The critic's values stay what they are in units of 1, as do features that are blind to scale; the squared error
 * loses 4096². Against it both judges hardly count, there as here: `small` gives them weight.
 */
const paper: DenoisingConfig = {
  ...small,
  network: { widths: [32, 64, 128, 256], norm: "batch", momentum: 0.1, identityAtFirst: false },
  units: "reference",
  critic: { widths: [32, 64, 128], head: "full", steps: 5, penalty: 10, rate: 1 },
  loss: { mse: 1, perceptual: 0.1 / paperScale, adversarial: 1e-3 / paperScale },
  features: { run: null, widths: [64, 128], levels: 2 },
  patch: [32, 32, 6],
  window: [32, 32, 6],
  overlap: 0.5,
  foreground: 0,
  mirror: false,
  batch: 110,
  optimizer: { ...small.optimizer, learningRate: 1e-4 },
  schedule: { kind: "constant" },
  average: null,
  epochs: 10,
  stepsPerEpoch: 2000,
};

export const configs = {
  small,
  mixed,
  tiny,
  cnn3d,
  "cnn3d-mixed": { ...cnn3d, noise: mixed.noise },
  paper,
} as const;

/** RED-WGAN (Ran et al. 2019): Rician noise out of MR volumes by a residual encoder and decoder that a critic teaches. */
export const redWgan: System = {
  name: "red-wgan",
  task: "denoising",
  summary: "Take Rician noise out of MR volumes with a network that a critic has taught",
  paper: {
    title:
      "Denoising of 3-D magnetic resonance images using a residual encoder-decoder Wasserstein generative adversarial network",
    authors: "Ran, Hu, Chen, Chen, Sun, Zhou, Zhang",
    venue: "Medical Image Analysis 55",
    year: 2019,
    arxiv: "1808.03941",
  },
  presets: {
    small: {
      summary:
        "9 % noise, few channels and no batch norm, units of the noise, critic with a pooled head: minutes on two cores",
    },
    mixed: { summary: "the same for 2 to 18 % noise at once, told or estimated" },
    tiny: { summary: "two levels and patches of 16 voxels: seconds to minutes, for trying out" },
    cnn3d: { summary: "the generator of small by mean squared error alone: the paper's CNN3D" },
    "cnn3d-mixed": { summary: "the same for 2 to 18 % noise at once, told or estimated" },
    paper: {
      summary:
        "the networks of 2019: patches of 32 x 32 x 6, 2.3 M parameters and a critic of 1.1 M, which hardly counts at the paper's weights",
    },
  },
  verbs: async () =>
    (await import("../tasks/denoising/node.js")).denoisingVerbs({ name: "red-wgan", presets: configs }),
  study: async () => (await import("../studies/red-wgan/node.js")).redWganStudy(small),
};
