import { fail } from "../core/errors.js";
import { spacingMm } from "../volume/affine.js";
import { rangeOf } from "../volume/intensity.js";
import type { ImageVolume, Volume } from "../volume/volume.js";
import { edgeEnergy } from "./edges.js";
import { requireOneGrid } from "./grid.js";
import { nrmse, psnrDb, ssim } from "./quality.js";

/** How near an image comes to the clean one. */
export interface ImageComparison {
  /** The peak of PSNR and SSIM, in the images' units: given, or the brightest voxel of the reference. */
  readonly peak: number;
  readonly psnrDb: number;
  readonly ssim: number;
  /** Root mean squared error over the reference's root mean square. */
  readonly nrmse: number;
  /** Edge energy over the reference's: below 1 is blurred, above 1 has noise or ringing left. */
  readonly edgeRatio: number;
}

/**
 * PSNR, SSIM, NRMSE and edge energy of a 3-D image beside its reference, over the mask (voxels that are not 0) or the
 * whole field. Throws `geometry` for other grids, `bad-data` for an empty mask or images that no window of SSIM fits.
 */
export function compareImages(
  reference: ImageVolume,
  image: ImageVolume,
  { peak, mask }: { readonly peak?: number; readonly mask?: Volume | undefined } = {},
): ImageComparison {
  requireOneGrid(reference, image);
  if (mask !== undefined) requireOneGrid(reference, mask);
  if (reference.channels !== 1 || image.channels !== 1)
    fail("bad-data", {
      what: "images are compared one channel at a time",
      expected: "1 channel",
      found: `${reference.channels} and ${image.channels}`,
    });
  const inside = mask && Uint8Array.from(mask.data, (value) => (value === 0 ? 0 : 1));
  const top = peak ?? rangeOf(reference.data)[1];
  const edges = { spacingMm: spacingMm(reference.affine), mask: inside };
  const clean = edgeEnergy(reference.data, reference.size, edges);
  if (clean === 0)
    fail("bad-data", {
      what: "the reference has no edges to compare with",
      expected: "values that differ in the mask",
      found: "a constant",
    });
  return {
    peak: top,
    psnrDb: psnrDb(reference.data, image.data, top, inside),
    ssim: ssim(reference.data, image.data, reference.size, { peak: top, mask: inside }),
    nrmse: nrmse(reference.data, image.data, inside),
    edgeRatio: edgeEnergy(image.data, image.size, edges) / clean,
  };
}
