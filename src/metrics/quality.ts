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
  let sum = 0;
  let voxels = 0;
  for (const { from, to } of slabsOf(size[2])) {
    const part: Size3 = [size[0], size[1], to - from];
    const cut = <T extends Float32Array | Uint8Array>(data: T): T =>
      data.subarray(from * size[0] * size[1], to * size[0] * size[1]) as T;
    const found = sumInside(cut(reference), cut(image), part, peak, mask && cut(mask));
    sum += found.sum;
    voxels += found.voxels;
  }
  if (voxels === 0)
    fail("bad-data", {
      what: "no window of the structural similarity fits the image",
      expected: `at least ${2 * windowRadius + 1} voxels along each axis, and a mask that reaches inside`,
      found: size.join("x"),
    });
  return sum / voxels;
}

const windowRadius = 5;

/** Planes whose windows are gone through at a time: the moments of a whole head would take a gigabyte. */
const slabPlanes = 32;

/** Parts of a volume that overlap so that every window lies in one: all of it where there is no depth. */
function slabsOf(planes: number): { from: number; to: number }[] {
  const inner = Math.max(1, planes - 2 * windowRadius);
  if (planes === 1 || inner <= slabPlanes) return [{ from: 0, to: planes }];
  return Array.from({ length: Math.ceil(inner / slabPlanes) }, (_, n) => ({
    from: n * slabPlanes,
    to: Math.min(planes, (n + 1) * slabPlanes + 2 * windowRadius),
  }));
}

/** Gaussian-weighted mean around each voxel of `a`, or of `a · b`. */
function windowed(a: Float32Array, b: Float32Array | undefined, size: Size3): Float64Array {
  const result = Float64Array.from(a);
  if (b !== undefined) for (let v = 0; v < result.length; v++) result[v]! *= b[v]!;
  const kernel = gaussianKernel(1.5, windowRadius);
  for (let axis = 0; axis < (size[2] === 1 ? 2 : 3); axis++) convolveAlong(result, size, axis, kernel);
  return result;
}

/** Sum of the similarity over the windows that lie inside a part and whose centre is in the mask. */
function sumInside(
  reference: Float32Array,
  image: Float32Array,
  size: Size3,
  peak: number,
  mask: Uint8Array | undefined,
): { sum: number; voxels: number } {
  if (mask?.every((inside) => inside === 0)) return { sum: 0, voxels: 0 };
  const meanX = windowed(reference, undefined, size);
  const meanY = windowed(image, undefined, size);
  const squareX = windowed(reference, reference, size);
  const squareY = windowed(image, image, size);
  const product = windowed(reference, image, size);
  const [ni, nj, nk] = size;
  const depth = nk === 1 ? 0 : windowRadius;
  const c1 = (0.01 * peak) ** 2;
  const c2 = (0.03 * peak) ** 2;
  let [sum, voxels] = [0, 0];
  for (let k = depth; k < nk - depth; k++)
    for (let j = windowRadius; j < nj - windowRadius; j++)
      for (let i = windowRadius; i < ni - windowRadius; i++) {
        const v = (k * nj + j) * ni + i;
        if (mask !== undefined && mask[v] === 0) continue;
        const x = meanX[v]!;
        const y = meanY[v]!;
        const variances = squareX[v]! - x * x + squareY[v]! - y * y;
        const covariance = product[v]! - x * y;
        sum += ((2 * x * y + c1) * (2 * covariance + c2)) / ((x * x + y * y + c1) * (variances + c2));
        voxels++;
      }
  return { sum, voxels };
}

function requirePeak(peak: number): void {
  if (!(peak > 0 && peak < Number.POSITIVE_INFINITY))
    fail("bad-argument", {
      what: "the peak of an image quality measure is not a positive number",
      expected: "the range that the values can take",
      found: `${peak}`,
    });
}
