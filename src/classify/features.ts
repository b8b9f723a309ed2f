/** Features of images as rows of numbers, and what every classifier asks of them. */
import { fail } from "../core/errors.js";
import { estimateTissues, foreground, tissueMaps } from "../prepare/tissue.js";
import { spacingMm } from "../volume/affine.js";
import { convolveAlong, gaussianKernel } from "../volume/gaussian.js";
import type { ImageVolume } from "../volume/volume.js";

/** Features brought to mean 0 and deviation 1 over the rows; those that never change are 0. */
export interface Standardised {
  readonly rows: readonly Float64Array[];
  readonly means: readonly number[];
  readonly deviations: readonly number[];
}

/** Means and deviations are of these rows: fit them on the training rows only. */
export function standardise(features: readonly Float32Array[]): Standardised {
  const n = features[0]!.length;
  const means = new Array<number>(n).fill(0);
  const squares = new Array<number>(n).fill(0);
  for (const row of features) for (let a = 0; a < n; a++) means[a] = means[a]! + row[a]! / features.length;
  for (const row of features)
    for (let a = 0; a < n; a++) squares[a] = squares[a]! + (row[a]! - means[a]!) ** 2 / features.length;
  const deviations = squares.map((x, a) => (Math.sqrt(x) > 1e-9 * Math.abs(means[a]!) ? Math.sqrt(x) : 1));
  const rows = features.map((row) => Float64Array.from(row, (x, a) => (x - means[a]!) / deviations[a]!));
  return { rows, means, deviations };
}

/** Throws `shape` for rows of different lengths, `bad-data` for one class or values that are not finite. */
export function requireTwoClasses(features: readonly Float32Array[], positive: readonly boolean[]): void {
  const n = features[0]?.length ?? 0;
  if (n === 0 || features.length !== positive.length || features.some((row) => row.length !== n))
    fail("shape", {
      what: "features and classes do not fit each other",
      expected: "a row of features for every case, all of one length",
      found: `${features.length} rows of ${[...new Set(features.map((row) => row.length))].join(", ")} for ${positive.length} cases`,
    });
  if (positive.every((p) => p) || !positive.some((p) => p))
    fail("bad-data", {
      what: "all cases are of one class",
      expected: "both classes among the training cases",
      found: `${positive.length} cases`,
      fix: "Add cases of the other class",
    });
  features.forEach((row, at) => {
    const broken = row.findIndex((x) => !Number.isFinite(x));
    if (broken >= 0)
      fail("bad-data", {
        what: "a feature is not a number",
        where: `case ${at + 1}, feature ${broken + 1}`,
        found: `${row[broken]}`,
        fix: "Correct the table or the image that it comes from",
      });
  });
}

/** What of a voxel is looked at: its signal, or how much of a tissue it holds. */
export type VoxelContent = "intensity" | "csf" | "grey" | "white";

export interface VoxelFeatureOptions {
  /** Default "grey": Wen et al. 2020 use grey matter density. */
  readonly content?: VoxelContent;
  /** Blur before voxels are compared, full width at half maximum. Default 8 mm, as Wen et al. 2020. */
  readonly smoothingMm?: number;
}

/**
 * All voxels of a registered image as one row, blurred: the density of a tissue as its intensities tell, or the
 * signal over its mean in the foreground, so that the scanner's gain is gone. Voxel i is the same place in all images
 * only where they are registered.
 */
export function voxelFeatures(
  image: ImageVolume,
  { content = "grey", smoothingMm = 8 }: VoxelFeatureOptions = {},
): Float32Array {
  const data = content === "intensity" ? scaledByMean(image) : densityOf(image, content);
  const spacing = spacingMm(image.affine);
  for (let axis = 0; axis < 3; axis++) {
    const sigma = smoothingMm / 2.3548 / spacing[axis]!;
    if (sigma > 0.1 && image.size[axis]! > 1)
      convolveAlong(data, image.size, axis, gaussianKernel(sigma, Math.max(1, Math.ceil(3 * sigma))));
  }
  return data;
}

function densityOf(image: ImageVolume, content: Exclude<VoxelContent, "intensity">): Float32Array {
  const place = { csf: 0, grey: 1, white: 2 }[content];
  return tissueMaps(image, estimateTissues(image))[place]!;
}

function scaledByMean(image: ImageVolume): Float32Array {
  const mask = foreground(image);
  let [sum, n] = [0, 0];
  for (let v = 0; v < mask.length; v++)
    if (mask[v] === 1) {
      sum += image.data[v]!;
      n++;
    }
  if (!(n > 0 && sum > 0))
    fail("bad-data", { what: "the image is empty", expected: "voxels above zero", fix: "Check the file" });
  return image.data.map((x) => (x * n) / sum);
}

/** Names of `tissueFeatures`. */
export const tissueFeatureNames = ["csf_fraction", "grey_fraction", "white_fraction"] as const;

/** Shares of fluid, grey and white matter within a skull-stripped T1-weighted image, from its intensities. */
export function tissueFeatures(image: ImageVolume): Float32Array {
  return Float32Array.from(estimateTissues(image).fractions);
}

/**
 * Regional volumes as shares of a whole: a person with a large head has large everything. Throws `bad-data` where the
 * whole or a volume is no positive number.
 */
export function regionalFeatures(volumesMl: Readonly<Record<string, number>>, whole: string): Float32Array {
  const total = volumesMl[whole];
  if (!(total !== undefined && Number.isFinite(total) && total > 0))
    fail("bad-data", {
      what: "there is no volume to relate the others to",
      where: whole,
      expected: "millilitres above 0",
      found: `${total}`,
    });
  return Float32Array.from(
    Object.entries(volumesMl).filter(([name]) => name !== whole),
    ([, ml]) => ml / total,
  );
}
