/** One scan, from how it lies in the scanner to how a classifier wants it; no platform, no library of registration. */
import { crop } from "../volume/crop.js";
import type { Affine, ImageVolume, Size3 } from "../volume/volume.js";
import { type AlignmentQuality, bringTo, headThreshold, judgeAlignment } from "./align.js";
import { estimateTissues, evenOut } from "./tissue.js";

/** How intensities are scaled: from 0 to 1 over the range, or over its 1st to 99th percentile and clipped. */
export type IntensityScaling = "minMax" | "percentile" | "none";

export interface PrepareSettings {
  /** Images share one grid and are in register already: nothing is moved. Declared, never guessed. */
  readonly registered: boolean;
  readonly biasCorrection: boolean;
  /** Cut to the template's head and a margin, the same box for all. */
  readonly crop: boolean;
  readonly intensity: IntensityScaling;
}

export const usualPreparation: PrepareSettings = {
  registered: false,
  biasCorrection: true,
  crop: true,
  intensity: "percentile",
};

/** Voxels kept around the template's head. */
const marginVoxels = 2;

/** The box of the template that prepared images are cut to. */
export function templateBox(template: ImageVolume): { readonly start: Size3; readonly size: Size3 } {
  const { data, size } = template;
  const threshold = headThreshold(template) * 0.5;
  const [low, high] = [[...size], [-1, -1, -1]];
  let v = 0;
  for (let k = 0; k < size[2]; k++)
    for (let j = 0; j < size[1]; j++)
      for (let i = 0; i < size[0]; i++, v++) {
        if (data[v]! <= threshold) continue;
        const at = [i, j, k];
        for (let axis = 0; axis < 3; axis++) {
          low[axis] = Math.min(low[axis]!, at[axis]!);
          high[axis] = Math.max(high[axis]!, at[axis]!);
        }
      }
  if (high[0]! < 0) return { start: [0, 0, 0], size };
  const start = low.map((at) => Math.max(0, at - marginVoxels)) as unknown as Size3;
  const end = high.map((at, axis) => Math.min(size[axis]!, at + 1 + marginVoxels));
  return { start, size: end.map((at, axis) => at - start[axis]!) as unknown as Size3 };
}

export interface PreparedScan {
  readonly image: ImageVolume;
  /** Against the template; `undefined` where there is none. */
  readonly quality: AlignmentQuality | undefined;
}

/**
 * Move a scan onto the template through `toScan` (where the template's places lie in the scan; left out for data that
 * are registered), even out its signal, judge it, cut it, scale it. Nothing is learnt from other scans.
 */
export function prepareScan(
  scan: ImageVolume,
  template: ImageVolume | undefined,
  toScan: Affine | undefined,
  settings: PrepareSettings,
): PreparedScan {
  const moved = template === undefined || toScan === undefined ? scan : bringTo(scan, template, toScan);
  const even = settings.biasCorrection ? withoutBias(moved) : moved;
  const quality = template === undefined ? undefined : judgeAlignment(even, template);
  const cut = template !== undefined && settings.crop ? crop(even, templateBox(template)) : even;
  return { image: scaled(cut, settings.intensity), quality };
}

/** Evened out within the head: the fourth class is the fat of heads that were not stripped. */
function withoutBias(image: ImageVolume): ImageVolume {
  const threshold = headThreshold(image) * 0.5;
  const mask = Uint8Array.from(image.data, (value) => (value > threshold ? 1 : 0));
  const zeros = image.data.reduce((n, value) => n + (value === 0 ? 1 : 0), 0);
  const stripped = zeros > 0.3 * image.data.length;
  return evenOut(image, estimateTissues(image, { mask, classes: stripped ? 3 : 4 }));
}

function scaled(image: ImageVolume, intensity: IntensityScaling): ImageVolume {
  if (intensity === "none") return image;
  const sorted = Float32Array.from(image.data).sort();
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))]!;
  const [low, high] = intensity === "minMax" ? [at(0), at(1)] : [at(0.01), at(0.99)];
  const range = high > low ? high - low : 1;
  return { ...image, data: image.data.map((value) => Math.max(0, Math.min(1, (value - low) / range))) };
}
