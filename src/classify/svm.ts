/** Linear support vector machines over many features, by LIBSVM on the matrix of inner products. */
import SVM from "libsvm-js/asm.js";
import { fail } from "../core/errors.js";
import { requireTwoClasses } from "./features.js";

/** Inner products of all pairs of cases: training needs no more, however many features there are. */
export interface Gram {
  readonly cases: number;
  /** `values[row * cases + column]`. */
  readonly values: Float64Array;
}

/** A machine in terms of its training cases. */
export interface DualSvm {
  readonly cost: number;
  /** Of every training case; 0 for those that are no support vectors. The sum of weighted cases is the normal. */
  readonly coefficients: Float64Array;
  readonly bias: number;
}

/** A fitted machine, plain data: the decision is `weights · (features - means) + bias`, above 0 for the positive class. */
export interface SvmModel {
  readonly kind: "svm";
  readonly cost: number;
  /** Mean of the training cases, which features are centred by. */
  readonly means: Float32Array;
  readonly weights: Float32Array;
  readonly bias: number;
}

/** Twice the mean of the squared features of a centred case would be 2: C then means the same for any features. */
export interface Centred {
  readonly rows: readonly Float32Array[];
  readonly means: Float32Array;
  readonly scale: number;
}

/** Features less the mean of the given cases, over their root mean square length: fit on training cases only. */
export function centre(features: readonly Float32Array[]): Centred {
  const n = features[0]!.length;
  const sum = new Float64Array(n);
  for (const row of features) for (let a = 0; a < n; a++) sum[a] = sum[a]! + row[a]!;
  const means = Float32Array.from(sum, (x) => x / features.length);
  let square = 0;
  for (const row of features)
    for (let a = 0; a < n; a++) square += (row[a]! - means[a]!) * (row[a]! - means[a]!);
  const scale = Math.sqrt(square / features.length) || 1;
  const rows = features.map((row) => {
    const out = new Float32Array(n);
    for (let a = 0; a < n; a++) out[a] = (row[a]! - means[a]!) / scale;
    return out;
  });
  return { rows, means, scale };
}

/** Inner products of all pairs of rows. */
export function gramOf(rows: readonly Float32Array[]): Gram {
  const cases = rows.length;
  const values = new Float64Array(cases * cases);
  for (let a = 0; a < cases; a++)
    for (let b = 0; b <= a; b++) {
      const [x, y] = [rows[a]!, rows[b]!];
      let sum = 0;
      for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!;
      values[a * cases + b] = sum;
      values[b * cases + a] = sum;
    }
  return { cases, values };
}

/**
 * Inner products of some cases, centred by the mean of the `fitted` ones and scaled by their mean square length: what
 * `gramOf(centre(fitted rows))` gives, from products that were worked out once for all cases.
 */
export function centredGram(gram: Gram, fitted: readonly number[], rows: readonly number[]): Float64Array {
  const { cases, values } = gram;
  const meanOf = (at: number): number => {
    let sum = 0;
    for (const other of fitted) sum += values[at * cases + other]!;
    return sum / fitted.length;
  };
  const columnMeans = fitted.map(meanOf);
  const grand = columnMeans.reduce((sum, x) => sum + x, 0) / fitted.length;
  let square = 0;
  fitted.forEach((at, f) => {
    square += values[at * cases + at]! - 2 * columnMeans[f]! + grand;
  });
  const scale = square / fitted.length || 1;
  const out = new Float64Array(rows.length * fitted.length);
  rows.forEach((row, r) => {
    const mean = meanOf(row);
    fitted.forEach((column, c) => {
      out[r * fitted.length + c] = (values[row * cases + column]! - mean - columnMeans[c]! + grand) / scale;
    });
  });
  return out;
}

export interface SvmOptions {
  /** Price of a case on the wrong side, C. */
  readonly cost: number;
  /** Weigh the price so that both classes count alike. Default true. */
  readonly balanced?: boolean;
}

/** LIBSVM's memory grows with the square of the cases; beyond this a browser tab would not hold it. */
const mostCases = 4000;

