import type { ReconstructionConfig } from "../tasks/reconstruction/config.js";
import type { System } from "./system.js";

const stages = (...all: readonly (readonly [convs: number, channels: number, stride: 1 | 2])[]) =>
  all.map(([convs, channels, stride]) => ({ convs, channels, stride }));
const upwards = (...all: readonly (readonly [size: number, convs: number, channels: number])[]) =>
  all.map(([size, convs, channels]) => ({ size, convs, channels }));

/** For 96 views of 95 bins and 64² pixels: an eighth of the paper's bins. */
const small: ReconstructionConfig = {
  network: {
    encoder: stages([2, 16, 1], [2, 32, 2], [3, 64, 2], [3, 128, 2], [3, 256, 2]),
    decoder: upwards([12, 3, 128], [24, 2, 64], [40, 2, 32], [64, 1, 16]),
    kernels: [],
    momentum: 0.1,
    residual: false,
  },
  inputs: ["precorrected", "cosine", "sine", "offset"],
  noise: "fresh",
  counts: [1e5, 1e7],
  mirror: true,
  batch: 8,
  optimizer: {
    name: "adam",
    learningRate: 2e-3,
    weightDecay: 0,
    momentum: 0.9,
    nesterov: false,
    clip: null,
  },
  schedule: { kind: "cosine", warmup: 30 },
  average: 0.99,
  epochs: 30,
  stepsPerEpoch: "auto",
  validations: 10,
  patience: null,
};

/** For 48 views of 47 bins and 32² pixels. */
const tiny: ReconstructionConfig = {
  ...small,
  network: {
    ...small.network,
    encoder: stages([1, 8, 1], [2, 16, 2], [2, 32, 2], [2, 64, 2]),
    decoder: upwards([11, 2, 32], [19, 1, 16], [32, 1, 8]),
  },
};

/**
 * Filtered backprojections in place of sinograms, with skips and a residual, after Jin et al. 2017: nothing to learn about
 * lines, so that minutes suffice. Not the paper's network, which finds the image by itself.
 */
const smallBackprojected: ReconstructionConfig = {
  ...small,
  network: {
    encoder: stages([2, 16, 1], [2, 32, 2], [3, 64, 2]),
    decoder: upwards([32, 2, 32], [64, 2, 16]),
    kernels: [],
    momentum: 0.1,
    residual: true,
  },
  inputs: ["backprojection", "density"],
};

const tinyBackprojected: ReconstructionConfig = {
  ...smallBackprojected,
  network: {
    ...smallBackprojected.network,
    encoder: stages([1, 8, 1], [2, 16, 2]),
    decoder: upwards([32, 2, 8]),
  },
};

/** The network, loss and schedule of the paper: 288 views of 269 bins, 128² pixels, 62.8 M parameters. */
const paper: ReconstructionConfig = {
  ...small,
  network: {
    encoder: stages([2, 32, 1], [2, 64, 2], [3, 128, 2], [3, 256, 2], [3, 512, 2], [5, 1024, 1], [3, 512, 1]),
    decoder: upwards([26, 3, 256], [44, 3, 128], [75, 2, 64], [128, 1, 32]),
    kernels: [],
    momentum: 0.2,
    residual: false,
  },
  inputs: ["precorrected"],
  batch: 70,
  optimizer: { ...small.optimizer, learningRate: 1e-4 },
  schedule: { kind: "plateau", factor: 0.9 },
  average: null,
  epochs: 150,
  validations: 150,
};

export const configs = {
  small,
  tiny,
  paper,
  "small-backprojected": smallBackprojected,
  "tiny-backprojected": tinyBackprojected,
} as const;

/** DeepPET (Häggström et al. 2019): sinogram to image in one pass of a convolutional encoder and decoder. */
export const deeppet: System = {
  name: "deeppet",
  task: "reconstruction",
  summary: "Turn PET counts into an activity image in one pass of a network",
  paper: {
    title:
      "DeepPET: A deep encoder–decoder network for directly solving the PET image reconstruction inverse problem",
    authors: "Häggström, Schmidtlein, Campanella, Fuchs",
    venue: "Medical Image Analysis 54",
    year: 2019,
    arxiv: "1804.07851",
  },
  presets: {
    small: {
      summary:
        "96 views of 95 bins to 64² pixels, 2.7 M parameters: learns the shape in minutes, details in hours",
    },
    tiny: { summary: "48 views of 47 bins to 32² pixels: seconds, for trying out" },
    "small-backprojected": {
      summary:
        "the better one after minutes, not the paper's: improves filtered backprojections of 64² pixels",
    },
    "tiny-backprojected": { summary: "the same for 32² pixels: for trying out" },
    paper: { summary: "the network of 2019: 288 views of 269 bins to 128² pixels, 62.8 M parameters" },
  },
  verbs: async () =>
    (await import("../tasks/reconstruction/node.js")).reconstructionVerbs({
      name: "deeppet",
      presets: configs,
    }),
  study: async () => (await import("../studies/deeppet/node.js")).deepPetStudy(configs),
};
