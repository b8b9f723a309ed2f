import { fail } from "../core/errors.js";
import type { Size3 } from "../volume/volume.js";
import { fold, type Padding } from "./boundary.js";

/** Where one line of output voxels is to be read, in source voxels; and where in the output it goes. */
export interface Line {
  at: number;
  readonly i: Float64Array;
  readonly j: Float64Array;
  readonly k: Float64Array;
}

/** Bring a line's coordinates into the image; `inside` becomes 1 where that was possible. */
export function foldLine(line: Line, size: Size3, padding: Padding, inside: Uint8Array): void {
  const { i, j, k, at } = line;
  const [li, lj, lk] = [size[0] - 1, size[1] - 1, size[2] - 1];
  for (let n = 0; n < i.length; n++) {
    const x = i[n]!;
    const y = j[n]!;
    const z = k[n]!;
    if (x >= 0 && x <= li && y >= 0 && y <= lj && z >= 0 && z <= lk) {
      inside[at + n] = 1;
      continue;
    }
    const u = fold(x, size[0], padding);
    const v = fold(y, size[1], padding);
    const w = fold(z, size[2], padding);
    const known = !Number.isNaN(u + v + w);
    inside[at + n] = known ? 1 : 0;
    i[n] = known ? u : 0;
    j[n] = known ? v : 0;
    k[n] = known ? w : 0;
  }
}

/** Nearest label of each position; 0 outside. */
export function readLabels(
  source: Uint8Array | Uint16Array,
  [ni, nj]: Size3,
  { i, j, k, at }: Line,
  inside: Uint8Array,
  out: Uint8Array,
): void {
  for (let n = 0; n < i.length; n++) {
    if (inside[at + n] === 0) continue;
    const from = (((k[n]! + 0.5) | 0) * nj + ((j[n]! + 0.5) | 0)) * ni + ((i[n]! + 0.5) | 0);
    const label = source[from]!;
    if (label > 255)
      fail("bad-data", {
        what: "a label does not fit the eight bits that training labels have",
        expected: "labels from 0 to 255",
        found: `${label}`,
        fix: "Map the labels of the data set to consecutive small integers first",
      });
    out[at + n] = label;
  }
}

/** Trilinear value of each position in the channel that begins at `base`; `fill` outside. */
export function readLinear(
  source: Float32Array,
  base: number,
  [ni, nj, nk]: Size3,
  { i, j, k, at }: Line,
  inside: Uint8Array,
  fill: number,
  out: Float32Array,
  outBase: number,
): void {
  const slice = ni * nj;
  const to = outBase + at;
  for (let n = 0; n < i.length; n++) {
    if (inside[at + n] === 0) {
      out[to + n] = fill;
      continue;
    }
    const x = i[n]!;
    const y = j[n]!;
    const z = k[n]!;
    const i0 = x | 0;
    const j0 = y | 0;
    const k0 = z | 0;
    const fx = x - i0;
    const fy = y - j0;
    const fz = z - k0;
    const di = i0 < ni - 1 ? 1 : 0;
    const dj = j0 < nj - 1 ? ni : 0;
    let p = base + k0 * slice + j0 * ni + i0;
    let a = source[p]!;
    a += fx * (source[p + di]! - a);
    let b = source[p + dj]!;
    b += fx * (source[p + dj + di]! - b);
    let value = a + fy * (b - a);
    if (fz > 0 && k0 < nk - 1) {
      p += slice;
      a = source[p]!;
      a += fx * (source[p + di]! - a);
      b = source[p + dj]!;
      b += fx * (source[p + dj + di]! - b);
      value += fz * (a + fy * (b - a) - value);
    }
    out[to + n] = value;
  }
}

const wi = new Float64Array(4);
const wj = new Float64Array(4);
const wk = new Float64Array(4);

/** Cubic convolution (Keys 1981, a = -1/2), edge voxels repeated; `fill` outside. */
export function readCubic(
  source: Float32Array,
  base: number,
  [ni, nj, nk]: Size3,
  { i, j, k, at }: Line,
  inside: Uint8Array,
  fill: number,
  out: Float32Array,
  outBase: number,
): void {
  const to = outBase + at;
  for (let n = 0; n < i.length; n++) {
    if (inside[at + n] === 0) {
      out[to + n] = fill;
      continue;
    }
    const i0 = i[n]! | 0;
    const j0 = j[n]! | 0;
    const k0 = k[n]! | 0;
    keys(i[n]! - i0, wi);
    keys(j[n]! - j0, wj);
    keys(k[n]! - k0, wk);
    let value = 0;
    for (let c = 0; c < 4; c++) {
      if (wk[c] === 0) continue;
      const kk = Math.min(Math.max(k0 + c - 1, 0), nk - 1);
      for (let b = 0; b < 4; b++) {
        const weight = wk[c]! * wj[b]!;
        if (weight === 0) continue;
        const row = base + (kk * nj + Math.min(Math.max(j0 + b - 1, 0), nj - 1)) * ni;
        for (let a = 0; a < 4; a++)
          value += weight * wi[a]! * source[row + Math.min(Math.max(i0 + a - 1, 0), ni - 1)]!;
      }
    }
    out[to + n] = value;
  }
}

/** Weights of the four samples around a position a fraction f past the second. */
function keys(f: number, weights: Float64Array): void {
  weights[0] = f * (-0.5 + f * (1 - 0.5 * f));
  weights[1] = 1 + f * f * (1.5 * f - 2.5);
  weights[2] = f * (0.5 + f * (2 - 1.5 * f));
  weights[3] = f * f * (0.5 * f - 0.5);
}
