/** Logistic regression on a few features, by Newton's method. */
import { Matrix, solve } from "ml-matrix";
import { fail } from "../core/errors.js";
import { requireTwoClasses, type Standardised, standardise } from "./features.js";

/** A fitted model, plain data: probability of the positive class is `1 / (1 + exp(-(weights · z + bias)))`. */
export interface LogisticModel {
  readonly kind: "logistic";
  /** Of the training features: what they were brought to mean 0 and deviation 1 by. */
  readonly means: readonly number[];
  readonly deviations: readonly number[];
  readonly weights: readonly number[];
  readonly bias: number;
}

export interface LogisticOptions {
  /** Penalty on the squared weights (not the bias), in cases. Default 1: classes that one feature separates have no
   * finite solution without it. */
  readonly penalty?: number;
  /** Weigh the cases so that both classes count alike. Default true. */
  readonly balanced?: boolean;
}

/**
 * Fit by iteratively reweighted least squares: Newton's method on the penalised likelihood, which is convex, so that
 * there is one answer. Features are standardised first. Throws `shape`, and `bad-data` for one class or features that
 * are not numbers.
 */
export function trainLogistic(
  features: readonly Float32Array[],
  positive: readonly boolean[],
  { penalty = 1, balanced = true }: LogisticOptions = {},
): LogisticModel {
  requireTwoClasses(features, positive);
  const { rows, means, deviations } = standardise(features);
  const n = means.length + 1;
  const counts = [positive.filter((p) => !p).length, positive.filter((p) => p).length];
  const weightOf = positive.map((p) => (balanced ? positive.length / (2 * counts[p ? 1 : 0]!) : 1));
  let beta = new Float64Array(n);
  for (let step = 0; step < 100; step++) {
    const gradient = new Float64Array(n);
    const hessian = Matrix.zeros(n, n);
    rows.forEach((row, at) => {
      const p = sigmoid(dot(beta, row));
      const pull = weightOf[at]! * ((positive[at] ? 1 : 0) - p);
      const curve = weightOf[at]! * p * (1 - p);
      for (let a = 0; a < n; a++) {
        const x = a === 0 ? 1 : row[a - 1]!;
        gradient[a] = gradient[a]! + pull * x;
        for (let b = 0; b < n; b++)
          hessian.set(a, b, hessian.get(a, b) + curve * x * (b === 0 ? 1 : row[b - 1]!));
      }
    });
    for (let a = 1; a < n; a++) {
      gradient[a] = gradient[a]! - penalty * beta[a]!;
      hessian.set(a, a, hessian.get(a, a) + penalty);
    }
    hessian.set(0, 0, hessian.get(0, 0) + 1e-9);
    const change = solve(hessian, Matrix.columnVector(gradient)).to1DArray();
    // Far steps can overshoot where the likelihood is flat; short ones still arrive.
    const largest = Math.max(...change.map(Math.abs));
    const length = largest > 4 ? 4 / largest : 1;
    beta = beta.map((x, a) => x + length * change[a]!);
    if (largest < 1e-9)
      return { kind: "logistic", means, deviations, weights: Array.from(beta.subarray(1)), bias: beta[0]! };
  }
  return fail("non-finite", {
    what: "logistic regression did not settle",
    expected: "a step below 1e-9 within 100 steps",
    fix: "Raise the penalty",
  });
}

/** Probability of the positive class. */
export function predictLogistic(model: LogisticModel, features: ArrayLike<number>): number {
  const { means, deviations, weights, bias } = model;
  let sum = bias;
  for (let a = 0; a < weights.length; a++) sum += (weights[a]! * (features[a]! - means[a]!)) / deviations[a]!;
  return sigmoid(sum);
}

function dot(beta: Float64Array, row: Standardised["rows"][number]): number {
  let sum = beta[0]!;
  for (let a = 0; a < row.length; a++) sum += beta[a + 1]! * row[a]!;
  return sum;
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
