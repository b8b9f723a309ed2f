/** Smooth fields over a volume as products of Legendre polynomials, one for each axis. */
import type { Size3 } from "../volume/volume.js";

/** Products of Legendre polynomials whose orders sum to at most `order`: the field is a weighted sum of them. */
export interface SmoothBasis {
  readonly size: Size3;
  /** Orders along i, j, k of every term; the first is the constant. */
  readonly terms: readonly (readonly [number, number, number])[];
  /** `axes[axis][term order * extent + index]`. */
  readonly axes: readonly [Float64Array, Float64Array, Float64Array];
}

/** The basis over a grid; axes of fewer than four voxels stay constant. */
export function smoothBasis(size: Size3, order: number): SmoothBasis {
  const terms: (readonly [number, number, number])[] = [];
  const most = size.map((n) => (n < 4 ? 0 : order));
  for (let total = 0; total <= order; total++)
    for (let a = 0; a <= total; a++)
      for (let b = 0; a + b <= total; b++) {
        const c = total - a - b;
        if (a <= most[0]! && b <= most[1]! && c <= most[2]!) terms.push([a, b, c]);
      }
  return {
    size,
    terms,
    axes: [0, 1, 2].map((axis) => legendre(size[axis]!, order)) as unknown as SmoothBasis["axes"],
  };
}

/** Legendre polynomials of orders 0 to `order` at `extent` points from -1 to 1, by Bonnet's recursion. */
function legendre(extent: number, order: number): Float64Array {
  const out = new Float64Array((order + 1) * extent);
  for (let i = 0; i < extent; i++) {
    const x = extent === 1 ? 0 : (2 * i) / (extent - 1) - 1;
    let [before, now] = [1, x];
    out[i] = 1;
    for (let n = 1; n <= order; n++) {
      out[n * extent + i] = now;
      [before, now] = [now, ((2 * n + 1) * x * now - n * before) / (n + 1)];
    }
  }
  return out;
}

/** All terms at a voxel, into `out`. */
export function termsAt({ size, terms, axes }: SmoothBasis, voxel: number, out: Float64Array): void {
  const i = voxel % size[0];
  const j = Math.floor(voxel / size[0]) % size[1];
  const k = Math.floor(voxel / (size[0] * size[1]));
  for (let t = 0; t < terms.length; t++) {
    const [a, b, c] = terms[t]!;
    out[t] = axes[0][a * size[0] + i]! * axes[1][b * size[1] + j]! * axes[2][c * size[2] + k]!;
  }
}

/** The field with these weights at every voxel. */
export function evaluateField(basis: SmoothBasis, weights: ArrayLike<number>): Float32Array {
  const { size, terms, axes } = basis;
  const [ni, nj, nk] = size;
  const out = new Float32Array(ni * nj * nk);
  const order = Math.max(...terms.flat());
  const row = new Float64Array(order + 1);
  let v = 0;
  for (let k = 0; k < nk; k++)
    for (let j = 0; j < nj; j++) {
      row.fill(0);
      for (let t = 0; t < terms.length; t++) {
        const [a, b, c] = terms[t]!;
        row[a] = row[a]! + weights[t]! * axes[1][b * nj + j]! * axes[2][c * nk + k]!;
      }
      for (let i = 0; i < ni; i++, v++) {
        let sum = 0;
        for (let a = 0; a <= order; a++) sum += row[a]! * axes[0][a * ni + i]!;
        out[v] = sum;
      }
    }
  return out;
}
