import { fail } from "../../core/errors.js";
import type { PetGeometry } from "../../sim/pet/geometry.js";
import type { PetScan } from "../../sim/pet/model.js";
import { precorrected } from "../../sim/pet/scan.js";

/**
 * What the network may be shown of a slice, a channel each:
 * - `precorrected`: (y - S - R) / (c e A), relative to its mean over all bins;
 * - `attenuation`: e A, the fraction of pairs that arrive;
 * - `deviation`: the standard deviation of `precorrected` by Poisson's law, in its units: how much to trust a bin;
 * - `cosine`, `sine`, `offset`: where the bin lies, by its view's angle and its distance from the axis, -1 to 1. They are
 *   the same for all slices: convolutions see only neighbours, and where a bin belongs depends on where it is.
 */
export const inputChannels = [
  "precorrected",
  "attenuation",
  "deviation",
  "cosine",
  "sine",
  "offset",
] as const;
export type InputChannel = (typeof inputChannels)[number];

/** A slice as the network sees it, and what its output is multiplied by. */
export interface NetworkInput {
  /** `[channel, view, bin]`. */
  readonly data: Float32Array;
  /** kBq/ml: the slice's mean activity over the image, as its line integrals have it. */
  readonly scale: number;
}

/**
 * The network's input of a scan. Dividing by the mean line integral makes it independent of dose and scan time, but for
 * the noise; the mean is the same for a slice's sinogram and its image, so the output is in its units. Throws `bad-data` when nothing
 * is left of the counts after scatter and randoms.
 */
export function networkInput(scan: PetScan, channels: readonly InputChannel[], where?: string): NetworkInput {
  const integrals = precorrected(scan);
  const length = integrals.length;
  let sum = 0;
  for (let n = 0; n < length; n++) sum += integrals[n]!;
  const mean = sum / length;
  if (!(mean > 0 && mean < Number.POSITIVE_INFINITY))
    fail("bad-data", {
      what: "nothing is left of the counts after scatter and randoms",
      where,
      expected: "more prompts than scatter and randoms together",
      found: `a mean line integral of ${mean.toPrecision(3)} kBq/ml mm`,
      fix: "Check the scale of the scatter and randoms estimates",
    });
  const data = new Float32Array(channels.length * length);
  channels.forEach((channel, c) => {
    fillChannel(data.subarray(c * length, (c + 1) * length), channel, scan, integrals, mean);
  });
  return { data, scale: mean / chordMm(scan.geometry) };
}

/** Line integral of a slice with 1 everywhere, averaged over all bins of a view: image area over their width. */
function chordMm({ imageSize, pixelSizeMm, bins, binSizeMm }: PetGeometry): number {
  return (imageSize * pixelSizeMm) ** 2 / (bins * binSizeMm);
}

function fillChannel(
  into: Float32Array,
  channel: InputChannel,
  { geometry, attenuation, efficiency, prompts, calibration }: PetScan,
  integrals: Float32Array,
  mean: number,
): void {
  const { views, bins, startDegrees } = geometry;
  const angle = (n: number): number =>
    (startDegrees / 180) * Math.PI + (Math.floor(n / bins) * Math.PI) / views;
  for (let n = 0; n < into.length; n++) {
    const factor = (attenuation?.[n] ?? 1) * (efficiency?.[n] ?? 1);
    switch (channel) {
      case "precorrected":
        into[n] = integrals[n]! / mean;
        break;
      case "attenuation":
        into[n] = factor;
        break;
      case "deviation":
        // An empty bin is not certain to be empty: at least one count's worth.
        into[n] = Math.sqrt(Math.max(1, prompts[n]!)) / (calibration * Math.max(factor, 1e-3) * mean);
        break;
      case "cosine":
        into[n] = Math.cos(angle(n));
        break;
      case "sine":
        into[n] = Math.sin(angle(n));
        break;
      case "offset":
        into[n] = (2 * (n % bins) + 1) / bins - 1;
    }
  }
}
