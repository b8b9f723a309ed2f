import { fail } from "../core/errors.js";
import { convolveAlong, gaussianKernel } from "../volume/gaussian.js";
import { type Size3, voxelCount } from "../volume/volume.js";

/** Mean over the voxels where `mask` is not 0, all voxels without one, of `(image - reference)²`. */
function meanSquaredError(reference: Float32Array, image: Float32Array, mask?: Uint8Array): number {
  if (image.length !== reference.length || (mask !== undefined && mask.length !== reference.length))
    fail("shape", {
      what: "images to be compared differ in length",
      expected: `${reference.length} voxels as in the reference`,
      found: `${image.length} in the image${mask === undefined ? "" : `, ${mask.length} in the mask`}`,
    });
  let sum = 0;
  let count = 0;
  for (let v = 0; v < reference.length; v++) {
    if (mask !== undefined && mask[v] === 0) continue;
    const difference = image[v]! - reference[v]!;
    sum += difference * difference;
    count++;
  }
  if (count === 0 || !Number.isFinite(sum))
    fail("bad-data", {
      what: "the images cannot be compared",
      expected: "finite values and at least one voxel in the mask",
      found: count === 0 ? "an empty mask" : "values that are not finite",
    });
  return sum / count;
}

/**
 * Peak signal-to-noise ratio in dB, `10·log10(peak² / MSE)`, in the mask where there is one; Infinity for equal
 * images. The peak is an argument because it decides the number: the largest value that the modality can
 * take, or the reference's range; say which wherever the result is shown.
 */
export function psnrDb(
  reference: Float32Array,
  image: Float32Array,
  peak: number,
  mask?: Uint8Array,
): number {
  requirePeak(peak);
  return 10 * Math.log10((peak * peak) / meanSquaredError(reference, image, mask));
}

/** Root mean squared error over the root mean square of the reference, both in the mask. */
export function nrmse(reference: Float32Array, image: Float32Array, mask?: Uint8Array): number {
  const power = meanSquaredError(new Float32Array(reference.length), reference, mask);
  if (power === 0)
    fail("bad-data", {
      what: "the error cannot be normalised",
      expected: "a reference that is not 0 everywhere in the mask",
      found: "0 everywhere",
    });
  return Math.sqrt(meanSquaredError(reference, image, mask) / power);
}

/** Root mean squared error over the mean of the reference, both in the mask: how emission images are compared. */
export function relativeRmse(reference: Float32Array, image: Float32Array, mask?: Uint8Array): number {
  const error = Math.sqrt(meanSquaredError(reference, image, mask));
  let sum = 0;
  let count = 0;
  for (let v = 0; v < reference.length; v++) {
    if (mask !== undefined && mask[v] === 0) continue;
    sum += reference[v]!;
    count++;
  }
  if (!(sum > 0))
    fail("bad-data", {
      what: "the error cannot be taken relative to the mean",
      expected: "a reference whose mean in the mask is above 0",
      found: `${sum / count}`,
    });
  return error / (sum / count);
}

export interface SsimOptions {
  /** Range of the values, L in the paper: decides the two constants. */
  readonly peak: number;
  readonly mask?: Uint8Array | undefined;
}

/**
 * Structural similarity (Wang et al. 2004): Gaussian window of 11 voxels with standard deviation 1.5 along
 * each axis (2-D when the size's third extent is 1), K1 = 0.01, K2 = 0.03, averaged over the windows that lie
 * wholly inside the image, and, with a mask, whose centre lies in it. One channel.
 *
 * Throws `bad-data` when no window fits, `shape` when lengths and size disagree.
 */
export function ssim(
  reference: Float32Array,
  image: Float32Array,
  size: Size3,
  { peak, mask }: SsimOptions,
): number {
  requirePeak(peak);
  const count = voxelCount(size);
  if (reference.length !== count || image.length !== count || (mask !== undefined && mask.length !== count))
    fail("shape", {
      what: "an image or mask does not fit the size",
      expected: `${count} voxels for ${size.join("x")}`,
      found: `${reference.length} and ${image.length}${mask === undefined ? "" : `, ${mask.length} in the mask`}`,
    });
  const means = { x: windowed(reference, undefined, size), y: windowed(image, undefined, size) };
  const moments = {
    xx: windowed(reference, reference, size),
    yy: windowed(image, image, size),
    xy: windowed(reference, image, size),
  };
  return averageInside(size, mask, peak, means, moments);
}

const windowRadius = 5;

/** Gaussian-weighted mean around each voxel of `a`, or of `a · b`. */
function windowed(a: Float32Array, b: Float32Array | undefined, size: Size3): Float64Array {
  const result = Float64Array.from(a);
  if (b !== undefined) for (let v = 0; v < result.length; v++) result[v]! *= b[v]!;
  const kernel = gaussianKernel(1.5, windowRadius);
  for (let axis = 0; axis < (size[2] === 1 ? 2 : 3); axis++) convolveAlong(result, size, axis, kernel);
  return result;
}

function averageInside(
  size: Size3,
  mask: Uint8Array | undefined,
  peak: number,
  means: { x: Float64Array; y: Float64Array },
  moments: { xx: Float64Array; yy: Float64Array; xy: Float64Array },
): number {
  const [ni, nj, nk] = size;
  const depth = nk === 1 ? 0 : windowRadius;
  const c1 = (0.01 * peak) ** 2;
  const c2 = (0.03 * peak) ** 2;
  let sum = 0;
  let count = 0;
  for (let k = depth; k < nk - depth; k++)
    for (let j = windowRadius; j < nj - windowRadius; j++)
      for (let i = windowRadius; i < ni - windowRadius; i++) {
        const v = (k * nj + j) * ni + i;
        if (mask !== undefined && mask[v] === 0) continue;
        const x = means.x[v]!;
        const y = means.y[v]!;
        const variances = moments.xx[v]! - x * x + moments.yy[v]! - y * y;
        const covariance = moments.xy[v]! - x * y;
        sum += ((2 * x * y + c1) * (2 * covariance + c2)) / ((x * x + y * y + c1) * (variances + c2));
        count++;
      }
  if (count === 0)
    fail("bad-data", {
      what: "no window of the structural similarity fits the image",
      expected: `at least ${2 * windowRadius + 1} voxels along each axis, and a mask that reaches inside`,
      found: size.join("x"),
    });
  return sum / count;
}

function requirePeak(peak: number): void {
  if (!(peak > 0 && peak < Number.POSITIVE_INFINITY))
    fail("bad-argument", {
      what: "the peak of an image quality measure is not a positive number",
      expected: "the range that the values can take",
      found: `${peak}`,
    });
}
