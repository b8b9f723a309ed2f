import { fail } from "../core/errors.js";
import { showMm, spacingMm } from "./affine.js";
import { resampleFourier } from "./fourier.js";
import { convolveAlong, gaussianKernel } from "./gaussian.js";
import { resampleTo, withSpacing } from "./resample.js";
import { type Grid, type ImageVolume, voxelCount } from "./volume.js";

/** Ways to come to smaller voxels that add nothing to the image. */
export const interpolations = ["nearest", "linear", "cubic", "fourier"] as const;
export type Interpolation = (typeof interpolations)[number];

export interface IsotropicOptions {
  readonly method: Interpolation;
  /** Edge of the voxels; default: the image's smallest spacing. */
  readonly targetMm?: number | undefined;
  /** Go on where the image has such voxels already. */
  readonly force?: boolean;
  /** File or case, for messages. */
  readonly where?: string | undefined;
}

/** Spacings within this of each other are one: what programs round to in headers. */
const tolerance = 0.01;

/** Beyond this the result is a mistake rather than an image: 2 GiB of voxels. */
const mostVoxels = 2 ** 29;

/**
 * The grid of an image with cubes for voxels: the same axes and the same middle of the field, as many voxels as come
 * closest to the same extent. Throws `bad-argument` where the image has such voxels already, unless forced.
 */
export function isotropicGrid(
  image: Grid,
  { targetMm, force = false, where }: Omit<IsotropicOptions, "method"> = {},
): Grid & { readonly targetMm: number } {
  const spacing = spacingMm(image.affine);
  const target = targetMm ?? Math.min(...spacing);
  if (!(target > 0 && Number.isFinite(target)))
    fail("bad-argument", {
      what: "the voxel size is not a length",
      where,
      expected: "a number of mm above 0",
      found: `${targetMm}`,
    });
  if (image.size.includes(1))
    fail("bad-data", {
      what: "this is a 2-D image",
      where,
      expected: "a stack of slices",
      found: image.size.join("x"),
      fix: "Give the whole 3-D scan",
    });
  if (!force && spacing.every((mm) => Math.abs(mm / target - 1) <= tolerance))
    fail("bad-argument", {
      what: `the scan has voxels of ${showMm(spacing)} mm already, so there is nothing to do`,
      where,
      fix: "Ask for smaller voxels, or force it",
    });
  const grid = withSpacing(image, [target, target, target]);
  if (voxelCount(grid.size) > mostVoxels)
    fail("bad-argument", {
      what: "the image would become too large",
      where,
      expected: `at most ${mostVoxels} voxels`,
      found: `${grid.size.join("x")} of ${showMm([target])} mm`,
      fix: "Ask for larger voxels",
    });
  return { ...grid, targetMm: target };
}

/**
 * An image with cubes for voxels, by interpolation: what super-resolution is to be measured against. Along axes that
 * become coarser the image is smoothed first to what the voxels can show (`fourier` leaves the frequencies out).
 */
export function toIsotropic(image: ImageVolume, { method, ...rest }: IsotropicOptions): ImageVolume {
  const { targetMm, ...grid } = isotropicGrid(image, rest);
  if (method === "fourier") return resampleFourier(image, grid);
  return resampleTo(smoothedFor(image, targetMm), grid, { order: method });
}

/** Along axes with finer voxels than the target, a Gaussian that makes their full width at half maximum the target's. */
export function smoothedFor(image: ImageVolume, targetMm: number): ImageVolume {
  const spacing = spacingMm(image.affine);
  if (spacing.every((mm) => mm >= targetMm * (1 - tolerance))) return image;
  const data = image.data.slice();
  spacing.forEach((mm, axis) => {
    if (mm >= targetMm * (1 - tolerance)) return;
    const sigma = Math.sqrt(targetMm ** 2 - mm ** 2) / Math.sqrt(8 * Math.LN2) / mm;
    convolveAlong(data, image.size, axis, gaussianKernel(sigma));
  });
  return { ...image, data };
}
