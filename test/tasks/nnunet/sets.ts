import type { DataFingerprint } from "../../../src/tasks/segmentation/nnunet/fingerprint.js";
import type { Plan } from "../../../src/tasks/segmentation/nnunet/plan.js";
import { type PlanOptions, planDataSet } from "../../../src/tasks/segmentation/nnunet/planner.js";

/** A data set whose cases are all like the median: sizes and spacings as plans print them, k, j, i. */
export interface Simulated {
  readonly size: readonly [number, number, number];
  readonly spacingMm: readonly [number, number, number];
  readonly cases: number;
  /** Labels, background included. */
  readonly classes: number;
  readonly channel?: string;
  readonly channels?: number;
  readonly relativeSize?: number;
}

type Triple = readonly [number, number, number];
const fromArrayOrder = ([k, j, i]: Triple): [number, number, number] => [i, j, k];

export function simulatedFingerprint(set: Simulated): DataFingerprint {
  const size = fromArrayOrder(set.size);
  const spacingMm = fromArrayOrder(set.spacingMm);
  return {
    cases: Array.from({ length: set.cases }, (_, at) => ({
      id: `case${at}`,
      size,
      sizeBefore: size,
      spacingMm,
      shearDegrees: 0,
    })),
    channels: Array.from({ length: set.channels ?? 1 }, () => ({
      name: set.channel ?? "MRI",
      foreground: null,
    })),
    medianRelativeSize: set.relativeSize ?? 1,
  };
}

export function planOf(set: Simulated, options: PlanOptions = {}): Plan {
  const labels = Array.from({ length: set.classes - 1 }, (_, at) => ({
    value: at + 1,
    name: `label ${at + 1}`,
  }));
  return planDataSet(
    simulatedFingerprint(set),
    { name: "simulated", background: "background", labels, labelValues: [0, ...labels.map((l) => l.value)] },
    options,
  );
}

/** Medians of the ten Decathlon tasks after resampling: sizes and spacings from the published plans. */
export const decathlon = {
  brainTumour: { size: [138, 169, 138], spacingMm: [1, 1, 1], cases: 484, classes: 4, channels: 4 },
  heart: { size: [115, 320, 232], spacingMm: [1.37, 1.25, 1.25], cases: 20, classes: 2 },
  liver: {
    size: [482, 512, 512],
    spacingMm: [1, 0.76757812, 0.76757812],
    cases: 131,
    classes: 3,
    channel: "CT",
  },
  hippocampus: { size: [36, 50, 35], spacingMm: [1, 1, 1], cases: 260, classes: 3 },
  prostate: { size: [20, 320, 319], spacingMm: [3.6, 0.62, 0.62], cases: 32, classes: 3 },
  lung: {
    size: [252, 512, 512],
    spacingMm: [1.24497998, 0.78515625, 0.78515625],
    cases: 63,
    classes: 2,
    channel: "CT",
  },
  pancreas: {
    size: [96, 512, 512],
    spacingMm: [2.5, 0.80273402, 0.80273402],
    cases: 281,
    classes: 3,
    channel: "CT",
  },
  hepaticVessel: {
    size: [150, 512, 512],
    spacingMm: [1.5, 0.79882801, 0.79882801],
    cases: 303,
    classes: 3,
    channel: "CT",
  },
  spleen: {
    size: [187, 512, 512],
    spacingMm: [1.6, 0.79296899, 0.79296899],
    cases: 41,
    classes: 2,
    channel: "CT",
  },
  colon: { size: [150, 512, 512], spacingMm: [3, 0.78125, 0.78125], cases: 126, classes: 2, channel: "CT" },
} as const satisfies Readonly<Record<string, Simulated>>;
