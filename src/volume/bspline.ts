import type { Size3, VoxelArray } from "./volume.js";

/**
 * Coefficients of the cubic B-spline that passes through all samples, borders mirrored about the outermost
 * samples. A causal and an anticausal recursion per axis with the pole √3 - 2 (Unser 1999, "Splines: a
 * perfect fit for signal and image processing"). An axis of one sample is left as it is.
 */
export function splineCoefficients(samples: VoxelArray, [ni, nj, nk]: Size3): Float64Array {
  const c = Float64Array.from(samples);
  const line = new Float64Array(Math.max(ni, nj, nk));
  const along = (start: number, stride: number, length: number): void => {
    for (let n = 0; n < length; n++) line[n] = c[start + n * stride]!;
    filterLine(line, length);
    for (let n = 0; n < length; n++) c[start + n * stride] = line[n]!;
  };
  if (ni > 1) for (let at = 0; at < nj * nk; at++) along(at * ni, 1, ni);
  if (nj > 1) for (let k = 0; k < nk; k++) for (let i = 0; i < ni; i++) along(k * nj * ni + i, ni, nj);
  if (nk > 1) for (let at = 0; at < ni * nj; at++) along(at, ni * nj, nk);
  return c;
}

const pole = Math.sqrt(3) - 2;

function filterLine(c: Float64Array, n: number): void {
  for (let at = 0; at < n; at++) c[at]! *= 6;
  c[0] = firstCausal(c, n);
  for (let at = 1; at < n; at++) c[at]! += pole * c[at - 1]!;
  c[n - 1] = (pole / (pole * pole - 1)) * (c[n - 1]! + pole * c[n - 2]!);
  for (let at = n - 2; at >= 0; at--) c[at] = pole * (c[at + 1]! - c[at]!);
}

/** The sum over the mirrored signal's whole past: exactly for short lines, else until its weight is below 1e-17. */
function firstCausal(c: Float64Array, n: number): number {
  const horizon = 30;
  let sum = c[0]!;
  if (n > horizon) {
    for (let at = 1, weight = pole; at < horizon; at++, weight *= pole) sum += weight * c[at]!;
    return sum;
  }
  // One period of the mirrored signal is 2n - 2 long; the geometric series over all periods closes.
  const period = 2 * n - 2;
  for (let at = 1, weight = pole; at < period; at++, weight *= pole)
    sum += weight * c[at < n ? at : period - at]!;
  return sum / (1 - pole ** period);
}

/**
 * The four cubic B-spline weights at a position between 0 and n - 1, and the (mirrored) coefficients they
 * belong to, written into `weights` and `indices`.
 */
export function splineWeightsAt(x: number, n: number, weights: Float64Array, indices: Int32Array): void {
  if (n === 1) {
    weights.fill(0);
    weights[0] = 1;
    indices.fill(0);
    return;
  }
  const first = Math.floor(x);
  const t = x - first;
  const s = 1 - t;
  weights[0] = (s * s * s) / 6;
  weights[1] = 2 / 3 - t * t + (t * t * t) / 2;
  weights[2] = 2 / 3 - s * s + (s * s * s) / 2;
  weights[3] = (t * t * t) / 6;
  for (let tap = 0; tap < 4; tap++) {
    let at = first - 1 + tap;
    if (at < 0) at = -at;
    if (at >= n) at = 2 * (n - 1) - at;
    // Two samples mirror more than once.
    indices[tap] = at < 0 ? -at : at;
  }
}
