import { EigenvalueDecomposition, Matrix } from "ml-matrix";

/** Turns descriptions into vectors of length 1 whose products say how alike two images are beyond what all have in common. */
export type Whitening = (values: Float32Array) => Float32Array;

/** Of the description of an image its own whitening may take away this share on average: else few images would explain themselves. */
const mostLeverage = 0.2;

/** The variance that every direction is given on top of its own, at least: a share of the mean variance. */
const leastRidge = 0.1;

/** Descriptions that a covariance is taken from at most where there are fewer of them than numbers in each, and where there are more. */
const most = { narrow: 600, wide: 4000 } as const;

/**
 * A whitening by the mean and the covariance C of the given descriptions: x becomes (C + r I)^-½ (x - mean), of length 1. What all
 * heads share (outline, ventricles, the level of a slice) counts little then, and what is one head's own counts much,
 * as in linear discriminants against a common background (Hariharan et al. 2012). The ridge r keeps directions in
 * which two copies of one image differ from being blown up, and is raised where the images are few.
 */
export function fitWhitening(all: readonly Float32Array[]): Whitening {
  const d = all[0]!.length;
  const step = Math.max(1, Math.ceil(all.length / (all.length > 2 * d ? most.wide : most.narrow)));
  const some = all.filter((_, at) => at % step === 0);
  const n = some.length;
  const mean = new Float64Array(d);
  for (const values of some) for (let v = 0; v < d; v++) mean[v]! += values[v]! / n;
  const rows = some.map((values) => Float64Array.from(values, (value, v) => value - mean[v]!));
  const { directions, variances } = n < d ? fewDirections(rows) : allDirections(rows, d);
  const total = variances.reduce((sum, value) => sum + value, 0);
  const ridge = ridgeFor(variances, n, (leastRidge * total) / Math.min(n, d));
  const gains = variances.map((variance) => 1 / Math.sqrt(variance + ridge) - 1 / Math.sqrt(ridge));
  const flat = new Float64Array(directions.length * d);
  directions.forEach((direction, k) => {
    flat.set(direction, k * d);
  });
  const centred = new Float64Array(d);
  const out = new Float64Array(d);
  return (values) => {
    for (let v = 0; v < d; v++) centred[v] = values[v]! - mean[v]!;
    for (let v = 0; v < d; v++) out[v] = centred[v]! / Math.sqrt(ridge);
    for (let k = 0, at = 0; k < gains.length; k++, at += d) {
      let along = 0;
      for (let v = 0; v < d; v++) along += flat[at + v]! * centred[v]!;
      along *= gains[k]!;
      for (let v = 0; v < d; v++) out[v]! += along * flat[at + v]!;
    }
    let length = 0;
    for (let v = 0; v < d; v++) length += out[v]! * out[v]!;
    const scale = length > 0 ? 1 / Math.sqrt(length) : 0;
    return Float32Array.from(out, (value) => value * scale);
  };
}

interface Directions {
  /** Of length 1, orthogonal. */
  readonly directions: readonly Float64Array[];
  readonly variances: readonly number[];
}

/** Principal directions by the covariance itself. */
function allDirections(rows: readonly Float64Array[], d: number): Directions {
  const covariance = new Float64Array(d * d);
  for (const row of rows)
    for (let a = 0; a < d; a++) {
      const value = row[a]! / rows.length;
      const at = a * d;
      for (let b = 0; b <= a; b++) covariance[at + b]! += value * row[b]!;
    }
  const { vectors, values } = decomposed(d, (a, b) => covariance[a * d + b]!);
  return {
    directions: values.map((_, k) => Float64Array.from({ length: d }, (_, v) => vectors.get(v, k))),
    variances: values.map((value) => Math.max(0, value)),
  };
}

/** The same where there are fewer descriptions than numbers in each: by the products of descriptions. */
function fewDirections(rows: readonly Float64Array[]): Directions {
  const n = rows.length;
  const { vectors, values } = decomposed(n, (a, b) => {
    let sum = 0;
    for (let v = 0; v < rows[a]!.length; v++) sum += rows[a]![v]! * rows[b]![v]!;
    return sum / n;
  });
  const largest = Math.max(...values);
  const kept = values.flatMap((value, k) => (value > 1e-9 * largest ? [k] : []));
  return {
    directions: kept.map((k) => {
      const direction = new Float64Array(rows[0]!.length);
      const scale = 1 / Math.sqrt(n * values[k]!);
      rows.forEach((row, a) => {
        const weight = vectors.get(a, k) * scale;
        for (let v = 0; v < row.length; v++) direction[v]! += weight * row[v]!;
      });
      return direction;
    }),
    variances: kept.map((k) => values[k]!),
  };
}

function decomposed(
  n: number,
  entry: (a: number, b: number) => number,
): { readonly vectors: Matrix; readonly values: readonly number[] } {
  const matrix = new Matrix(n, n);
  for (let a = 0; a < n; a++)
    for (let b = 0; b <= a; b++) {
      const value = entry(a, b);
      matrix.set(a, b, value);
      matrix.set(b, a, value);
    }
  const { eigenvectorMatrix, realEigenvalues } = new EigenvalueDecomposition(matrix, {
    assumeSymmetric: true,
  });
  return { vectors: eigenvectorMatrix, values: realEigenvalues };
}

/** The least ridge, at least `least`, with which a description explains no more of itself than `mostLeverage` on average. */
function ridgeFor(variances: readonly number[], n: number, least: number): number {
  const leverage = (ridge: number): number =>
    variances.reduce((sum, variance) => sum + variance / (variance + ridge), 0) / n;
  let ridge = Math.max(least, Number.MIN_VALUE);
  while (leverage(ridge) > mostLeverage) ridge *= 1.25;
  return ridge;
}

/** How alike two whitened descriptions are: 1 for the same, about 0 for different heads. */
export function likeness(a: Float32Array, b: Float32Array): number {
  // Four sums at a time: this is where an audit spends its time. Descriptions have a multiple of four numbers.
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  for (let v = 0; v < a.length; v += 4) {
    s0 += a[v]! * b[v]!;
    s1 += a[v + 1]! * b[v + 1]!;
    s2 += a[v + 2]! * b[v + 2]!;
    s3 += a[v + 3]! * b[v + 3]!;
  }
  return s0 + s1 + (s2 + s3);
}
