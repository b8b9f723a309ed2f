import { fail } from "../../core/errors.js";
import { convolvePlane, convolveRows } from "./rows.js";

/** Full width at half maximum of a Gaussian over its standard deviation. */
export const fwhmPerSigma = Math.sqrt(8 * Math.log(2));

/**
 * Weights from -radius to radius of the discrete Gaussian `exp(-σ²) I_n(σ²)` (Lindeberg 1990): its variance is σ²
 * exactly, however narrow, where samples of the bell curve would be too narrow below a pixel. They sum to 1.
 */
export function discreteGaussian(sigma: number, radius = Math.ceil(4 * sigma + 1)): Float64Array {
  const t = sigma * sigma;
  const weights = new Float64Array(2 * radius + 1);
  weights[radius] = 1;
  if (t < 1e-9) return weights;
  // Backward recurrence of the modified Bessel functions, from where they vanish: stable in this direction.
  const from = radius + 20 + Math.ceil(3 * sigma + t / 4);
  const bessel = new Float64Array(from + 2);
  bessel[from] = 1e-280;
  for (let n = from; n > 0; n--) {
    bessel[n - 1] = bessel[n + 1]! + ((2 * n) / t) * bessel[n]!;
    if (bessel[n - 1]! > 1e200) for (let m = n - 1; m <= from; m++) bessel[m] = bessel[m]! * 1e-250;
  }
  let sum = bessel[0]!;
  for (let n = 1; n <= radius; n++) sum += 2 * bessel[n]!;
  for (let n = -radius; n <= radius; n++) weights[radius + n] = bessel[Math.abs(n)]! / sum;
  return weights;
}

/**
 * A flat image convolved with a Gaussian of the given width, with nothing outside of it: rows of length `width`.
 * The operator is its own transpose, which reconstruction relies on. A width of 0 gives a copy.
 */
export function blurImage(
  image: Float32Array,
  width: number,
  fwhmMm: number,
  pixelSizeMm: number,
): Float32Array {
  const weights = kernelOf(fwhmMm, pixelSizeMm);
  if (weights.length === 1) return image.slice();
  return convolvePlane(image, width, weights.subarray((weights.length - 1) / 2));
}

/** Every view of a sinogram convolved along its bins, as `blurImage` does: its own transpose. */
export function blurBins(
  sinogram: Float32Array,
  bins: number,
  fwhmMm: number,
  binSizeMm: number,
): Float32Array {
  const weights = kernelOf(fwhmMm, binSizeMm);
  if (weights.length === 1) return sinogram.slice();
  return convolveRows(sinogram, bins, weights.subarray((weights.length - 1) / 2));
}

const kernels = new Map<string, Float64Array>();

function kernelOf(fwhmMm: number, stepMm: number): Float64Array {
  if (!(fwhmMm >= 0 && fwhmMm < 10_000))
    fail("bad-argument", {
      what: "the width of a Gaussian is not possible",
      where: "fwhmMm",
      expected: "a full width at half maximum of 0 mm or more",
      found: `${fwhmMm}`,
    });
  const sigma = fwhmMm / fwhmPerSigma / stepMm;
  if (sigma < 1e-4) return Float64Array.of(1);
  const key = sigma.toPrecision(9);
  const known = kernels.get(key);
  if (known !== undefined) return known;
  const weights = discreteGaussian(sigma);
  // A tuning run asks for a handful of widths over and over; a sweep over thousands must not fill the memory.
  if (kernels.size > 64) kernels.clear();
  kernels.set(key, weights);
  return weights;
}
