import { Matrix, solve } from "ml-matrix";

/** Weights of a logistic model, the intercept last. */
export type LogisticModel = Float64Array;

/** Keeps weights finite where classes are apart: half the squared weight that this much costs. */
const penalty = 1e-2;

/**
 * Logistic regression by Newton's method (iteratively reweighted least squares) with a small ridge on all weights but the intercept.
 * Columns should have a spread of about 1.
 */
export function fitLogistic(rows: readonly Float64Array[], positive: readonly boolean[]): LogisticModel {
  const d = rows[0]!.length + 1;
  const weights = new Float64Array(d);
  const at = (row: Float64Array, v: number): number => (v === d - 1 ? 1 : row[v]!);
  for (let round = 0; round < 50; round++) {
    const gradient = new Float64Array(d);
    const hessian = Matrix.zeros(d, d);
    rows.forEach((row, n) => {
      const p = probability(weights, row);
      const error = p - (positive[n] ? 1 : 0);
      const weight = Math.max(p * (1 - p), 1e-10);
      for (let a = 0; a < d; a++) {
        gradient[a]! += error * at(row, a);
        for (let b = 0; b < d; b++) hessian.set(a, b, hessian.get(a, b) + weight * at(row, a) * at(row, b));
      }
    });
    for (let a = 0; a < d; a++) {
      const own = a === d - 1 ? 1e-9 : penalty * rows.length;
      gradient[a]! += own * weights[a]!;
      hessian.set(a, a, hessian.get(a, a) + own);
    }
    const step = solve(hessian, Matrix.columnVector([...gradient]));
    let largest = 0;
    for (let a = 0; a < d; a++) {
      weights[a]! -= step.get(a, 0);
      largest = Math.max(largest, Math.abs(step.get(a, 0)));
    }
    if (largest < 1e-8) break;
  }
  return weights;
}

/** Probability of the positive class. */
export function probability(weights: LogisticModel, row: Float64Array): number {
  let sum = weights[weights.length - 1]!;
  for (let v = 0; v < row.length; v++) sum += weights[v]! * row[v]!;
  return 1 / (1 + Math.exp(-sum));
}
