/** Sites: scanners that differ in contrast, noise, unevenness, resolution and gain, as those of a study do. */
import type { Rng } from "../../core/rng.js";
import { spacingMm } from "../../volume/affine.js";
import { convolveAlong, gaussianKernel } from "../../volume/gaussian.js";
import type { ImageVolume } from "../../volume/volume.js";
import { withBiasField, withRicianNoise } from "../artefacts.js";
import { whiteMatterSignal } from "../cohort.js";
import { adniMprage, type Mprage, t1Image } from "../contrast.js";
import { L } from "../labels.js";
import type { RenderedBrain } from "../render.js";

/** One scanner. The same scanner is the same for everybody who is scanned in it. */
export interface Scanner {
  readonly site: string;
  readonly sequence: Mprage;
  /** Standard deviation of the Rician noise, percent of white matter in voxels of 4 mm. */
  readonly noisePercent: number;
  readonly biasPercent: number;
  /** Blur of the images beyond the voxels, full width at half maximum. */
  readonly blurMm: number;
  /** Signal of white matter in the scanner's units. */
  readonly gain: number;
}

/** How scanners are spread: noisier, blurrier and of other contrast in an external cohort. */
export interface ScannerOptions {
  readonly prefix: string;
  readonly noisePercent: readonly [number, number];
  readonly biasPercent: readonly [number, number];
  readonly blurMm: readonly [number, number];
  readonly inversionMs: readonly [number, number];
}

export const usualScanners: ScannerOptions = {
  prefix: "site",
  noisePercent: [1.5, 3],
  biasPercent: [4, 9],
  blurMm: [0, 3],
  inversionMs: [860, 950],
};

export const otherScanners: ScannerOptions = {
  prefix: "ext",
  noisePercent: [3, 5],
  biasPercent: [7, 12],
  blurMm: [2, 5],
  inversionMs: [980, 1060],
};

/** The scanner of a site, from 0. */
export function drawScanner(rng: Rng, index: number, options: ScannerOptions = usualScanners): Scanner {
  const of = rng.split(options.prefix, index);
  const between = (name: string, [low, high]: readonly [number, number]): number =>
    of.split(name).between(low, high);
  return {
    site: `${options.prefix}${index + 1}`,
    sequence: {
      ...adniMprage,
      inversionMs: Math.round(between("inversion", options.inversionMs)),
      flipDegrees: Math.round(between("flip", [8, 10.5]) * 10) / 10,
    },
    noisePercent: between("noise", options.noisePercent),
    biasPercent: between("bias", options.biasPercent),
    blurMm: between("blur", options.blurMm),
    gain: Math.round(whiteMatterSignal * between("gain", [0.6, 1.5])),
  };
}

/**
 * What a scanner makes of a head, as whole numbers. `tissues` is the person's: relaxation times and texture are the
 * same at every visit. `visit` is the visit's: noise, unevenness and a drift of the gain are not.
 */
export function scanHead(
  brain: RenderedBrain,
  scanner: Scanner,
  tissues: Rng,
  visit: Rng,
  brainOnly = false,
): ImageVolume {
  const clean = t1Image(brain, tissues, 0.02, scanner.sequence);
  if (brainOnly) strip(clean, brain);
  blur(clean, scanner.blurMm);
  const uneven = withBiasField(clean, visit.split("bias"), scanner.biasPercent);
  const image = withRicianNoise(uneven, visit.split("noise"), scanner.noisePercent / 100);
  const gain = scanner.gain * Math.exp(visit.split("gain").normal(0, 0.05));
  const { data } = image;
  for (let v = 0; v < data.length; v++) data[v] = Math.min(32767, Math.round(data[v]! * gain));
  return image;
}

/** Voxels that belong mostly to the brain and its fluid stay, as skull-stripping leaves them. */
function strip({ data }: ImageVolume, { labels }: RenderedBrain): void {
  for (let v = 0; v < data.length; v++) {
    const label = labels.data[v]!;
    if (label < L.csf || label > L.cerebellarWhiteMatter + 1) data[v] = 0;
  }
}

/** Blur in place by a Gaussian of that full width at half maximum. */
function blur({ data, size, affine }: ImageVolume, widthMm: number): void {
  const spacing = spacingMm(affine);
  for (let axis = 0; axis < 3; axis++) {
    const sigma = widthMm / 2.3548 / spacing[axis]!;
    if (sigma > 0.1)
      convolveAlong(data, size, axis, gaussianKernel(sigma, Math.max(1, Math.ceil(3 * sigma))));
  }
}
