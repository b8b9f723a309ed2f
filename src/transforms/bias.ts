import type { Rng } from "../core/rng.js";
import type { ImageVolume, Size3 } from "../volume/volume.js";
import { mapChannels, moments } from "./intensity.js";
import type { DrawContext, Range } from "./sample.js";
import { alongAxis, splineWeights } from "./spline.js";

export interface BiasParameters {
  readonly nodes: Size3;
  /** Natural logarithm of the field at its nodes, i fastest; the same field for all channels. */
  readonly logarithm: readonly number[];
}

/** Draw a smooth receive field: its logarithm is N(0, sigma) at coarse nodes, a cubic spline in between. */
export function drawBias(
  { nodes, sigma }: { readonly nodes: number; readonly sigma: Range },
  rng: Rng,
  context: DrawContext,
): BiasParameters {
  const grid = context.size.map((extent) => (extent === 1 ? 1 : nodes)) as [number, number, number];
  const deviation = rng.between(sigma[0], sigma[1]);
  const logarithm = Array.from({ length: grid[0] * grid[1] * grid[2] }, () => rng.normal(0, deviation));
  return Object.freeze({ nodes: grid, logarithm });
}

/**
 * Multiply by the field, measured from the channel's smallest value: a receive field scales signal, and after
 * normalisation it is the minimum, not zero, that stands for no signal.
 */
export function applyBias({ nodes, logarithm }: BiasParameters, image: ImageVolume): ImageVolume {
  const [ni, nj, nk] = image.size;
  const byI = alongAxis(Float64Array.from(logarithm), 1, nodes[0], splineWeights(ni, nodes[0]), ni);
  const byJ = alongAxis(byI, ni, nodes[1], splineWeights(nj, nodes[1]), nj);
  const field = alongAxis(byJ, ni * nj, nodes[2], splineWeights(nk, nodes[2]), nk);
  for (let v = 0; v < field.length; v++) field[v] = Math.exp(field[v]!);
  return mapChannels(image, (from, to) => {
    const { low } = moments(from);
    for (let v = 0; v < from.length; v++) to[v] = low + (from[v]! - low) * field[v]!;
  });
}
