import type { Rng } from "../core/rng.js";
import { spacingMm } from "../volume/affine.js";
import { convolveAlong, gaussianKernel } from "../volume/gaussian.js";
import type { ImageVolume, Size3 } from "../volume/volume.js";
import type { Augmentation } from "./augmentation.js";
import { mapChannels } from "./intensity.js";
import { type DrawContext, planeNormal } from "./sample.js";

export interface BlurParameters {
  /** Standard deviation of the Gaussian, one per channel; 0 leaves a channel as it is. */
  readonly sigma: readonly number[];
  readonly unit: "mm" | "voxel";
}

export function drawBlur(
  { sigma, unit, perChannel }: Omit<Augmentation["blur"], "probability">,
  rng: Rng,
  context: DrawContext,
): BlurParameters {
  const drawn = Array.from({ length: context.channels }, () => rng.between(sigma[0], sigma[1]));
  return Object.freeze({ sigma: chosen(drawn, 0, perChannel, rng), unit });
}

/** Of each channel what was drawn for it, or with the rest of the probability what changes nothing. */
function chosen(drawn: readonly number[], rest: number, perChannel: number, rng: Rng): number[] {
  return drawn.map((value, c) => (rng.split("channel", c).chance(perChannel) ? value : rest));
}

/** Convolve with a Gaussian, cut at three standard deviations, edge voxels repeated. */
export function applyBlur({ sigma: sigmas, unit }: BlurParameters, image: ImageVolume): ImageVolume {
  const spacing = spacingMm(image.affine);
  return mapChannels(image, (from, to, channel) => {
    to.set(from);
    for (let axis = 0; axis < 3; axis++) {
      const sigma = sigmas[channel]! / (unit === "mm" ? spacing[axis]! : 1);
      if (image.size[axis]! > 1 && sigma > 0) convolveAlong(to, image.size, axis, gaussianKernel(sigma));
    }
  });
}

export interface LowResolutionParameters {
  /** Resolution kept, 0.5 for half of it, one per channel; the same along all axes but the plane's normal. */
  readonly zoom: readonly number[];
  readonly axes: readonly [boolean, boolean, boolean];
}

export function drawLowResolution(
  { zoom, perChannel }: Omit<Augmentation["lowResolution"], "probability">,
  rng: Rng,
  context: DrawContext,
): LowResolutionParameters {
  const normal = planeNormal(context);
  const drawn = Array.from({ length: context.channels }, () => rng.between(zoom[0], zoom[1]));
  return Object.freeze({
    zoom: chosen(drawn, 1, perChannel, rng),
    axes: [normal !== 0, normal !== 1, normal !== 2] as const,
  });
}

/**
 * Simulate a coarser acquisition: nearest voxels on a grid of `zoom` times as many, and straight lines between
 * them back on the grid there was. Separable: one pass of two samples per voxel along each axis.
 */
export function applyLowResolution(p: LowResolutionParameters, image: ImageVolume): ImageVolume {
  return mapChannels(image, (from, to, channel) => {
    to.set(from);
    for (let axis = 0; axis < 3; axis++)
      if (p.axes[axis] && image.size[axis]! > 1) coarsenAlong(to, image.size, axis, p.zoom[channel]!);
  });
}

function coarsenAlong(data: Float32Array, size: Size3, axis: number, zoom: number): void {
  const length = size[axis]!;
  const stride = axis === 0 ? 1 : axis === 1 ? size[0] : size[0] * size[1];
  const coarse = Math.max(1, Math.round(length * zoom));
  const first = new Int32Array(length);
  const second = new Int32Array(length);
  const share = new Float64Array(length);
  const nearest = (c: number): number => Math.min(length - 1, Math.floor(((c + 0.5) * length) / coarse));
  for (let n = 0; n < length; n++) {
    const position = Math.min(Math.max(((n + 0.5) * coarse) / length - 0.5, 0), coarse - 1);
    const c = Math.floor(position);
    first[n] = nearest(c);
    second[n] = nearest(Math.min(c + 1, coarse - 1));
    share[n] = position - c;
  }
  const line = new Float64Array(length);
  for (let outer = 0; outer < data.length; outer += stride * length)
    for (let inner = 0; inner < stride; inner++) {
      const start = outer + inner;
      for (let n = 0; n < length; n++) line[n] = data[start + n * stride]!;
      for (let n = 0; n < length; n++) {
        const a = line[first[n]!]!;
        data[start + n * stride] = a + share[n]! * (line[second[n]!]! - a);
      }
    }
}
