import { fail } from "../core/errors.js";
import { blurImage } from "../sim/pet/blur.js";
import { fieldOfView, requireImage } from "../sim/pet/geometry.js";
import { buildForwardModel, checkScan, type ForwardModel, type PetScan } from "../sim/pet/model.js";
import type { Projector, Views } from "../sim/pet/projector.js";

export interface EmOptions {
  /** At most this many passes over the data. */
  readonly iterations: number;
  /** Parts of the views that each update the image: 1 is ML-EM, more is OSEM. */
  readonly subsets?: number;
  /** Image to start from, kBq/ml; uniform in the field of view by default. Zeros stay zero. */
  readonly start?: Float32Array;
  /**
   * Stop when an iteration gains less than this fraction of the log-likelihood gained since the start. By default all
   * iterations are done.
   */
  readonly stopBelow?: number;
  /** Work out the log-likelihood after every iteration: always with `stopBelow`; costs OSEM about a third more. */
  readonly likelihood?: boolean;
  /**
   * What prompts may be: numbers of 0 or more (`any`, the default), `whole` ones, as a scanner counts them, or
   * `signed` ones, which were corrected before and are no counts: negative ones are put at 0.
   */
  readonly counts?: "any" | "whole" | "signed";
  /** Gaussian filter of the result, full width at half maximum; default none. */
  readonly filterFwhmMm?: number;
  /** The image after an iteration (from 1), before the filter: to be copied by who keeps it. */
  readonly onIteration?: (iteration: number, image: Float32Array) => void;
  /** The geometry's projector, when there are many slices to reconstruct. */
  readonly projector?: Projector;
}

export interface EmResult {
  /** kBq/ml, never negative. */
  readonly image: Float32Array;
  readonly iterations: number;
  /**
   * `Σ y ln ȳ - ȳ` at the start and after every iteration, up to a constant of the data; empty unless asked for.
   * Bins that no pixel and no background reaches are left out.
   */
  readonly logLikelihood: readonly number[];
}

/**
 * Maximum-likelihood expectation maximisation (Shepp & Vardi 1982; Lange & Carson 1984), over ordered subsets of views
 * (Hudson & Larkin 1994) with `subsets` above 1:
 *
 *     x ← x / (Gᵀ Pᵀ c e A) · Gᵀ Pᵀ [ c e A · y / (c e A · P G x + S + R) ]
 *
 * Attenuation A, efficiency e, scatter S, randoms R and blur G are part of the model, so prompts y go in as counted.
 * Throws what `checkScan` throws, and `bad-argument`.
 */
export function reconstructEm(given: PetScan, options: EmOptions): EmResult {
  const { iterations, subsets = 1, filterFwhmMm = 0, counts = "any" } = options;
  const scan = counts === "signed" ? { ...given, prompts: withoutNegatives(given.prompts) } : given;
  checkScan(scan, { counts: counts === "whole" ? "whole" : "any" });
  const { geometry } = scan;
  requireWhole("iterations", iterations, 1, 100_000);
  requireWhole("subsets", subsets, 1, geometry.views);
  const model = buildForwardModel(scan, options.projector);
  const parts = subsetOrder(subsets).map((first): Views => ({ first, step: subsets }));
  const ones = new Float32Array(scan.prompts.length).fill(1);
  const sensitivities = parts.map((views) => model.back(ones, views));
  const image = startImage(scan, model, options.start);
  const wanted = options.likelihood === true || options.stopBelow !== undefined;
  const logLikelihood = wanted ? [likelihoodOf(model, scan, image)] : [];
  const expected = new Float32Array(scan.prompts.length);
  let done = 0;
  while (done < iterations) {
    parts.forEach((views, n) => {
      update(model, scan, image, views, sensitivities[n]!, expected);
    });
    done++;
    options.onIteration?.(done, image);
    if (!wanted) continue;
    logLikelihood.push(likelihoodOf(model, scan, image));
    const gained = logLikelihood[done]! - logLikelihood[done - 1]!;
    const since = logLikelihood[done]! - logLikelihood[0]!;
    if (options.stopBelow !== undefined && gained < options.stopBelow * since) break;
  }
  const { imageSize, pixelSizeMm } = geometry;
  return {
    image: filterFwhmMm > 0 ? blurImage(image, imageSize, filterFwhmMm, pixelSizeMm) : image,
    iterations: done,
    logLikelihood,
  };
}

