/** How much fluid, grey and white matter there is, and the unevenness of the signal, from intensities alone. */
import { Matrix, solve } from "ml-matrix";
import { fail } from "../core/errors.js";
import { type ImageVolume, voxelCount } from "../volume/volume.js";
import { evaluateField, type SmoothBasis, smoothBasis, termsAt } from "./polynomials.js";

export interface TissueOptions {
  /** Voxels to look at (1); default: all above zero, with the zeros that slices enclose. */
  readonly mask?: Uint8Array;
  /** Classes from dark to bright: 3 in a brain alone, 4 in a head, whose fat is brighter than white matter. */
  readonly classes?: number;
  /** Greatest order of the polynomials of the unevenness; 0 leaves it out. Default 3. */
  readonly biasOrder?: number;
  readonly iterations?: number;
}

/** What a mixture of Gaussians says of an image. */
export interface Tissues {
  readonly mask: Uint8Array;
  readonly voxels: number;
  /** From dark to bright, in the image's units after correction. */
  readonly means: readonly number[];
  readonly deviations: readonly number[];
  /** Share of the voxels in the mask, by class; together 1. In a T1-weighted brain: fluid, grey, white. */
  readonly fractions: readonly number[];
  /** The unevenness that the image is to be divided by, mean 1 in the mask. */
  readonly field: Float32Array;
}

/** More voxels than this tell no more about so few numbers. */
const mostSamples = 15_000;

/**
 * Fit a mixture of Gaussians and a smooth multiplicative field together, by expectation maximisation: the model
 * of Ashburner and Friston 2005 without their atlas, its field a low-order polynomial as in Van Leemput et al. 1999.
 * For T1-weighted brains; the classes are in order of brightness. Throws `bad-data` for an image with too few voxels
 * or no contrast.
 */
export function estimateTissues(image: ImageVolume, options: TissueOptions = {}): Tissues {
  const { classes = 3, biasOrder = 3, iterations = 25 } = options;
  const mask = options.mask ?? foreground(image);
  const inside: number[] = [];
  for (let v = 0; v < mask.length; v++) if (mask[v] === 1) inside.push(v);
  if (inside.length < 200)
    fail("bad-data", {
      what: "there are too few voxels to tell tissues apart",
      expected: "at least 200 voxels in the mask",
      found: `${inside.length}`,
      fix: "Check the image and its mask",
    });
  const every = Math.max(1, Math.floor(inside.length / mostSamples));
  const samples = Uint32Array.from(inside.filter((_, at) => at % every === 0));
  const basis = smoothBasis(image.size, biasOrder);
  const values = Float64Array.from(samples, (v) => image.data[v]!);
  const mixture = firstGuess(values, classes);
  const field = new Float64Array(samples.length).fill(1);
  const shares = new Float64Array(samples.length * classes);
  let weights: Float64Array = Float64Array.from(basis.terms, (_, t) => (t === 0 ? 1 : 0));
  for (let step = 0; step < iterations; step++) {
    expect(values, field, mixture, shares);
    maximise(values, field, mixture, shares);
    // The first steps find the classes; a field that is fitted before them takes their place.
    if (biasOrder > 0 && step >= 4 && step % 3 === 1)
      weights = fitField(values, samples, basis, mixture, shares, field);
  }
  const whole =
    biasOrder > 0 ? evaluateField(basis, weights) : new Float32Array(voxelCount(image.size)).fill(1);
  for (let v = 0; v < whole.length; v++) whole[v] = Math.max(0.3, Math.min(3, whole[v]!));
  expect(values, field, mixture, shares);
  const fractions = mixture.means.map((_, c) => {
    let sum = 0;
    for (let n = 0; n < samples.length; n++) sum += shares[n * classes + c]!;
    return sum / samples.length;
  });
  return {
    mask,
    voxels: inside.length,
    means: mixture.means,
    deviations: mixture.deviations,
    fractions,
    field: whole,
  };
}

/** The image divided by its unevenness. */
export function evenOut(image: ImageVolume, { field }: Pick<Tissues, "field">): ImageVolume {
  return { ...image, data: image.data.map((value, v) => value / field[v]!) };
}

/** The probability of every class at every voxel of the mask, 0 elsewhere: maps of fluid, grey and white matter. */
export function tissueMaps(image: ImageVolume, tissues: Tissues): Float32Array[] {
  const { mask, means, deviations, fractions, field } = tissues;
  const maps = means.map(() => new Float32Array(mask.length));
  const shares = new Float64Array(means.length);
  for (let v = 0; v < mask.length; v++) {
    if (mask[v] !== 1) continue;
    let sum = 0;
    for (let c = 0; c < means.length; c++) {
      const z = (image.data[v]! / field[v]! - means[c]!) / deviations[c]!;
      shares[c] = (fractions[c]! / deviations[c]!) * Math.exp(-0.5 * Math.min(200, z * z));
      sum += shares[c]!;
    }
    for (let c = 0; c < means.length; c++) maps[c]![v] = shares[c]! / sum;
  }
  return maps;
}

interface Mixture {
  means: number[];
  deviations: number[];
  parts: number[];
}

