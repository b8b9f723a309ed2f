import { fail } from "../core/errors.js";
import type { AffineSpec } from "./affine.js";
import type { Padding } from "./boundary.js";
import type { ElasticSpec } from "./elastic.js";
import type { Range } from "./sample.js";

/**
 * What augmentation does to a sample, as plain data: for every transform how likely it is and how far it goes.
 * Make one with `defineAugmentation`, which checks it.
 */
export interface Augmentation extends AffineSpec {
  readonly elastic: ElasticSpec;
  /** Smooth multiplicative field; `sigma` of its natural logarithm at `nodes` nodes per axis. */
  readonly bias: { readonly probability: number; readonly nodes: number; readonly sigma: Range };
  /** Standard deviation of a Gaussian; when it happens, each channel is blurred with probability `perChannel`. */
  readonly blur: {
    readonly probability: number;
    readonly perChannel: number;
    readonly sigma: Range;
    readonly unit: "mm" | "voxel";
  };
  /** Share of the resolution that is kept; `perChannel` as in `blur`. */
  readonly lowResolution: {
    readonly probability: number;
    readonly perChannel: number;
    readonly zoom: Range;
  };
  /** Standard deviation as a share of the image's own; it, or its square, is drawn evenly from the range. */
  readonly noise: {
    readonly probability: number;
    readonly share: Range;
    readonly even: "deviation" | "variance";
  };
  /** Factor about zero, and a shift in standard deviations. */
  readonly brightness: { readonly probability: number; readonly factor: Range; readonly shift: Range };
  /** Factor about the mean, within the range there was. */
  readonly contrast: { readonly probability: number; readonly factor: Range };
  readonly gamma: { readonly probability: number; readonly range: Range };
  /** The same on the negative of the image. */
  readonly gammaInverted: { readonly probability: number; readonly range: Range };
  readonly interpolation: "linear" | "cubic";
  readonly padding: Padding;
}

/** Parts of an `Augmentation`; within a part, too, only what differs need be given. */
export type AugmentationChanges = {
  readonly [Part in keyof Augmentation]?: Augmentation[Part] extends object
    ? Partial<Augmentation[Part]>
    : Augmentation[Part];
};

/** Nothing happens; the ranges are what a part does once its probability is raised. */
const nothing: Augmentation = {
  mirror: { probability: 0, axes: [0, 1, 2] },
  rotation: { probability: 0, degrees: [-30, 30] },
  scaling: { probability: 0, factor: [0.7, 1.4], anisotropic: false },
  shear: { probability: 0, degrees: [-5, 5] },
  translation: { probability: 0, mm: [-5, 5] },
  elastic: { probability: 0, nodes: 5, sigma: [0, 3], unit: "mm" },
  bias: { probability: 0, nodes: 4, sigma: [0, 0.2] },
  blur: { probability: 0, perChannel: 1, sigma: [0.5, 1], unit: "mm" },
  lowResolution: { probability: 0, perChannel: 1, zoom: [0.5, 1] },
  noise: { probability: 0, share: [0, 0.3], even: "deviation" },
  brightness: { probability: 0, factor: [0.75, 1.25], shift: [0, 0] },
  contrast: { probability: 0, factor: [0.75, 1.25] },
  gamma: { probability: 0, range: [0.7, 1.5] },
  gammaInverted: { probability: 0, range: [0.7, 1.5] },
  interpolation: "linear",
  padding: "minimum",
};

/** Smallest and largest value that each number or range of a part may have. */
const bounds: Readonly<Record<string, Readonly<Record<string, Range>>>> = {
  mirror: {},
  rotation: { degrees: [-180, 180] },
  scaling: { factor: [0.1, 10] },
  shear: { degrees: [-60, 60] },
  translation: { mm: [-1000, 1000] },
  elastic: { nodes: [2, 32], sigma: [0, 1000] },
  bias: { nodes: [2, 32], sigma: [0, 3] },
  blur: { sigma: [0, 100] },
  lowResolution: { zoom: [0.05, 1] },
  noise: { share: [0, 100] },
  brightness: { factor: [0, 100], shift: [-100, 100] },
  contrast: { factor: [0, 100] },
  gamma: { range: [0.05, 20] },
  gammaInverted: { range: [0.05, 20] },
};
const choices: Readonly<Record<string, readonly string[]>> = {
  "elastic.unit": ["mm", "voxel"],
  "blur.unit": ["mm", "voxel"],
  "noise.even": ["deviation", "variance"],
  interpolation: ["linear", "cubic"],
  padding: ["minimum", "zero", "edge", "mirror"],
};

