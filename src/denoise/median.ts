import type { Size3 } from "../volume/volume.js";
import type { Slab } from "./nlm.js";

export interface MedianSetup {
  readonly source: Float32Array;
  readonly out: Float32Array;
  readonly size: Size3;
}

/** The median of each voxel and its 26 neighbours, edge voxels repeated beyond the border. */
export function medianKernel({ source, out, size }: MedianSetup): (slab: Slab) => void {
  const [ni, nj, nk] = size;
  // Three columns of nine, each sorted once and used for three voxels of the row.
  const columns = [new Float32Array(9), new Float32Array(9), new Float32Array(9)] as const;
  const rows = new Int32Array(9);
  return ({ from, to }) => {
    for (let k = from; k < to; k++)
      for (let j = 0; j < nj; j++) {
        for (let n = 0; n < 9; n++) {
          const row = Math.min(nj - 1, Math.max(0, j + (n % 3) - 1));
          const plane = Math.min(nk - 1, Math.max(0, k + Math.floor(n / 3) - 1));
          rows[n] = (plane * nj + row) * ni;
        }
        sortColumn(source, rows, 0, columns[2]);
        columns[1].set(columns[2]);
        for (let i = 0; i < ni; i++) {
          const [left, here, right] = [columns[(i + 1) % 3]!, columns[(i + 2) % 3]!, columns[i % 3]!];
          if (i === 0) left.set(here);
          sortColumn(source, rows, Math.min(ni - 1, i + 1), right);
          out[(k * nj + j) * ni + i] = fourteenth(left, here, right);
        }
      }
  };
}

function sortColumn(source: Float32Array, rows: Int32Array, i: number, column: Float32Array): void {
  for (let n = 0; n < 9; n++) {
    const value = source[rows[n]! + i]!;
    let at = n;
    while (at > 0 && column[at - 1]! > value) {
      column[at] = column[at - 1]!;
      at--;
    }
    column[at] = value;
  }
}

/** The 14th smallest of three sorted columns of nine. */
function fourteenth(a: Float32Array, b: Float32Array, c: Float32Array): number {
  let [x, y, z] = [0, 0, 0];
  let value = 0;
  for (let n = 0; n < 14; n++) {
    const u = x < 9 ? a[x]! : Number.POSITIVE_INFINITY;
    const v = y < 9 ? b[y]! : Number.POSITIVE_INFINITY;
    const w = z < 9 ? c[z]! : Number.POSITIVE_INFINITY;
    if (u <= v && u <= w) {
      value = u;
      x++;
    } else if (v <= w) {
      value = v;
      y++;
    } else {
      value = w;
      z++;
    }
  }
  return value;
}
