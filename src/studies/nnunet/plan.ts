import type { NnunetPreset } from "../../tasks/segmentation/nnunet/config.js";
import type { ConfigurationName } from "../../tasks/segmentation/nnunet/plan.js";
import type { Size3 } from "../../volume/volume.js";
import type { Part } from "../study.js";

/** Four kinds of data, each made so that another configuration should matter. */
export const kinds = ["isotropic", "thick", "context", "lesion"] as const;
export type Kind = (typeof kinds)[number];

export const kindTitles: Readonly<Record<Kind, string>> = {
  isotropic: "Isotropic structures",
  thick: "Thick slices",
  context: "Far context",
  lesion: "Small lesions, two channels",
};

/** Of every kind: what is seen, what is to be found, and which channels a case has. */
export const kindWords: Readonly<
  Record<
    Kind,
    { readonly what: string; readonly channels: readonly string[]; readonly labels: readonly string[] }
  >
> = {
  isotropic: {
    what: "The left hippocampus in a small field of cubic voxels with much noise, anterior and posterior part, as in the Decathlon's fourth task.",
    channels: ["T1"],
    labels: ["anterior", "posterior"],
  },
  thick: {
    what: "Ventricles, thalamus and basal ganglia in slices five times as thick as their voxels are wide.",
    channels: ["T1"],
    labels: ["ventricles", "thalamus", "basal ganglia"],
  },
  context: {
    what: "Bright balls of one look in the outer brain, planned for so little memory that a patch sees a small part of the head. Which of two labels all balls of a head have is decided by a larger ball in its middle, which is dark or bright: the labels are named after it.",
    channels: ["T1"],
    labels: ["dark middle", "bright middle"],
  },
  lesion: {
    what: "One to three small lesions in the white matter of heads without skull, visible in the second of two channels only.",
    channels: ["T1", "FLAIR"],
    labels: ["lesion"],
  },
};

/** How much of one kind is computed. */
export interface KindExtent {
  /** Cases that are trained on in folds, and others for the test. */
  readonly cases: number;
  readonly test: number;
  readonly size: Size3;
  /** Along i, j and k. */
  readonly spacingMm: Size3;
  /** What is planned for. */
  readonly memoryGb: number;
  readonly configurations: readonly ConfigurationName[];
  readonly batch: { readonly "2d": number; readonly "3d": number };
  /** Of every fold of every configuration. */
  readonly steps: number;
}

/** How much is computed. */
export interface Extent {
  readonly kinds: Readonly<Record<Kind, KindExtent>>;
  readonly folds: number;
  /** Steps of a fold on the small sets of real scans. */
  readonly realSteps: Readonly<Record<RealSet, number>>;
  readonly firstWidth: number;
  readonly tiny: boolean;
}

/** Small sets of real scans, in folders of a folder of data. */
export const realSets = ["spinal-cord", "brats-2013"] as const;
export type RealSet = (typeof realSets)[number];

export const fullMinutes = 22;
/** Below so many minutes tiny images are used, to see that all works. */
const leastMinutes = 4;

const both = ["2d", "3d_fullres"] as const;
const cascade = ["3d_lowres", "3d_fullres", "3d_cascade_fullres"] as const;

/** What takes about so many minutes on two cores. */
export function extentFor(minutes: number): Extent {
  if (minutes < leastMinutes) return tinyExtent(Math.max(1, Math.round(8 * minutes)));
  const share = Math.min(4, minutes / fullMinutes);
  const few = { cases: 24, test: 16, batch: { "2d": 24, "3d": 2 }, steps: Math.round(450 * share) };
  const cubic = (mm: number): Size3 => [mm, mm, mm];
  return {
    kinds: {
      isotropic: {
        ...few,
        size: [32, 44, 36],
        spacingMm: cubic(1.25),
        memoryGb: 0.3,
        configurations: both,
      },
      thick: {
        ...few,
        size: [56, 60, 10],
        spacingMm: [1.5, 1.5, 7.5],
        memoryGb: 0.3,
        configurations: both,
      },
      context: {
        ...few,
        size: [52, 64, 52],
        spacingMm: cubic(3),
        memoryGb: 0.012,
        batch: { "2d": 24, "3d": 8 },
        configurations: cascade,
        steps: Math.round(600 * share),
      },
      lesion: {
        ...few,
        size: [60, 72, 60],
        spacingMm: cubic(3),
        memoryGb: 0.15,
        configurations: both,
      },
    },
    folds: 2,
    // Of the neck there are two folds, of the gliomas four.
    realSteps: { "spinal-cord": Math.round(160 * share), "brats-2013": Math.round(500 * share) },
    firstWidth: 8,
    tiny: false,
  };
}