/** Classes at evenly spread quantiles. */
function firstGuess(values: Float64Array, classes: number): Mixture {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  const spread = at(0.98) - at(0.02);
  if (!(spread > 0))
    fail("bad-data", {
      what: "the image has no contrast to tell tissues apart by",
      found: `values from ${at(0.02)} to ${at(0.98)}`,
      fix: "Check that this is the scan",
    });
  return {
    means: Array.from({ length: classes }, (_, c) => at((c + 0.5) / classes)),
    deviations: new Array<number>(classes).fill(spread / (2 * classes)),
    parts: new Array<number>(classes).fill(1 / classes),
  };
}

function expect(
  values: Float64Array,
  field: Float64Array,
  { means, deviations, parts }: Mixture,
  shares: Float64Array,
): void {
  const classes = means.length;
  for (let n = 0; n < values.length; n++) {
    let sum = 0;
    for (let c = 0; c < classes; c++) {
      const z = (values[n]! / field[n]! - means[c]!) / deviations[c]!;
      const p = (parts[c]! / deviations[c]!) * Math.exp(-0.5 * Math.min(200, z * z));
      shares[n * classes + c] = p;
      sum += p;
    }
    for (let c = 0; c < classes; c++) shares[n * classes + c] = shares[n * classes + c]! / sum;
  }
}

function maximise(values: Float64Array, field: Float64Array, mixture: Mixture, shares: Float64Array): void {
  const classes = mixture.means.length;
  const least = Math.max(1e-12, 0.02 * (Math.max(...mixture.means) - Math.min(...mixture.means)));
  for (let c = 0; c < classes; c++) {
    let [total, sum, squares] = [1e-9, 0, 0];
    for (let n = 0; n < values.length; n++) {
      const p = shares[n * classes + c]!;
      const x = values[n]! / field[n]!;
      total += p;
      sum += p * x;
      squares += p * x * x;
    }
    const mean = sum / total;
    mixture.means[c] = mean;
    mixture.deviations[c] = Math.max(least, Math.sqrt(Math.max(0, squares / total - mean * mean)));
    mixture.parts[c] = total / values.length;
  }
}

/** Weighted least squares of the values by the field times the class's mean; writes `field`, returns the weights. */
function fitField(
  values: Float64Array,
  samples: Uint32Array,
  basis: SmoothBasis,
  { means, deviations }: Mixture,
  shares: Float64Array,
  field: Float64Array,
): Float64Array {
  const classes = means.length;
  const n = basis.terms.length;
  const normal = new Float64Array(n * n);
  const right = new Float64Array(n);
  const phi = new Float64Array(n);
  for (let s = 0; s < samples.length; s++) {
    let [weight, pull] = [0, 0];
    for (let c = 0; c < classes; c++) {
      const precision = shares[s * classes + c]! / (deviations[c]! * deviations[c]!);
      weight += precision * means[c]! * means[c]!;
      pull += precision * means[c]! * values[s]!;
    }
    termsAt(basis, samples[s]!, phi);
    for (let a = 0; a < n; a++) {
      right[a] = right[a]! + pull * phi[a]!;
      const along = weight * phi[a]!;
      for (let b = 0; b <= a; b++) normal[a * n + b] = normal[a * n + b]! + along * phi[b]!;
    }
  }
  const scale = normal[0]!;
  const matrix = new Matrix(n, n);
  for (let a = 0; a < n; a++)
    for (let b = 0; b <= a; b++) {
      matrix.set(a, b, normal[a * n + b]! / scale);
      matrix.set(b, a, normal[a * n + b]! / scale);
    }
  // A little reluctance keeps terms at nothing that the mask cannot tell apart.
  for (let a = 1; a < n; a++) matrix.set(a, a, matrix.get(a, a) + 1e-3);
  const solved = solve(matrix, Matrix.columnVector(Array.from(right, (x) => x / scale))).to1DArray();
  let mean = 0;
  for (let s = 0; s < samples.length; s++) {
    termsAt(basis, samples[s]!, phi);
    let sum = 0;
    for (let a = 0; a < n; a++) sum += solved[a]! * phi[a]!;
    field[s] = Math.max(0.3, Math.min(3, sum));
    mean += field[s]!;
  }
  mean /= samples.length;
  for (let s = 0; s < samples.length; s++) field[s] = field[s]! / mean;
  return Float64Array.from(solved, (x) => x / mean);
}

/** Voxels above zero, and zeros that a slice encloses: fluid may be as dark as the background. */
export function foreground({ data, size }: ImageVolume): Uint8Array {
  const [ni, nj, nk] = size;
  const mask = new Uint8Array(ni * nj * nk).fill(1);
  const plane = ni * nj;
  const stack = new Int32Array(plane);
  for (let k = 0; k < nk; k++) {
    const base = k * plane;
    let top = 0;
    const visit = (at: number): void => {
      if (mask[base + at] === 1 && !(data[base + at]! > 0)) {
        mask[base + at] = 0;
        stack[top++] = at;
      }
    };
    for (let i = 0; i < ni; i++) {
      visit(i);
      visit(i + (nj - 1) * ni);
    }
    for (let j = 0; j < nj; j++) {
      visit(j * ni);
      visit(j * ni + ni - 1);
    }
    while (top > 0) {
      const at = stack[--top]!;
      const i = at % ni;
      if (i > 0) visit(at - 1);
      if (i < ni - 1) visit(at + 1);
      if (at >= ni) visit(at - ni);
      if (at < plane - ni) visit(at + ni);
    }
  }
  return mask;
}
