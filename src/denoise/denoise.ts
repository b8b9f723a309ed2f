import { fail } from "../core/errors.js";
import { percentiles, rangeOf } from "../volume/intensity.js";
import type { ImageVolume, Volume } from "../volume/volume.js";
import { type Crew, soloCrew } from "./crew.js";
import { blockMatching, gaussian, median, nonLocalMeans, type Report, totalVariation } from "./methods.js";
import { noiseFromBackground } from "./noise-background.js";
import { type ImageNoiseOptions, noiseFromImage } from "./noise-image.js";
import { noiseMapFromImage } from "./noise-map.js";
import { type DenoiseMethod, maskOn, type NoiseKind, requireVolume } from "./options.js";
import { ricianStabiliser } from "./stabilise.js";

/** How strong the noise is, or that the air says so. */
export type GivenNoise = number | Float32Array | "background";

export interface DenoiseOptions {
  readonly method: DenoiseMethod;
  /**
   * Standard deviation of the noise in the image's units, of all voxels or voxel by voxel; "background": estimated by
   * `noiseFromBackground`, for magnitudes whose air is still there; default: estimated by `noiseFromImage`.
   */
  readonly sigma?: GivenNoise | undefined;
  /** Estimate it voxel by voxel instead, by `noiseMapFromImage`: for noise that differs over the field. Default false. */
  readonly uneven?: boolean | undefined;
  /** Default `rician`: magnitudes, whose noise lifts dark places; every method takes that bias out. */
  readonly noise?: NoiseKind;
  /** On the image's grid: voxels that are 0 here stay as they are; the noise is estimated from the others. */
  readonly mask?: Volume | undefined;
  /** For `gaussian`: standard deviation in mm; default: what Stein's risk estimate finds best. */
  readonly widthMm?: number | undefined;
  /** For `tv` and `nlm`: how much to smooth, relative to the default of 1. */
  readonly strength?: number | undefined;
  /** For `nlm` and `bm4d`: voxels to either side in which similar places are looked for; default 3 and 4. */
  readonly searchRadius?: number | undefined;
  /** Who computes; default: this thread. The result is the same. */
  readonly crew?: Crew;
  readonly onProgress?: (standing: { readonly fraction: number; readonly what: string }) => void;
  /** File or case, for messages. */
  readonly where?: string | undefined;
}

/** Who said how strong the noise is. */
export type NoiseSource = "given" | "image" | "background";

export interface Denoised {
  /** On the image's grid; no brighter than the brightest voxel of the input. */
  readonly image: ImageVolume;
  /** The noise that was taken out, in the image's units; where it differs over the field, its median. */
  readonly sigma: number;
  readonly sigmaFrom: NoiseSource;
}

/** What was found best on slabs of a simulated and of one real head (T1) at 3 to 15 % noise, in units of the noise. */
const defaults = { tvStrength: 0.5, nlmRadius: 3, bm4dRadius: 4 } as const;

/**
 * The strength of non-local means for values in units of the noise: the nearer the bright end of the image is to the
 * noise, the less do patches of different tissue differ, and the more alike they must be. Tried on the same two heads.
 */
function nlmBeta(scaled: Float32Array): number {
  const [bright = 0] = percentiles(scaled, [95], "nonzero");
  return Math.min(1, 0.3 + 0.02 * Math.max(0, bright));
}

/**
 * A scan with less noise, by a method that needs no training.
 *
 * `gaussian`, `median`, `tv` (Rudin, Osher & Fatemi 1992) and `bm4d` (block matching in two stages, Maggioni et al.
 * 2013) work on values whose noise was made even by a variance-stabilising curve, and come back by its unbiased
 * inverse (Foi 2011); `nlm` is the mean of squares less 2σ² (Manjón et al. 2008). With `noise: "gaussian"` they work
 * on the values as they are. One channel, at least 5 voxels along each axis; anisotropic voxels are allowed. All see the
 * image in units of its noise, voxel by voxel where that differs: it should change little over a search radius.
 *
 * Throws `bad-data` for 2-D, 4-D, constant, non-finite images, negative magnitudes and an empty mask, `bad-argument`
 * for a sigma that is not above 0 or as large as the image's range, `shape` for one that does not fit the image.
 */
export async function denoise(image: ImageVolume, options: DenoiseOptions): Promise<Denoised> {
  const { noise = "rician", crew = soloCrew, onProgress = () => {}, where } = options;
  requireVolume(image, where);
  const inside = maskOn(image, options.mask, where);
  const [lowest, highest] = rangeOf(image.data);
  if (noise === "rician" && lowest < 0)
    fail("bad-data", {
      what: "magnitudes cannot be negative",
      where,
      expected: "values of 0 and above, as Rician noise has them",
      found: `${lowest}`,
      fix: "Say that the noise is gaussian, or give the scan before it was normalised",
    });
  if (sourceOf(options.sigma) !== "given") onProgress({ fraction: 0, what: "estimating the noise" });
  const sigma = noiseOf(image, options.sigma, { noise, mask: options.mask, where }, options.uneven);
  const report: Report = (fraction) => onProgress({ fraction, what: options.method });
  const data = await filtered(image, sigma, noise, { ...options, crew }, report);
  for (let v = 0; v < data.length; v++)
    data[v] =
      inside !== undefined && inside[v] === 0
        ? image.data[v]!
        : Math.min(highest, Math.max(noise === "rician" ? 0 : lowest, data[v]! * at(sigma, v)));
  return {
    image: { ...image, data },
    sigma: typeof sigma === "number" ? sigma : percentiles(sigma, [50])[0]!,
    sigmaFrom: sourceOf(options.sigma),
  };
}

