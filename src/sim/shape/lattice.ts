import { fail } from "../../core/errors.js";

/**
 * Smooth quantities tabulated on a regular lattice and read back by trilinear interpolation: evaluating a
 * shape once per node instead of once per sample is what makes a head cheap.
 * `data[((k * nj + j) * ni + i) * channels + c]`.
 */
export interface Lattice {
  readonly originMm: readonly [number, number, number];
  readonly stepMm: number;
  readonly size: readonly [number, number, number];
  readonly channels: number;
  readonly data: Float32Array;
}

/** A lattice of zeros that covers the box from `low` to `high` (mm) completely. */
export function emptyLattice(
  low: readonly [number, number, number],
  high: readonly [number, number, number],
  stepMm: number,
  channels: number,
): Lattice {
  const size = [0, 1, 2].map((a) => Math.ceil((high[a]! - low[a]!) / stepMm) + 2) as [number, number, number];
  if (!size.every((n) => n >= 2 && n < 4096))
    fail("bad-argument", {
      what: "a lattice over this box is not possible",
      expected: "a box of positive, finite extent",
      found: `${low.join(", ")} to ${high.join(", ")} mm`,
    });
  return {
    originMm: low,
    stepMm,
    size,
    channels,
    data: new Float32Array(size[0] * size[1] * size[2] * channels),
  };
}

/** Interpolate all channels at a point into `out`; false (and `out` untouched) outside the lattice. */
export function sampleLattice(lattice: Lattice, x: number, y: number, z: number, out: Float64Array): boolean {
  const { originMm, stepMm, size, channels, data } = lattice;
  const fx = (x - originMm[0]) / stepMm;
  const fy = (y - originMm[1]) / stepMm;
  const fz = (z - originMm[2]) / stepMm;
  const i = Math.floor(fx);
  const j = Math.floor(fy);
  const k = Math.floor(fz);
  if (i < 0 || j < 0 || k < 0 || i >= size[0] - 1 || j >= size[1] - 1 || k >= size[2] - 1) return false;
  const u = fx - i;
  const v = fy - j;
  const w = fz - k;
  const o = ((k * size[1] + j) * size[0] + i) * channels;
  const dj = size[0] * channels;
  const dk = dj * size[1];
  const a00 = (1 - v) * (1 - w);
  const a10 = v * (1 - w);
  const a01 = (1 - v) * w;
  const a11 = v * w;
  for (let c = 0; c < channels; c++) {
    const p = o + c;
    const q = p + channels;
    out[c] =
      (1 - u) * (a00 * data[p]! + a10 * data[p + dj]! + a01 * data[p + dk]! + a11 * data[p + dk + dj]!) +
      u * (a00 * data[q]! + a10 * data[q + dj]! + a01 * data[q + dk]! + a11 * data[q + dk + dj]!);
  }
  return true;
}
