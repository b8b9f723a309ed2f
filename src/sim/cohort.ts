import { fail } from "../core/errors.js";
import { rng } from "../core/rng.js";
import { determinant } from "../volume/affine.js";
import type { Grid, ImageVolume, LabelVolume, Size3, Volume } from "../volume/volume.js";
import { requirePercent, withBiasField, withRicianNoise } from "./artefacts.js";
import { type BrainParameters, drawBrain } from "./brain.js";
import { t1Image } from "./contrast.js";
import { coarseOfFull, fullStructures } from "./labels.js";
import { type RenderedBrain, renderBrain, withLabels } from "./render.js";

/** What a cohort of simulated heads is made of. */
export interface CohortOptions {
  readonly subjects: number;
  readonly seed: number;
  readonly spacingMm: number;
  /** Voxels along x, y, z of the field of view, centred on the head. */
  readonly size: Size3;
  /** Standard deviation of the Rician noise, percent of the mean of white matter. */
  readonly noisePercent: number;
  /** Standard deviation of the logarithm of the bias field, percent. */
  readonly biasPercent: number;
  /** Lower and upper age in years. */
  readonly ageYears: readonly [number, number];
}

/**
 * `tiny` for tests (a head in a fraction of a second), `small` for `npm start`, `full` at the resolution of a
 * clinical scan. Every field of view holds the whole brain; `full` holds the head down to the neck.
 */
export const cohortPresets = {
  tiny: {
    subjects: 6,
    seed: 1,
    spacingMm: 4,
    size: [40, 48, 40],
    noisePercent: 2,
    biasPercent: 6,
    ageYears: [20, 80],
  },
  small: {
    subjects: 18,
    seed: 1,
    spacingMm: 3,
    size: [56, 72, 56],
    noisePercent: 2,
    biasPercent: 6,
    ageYears: [20, 80],
  },
  full: {
    subjects: 20,
    seed: 1,
    spacingMm: 1,
    size: [192, 224, 192],
    noisePercent: 3,
    biasPercent: 8,
    ageYears: [20, 80],
  },
} as const satisfies Record<string, CohortOptions>;

export type CohortPreset = keyof typeof cohortPresets;

/** Signal of white matter in the images, in their units: scanners store integers of about this size. */
export const whiteMatterSignal = 1000;

/** One simulated subject. Image and label maps share one grid, RAS+, the origin at the anterior commissure. */
export interface SimulatedSubject {
  /** `sub-001` and so on. */
  readonly id: string;
  readonly person: BrainParameters;
  /** T1-weighted image: whole numbers, white matter about 1000. */
  readonly t1: ImageVolume;
  /** Labels of `coarseStructures`. */
  readonly labels: LabelVolume;
  /** Labels of `fullStructures`. */
  readonly fullLabels: Volume<Uint8Array>;
  readonly volumesMl: BrainVolumes;
}

/** Volumes in millilitres, partial volumes counted by their share; within the field of view. */
export interface BrainVolumes {
  readonly intracranial: number;
  readonly cortex: number;
  readonly whiteMatter: number;
  readonly lateralVentricles: number;
  readonly hippocampusLeft: number;
  readonly hippocampusRight: number;
}

/** The grid of a preset or of given options: RAS+, the head in the middle. */
export function cohortGrid({ spacingMm, size }: Pick<CohortOptions, "spacingMm" | "size">): Grid {
  if (!(spacingMm >= 0.3 && spacingMm <= 10))
    fail("bad-argument", {
      what: "the voxel spacing is not possible",
      where: "spacingMm",
      expected: "0.3 to 10 mm",
      found: `${spacingMm}`,
    });
  if (!size.every((n) => Number.isInteger(n) && n >= 1 && n <= 1024))
    fail("bad-argument", {
      what: "the size of the field of view is not possible",
      where: "size",
      expected: "three whole numbers from 1 to 1024",
      found: size.join(", "),
    });
  // The crown is near the upper edge, so that what a low field of view leaves out is neck.
  const height = size[2] * spacingMm;
  const middle = [0, -17, height >= 160 ? 94 - height / 2 : 14];
  const origin = size.map((n, axis) => middle[axis]! - ((n - 1) / 2) * spacingMm);
  return {
    size,
    affine: [
      spacingMm,
      0,
      0,
      origin[0]!,
      0,
      spacingMm,
      0,
      origin[1]!,
      0,
      0,
      spacingMm,
      origin[2]!,
      0,
      0,
      0,
      1,
    ],
  };
}

