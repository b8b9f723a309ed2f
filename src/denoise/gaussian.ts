import { spacingMm } from "../volume/affine.js";
import { convolveAlong, gaussianKernel } from "../volume/gaussian.js";
import type { ImageVolume } from "../volume/volume.js";

/** Widths that are tried: standard deviations in units of the finest voxel spacing. */
const widths = [0.35, 0.42, 0.5, 0.6, 0.72, 0.86, 1.05, 1.3];

/**
 * A Gaussian filter of the width that Stein's unbiased risk estimate finds best, for noise of standard deviation 1.
 *
 * The estimate of the squared error of a linear filter K, `‖y - Ky‖² - N + 2·trace(K)`, needs no clean image (Stein
 * 1981). `widthMm`, a standard deviation, sets the width instead. Edge voxels are repeated.
 */
export function gaussianFilter(
  image: ImageVolume,
  widthMm?: number,
  tried: (done: number, total: number) => void = () => {},
): { data: Float32Array; widthMm: number } {
  const finest = Math.min(...spacingMm(image.affine));
  if (widthMm !== undefined) return { data: smooth(image, widthMm).data, widthMm };
  let best = { data: image.data, widthMm: 0, risk: image.data.length };
  for (const [n, width] of widths.entries()) {
    const { data, centre } = smooth(image, width * finest);
    const risk = squaredDistance(image.data, data) + (2 * centre - 1) * data.length;
    tried(n + 1, widths.length);
    // The risk has one minimum over the widths.
    if (risk > best.risk) break;
    best = { data, widthMm: width * finest, risk };
  }
  return best;
}

/** The filtered image, and what each voxel counts for in its own result: the kernel's centre. */
function smooth(
  { data, size, affine }: ImageVolume,
  widthMm: number,
): { data: Float32Array; centre: number } {
  const out = Float32Array.from(data);
  const spacing = spacingMm(affine);
  let centre = 1;
  for (let axis = 0; axis < 3; axis++) {
    const kernel = gaussianKernel(widthMm / spacing[axis]!);
    convolveAlong(out, size, axis, kernel);
    centre *= kernel[(kernel.length - 1) / 2]!;
  }
  return { data: out, centre };
}

function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let v = 0; v < a.length; v++) {
    const difference = a[v]! - b[v]!;
    sum += difference * difference;
  }
  return sum;
}
