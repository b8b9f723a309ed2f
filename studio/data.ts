import { type CohortOptions, simulateSubject } from "../src/sim/cohort.js";
import { coarseStructures } from "../src/sim/labels.js";
import type { Slices } from "./messages.js";

/** Eight axial slices of 3 mm through the middle of the brain: enough to learn from, and made in a moment. */
const cohort = (seed: number): CohortOptions => ({
  subjects: trainingHeads + 1,
  seed,
  spacingMm: 3,
  size: [56, 72, 8],
  noisePercent: 3,
  biasPercent: 8,
  ageYears: [20, 80],
});

export const trainingHeads = 8;
export const slices: Slices = { width: 56, height: 72, count: 8 };

/** What is told apart, in the order of the labels. */
export const tissues = [
  "background",
  "cerebrospinal fluid",
  "grey matter",
  "white matter",
  "ventricles",
  "deep grey nuclei",
];

/** Tissue of every coarse structure: the hippocampus is grey matter; what lies below these slices is background. */
const tissueOf = Uint8Array.from(coarseStructures, ({ abbreviation }) =>
  Math.max(
    0,
    ["BG", "CSF", "CGM", "WM", "VEN", "DGM"].indexOf(abbreviation.startsWith("HIP") ? "CGM" : abbreviation),
  ),
);

export interface Head {
  /** Zero mean, unit deviation; slice by slice, row by row, front of the head up. */
  readonly image: Float32Array;
  readonly label: Uint8Array;
}

/** Head `index` of the cohort that a seed stands for; the last one, `trainingHeads`, is kept for judging. */
export function makeHead(seed: number, index: number): Head {
  const { t1, labels } = simulateSubject(cohort(seed), index);
  const { width, height, count } = slices;
  const image = new Float32Array(width * height * count);
  const label = new Uint8Array(image.length);
  let [sum, squares] = [0, 0];
  for (const value of t1.data) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / image.length;
  const deviation = Math.sqrt(squares / image.length - mean * mean);
  for (let z = 0, to = 0; z < count; z++)
    for (let row = 0; row < height; row++)
      for (let x = 0; x < width; x++, to++) {
        // Volumes run from the back of the head to the front, pictures from the top down.
        const from = (z * height + (height - 1 - row)) * width + x;
        image[to] = (t1.data[from]! - mean) / deviation;
        label[to] = tissueOf[labels.data[from]!]!;
      }
  return { image, label };
}
