import type { SuperresolutionConfig } from "../tasks/superresolution/config.js";
import type { System } from "./system.js";

/** For a 2-D acquisition without gaps; a network that begins as the identity. */
const small: SuperresolutionConfig = {
  network: { width: 32, blocks: 4, scaling: 1, addInput: true },
  loss: "l1",
  chain: false,
  acquisition: "2d",
  profile: "gaussian",
  thicknessMm: null,
  targetMm: null,
  patch: 32,
  rotations: 6,
  directions: 2,
  burst: 4,
  batch: 16,
  optimizer: {
    name: "adam",
    learningRate: 2e-3,
    weightDecay: 0,
    momentum: 0.9,
    nesterov: false,
    clip: null,
  },
  schedule: { kind: "cosine", warmup: 20 },
  average: 0.99,
  epochs: 10,
  stepsPerEpoch: 100,
  validations: 10,
  patience: null,
};

const tiny: SuperresolutionConfig = {
  ...small,
  network: { ...small.network, width: 16, blocks: 2 },
  epochs: 5,
};

/** Both networks as large as EDSR's largest, from random weights, with the learning rate of the paper. */
const paper: SuperresolutionConfig = {
  ...small,
  network: { width: 256, blocks: 32, scaling: 0.1, addInput: false },
  directions: 6,
  burst: "infinity",
  optimizer: { ...small.optimizer, learningRate: 1e-4 },
  schedule: { kind: "constant" },
  average: null,
  epochs: 40,
  stepsPerEpoch: 500,
};

export const configs = { small, tiny, paper } as const;

/** SMORE (Zhao et al. 2019, 2021): thick slices to cubes for voxels by networks that have learnt within the scan's own slices. */
export const smore: System = {
  name: "smore",
  task: "superresolution",
  summary: "Make thick slices as fine as their planes by learning from the scan itself",
  paper: {
    title:
      "SMORE: a self-supervised anti-aliasing and super-resolution algorithm for MRI using deep learning",
    authors: "Zhao, Dewey, Pham, Calabresi, Reich, Prince",
    venue: "IEEE Transactions on Medical Imaging 40",
    year: 2021,
  },
  presets: {
    small: { summary: "two networks of 4 blocks and 32 channels: minutes on two cores" },
    tiny: { summary: "2 blocks and 16 channels: a minute or less, for trying out" },
    paper: { summary: "EDSR in full, 32 blocks of 256 channels, 38.4 M parameters each" },
  },
  verbs: async () =>
    (await import("../tasks/superresolution/node.js")).superresolutionVerbs({
      name: "smore",
      presets: configs,
    }),
  study: async () => (await import("../studies/smore/node.js")).smoreStudy(small),
};
