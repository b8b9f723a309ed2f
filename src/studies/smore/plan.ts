import type { CohortOptions } from "../../sim/cohort.js";
import type { SegmentationConfig } from "../../tasks/segmentation/config.js";
import type { SuperresolutionConfig } from "../../tasks/superresolution/config.js";
import type { Part } from "../study.js";
import { tissueUnet } from "../tissue-unet.js";

/** Of the slices, without gaps: the lecture's. */
export const thicknessesMm = [1.205, 1.928, 3.0125, 3.856, 4.82] as const;
/** From this one on SMORE is to be ahead of cubic B-splines. */
export const claimedFromMm = 1.928;
/** Shown as pictures. */
export const shownMm = 3.856;
/** Where self super-resolution is tried without anti-aliasing. */
export const ablatedMm: readonly number[] = [3.856, 4.82];

/** Dice of ventricles in the lecture's table: interpolated and by SMORE; 0.9699 at full resolution, 0.9 mm. */
export const lecture: Readonly<Record<number, readonly [interpolated: number, smore: number]>> = {
  1.205: [0.969, 0.9696],
  1.928: [0.9665, 0.969],
  3.0125: [0.9602, 0.9675],
  3.856: [0.9524, 0.9632],
  4.82: [0.9408, 0.9607],
};
export const lectureFull = 0.9699;

export const methods = ["linear", "cubic", "fourier", "ssr", "smore", "full"] as const;
export type Method = (typeof methods)[number];

/** The names of the methods for people. */
export const titles: Readonly<Record<Method, string>> = {
  linear: "Linear",
  cubic: "Cubic B-spline",
  fourier: "Zero-padded Fourier",
  ssr: "SSR alone",
  smore: "SMORE",
  full: "Full resolution",
};

/** How much is computed. */
export interface Extent {
  /** Heads to be thickened, and heads that the segmentation learns from. */
  readonly cohort: CohortOptions;
  readonly test: number;
  readonly segmentationSteps: number;
  readonly smoreSteps: number;
  readonly thicknessesMm: readonly number[];
  /** Of the real head: the voxels that are looked at, about its middle. */
  readonly crop: readonly [number, number, number];
  readonly tiny: boolean;
}

export const fullMinutes = 18;
/** Below so many minutes small heads are used, to see that all works. */
const leastMinutes = 2;

/** Processor seconds on the machine this was made on. */
const cost = { head: 3, segmentationStep: 0.25, smoreStep: 0.083, restore: 20 } as const;

/** What takes about so many minutes on two cores. */
export function extentFor(minutes: number, seed: number): Extent {
  const tiny = minutes < leastMinutes;
  const common = { seed, noisePercent: 1, biasPercent: 6, ageYears: [40, 85] } as const;
  if (tiny)
    return {
      cohort: { ...common, subjects: 3, spacingMm: 0.964, size: [32, 32, 32] },
      test: 1,
      segmentationSteps: Math.max(2, Math.round(20 * minutes)),
      smoreSteps: Math.max(2, Math.round(20 * minutes)),
      thicknessesMm: [shownMm],
      crop: [32, 32, 32],
      tiny,
    };
  const share = Math.min(4, minutes / fullMinutes);
  const test = 4;
  return {
    cohort: { ...common, subjects: test + 6, spacingMm: 0.964, size: [112, 128, 80] },
    test,
    segmentationSteps: Math.round(600 * Math.min(2, share)),
    smoreSteps: Math.round(300 * share),
    thicknessesMm,
    crop: [112, 112, 104],
    tiny,
  };
}

export const axes = [0, 1, 2] as const;
export const axisNames = ["left to right", "back to front", "bottom to top"] as const;

export const partIds = {
  segmentation: "segmentation",
  simulated: (head: number, mm: number) => `head-${head + 1}-${mm}`,
  real: (axis: number, mm: number) => `real-${"ijk"[axis]}-${mm}`,
} as const;

/** The training of the segmentation, then all that it judges. */
export function partsOf(extent: Extent, withReal: boolean): Part[] {
  const { test, smoreSteps, segmentationSteps, tiny } = extent;
  const seconds = (rest: number): number => smoreSteps * cost.smoreStep + (tiny ? 1 : rest);
  const heads = Array.from({ length: test }, (_, n) => n);
  return [
    {
      id: partIds.segmentation,
      what: "the training of the segmentation",
      cost: segmentationSteps * cost.segmentationStep,
    },
    ...(withReal
      ? extent.thicknessesMm.flatMap((mm) =>
          axes.map((axis) => ({
            id: partIds.real(axis, mm),
            what: `the real head in slices of ${mm} mm from ${axisNames[axis]}`,
            cost: seconds(cost.restore),
            after: [partIds.segmentation],
          })),
        )
      : []),
    ...heads.flatMap((n) =>
      extent.thicknessesMm.map((mm) => ({
        id: partIds.simulated(n, mm),
        what: `head ${n + 1} in slices of ${mm} mm`,
        cost: seconds(cost.restore),
        after: [partIds.segmentation],
      })),
    ),
  ];
}

export function openingCost({ cohort: { subjects }, tiny }: Extent): number {
  return (tiny ? 0.3 : cost.head) * subjects;
}

/** SMORE's settings: the system's preset with half the channels, as it is trained some thirty times. */
export function smoreConfig(
  { smoreSteps, tiny }: Extent,
  preset: SuperresolutionConfig,
): SuperresolutionConfig {
  return {
    ...preset,
    network: { ...preset.network, ...(tiny ? { width: 8, blocks: 1 } : { width: 16 }) },
    ...(tiny ? { patch: 16, batch: 4 } : {}),
    epochs: 1,
    stepsPerEpoch: smoreSteps,
    validations: 1,
  };
}

/** A small 3-D U-Net for three tissues. */
export function segmentationConfig({ segmentationSteps, tiny }: Extent): SegmentationConfig {
  return tissueUnet(
    {
      patch: tiny ? [16, 16, 16] : [40, 40, 40],
      patchVoxels: 40 ** 3,
      spacingMm: "native",
      augmentation: "none",
      foreground: 0.5,
      epochs: 1,
      stepsPerEpoch: segmentationSteps,
      overlap: 0.25,
    },
    tiny,
  );
}

/** All that decides the results, for the record and the report. */
export function configurationOf(
  extent: Extent,
  preset: SuperresolutionConfig,
  realFile: string | null,
): Record<string, unknown> {
  return {
    ...extent,
    realHead: realFile ?? "none",
    smore: smoreConfig(extent, preset),
    segmentation: segmentationConfig(extent),
  };
}