function withoutNegatives(values: Float32Array): Float32Array {
  const out = values.slice();
  for (let n = 0; n < out.length; n++) if (out[n]! < 0) out[n] = 0;
  return out;
}

/** One update of the image, in place, by the data of a subset. */
function update(
  model: ForwardModel,
  { geometry, prompts, scatter, randoms }: PetScan,
  image: Float32Array,
  views: Views,
  sensitivity: Float32Array,
  expected: Float32Array,
): void {
  model.forward(image, views, expected);
  for (let view = views.first; view < geometry.views; view += views.step)
    for (let n = view * geometry.bins; n < (view + 1) * geometry.bins; n++) {
      const mean = expected[n]! + (scatter?.[n] ?? 0) + (randoms?.[n] ?? 0);
      expected[n] = mean > 0 ? prompts[n]! / mean : 0;
    }
  const correction = model.back(expected, views);
  for (let v = 0; v < image.length; v++) {
    const seen = sensitivity[v]!;
    image[v] = seen > 0 ? (image[v]! * correction[v]!) / seen : 0;
  }
}

/** `Σ y ln ȳ - ȳ` over the bins that something reaches. */
function likelihoodOf(
  model: ForwardModel,
  { prompts, scatter, randoms }: PetScan,
  image: Float32Array,
): number {
  const trues = model.forward(image);
  let sum = 0;
  for (let n = 0; n < trues.length; n++) {
    const mean = trues[n]! + (scatter?.[n] ?? 0) + (randoms?.[n] ?? 0);
    if (mean > 0) sum += (prompts[n]! > 0 ? prompts[n]! * Math.log(mean) : 0) - mean;
  }
  return sum;
}

/** Uniform in the field of view, with as many trues as the prompts leave after scatter and randoms. */
function startImage(scan: PetScan, model: ForwardModel, given: Float32Array | undefined): Float32Array {
  if (given !== undefined) {
    requireImage(given, scan.geometry, "the image to start from");
    const bad = given.findIndex((value) => !(value >= 0 && value < Number.POSITIVE_INFINITY));
    if (bad >= 0)
      fail("bad-data", {
        what: "the image to start from holds a value that is not possible",
        where: `pixel ${bad}`,
        expected: "activities of 0 or more",
        found: `${given[bad]}`,
      });
    return given.slice();
  }
  const image = Float32Array.from(fieldOfView(scan.geometry));
  const total = (values?: Float32Array): number => values?.reduce((sum, value) => sum + value, 0) ?? 0;
  const reached = total(model.forward(image));
  if (reached === 0)
    fail("bad-data", {
      what: "no bin of the scanner sees anything",
      expected: "attenuation and normalisation above 0 somewhere",
      found: "0 everywhere",
    });
  const trues = total(scan.prompts) - total(scan.scatter) - total(scan.randoms);
  // Few counts may lie below their background; the start only has to be above 0.
  const level = Math.max(trues, 0.01 * total(scan.prompts)) / reached;
  for (let v = 0; v < image.length; v++) image[v] = image[v]! * level;
  return image;
}

/** 0 to count - 1 in an order in which successive subsets look from directions far apart. */
function subsetOrder(count: number): number[] {
  const common = (a: number, b: number): number => (b === 0 ? a : common(b, a % b));
  let stride = Math.max(1, Math.round(count * 0.382));
  while (common(stride, count) !== 1) stride++;
  return Array.from({ length: count }, (_, n) => (n * stride) % count);
}

function requireWhole(name: string, value: number, low: number, high: number): void {
  if (!(Number.isInteger(value) && value >= low && value <= high))
    fail("bad-argument", {
      what: "a setting of the reconstruction is not possible",
      where: name,
      expected: `a whole number from ${low} to ${high}${name === "subsets" ? ", the number of views" : ""}`,
      found: `${value}`,
    });
}
