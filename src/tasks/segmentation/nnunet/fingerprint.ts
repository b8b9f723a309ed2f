import { fail } from "../../../core/errors.js";
import type { LoadedCase } from "../../../io/case.js";
import { shearDegrees, spacingMm } from "../../../volume/affine.js";
import { boundingBox } from "../../../volume/crop.js";
import { moments, rangeOf } from "../../../volume/intensity.js";
import type { ImageVolume, LabelVolume } from "../../../volume/volume.js";
import { voxelCount } from "../../../volume/volume.js";
import { percentileOf, product } from "./numbers.js";

/** Order statistics kept of every case's foreground: as many per case, so that every case counts the same. */
const kept = 10_000;

/** Intensities of one channel of one case where something is labelled. */
export interface ForegroundSample {
  readonly mean: number;
  readonly deviation: number;
  readonly min: number;
  readonly max: number;
  /** Values at evenly spaced ranks, ascending. */
  readonly ranked: Float32Array;
}

/** What planning needs to know of one case, in the canonical frame (i, j, k). */
export interface CaseFacts {
  readonly id: string;
  readonly spacingMm: readonly [number, number, number];
  readonly sizeBefore: readonly [number, number, number];
  /** After cropping to the box of non-zero voxels. */
  readonly size: readonly [number, number, number];
  /** How far the axes are from right angles: voxels are then taken as if they were at right angles. */
  readonly shearDegrees: number;
  /** Per channel; null for a case without any foreground. */
  readonly foreground: readonly ForegroundSample[] | null;
}

export interface IntensityStatistics {
  readonly mean: number;
  readonly deviation: number;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Percentiles 0.5 and 99.5. */
  readonly low: number;
  readonly high: number;
}

/** What a data set is like, as far as a plan depends on it. */
export interface DataFingerprint {
  readonly cases: readonly Omit<CaseFacts, "foreground">[];
  /** Of the foreground, per channel; null where no case has any. */
  readonly channels: readonly { readonly name: string; readonly foreground: IntensityStatistics | null }[];
  /** Median share of a case's voxels that is left after cropping. */
  readonly medianRelativeSize: number;
}

/** Size, spacing, crop and foreground intensities of one case with a label; class `ignored` is no foreground. */
export function caseFacts(
  { id, image, label }: Pick<LoadedCase, "id" | "image"> & { readonly label?: LabelVolume },
  ignored?: number,
): CaseFacts {
  const box = boundingBox(image);
  return {
    id,
    spacingMm: [...spacingMm(image.affine)] as [number, number, number],
    sizeBefore: [...image.size] as [number, number, number],
    size: [...(box?.size ?? image.size)] as [number, number, number],
    shearDegrees: shearDegrees(image.affine),
    foreground: label === undefined ? null : foregroundOf(image, label, ignored),
  };
}

function foregroundOf(
  image: ImageVolume,
  label: LabelVolume,
  ignored: number | undefined,
): ForegroundSample[] | null {
  const voxels = voxelCount(label.size);
  let count = 0;
  for (let at = 0; at < voxels; at++) if (label.data[at] !== 0 && label.data[at] !== ignored) count++;
  if (count === 0) return null;
  return Array.from({ length: image.channels }, (_, channel) => {
    const values = new Float32Array(count);
    let to = 0;
    for (let at = 0; at < voxels; at++)
      if (label.data[at] !== 0 && label.data[at] !== ignored)
        values[to++] = image.data[channel * voxels + at]!;
    const [min, max] = rangeOf(values);
    const { mean, deviation } = moments(values);
    values.sort();
    const ranked = new Float32Array(kept);
    for (let at = 0; at < kept; at++) ranked[at] = values[Math.floor(((at + 0.5) / kept) * count)]!;
    return { mean, deviation, min, max, ranked };
  });
}

/**
 * The fingerprint of a data set from the facts of its cases, in their order. Foreground intensities count the same for
 * every case however large its foreground is; the reference draws equally many voxels per case at random, 1e8 in all,
 * of which these numbers are the limit. Facts of the training cases of a fold give that fold's own fingerprint.
 */
export function dataFingerprint(
  facts: readonly CaseFacts[],
  channelNames: readonly string[],
): DataFingerprint {
  if (facts.length === 0)
    fail("bad-data", {
      what: "no case has a label to plan for",
      expected: "images with label maps",
      fix: "Add the label maps",
    });
  const relative = facts.map(({ size, sizeBefore }) => product(size) / product(sizeBefore));
  return {
    cases: facts.map(({ foreground: _, ...rest }) => rest),
    channels: channelNames.map((name, channel) => ({
      name,
      foreground: mixture(
        facts.flatMap(({ foreground }) => (foreground === null ? [] : [foreground[channel]!])),
      ),
    })),
    medianRelativeSize: percentileOf(relative, 50),
  };
}

/** Statistics of the mixture in which every case has the same weight. */
function mixture(samples: readonly ForegroundSample[]): IntensityStatistics | null {
  if (samples.length === 0) return null;
  const average = (of: (sample: ForegroundSample) => number): number =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const mean = average((sample) => sample.mean);
  const variance = average((sample) => sample.deviation ** 2 + (sample.mean - mean) ** 2);
  const all = new Float32Array(samples.length * kept);
  samples.forEach(({ ranked }, at) => {
    all.set(ranked, at * kept);
  });
  all.sort();
  const at = (percent: number): number => {
    const position = (percent / 100) * (all.length - 1);
    const low = Math.floor(position);
    const high = Math.min(all.length - 1, low + 1);
    return all[low]! + (all[high]! - all[low]!) * (position - low);
  };
  return {
    mean,
    deviation: Math.sqrt(variance),
    median: at(50),
    min: Math.min(...samples.map(({ min }) => min)),
    max: Math.max(...samples.map(({ max }) => max)),
    low: at(0.5),
    high: at(99.5),
  };
}