/**
 * A checked, frozen augmentation: `base` (nothing happens, unless told) with changes.
 *
 * Throws `bad-argument` that names the part and the field: for a name that does not exist, a probability
 * outside 0 to 1, a range that is reversed or out of bounds, an unknown choice.
 */
export function defineAugmentation(changes: AugmentationChanges, base: Augmentation = nothing): Augmentation {
  const result: Record<string, unknown> = { ...base };
  for (const [part, change] of Object.entries(changes)) {
    if (!(part in nothing)) refuse(part, `one of ${Object.keys(nothing).join(", ")}`, `the name ${part}`);
    const before = result[part];
    result[part] = isRecord(before) && isRecord(change) ? { ...before, ...change } : change;
  }
  for (const [part, value] of Object.entries(result)) result[part] = checkPart(part, value);
  return Object.freeze(result) as unknown as Augmentation;
}

function checkPart(part: string, value: unknown): unknown {
  const allowed = choices[part];
  if (allowed !== undefined) {
    if (!allowed.includes(String(value))) refuse(part, `one of ${allowed.join(", ")}`, show(value));
    return value;
  }
  const template = nothing[part as keyof Augmentation] as unknown as Record<string, unknown>;
  if (!isRecord(value)) return refuse(part, `a record of ${Object.keys(template).join(", ")}`, show(value));
  for (const [field, given] of Object.entries(value)) {
    const where = `${part}.${field}`;
    if (!(field in template))
      refuse(where, `one of ${Object.keys(template).join(", ")}`, `the name ${field}`);
    checkField(where, given, template[field], bounds[part]?.[field]);
  }
  return Object.freeze({ ...value });
}

