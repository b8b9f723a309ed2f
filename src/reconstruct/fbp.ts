import { blurImage } from "../sim/pet/blur.js";
import { type PetGeometry, requireSinogram } from "../sim/pet/geometry.js";
import { buildProjector, type Projector } from "../sim/pet/projector.js";
import { convolveRows } from "../sim/pet/rows.js";
import { type RampOptions, rampWeights } from "./ramp.js";

export interface FbpOptions extends RampOptions {
  /** Gaussian filter of the image afterwards, full width at half maximum; default none. */
  readonly filterFwhmMm?: number;
  /** Put negative values at 0, as the comparisons of the literature do; by default they stay, which biases nothing. */
  readonly nonNegative?: boolean;
  /** The geometry's projector, when there are many slices to reconstruct. */
  readonly projector?: Projector;
}

/**
 * Filtered backprojection of line integrals (image units times mm; of a scan, `precorrected` gives them): every view
 * filtered by a windowed ramp, then smeared back over the image, each pixel taking the mean over its own shadow.
 * Pixels out of view are 0.
 */
export function fbp(
  lineIntegrals: Float32Array,
  geometry: PetGeometry,
  options: FbpOptions = {},
): Float32Array {
  const { filterFwhmMm = 0, nonNegative = false, projector = buildProjector(geometry) } = options;
  const { views, bins, binSizeMm, imageSize, pixelSizeMm } = geometry;
  requireSinogram(lineIntegrals, geometry, "the sinogram");
  const filtered = convolveRows(lineIntegrals, bins, rampWeights(bins, binSizeMm, options));
  const image = projector.back(filtered);
  // The projector's weights of a pixel sum to its area over the bin size in every view.
  const scale = (Math.PI / views) * (binSizeMm / (pixelSizeMm * pixelSizeMm));
  for (let n = 0; n < image.length; n++) image[n] = image[n]! * scale;
  const smooth = filterFwhmMm > 0 ? blurImage(image, imageSize, filterFwhmMm, pixelSizeMm) : image;
  if (nonNegative) for (let n = 0; n < smooth.length; n++) if (smooth[n]! < 0) smooth[n] = 0;
  return smooth;
}
