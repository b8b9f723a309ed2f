import { fail } from "../../core/errors.js";
import { blurImage } from "./blur.js";
import { type PetGeometry, requireSinogram, sinogramLength } from "./geometry.js";
import { allViews, buildProjector, type Projector, type Views } from "./projector.js";

/** How the scanner turns activity into counts, as far as that is linear; sinograms are `[views, bins]`. */
export interface PetModel {
  readonly geometry: PetGeometry;
  /** Blur of the system, a Gaussian in the image: full width at half maximum, 0 for none. */
  readonly psfFwhmMm: number;
  /** The fraction of photon pairs that leave the body along every bin, above 0 and at most 1. All 1 when left out. */
  readonly attenuation?: Float32Array | undefined;
  /** The detectors' efficiency for every bin relative to their mean: normalisation. All 1 when left out. */
  readonly efficiency?: Float32Array | undefined;
  /** Counts for every kBq/ml and mm of a line integral, without attenuation, at efficiency 1. */
  readonly calibration: number;
}

/** What was counted in one slice, and what is known about it. */
export interface PetScan extends PetModel {
  /** Coincidences: trues, scattered and random ones. Whole numbers when they come from a scanner. */
  readonly prompts: Float32Array;
  /** Expected scattered coincidences; none when left out. */
  readonly scatter?: Float32Array | undefined;
  /** Expected random coincidences; none when left out. */
  readonly randoms?: Float32Array | undefined;
}

/** Image (kBq/ml) to expected true counts, `c · e · A · P G x`, and the transpose. */
export interface ForwardModel {
  readonly model: PetModel;
  /** `c · e · A` for every bin. */
  readonly factors: Float32Array;
  forward(image: Float32Array, views?: Views, into?: Float32Array): Float32Array;
  back(sinogram: Float32Array, views?: Views): Float32Array;
}

/** The linear model of a scan: its blur, its lines, its factors. Throws `geometry` and `bad-data` for what does not fit. */
export function buildForwardModel(
  model: PetModel,
  projector: Projector = buildProjector(model.geometry),
): ForwardModel {
  const { geometry, psfFwhmMm } = model;
  const { imageSize, pixelSizeMm } = geometry;
  const factors = countFactors(model);
  const weighted = new Float32Array(factors.length);
  const blur = (image: Float32Array): Float32Array =>
    psfFwhmMm === 0 ? image : blurImage(image, imageSize, psfFwhmMm, pixelSizeMm);
  return {
    model,
    factors,
    forward(image, views = allViews, into) {
      const out = projector.forward(blur(image), views, into);
      multiplyViews(out, factors, geometry, views, out);
      return out;
    },
    back(sinogram, views = allViews) {
      requireSinogram(sinogram, geometry, "a sinogram to be projected back");
      multiplyViews(sinogram, factors, geometry, views, weighted);
      return blur(projector.back(weighted, views));
    },
  };
}

/** `out = a · b` in the given views. */
function multiplyViews(
  a: Float32Array,
  b: Float32Array,
  { views, bins }: PetGeometry,
  { first, step }: Views,
  out: Float32Array,
): void {
  for (let view = first; view < views; view += step)
    for (let n = view * bins; n < (view + 1) * bins; n++) out[n] = a[n]! * b[n]!;
}

/** `c · e · A` for every bin, checked. */
export function countFactors({ geometry, attenuation, efficiency, calibration }: PetModel): Float32Array {
  if (!(calibration > 0 && calibration < 1e30))
    fail("bad-argument", {
      what: "the calibration of a scan is not possible",
      where: "calibration",
      expected: "counts per kBq/ml and mm, above 0",
      found: `${calibration}`,
    });
  const factors = new Float32Array(sinogramLength(geometry)).fill(calibration);
  if (attenuation !== undefined)
    multiplyChecked(factors, attenuation, geometry, "the attenuation factors", 1);
  if (efficiency !== undefined)
    multiplyChecked(factors, efficiency, geometry, "the normalisation factors", Number.POSITIVE_INFINITY);
  return factors;
}

function multiplyChecked(
  factors: Float32Array,
  by: Float32Array,
  geometry: PetGeometry,
  what: string,
  highest: number,
): void {
  requireSinogram(by, geometry, what);
  for (let n = 0; n < by.length; n++) {
    const value = by[n]!;
    // A hair above 1 is float32's rounding of exp(0).
    if (!(value >= 0 && value <= highest + 1e-6 && value < 1e30))
      fail("bad-data", {
        what: `${what} hold a value that is not possible`,
        where: binName(n, geometry),
        expected:
          highest === 1 ? "the fraction of photons that get through, 0 to 1" : "efficiencies of 0 or more",
        found: `${value}`,
        ...(highest === 1 && value > 1
          ? { fix: "Correction factors are the reciprocals: divide 1 by them" }
          : {}),
      });
    factors[n] = factors[n]! * value;
  }
}

/** `view 3, bin 20`, counted from 0. */
export function binName(index: number, { bins }: Pick<PetGeometry, "bins">): string {
  return `view ${Math.floor(index / bins)}, bin ${index % bins}`;
}

/**
 * Throws unless the scan can be reconstructed: `geometry` for arrays of another length, `bad-data` for prompts that
 * are negative (unless `counts: "signed"`: data that were corrected already), not finite or (with `"whole"`) fractional,
 * for contaminations that are negative, for no counts.
 */
export function checkScan(
  scan: PetScan,
  { counts = "any" }: { readonly counts?: "any" | "whole" | "signed" } = {},
): PetScan {
  const { geometry, prompts, scatter, randoms } = scan;
  const parts = [
    ["the prompts", prompts],
    ["the expected scattered counts", scatter],
    ["the expected random counts", randoms],
  ] as const;
  let total = 0;
  for (const [what, values] of parts) {
    if (values === undefined) continue;
    requireSinogram(values, geometry, what);
    for (let n = 0; n < values.length; n++) {
      const value = values[n]!;
      const whole = counts !== "whole" || values !== prompts || Number.isInteger(value);
      const least = counts === "signed" && values === prompts ? Number.NEGATIVE_INFINITY : 0;
      if (!(value >= least && value > Number.NEGATIVE_INFINITY && value < Number.POSITIVE_INFINITY && whole))
        fail("bad-data", {
          what: `${what} hold a number that is no number of counts`,
          where: binName(n, geometry),
          expected: whole ? "finite numbers of 0 or more" : "whole numbers, as a scanner counts them",
          found: `${value}`,
          ...(value < 0 && values === prompts
            ? { fix: "Give the prompts as counted, and scatter and randoms beside them, not subtracted" }
            : {}),
        });
      if (values === prompts) total += Math.abs(value);
    }
  }
  if (total === 0)
    fail("bad-data", {
      what: "the sinogram holds no counts",
      expected: "at least one count",
      found: "0 in every bin",
      fix: "Check that the file is the emission scan, and its byte order and number format",
    });
  countFactors(scan);
  return scan;
}
