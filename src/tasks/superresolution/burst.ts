import { fail } from "../../core/errors.js";
import { fourier3, quickLength } from "../../volume/fft.js";
import type { Size3 } from "../../volume/volume.js";
import { voxelCount } from "../../volume/volume.js";
import { mirrored } from "./kernels.js";

/**
 * One volume of several of the same object, each sharp in other directions: at every frequency u their mean with weights
 * `|Fₙ(u)|^p / Σₘ |Fₘ(u)|^p`, as blur only takes away (Fourier burst accumulation: Delbracio & Sapiro, IEEE Transactions
 * on Image Processing 24, 2015). p = 0 is the mean; infinity takes the largest, and with it the most noise.
 *
 * Beyond the far ends a few voxels are mirrored, so that the extents are products of 2, 3 and 5.
 */
export function accumulateBurst(
  volumes: readonly Float32Array[],
  size: Size3,
  exponent: number | "infinity",
): Float32Array {
  const count = voxelCount(size);
  if (volumes.length === 0 || volumes.some(({ length }) => length !== count))
    fail("shape", {
      what: "the volumes of a burst do not fit together",
      expected: `at least one, of ${count} voxels each`,
      found: volumes.map(({ length }) => length).join(", ") || "none",
    });
  if (volumes.length === 1) return volumes[0]!.slice();
  if (exponent === 0) return meanOf(volumes);
  const padded = size.map(quickLength) as unknown as Size3;
  // Two real volumes make one complex one, whose spectrum tells theirs apart.
  const pairs = Array.from({ length: Math.ceil(volumes.length / 2) }, (_, n) => {
    const real = pad(volumes[2 * n]!, size, padded);
    const second = volumes[2 * n + 1];
    const imaginary = second === undefined ? new Float32Array(real.length) : pad(second, size, padded);
    fourier3(real, imaginary, padded, -1);
    return { real, imaginary };
  });
  combine(pairs, volumes.length, padded, exponent);
  const { real, imaginary } = pairs[0]!;
  fourier3(real, imaginary, padded, 1);
  const scale = 1 / real.length;
  return cut(real, padded, size).map((value) => value * scale);
}

interface Spectrum {
  readonly real: Float32Array;
  readonly imaginary: Float32Array;
}

/** The weighted mean spectrum, in the place of the first. */
function combine(
  pairs: readonly Spectrum[],
  volumes: number,
  [ni, nj, nk]: Size3,
  exponent: number | "infinity",
): void {
  const [re, im, size] = [new Float64Array(volumes), new Float64Array(volumes), new Float64Array(volumes)];
  const out = pairs[0]!;
  for (let k = 0, at = 0; k < nk; k++)
    for (let j = 0; j < nj; j++)
      for (let i = 0; i < ni; i++, at++) {
        const mirror = (((nk - k) % nk) * nj + ((nj - j) % nj)) * ni + ((ni - i) % ni);
        // Each frequency is worked out with its mirror image, of which it is the conjugate.
        if (mirror < at) continue;
        let largest = 0;
        for (let n = 0; n < volumes; n++) {
          const { real, imaginary } = pairs[n >> 1]!;
          const [a, b, c, d] = [real[at]!, imaginary[at]!, real[mirror]!, imaginary[mirror]!];
          // z = f + i·g: F = (Z(u) + conj Z(-u)) / 2 and G = (Z(u) - conj Z(-u)) / 2i.
          re[n] = n % 2 === 0 ? (a + c) / 2 : (b + d) / 2;
          im[n] = n % 2 === 0 ? (b - d) / 2 : (c - a) / 2;
          size[n] = Math.hypot(re[n]!, im[n]!);
          if (size[n]! > largest) largest = size[n]!;
        }
        let [x, y, total] = [0, 0, 0];
        for (let n = 0; n < volumes; n++) {
          const share = largest === 0 ? 1 : size[n]! / largest;
          const weight = exponent === "infinity" ? (share === 1 && total === 0 ? 1 : 0) : share ** exponent;
          x += weight * re[n]!;
          y += weight * im[n]!;
          total += weight;
        }
        out.real[at] = x / total;
        out.imaginary[at] = y / total;
        out.real[mirror] = x / total;
        out.imaginary[mirror] = -y / total;
        if (mirror === at) out.imaginary[at] = 0;
      }
}

/** The mean, voxel by voxel. */
export function meanOf(volumes: readonly Float32Array[]): Float32Array {
  const mean = new Float32Array(volumes[0]!.length);
  for (let v = 0; v < mean.length; v++) {
    let sum = 0;
    for (let n = 0; n < volumes.length; n++) sum += volumes[n]![v]!;
    mean[v] = sum / volumes.length;
  }
  return mean;
}

function pad(data: Float32Array, [ni, nj, nk]: Size3, [mi, mj, mk]: Size3): Float32Array {
  const out = new Float32Array(mi * mj * mk);
  let to = 0;
  for (let k = 0; k < mk; k++)
    for (let j = 0; j < mj; j++) {
      const row = (mirrored(k, nk) * nj + mirrored(j, nj)) * ni;
      for (let i = 0; i < mi; i++) out[to++] = data[row + mirrored(i, ni)]!;
    }
  return out;
}

function cut(data: Float32Array, [mi, mj]: Size3, [ni, nj, nk]: Size3): Float32Array {
  const out = new Float32Array(ni * nj * nk);
  for (let k = 0; k < nk; k++)
    for (let j = 0; j < nj; j++) {
      const from = (k * mj + j) * mi;
      out.set(data.subarray(from, from + ni), (k * nj + j) * ni);
    }
  return out;
}