/**
 * Simulate a cohort, one subject at a time so that only one is held in memory. The same options give the same
 * bits; subject n is the same whatever the number of subjects. Throws `bad-argument`.
 */
export async function* simulateBrains(options: CohortOptions): AsyncGenerator<SimulatedSubject, void, void> {
  checkOptions(options);
  for (let n = 0; n < options.subjects; n++) yield simulateSubject(options, n);
}

/** Subject `index` (from 0) of the cohort, on its own. */
export function simulateSubject(options: CohortOptions, index: number): SimulatedSubject {
  checkOptions(options);
  const draw = rng(options.seed).split("subject", index);
  const person = drawBrain(draw.split("person"), { ageYears: options.ageYears });
  const brain = renderBrain(person, cohortGrid(options));
  const clean = t1Image(brain, draw.split("contrast"));
  const uneven = withBiasField(clean, draw.split("bias"), options.biasPercent);
  const t1 = withRicianNoise(uneven, draw.split("noise"), options.noisePercent / 100);
  for (let v = 0; v < t1.data.length; v++) t1.data[v] = Math.round(t1.data[v]! * whiteMatterSignal);
  return {
    id: `sub-${String(index + 1).padStart(3, "0")}`,
    person,
    t1,
    labels: withLabels(brain, coarseOfFull),
    fullLabels: brain.labels,
    volumesMl: measureVolumes(brain),
  };
}

/** Volumes of a rendered head. */
export function measureVolumes(brain: RenderedBrain): BrainVolumes {
  const volumes = labelVolumesMl(brain);
  const sum = (...labels: readonly number[]): number =>
    labels.reduce((total, label) => total + volumes[label]!, 0);
  return {
    intracranial: sum(...fullStructures.map((s) => s.index).filter((index) => index >= 6 && index <= 39)),
    cortex: sum(8, 9),
    whiteMatter: sum(10, 11, 12),
    lateralVentricles: sum(13, 14, 15, 16),
    hippocampusLeft: sum(29, 31),
    hippocampusRight: sum(30, 32),
  };
}

/** Millilitres of every full label of a rendered head, partial volumes counted by their share. */
export function labelVolumesMl(brain: RenderedBrain): Float64Array {
  const shares = new Float64Array(fullStructures.length);
  const { data, affine } = brain.labels;
  const per = brain.samplesPerVoxel;
  for (let v = 0; v < data.length; v++) shares[data[v]!] = shares[data[v]!]! + 1;
  for (let n = 0; n < brain.mixedVoxels.length; n++) {
    const majority = data[brain.mixedVoxels[n]!]!;
    shares[majority] = shares[majority]! - 1;
    for (let s = n * per; s < (n + 1) * per; s++) {
      const label = brain.mixedSamples[s]!;
      shares[label] = shares[label]! + 1 / per;
    }
  }
  const voxelMl = Math.abs(determinant(affine)) / 1000;
  return shares.map((voxels) => voxels * voxelMl);
}

export function checkOptions({ subjects, seed, noisePercent, biasPercent, ageYears }: CohortOptions): void {
  if (!(Number.isInteger(subjects) && subjects >= 1 && subjects <= 9999))
    fail("bad-argument", {
      what: "the number of subjects is not possible",
      where: "subjects",
      expected: "a whole number from 1 to 9999",
      found: `${subjects}`,
    });
  if (!Number.isFinite(seed))
    fail("bad-argument", {
      what: "the seed is not a number",
      where: "seed",
      expected: "a number",
      found: `${seed}`,
    });
  requirePercent("noisePercent", noisePercent);
  requirePercent("biasPercent", biasPercent);
  if (!(ageYears[0] >= 18 && ageYears[1] >= ageYears[0] && ageYears[1] <= 100))
    fail("bad-argument", {
      what: "the range of ages is not possible",
      where: "ageYears",
      expected: "18 or above to 100 or below, the lower first",
      found: ageYears.join(" to "),
    });
}
