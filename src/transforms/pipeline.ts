import { fail } from "../core/errors.js";
import type { Rng } from "../core/rng.js";
import { shiftOrigin, spacingMm } from "../volume/affine.js";
import type { ImageVolume, Size3 } from "../volume/volume.js";
import { drawAffine } from "./affine.js";
import type { Augmentation } from "./augmentation.js";
import { applyBias, type BiasParameters, drawBias } from "./bias.js";
import { drawElastic } from "./elastic.js";
import {
  applyBrightness,
  applyContrast,
  applyGamma,
  applyNoise,
  type BrightnessParameters,
  type ContrastParameters,
  drawBrightness,
  drawContrast,
  drawGamma,
  drawNoise,
  type GammaParameters,
  type NoiseParameters,
} from "./intensity.js";
import { drawPatch, type PatchOptions } from "./patch.js";
import {
  applyBlur,
  applyLowResolution,
  type BlurParameters,
  drawBlur,
  drawLowResolution,
  type LowResolutionParameters,
} from "./resolution.js";
import type { DrawContext, Sample } from "./sample.js";
import { applySpatial, type ResamplingOptions, type SpatialParameters } from "./spatial.js";

/** Everything that was drawn for one sample: applying it again gives the same patch. `null` did not happen. */
export interface AugmentationParameters {
  readonly spatial: SpatialParameters;
  readonly resampling: ResamplingOptions;
  readonly bias: BiasParameters | null;
  readonly blur: BlurParameters | null;
  readonly lowResolution: LowResolutionParameters | null;
  readonly noise: NoiseParameters | null;
  readonly brightness: BrightnessParameters | null;
  readonly contrast: ContrastParameters | null;
  readonly gammaInverted: GammaParameters | null;
  readonly gamma: GammaParameters | null;
}

/** A training patch: image `[C, D, H, W]`, label and `inside` `[D, H, W]`, D = k, H = j, W = i. */
export interface AugmentedPatch {
  readonly image: Float32Array;
  readonly label: Uint8Array | undefined;
  /** 1 where the source has a voxel, 0 where padding was made up: a weight map for the loss. */
  readonly inside: Uint8Array;
  readonly size: Size3;
  readonly channels: number;
  readonly parameters: AugmentationParameters;
}

export interface AugmentOptions extends PatchOptions {
  /** See `DrawContext`. */
  readonly planar?: boolean | undefined;
}

/**
 * Draw everything about one patch. Each transform has its own branch of `rng`, so changing one leaves the
 * others' numbers as they were.
 */
export function drawAugmentation(
  spec: Augmentation,
  rng: Rng,
  image: ImageVolume,
  patchSize: Size3,
  options: AugmentOptions = {},
): AugmentationParameters {
  const context: DrawContext = {
    size: patchSize,
    spacingMm: spacingMm(image.affine),
    channels: image.channels,
    planar: options.planar,
  };
  const maybe = <T>(name: string, probability: number, draw: (branch: Rng) => T): T | null => {
    const branch = rng.split(name);
    return branch.split("happens").chance(probability) ? draw(branch) : null;
  };
  const { bias, blur, lowResolution, noise, brightness, contrast, gamma, gammaInverted } = spec;
  return Object.freeze({
    spatial: {
      size: patchSize,
      start: drawPatch(rng.split("patch"), image.size, patchSize, options),
      affine: drawAffine(spec, rng.split("affine"), context),
      elastic: drawElastic(spec.elastic, rng.split("elastic"), context),
    },
    resampling: { interpolation: spec.interpolation, padding: spec.padding },
    bias: maybe("bias", bias.probability, (at) => drawBias(bias, at, context)),
    blur: maybe("blur", blur.probability, (at) => drawBlur(blur, at, context)),
    lowResolution: maybe("lowResolution", lowResolution.probability, (at) =>
      drawLowResolution(lowResolution, at, context),
    ),
    noise: maybe("noise", noise.probability, (at) => drawNoise(noise, at, context)),
    brightness: maybe("brightness", brightness.probability, (at) => drawBrightness(brightness, at, context)),
    contrast: maybe("contrast", contrast.probability, (at) => drawContrast(contrast.factor, at, context)),
    gammaInverted: maybe("gammaInverted", gammaInverted.probability, (at) =>
      drawGamma(gammaInverted.range, true, at, context),
    ),
    gamma: maybe("gamma", gamma.probability, (at) => drawGamma(gamma.range, false, at, context)),
  });
}

/**
 * Make the patch that the parameters describe. The order is that of an acquisition: where things are, then
 * receive field, blur and resolution, then noise, then what display and normalisation do to grey values.
 */
export function applyAugmentation(p: AugmentationParameters, sample: Sample): AugmentedPatch {
  const { size, start } = p.spatial;
  const { image: data, label, inside } = applySpatial(p.spatial, sample, p.resampling);
  const { channels, affine } = sample.image;
  let image: ImageVolume = { data, size, channels, affine: shiftOrigin(affine, start) };
  if (p.bias) image = applyBias(p.bias, image);
  if (p.blur) image = applyBlur(p.blur, image);
  if (p.lowResolution) image = applyLowResolution(p.lowResolution, image);
  if (p.noise) image = applyNoise(p.noise, image);
  if (p.brightness) image = applyBrightness(p.brightness, image);
  if (p.contrast) image = applyContrast(p.contrast, image);
  if (p.gammaInverted) image = applyGamma(p.gammaInverted, image);
  if (p.gamma) image = applyGamma(p.gamma, image);
  return { image: image.data, label, inside, size, channels, parameters: p };
}

/**
 * One augmented training patch of a sample: draw, then apply.
 *
 * The caller splits `rng` by seed, step and place in the batch; the same `rng` gives the same patch, bit for
 * bit. Throws `geometry` when image and label differ in size, `bad-data` when the image's values there are
 * not finite, `bad-argument` for an impossible patch size.
 */
export function augment(
  spec: Augmentation,
  rng: Rng,
  sample: Sample,
  patchSize: Size3,
  options: AugmentOptions = {},
): AugmentedPatch {
  const patch = applyAugmentation(drawAugmentation(spec, rng, sample.image, patchSize, options), sample);
  let sum = 0;
  for (let v = 0; v < patch.image.length; v++) sum += patch.image[v]!;
  if (!Number.isFinite(sum))
    fail("bad-data", {
      what: "the augmented image holds a value that is not a finite number",
      expected: "finite intensities",
      found: `a sum of ${sum}`,
      fix: "Check the scan for NaN or infinite voxels (gyrus inspect) and give it without them",
    });
  return patch;
}
