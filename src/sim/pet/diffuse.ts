import type { Rng } from "../../core/rng.js";
import { drawWaves, waveAt } from "../shape/waves.js";
import { blurImage } from "./blur.js";
import { fieldOfView, type PetGeometry } from "./geometry.js";

/**
 * Activity that does not keep to structures: it rises and falls from place to place by up to 40 % (one standard
 * deviation) over 15 to 60 mm, and is blurred by 3 to 14 mm. Means over groups of people and images that were smoothed
 * look so, and regions of a tracer that no phantom knows have such contrasts. Nothing leaves the field of view.
 */
export function diffused(rng: Rng, activity: Float32Array, geometry: PetGeometry): Float32Array {
  const { imageSize, pixelSizeMm } = geometry;
  const strength = rng.split("strength").between(0, 0.4);
  const waves = drawWaves(rng.split("waves"), 10, 15 * 4 ** rng.split("length").uniform(), 0.3);
  const uneven = activity.map((value, n) => {
    const [i, j] = [n % imageSize, Math.floor(n / imageSize)];
    return value * Math.exp(strength * waveAt(waves, i * pixelSizeMm, j * pixelSizeMm, 0));
  });
  const blurred = blurImage(uneven, imageSize, rng.split("blur").between(3, 14), pixelSizeMm);
  const inside = fieldOfView(geometry);
  return blurred.map((value, n) => (inside[n] === 1 ? Math.max(0, value) : 0));
}
