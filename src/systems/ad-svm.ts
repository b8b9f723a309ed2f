import { usualCosts } from "../classify/costs.js";
import type { ClassicConfig } from "../tasks/classic/config.js";
import type { System } from "./system.js";

/** The baseline to beat: a linear machine over the density of grey matter. */
const svm: ClassicConfig = {
  classes: ["CN", "AD"],
  table: { diagnosis: null, map: null, missing: "refuse" },
  sessions: "first",
  features: { kind: "voxels", content: "grey", smoothingMm: 8 },
  classifier: { kind: "svm", costs: [...usualCosts], folds: 10 },
};

const logistic: ClassicConfig = {
  ...svm,
  features: { kind: "tissues", of: "all" },
  classifier: { kind: "logistic", penalty: 1 },
};

const volumes: ClassicConfig["features"] = {
  kind: "volumes",
  table: "derivatives/gyrus-truth/volumes.tsv",
  columns: null,
  whole: "intracranial_ml",
};

export const configs = {
  svm,
  "svm-intensity": { ...svm, features: { kind: "voxels", content: "intensity", smoothingMm: 8 } },
  "svm-volumes": { ...svm, features: volumes },
  logistic,
  "logistic-csf": { ...logistic, features: { kind: "tissues", of: "csf" } },
  "logistic-volumes": { ...logistic, features: volumes },
} as const satisfies Readonly<Record<string, ClassicConfig>>;

/** The linear machine that Wen et al. (2020) compared networks with, and regressions on a few volumes. */
export const adSvm: System = {
  name: "ad-svm",
  task: "classification",
  summary: "Tell Alzheimer's disease from health by a linear support vector machine or a few volumes",
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
    svm: { summary: "voxels' grey matter density, blurred by 8 mm, C searched within the training subjects" },
    "svm-intensity": { summary: "voxels' signal over its mean, blurred by 8 mm" },
    "svm-volumes": { summary: "regional volumes of a table, as shares of the intracranial volume" },
    logistic: { summary: "logistic regression on the shares of fluid, grey and white matter" },
    "logistic-csf": {
      summary: "logistic regression on the share of fluid alone: to be ashamed of losing to",
    },
    "logistic-volumes": { summary: "logistic regression on regional volumes of a table" },
  },
  fittedAtOnce: true,
  crossValidates: true,
  verbs: async () =>
    (await import("../tasks/classic/node.js")).classicVerbs({ name: "ad-svm", presets: configs }),
};
