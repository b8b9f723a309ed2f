import type { ListedStudy } from "./system.js";

/** Batch normalisation (Ioffe & Szegedy 2015): a layer of most systems, with claims of its own. */
export const batchNorm: ListedStudy = {
  name: "batch-norm",
  summary: "Train the same small networks with and without batch normalisation, at rising learning rates",
  paper: {
    title: "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift",
    authors: "Ioffe, Szegedy",
    venue: "ICML",
    year: 2015,
    arxiv: "1502.03167",
  },
  study: async () => (await import("../studies/batch-norm/node.js")).batchNormStudy,
};