/** Train on inner products alone. Throws `bad-argument` for a price that is not above 0. */
export function trainDual(
  products: Float64Array,
  positive: readonly boolean[],
  { cost, balanced = true }: SvmOptions,
): DualSvm {
  const n = positive.length;
  if (!(Number.isFinite(cost) && cost > 0))
    fail("bad-argument", {
      what: "the price C is not possible",
      where: "cost",
      expected: "above 0",
      found: `${cost}`,
    });
  if (n > mostCases)
    fail("memory", {
      what: "there are too many cases for the matrix of inner products",
      expected: `at most ${mostCases}`,
      found: `${n}`,
      fix: "Train on one session of each subject",
    });
  const counts = [positive.filter((p) => !p).length, positive.filter((p) => p).length] as const;
  if (counts[0] === 0 || counts[1] === 0)
    fail("bad-data", {
      what: "all cases are of one class",
      expected: "both classes among the training cases",
    });
  const weight = balanced ? { "-1": n / (2 * counts[0]), "1": n / (2 * counts[1]) } : { "-1": 1, "1": 1 };
  const machine = new SVM({
    type: "0",
    kernel: "4",
    cost,
    weight,
    tolerance: 1e-4,
    cacheSize: 16,
    shrinking: true,
    quiet: true,
  });
  try {
    // A precomputed kernel's row begins with the case's own number, from 1.
    machine.train(
      positive.map((_, row) => {
        const line = new Float64Array(n + 1);
        line[0] = row + 1;
        line.set(products.subarray(row * n, (row + 1) * n), 1);
        return line;
      }),
      positive.map((p) => (p ? 1 : -1)),
    );
    return { cost, ...solutionOf(machine.serializeModel(), machine.getSVIndices(), n) };
  } finally {
    machine.free();
  }
}

/** Coefficients and bias out of LIBSVM's text of a model, whose first label is the one with positive decisions. */
function solutionOf(text: string, vectors: readonly number[], n: number): Omit<DualSvm, "cost"> {
  const [head = "", body = ""] = text.split(/^SV\s*$/m);
  const rho = Number(/^rho (\S+)/m.exec(head)?.[1]);
  const sign = Number(/^label (\S+)/m.exec(head)?.[1]);
  const found = body
    .trim()
    .split("\n")
    .map((line) => Number(line.trim().split(/\s+/)[0]));
  if (
    !Number.isFinite(rho) ||
    Math.abs(sign) !== 1 ||
    found.length !== vectors.length ||
    found.some(Number.isNaN)
  )
    fail("runtime", {
      what: "the support vector machine's solution cannot be read",
      expected: "LIBSVM's text format of a model",
      found: text.slice(0, 80),
    });
  const coefficients = new Float64Array(n);
  vectors.forEach((row, at) => {
    coefficients[row] = sign * found[at]!;
  });
  return { coefficients, bias: -sign * rho };
}

/**
 * Train on features: centred, scaled to a mean square length of 1 (so that C means the same for any number of
 * features), class-balanced. Throws `shape` and `bad-data`.
 */
export function trainSvm(
  features: readonly Float32Array[],
  positive: readonly boolean[],
  options: SvmOptions,
): SvmModel {
  requireTwoClasses(features, positive);
  const { rows, means, scale } = centre(features);
  return primalOf(trainDual(gramOf(rows).values, positive, options), { rows, means, scale });
}

/** The weights of the features, from the coefficients of the cases. */
export function primalOf({ coefficients, bias, cost }: DualSvm, { rows, means, scale }: Centred): SvmModel {
  const normal = new Float64Array(means.length);
  rows.forEach((row, at) => {
    const coefficient = coefficients[at]!;
    if (coefficient !== 0)
      for (let a = 0; a < row.length; a++) normal[a] = normal[a]! + coefficient * row[a]!;
  });
  return { kind: "svm", cost, means, weights: Float32Array.from(normal, (x) => x / scale), bias };
}

/** The decision: above 0 for the positive class, larger for larger certainty. Throws `shape`. */
export function predictSvm({ weights, means, bias }: SvmModel, features: Float32Array): number {
  if (features.length !== weights.length)
    fail("shape", {
      what: "the features are not those of the machine",
      expected: `${weights.length} features`,
      found: `${features.length}`,
    });
  let sum = bias;
  for (let a = 0; a < weights.length; a++) sum += weights[a]! * (features[a]! - means[a]!);
  return sum;
}
