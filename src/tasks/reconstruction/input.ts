import { fail } from "../../core/errors.js";
import { fbp } from "../../reconstruct/fbp.js";
import type { PetGeometry } from "../../sim/pet/geometry.js";
import { type Linogram, linogramExtents, linogramOf } from "../../sim/pet/linogram.js";
import type { PetScan } from "../../sim/pet/model.js";
import { buildProjector, type Projector } from "../../sim/pet/projector.js";
import { precorrected } from "../../sim/pet/scan.js";

/**
 * What the network may be shown of a slice, a channel each. As sinograms `[view, bin]`:
 * - `precorrected`: (y - S - R) / (c e A), relative to its mean over all bins;
 * - `attenuation`: e A, the fraction of pairs that arrive;
 * - `deviation`: the standard deviation of `precorrected` by Poisson's law, in its units: how much to trust a bin;
 * - `cosine`, `sine`, `offset`: where the bin lies, by its view's angle and its distance from the axis, -1 to 1. They are
 *   the same for all slices: convolutions see only neighbours, and where a bin belongs depends on where it is.
 *
 * Or as linograms `[row, column]`, where a shift of the image is the same shift in all views of a half (`linogramOf`):
 * - `linogram`: `precorrected`; `linogram-deviation`: `deviation`; 0 where no bin is;
 * - `linogram-absorption`: the line integral of the attenuation map, `-ln(e A)`.
 *
 * Or as images `[j, i]`, where nothing is left to learn about lines and angles:
 * - `backprojection`: `precorrected`, filtered by the ramp and projected back, relative to the slice's mean activity;
 * - `density`: the attenuation map that the factors are of, by the same way, in units of 0.1/cm.
 */
export const inputFamilies = {
  sinogram: ["precorrected", "attenuation", "deviation", "cosine", "sine", "offset"],
  linogram: ["linogram", "linogram-deviation", "linogram-absorption"],
  image: ["backprojection", "density"],
} as const;
export type InputFamily = keyof typeof inputFamilies;
type ChannelOf<F extends InputFamily> = (typeof inputFamilies)[F][number];
export const inputChannels = [
  ...inputFamilies.sinogram,
  ...inputFamilies.linogram,
  ...inputFamilies.image,
] as const;
export type InputChannel = (typeof inputChannels)[number];

const families = Object.keys(inputFamilies) as InputFamily[];
const isOf = (family: InputFamily, channel: InputChannel): boolean =>
  (inputFamilies[family] as readonly InputChannel[]).includes(channel);

/** What the channels all are; `undefined` where they differ, which no network can take. */
export function familyOf(channels: readonly InputChannel[]): InputFamily | undefined {
  return families.find((family) => channels.every((channel) => isOf(family, channel)));
}

/** Channels, rows and columns of the network's input. */
export function inputExtents(
  channels: readonly InputChannel[],
  geometry: Pick<PetGeometry, "views" | "bins" | "imageSize">,
): [channels: number, rows: number, columns: number] {
  const { views, bins, imageSize } = geometry;
  switch (familyOf(channels)) {
    case "image":
      return [channels.length, imageSize, imageSize];
    case "linogram":
      return [channels.length, ...linogramExtents(geometry)];
    default:
      return [channels.length, views, bins];
  }
}

/** A slice as the network sees it, and what its output is multiplied by. */
export interface NetworkInput {
  /** `[channel, row, column]`: see `inputExtents`. */
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
  const scale = mean / chordMm(scan.geometry);
  const [count, rows, columns] = inputExtents(channels, scan.geometry);
  const size = rows * columns;
  const data = new Float32Array(count * size);
  channels.forEach((channel, c) => {
    const into = data.subarray(c * size, (c + 1) * size);
    if (channel === "backprojection") into.set(backprojected(scan.geometry, integrals, scale));
    else if (channel === "density") into.set(density(scan));
    else if (isLinogram(channel)) {
      const values = new Float32Array(length);
      fillChannel(values, measured[channel], scan, integrals, mean);
      linogramFor(scan.geometry).resample(values, into);
    } else fillChannel(into, channel, scan, integrals, mean);
  });
  return { data, scale };
}

/** What a linogram's bins hold. */
const measured = {
  linogram: "precorrected",
  "linogram-deviation": "deviation",
  "linogram-absorption": "absorption",
} as const satisfies Record<ChannelOf<"linogram">, string>;

const isLinogram = (channel: InputChannel): channel is ChannelOf<"linogram"> => channel in measured;

/** Remember what was made of the last geometry: slices of one scanner come one after the other. */
function remembered<T>(make: (geometry: PetGeometry) => T): (geometry: PetGeometry) => T {
  let known: { readonly key: string; readonly made: T } | undefined;
  return (geometry) => {
    const key = JSON.stringify(geometry);
    if (known?.key !== key) known = { key, made: make(geometry) };
    return known.made;
  };
}

const projectorOf = remembered((geometry): Projector => buildProjector(geometry));
const linogramFor = remembered((geometry): Linogram => linogramOf(geometry));

/** Filtered and projected back, in units of `scale`. */
function backprojected(geometry: PetGeometry, integrals: Float32Array, scale: number): Float32Array {
  const image = fbp(integrals, geometry, { window: "hann", projector: projectorOf(geometry) });
  for (let v = 0; v < image.length; v++) image[v] = image[v]! / scale;
  return image;
}

/** Attenuation in 0.1/cm, which is 0.01/mm. Factors of 0 are dead bins and say nothing. */
function density({ geometry, attenuation }: PetScan): Float32Array {
  if (attenuation === undefined) return new Float32Array(geometry.imageSize ** 2);
  const integrals = attenuation.map((factor) => (factor > 0 ? -Math.log(Math.min(1, factor)) : 0));
  return backprojected(geometry, integrals, 0.01);
}

/** Line integral of a slice with 1 everywhere, averaged over all bins of a view: image area over their width. */
function chordMm({ imageSize, pixelSizeMm, bins, binSizeMm }: PetGeometry): number {
  return (imageSize * pixelSizeMm) ** 2 / (bins * binSizeMm);
}

function fillChannel(
  into: Float32Array,
  channel: ChannelOf<"sinogram"> | "absorption",
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
      case "absorption":
        into[n] = -Math.log(Math.min(1, Math.max(factor, 1e-3)));
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