function tinyExtent(steps: number): Extent {
  const few = { cases: 2, test: 2, batch: { "2d": 4, "3d": 2 }, steps };
  return {
    kinds: {
      isotropic: {
        ...few,
        size: [16, 20, 18],
        spacingMm: [2.5, 2.5, 2.5],
        memoryGb: 0.05,
        configurations: both,
      },
      thick: { ...few, size: [24, 24, 7], spacingMm: [3.5, 3.5, 12], memoryGb: 0.05, configurations: both },
      context: {
        ...few,
        size: [26, 32, 26],
        spacingMm: [6, 6, 6],
        memoryGb: 0.0014,
        configurations: cascade,
      },
      lesion: { ...few, size: [26, 30, 26], spacingMm: [7, 7, 7], memoryGb: 0.05, configurations: both },
    },
    folds: 2,
    realSteps: { "spinal-cord": steps, "brats-2013": steps },
    firstWidth: 4,
    tiny: true,
  };
}

export const partIds = {
  plan: (kind: Kind) => `plan-${kind}`,
  train: (kind: Kind, name: ConfigurationName) => `train-${kind}-${name}`,
  best: (kind: Kind) => `best-${kind}`,
  test: (kind: Kind) => `test-${kind}`,
  real: (set: RealSet) => `real-${set}`,
} as const;

/**
 * Processor seconds, estimated: of a step for every million voxels in its batch, of a case predicted by one fold for
 * every million voxels; and of a case that is simulated.
 */
const cost = { step: 2, prediction: 6, simulation: 1, part: 1 } as const;
/** Voxels that a batch of the kinds has at most. */
const patchVoxels: Readonly<Record<Kind, number>> = {
  isotropic: 41_000,
  thick: 27_000,
  context: 4_100,
  lesion: 50_000,
};

const megavoxels = ({ size }: KindExtent): number => (size[0] * size[1] * size[2]) / 1e6;

function trainingCost(kind: Kind, extent: Extent): number {
  const own = extent.kinds[kind];
  const voxels = Math.min(patchVoxels[kind], megavoxels(own) * 1e6) * own.batch["3d"];
  const windows = kind === "context" ? 8 : 2;
  const training = extent.folds * own.steps * Math.max(0.02, (cost.step * voxels) / 1e6);
  return cost.part + training + own.cases * windows * cost.prediction * megavoxels(own);
}

function testCost(kind: Kind, { kinds: all, folds }: Extent): number {
  const own = all[kind];
  const windows = kind === "context" ? 8 : 2;
  const networks = own.configurations.length * folds;
  const predicting = networks * windows * cost.prediction * megavoxels(own);
  return cost.part + own.test * (cost.simulation + predicting);
}

/** The longest chain first: the coarse stage, what looks at it, what judges both. */
export function partsOf(extent: Extent, real: readonly RealSet[]): Part[] {
  const order: readonly Kind[] = ["context", "lesion", "isotropic", "thick"];
  const title = (kind: Kind): string => kindTitles[kind].toLowerCase();
  const trainings = (kind: Kind): Part[] =>
    extent.kinds[kind].configurations.map((name) => ({
      id: partIds.train(kind, name),
      what: `${title(kind)}: training of ${name}`,
      cost: trainingCost(kind, extent),
      // A cascade uses the cases that the full resolution has prepared.
      after: [
        partIds.plan(kind),
        ...(name === "3d_cascade_fullres"
          ? [partIds.train(kind, "3d_lowres"), partIds.train(kind, "3d_fullres")]
          : []),
      ],
    }));
  return [
    ...order.map((kind) => ({
      id: partIds.plan(kind),
      what: `${title(kind)}: the plan`,
      cost: cost.part + extent.kinds[kind].cases * cost.simulation,
    })),
    ...trainings("context").slice(0, 2),
    ...real.map((set) => ({
      id: partIds.real(set),
      what: `the real scans of ${set}`,
      cost: 20 + (set === "spinal-cord" ? 2 : 4) * extent.realSteps[set] * (extent.tiny ? 0.05 : 0.2),
    })),
    ...trainings("context").slice(2),
    ...order.slice(1).flatMap(trainings),
    ...order.flatMap((kind): Part[] => [
      {
        id: partIds.best(kind),
        what: `${title(kind)}: the choice`,
        cost: cost.part + 2 * megavoxels(extent.kinds[kind]) * extent.kinds[kind].cases,
        after: extent.kinds[kind].configurations.map((name) => partIds.train(kind, name)),
      },
      {
        id: partIds.test(kind),
        what: `${title(kind)}: the test`,
        cost: testCost(kind, extent),
        after: [partIds.best(kind)],
      },
    ]),
  ];
}

/** The preset `small` with narrower networks and a fixed number of steps; the rest is as planned. */
export function presetOf(
  base: NnunetPreset,
  { firstWidth }: Pick<Extent, "firstWidth">,
  { memoryGb, batch, steps }: Pick<KindExtent, "memoryGb" | "batch" | "steps">,
  configuration: NnunetPreset["configuration"],
): NnunetPreset {
  return {
    ...base,
    memoryGb,
    configuration,
    firstWidth,
    batch,
    epochs: 1,
    stepsPerEpoch: steps,
    validations: 1,
    validationPatches: 2,
  };
}

/** All that decides the results, for the record and the report. */
export function configurationOf(
  extent: Extent,
  base: NnunetPreset,
  real: readonly RealSet[],
): Record<string, unknown> {
  return {
    ...extent,
    real: real.length === 0 ? "none" : real.join(", "),
    preset: presetOf(base, extent, extent.kinds.isotropic, "auto"),
  };
}