function checkField(where: string, given: unknown, template: unknown, limits: Range | undefined): void {
  if (/\.(probability|perChannel)$/.test(where)) {
    if (!isWithin(given, [0, 1])) refuse(where, "a probability from 0 to 1", show(given));
  } else if (where === "mirror.axes") {
    if (!Array.isArray(given) || given.some((axis) => axis !== 0 && axis !== 1 && axis !== 2))
      refuse(where, "a list of 0 (i), 1 (j), 2 (k)", show(given));
  } else if (choices[where] !== undefined) {
    if (!choices[where].includes(String(given)))
      refuse(where, `one of ${choices[where].join(", ")}`, show(given));
  } else if (typeof template === "boolean") {
    if (typeof given !== "boolean") refuse(where, "true or false", show(given));
  } else if (limits !== undefined && Array.isArray(template)) {
    const ordered = Array.isArray(given) && given.length === 2 && given.every((end) => isWithin(end, limits));
    if (!ordered || given[0] > given[1])
      refuse(where, `[low, high] with ${limits[0]} ≤ low ≤ high ≤ ${limits[1]}`, show(given));
  } else if (limits !== undefined && !(isWithin(given, limits) && Number.isInteger(given)))
    refuse(where, `a whole number from ${limits[0]} to ${limits[1]}`, show(given));
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isWithin = (value: unknown, [low, high]: Range): boolean =>
  typeof value === "number" && value >= low && value <= high;
const show = (value: unknown): string => JSON.stringify(value) ?? String(value);

function refuse(where: string, expected: string, found: string): never {
  return fail("bad-argument", { what: "the augmentation cannot be used", where, expected, found });
}

/** Nothing happens: the patch as it is. */
const none = defineAugmentation({});

/**
 * For short trainings: left and right mirrored (a head upside down teaches nothing), small rotations and scalings, a
 * little noise, brightness and gamma. Given minutes, not hours, more than this costs more than it brings.
 */
const light = defineAugmentation({
  mirror: { probability: 0.5, axes: [0] },
  rotation: { probability: 0.2, degrees: [-15, 15] },
  scaling: { probability: 0.2, factor: [0.85, 1.2] },
  noise: { probability: 0.1, share: [0, 0.15] },
  brightness: { probability: 0.15, factor: [0.85, 1.15] },
  gamma: { probability: 0.2, range: [0.8, 1.25] },
});

/**
 * The probabilities and ranges of nnU-Net v2 (Isensee et al. 2021) with, in addition, a bias field and an
 * occasional elastic deformation, which brain MR calls for. Noise there is a variance from 0 to 0.1 on images
 * of unit variance: a standard deviation of up to 0.32 of the image's own.
 */
const strong = defineAugmentation({
  mirror: { probability: 0.5 },
  rotation: { probability: 0.2, degrees: [-30, 30] },
  scaling: { probability: 0.2, factor: [0.7, 1.4] },
  elastic: { probability: 0.1, nodes: 5, sigma: [0, 2] },
  bias: { probability: 0.15, sigma: [0, 0.2] },
  blur: { probability: 0.2, sigma: [0.5, 1] },
  lowResolution: { probability: 0.25, zoom: [0.5, 1] },
  noise: { probability: 0.1, share: [0, 0.32] },
  brightness: { probability: 0.15, factor: [0.75, 1.25] },
  contrast: { probability: 0.15, factor: [0.75, 1.25] },
  gamma: { probability: 0.3, range: [0.7, 1.5] },
  gammaInverted: { probability: 0.1, range: [0.7, 1.5] },
});

/**
 * nnU-Net v2 as its code has it in 3-D (Isensee et al. 2021): no elastic deformation; noise of a variance up to 0.1 on
 * images of unit variance; blur in voxels; zeros beyond the image. `nnunetAugmentation` changes the rotation for flat
 * and thick-sliced patches.
 */
const nnunet = defineAugmentation({
  mirror: { probability: 0.5 },
  rotation: { probability: 0.2, degrees: [-30, 30] },
  scaling: { probability: 0.2, factor: [0.7, 1.4] },
  noise: { probability: 0.1, share: [0, Math.sqrt(0.1)], even: "variance" },
  blur: { probability: 0.2, perChannel: 0.5, sigma: [0.5, 1], unit: "voxel" },
  brightness: { probability: 0.15, factor: [0.75, 1.25] },
  contrast: { probability: 0.15, factor: [0.75, 1.25] },
  lowResolution: { probability: 0.25, perChannel: 0.5, zoom: [0.5, 1] },
  gammaInverted: { probability: 0.1, range: [0.7, 1.5] },
  gamma: { probability: 0.3, range: [0.7, 1.5] },
  padding: "zero",
});

/**
 * nnU-Net as published in 2018 (arXiv 1809.10486): rotation, scaling, elastic deformation, gamma and mirroring. The paper
 * gives no numbers; those here are of its code, from memory, the deformation as the deviation that its field has.
 */
const nnunet2018 = defineAugmentation({
  mirror: { probability: 0.5 },
  rotation: { probability: 0.2, degrees: [-15, 15] },
  scaling: { probability: 0.2, factor: [0.85, 1.25] },
  elastic: { probability: 0.2, nodes: 5, sigma: [0, 2], unit: "voxel" },
  gamma: { probability: 0.3, range: [0.7, 1.5] },
  padding: "zero",
});

/**
 * Ronneberger et al. 2015: elastic deformation from 3x3 vectors of N(0, 10 pixels), shift, rotation, grey
 * values, and the image mirrored where there is no context. The paper gives no numbers for shift, rotation
 * and grey values; those here are ours. "mm" are pixels where an image has no spacing of its own.
 */
const unet2015 = defineAugmentation({
  mirror: { probability: 0.5, axes: [0, 1] },
  rotation: { probability: 1, degrees: [-180, 180] },
  translation: { probability: 1, mm: [-10, 10] },
  elastic: { probability: 1, nodes: 3, sigma: [10, 10], unit: "voxel" },
  brightness: { probability: 0.5, factor: [0.9, 1.1], shift: [-0.1, 0.1] },
  gamma: { probability: 0.5, range: [0.8, 1.25] },
  padding: "mirror",
});

export const augmentations = Object.freeze({ none, light, strong, nnunet, nnunet2018, unet2015 });
export type AugmentationName = keyof typeof augmentations;
