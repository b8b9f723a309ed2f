import type { ReconstructionConfig } from "../tasks/reconstruction/config.js";
import type { System } from "./system.js";

const stages = (...all: readonly (readonly [convs: number, channels: number, stride: 1 | 2])[]) =>
  all.map(([convs, channels, stride]) => ({ convs, channels, stride }));
const upwards = (...all: readonly (readonly [size: number, convs: number, channels: number])[]) =>
  all.map(([size, convs, channels]) => ({ size, convs, channels }));

/** What all presets share that is not the network. */
const training = {
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
} as const satisfies Partial<ReconstructionConfig>;

/**
 * From 96 views of 95 bins to 64² pixels, arranged to learn in minutes of a processor what the paper's layout wants hours
 * for. Convolutions throughout and nothing projected back that was not learnt, but not the paper's network:
 * - its input is a linogram: the same corrected counts with the bins of each view spaced by the cosine of its angle;
 * - the encoder is short: a convolution along the bins, then one whose kernel spans all views, to 4 images of features,
 *   where the paper has 18 of 3x3 on the way down to 17x18;
 * - a convolutional encoder and decoder with skips works on those, and its output is added to the first of them;
 * - a batch of 8, Adam with 0.003 and a cosine in place of 70, 0.0001 and a plateau; predictions by averaged weights.
 */
const small: ReconstructionConfig = {
  ...training,
  network: {
    join: { kernel: 17, channels: 1, reach: 8, features: 4 },
    encoder: stages([2, 16, 1], [2, 32, 2], [3, 64, 2]),
    decoder: upwards([32, 2, 32], [64, 2, 16]),
    kernels: [],
    momentum: 0.1,
    residual: true,
  },
  inputs: ["linogram"],
  optimizer: { ...training.optimizer, learningRate: 3e-3 },
};

/** The same for 48 views of 47 bins and 32² pixels. */
const tiny: ReconstructionConfig = {
  ...small,
  network: {
    ...small.network,
    encoder: stages([1, 8, 1], [2, 16, 2]),
    decoder: upwards([32, 2, 8]),
  },
};

/**
 * The paper's layout with fewer and narrower convolutions, for the geometry of `small`. It has to find where every line goes
 * by 3x3 convolutions: after 1200 steps it shows outlines only.
 */
const smallPlain: ReconstructionConfig = {
  ...training,
  network: {
    join: null,
    encoder: stages([2, 16, 1], [2, 32, 2], [3, 64, 2], [3, 128, 2], [3, 256, 2]),
    decoder: upwards([12, 3, 128], [24, 2, 64], [40, 2, 32], [64, 1, 16]),
    kernels: [],
    momentum: 0.1,
    residual: false,
  },
  inputs: ["precorrected", "cosine", "sine", "offset"],
};

/**
 * Filtered backprojections in place of sinograms, with skips and a residual, after Jin et al. 2017: nothing to learn about
 * lines. Not DeepPET, which finds the image by itself.
 */
const smallBackprojected: ReconstructionConfig = {
  ...training,
  network: { ...small.network, join: null },
  inputs: ["backprojection", "density"],
};

const tinyBackprojected: ReconstructionConfig = {
  ...smallBackprojected,
  network: { ...tiny.network, join: null },
};

/** The network, loss and schedule of the paper: 288 views of 269 bins, 128² pixels, 62.8 M parameters. */
const paper: ReconstructionConfig = {
  ...training,
  network: {
    encoder: stages([2, 32, 1], [2, 64, 2], [3, 128, 2], [3, 256, 2], [3, 512, 2], [5, 1024, 1], [3, 512, 1]),
    decoder: upwards([26, 3, 256], [44, 3, 128], [75, 2, 64], [128, 1, 32]),
    kernels: [],
    momentum: 0.2,
    join: null,
    residual: false,
  },
  inputs: ["precorrected"],
  batch: 70,
  optimizer: { ...training.optimizer, learningRate: 1e-4 },
  schedule: { kind: "plateau", factor: 0.9 },
  average: null,
  epochs: 150,
  validations: 150,
};

export const configs = {
  small,
  tiny,
  paper,
  "small-plain": smallPlain,
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
        "96 views of 95 bins to 64² pixels, 1.1 M parameters: arranged to learn in minutes, as linograms",
    },
    tiny: { summary: "the same for 48 views of 47 bins to 32² pixels: seconds, for trying out" },
    "small-plain": {
      summary: "the paper's layout shrunk to 2.7 M parameters for the same 64² pixels: hours",
    },
    "small-backprojected": {
      summary: "not from sinograms: improves filtered backprojections of 64² pixels, with attenuation",
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
