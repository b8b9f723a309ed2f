import type { Model } from "./plan.js";

/** Wen et al. 2020: balanced accuracy, from memory and approximate; the mean where a range is remembered. */
export interface PaperRow {
  readonly test: number;
  /** AIBL, which is like ADNI. */
  readonly similar: number | null;
  /** OASIS, which is not. */
  readonly external: number | null;
  readonly mild: number | null;
}

export const paperTable: Readonly<Partial<Record<Model, PaperRow>>> = {
  pretrained: { test: 0.85, similar: 0.86, external: 0.68, mild: 0.715 },
  roi: { test: 0.89, similar: 0.84, external: 0.69, mild: 0.74 },
  multi: { test: 0.83, similar: 0.81, external: 0.64, mild: 0.7 },
  slice: { test: 0.775, similar: null, external: null, mild: null },
  svm: { test: 0.88, similar: 0.88, external: 0.7, mild: 0.75 },
};

/** Mean accuracies of AD against CN in the review, computed from the rows of the lecture's tables, and how many papers. */
export const review = {
  honest: { accuracy: 0.86, papers: 13 },
  leaky: { accuracy: 0.96, papers: 8 },
} as const;