export function sourceOf(sigma: GivenNoise | undefined): NoiseSource {
  if (sigma === undefined) return "image";
  return sigma === "background" ? sigma : "given";
}

/** The noise of an image as it is given, or as it is estimated: of all voxels, or voxel by voxel. Throws as `denoise` does. */
export function noiseOf(
  image: ImageVolume,
  given: GivenNoise | undefined,
  how: ImageNoiseOptions,
  uneven = false,
): number | Float32Array {
  if (given !== undefined && uneven)
    fail("bad-argument", {
      what: "the noise is given, and is to be estimated voxel by voxel",
      where: "sigma",
      fix: "Leave one of the two out",
    });
  const sigma = given === "background" ? fromAir(image, how) : (given ?? fromImage(image, how, uneven));
  if (typeof sigma !== "number" && sigma.length !== image.data.length)
    fail("shape", {
      what: "the map of the noise does not fit the image",
      where: how.where,
      expected: `${image.data.length} voxels`,
      found: `${sigma.length}`,
    });
  const bad = typeof sigma === "number" ? sigma : sigma.find((value) => !(value > 0 && value < Infinity));
  if (bad !== undefined && !(bad > 0 && bad < Infinity))
    fail("bad-argument", {
      what: "the standard deviation of the noise is not possible",
      where: "sigma",
      expected: "a number above 0, in the image's units",
      found: `${bad}`,
    });
  requireSignal(image, sigma, how.where);
  return sigma;
}

/** Throws `bad-argument` for noise beside which all of an image is nothing: percent or another scan's units, mostly. */
function requireSignal({ data }: ImageVolume, sigma: number | Float32Array, where: string | undefined): void {
  const [low, high] = rangeOf(data);
  const least = typeof sigma === "number" ? sigma : rangeOf(sigma)[0];
  if (least < high - low) return;
  fail("bad-argument", {
    what: "the noise is as strong as all that the scan holds",
    where,
    expected: `a standard deviation well below ${Number((high - low).toPrecision(4))}, in the scan's units`,
    found: `${Number(least.toPrecision(4))}`,
    fix: "Check the units of the number, or leave it out to have the noise estimated",
  });
}

function fromImage(image: ImageVolume, how: ImageNoiseOptions, uneven: boolean): number | Float32Array {
  return uneven ? noiseMapFromImage(image, how) : noiseFromImage(image, how).sigma;
}

function fromAir(image: ImageVolume, { noise, where }: ImageNoiseOptions): number {
  if (noise === "gaussian")
    fail("bad-argument", {
      what: "the air says nothing of gaussian noise: what it has of a magnitude's is Rayleigh's distribution",
      where: "sigma",
      expected: "rician noise, or a standard deviation",
      fix: "Estimate the noise from the image itself, or give its standard deviation",
    });
  return noiseFromBackground(image, where).sigma;
}

function at(sigma: number | Float32Array, v: number): number {
  return typeof sigma === "number" ? sigma : sigma[v]!;
}

/** The filter's result in units of the noise. */
async function filtered(
  image: ImageVolume,
  sigma: number | Float32Array,
  noise: NoiseKind,
  { method, crew, widthMm, strength = 1, searchRadius }: DenoiseOptions & { readonly crew: Crew },
  report: Report,
): Promise<Float32Array> {
  const scaled: ImageVolume = { ...image, data: image.data.map((value, v) => value / at(sigma, v)) };
  if (method === "nlm") {
    const how = { radius: searchRadius ?? defaults.nlmRadius, beta: nlmBeta(scaled.data) * strength };
    if (noise === "gaussian") return unshared(await nonLocalMeans(scaled, scaled.data, crew, report, how));
    const squares = scaled.data.map((value) => value * value);
    const means = await nonLocalMeans(scaled, squares, crew, report, how);
    return unshared(means).map((value) => Math.sqrt(Math.max(0, value - 2)));
  }
  if (noise === "rician") ricianStabiliser().forward(scaled.data);
  const tvStrength = defaults.tvStrength * strength;
  const even =
    method === "gaussian"
      ? await gaussian(scaled, report, widthMm)
      : method === "median"
        ? await median(scaled, crew, report)
        : method === "tv"
          ? await totalVariation(scaled, crew, report, tvStrength)
          : await blockMatching(scaled, crew, report, searchRadius ?? defaults.bm4dRadius);
  const out = unshared(even);
  if (noise === "rician") ricianStabiliser().inverse(out);
  return out;
}

/** A copy in memory of this thread's own: voxels that others see are nobody's to keep. */
function unshared(data: Float32Array): Float32Array {
  return Float32Array.from(data);
}
