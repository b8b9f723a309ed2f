import { fail } from "../../../core/errors.js";
import type { IntensityStatistics } from "./fingerprint.js";

/** How intensities of a channel are brought to a scale of order one. */
export type NormalizationScheme = "ct" | "zscore" | "none" | "minmax" | "rgb";

/** Schemes by the channel's name in `dataset.json`, in small letters (v2, `map_channel_name_to_normalization`). */
const byName: Readonly<Record<string, NormalizationScheme>> = {
  ct: "ct",
  nonorm: "none",
  zscore: "zscore",
  rescale_to_0_1: "minmax",
  rgb_to_0_1: "rgb",
};

/** CT has a scale of its own that all scans share; everything else is standardised image by image. */
export function schemeOf(channel: string): NormalizationScheme {
  return byName[channel.toLowerCase()] ?? "zscore";
}

/** A channel's normalisation with all the numbers that it needs. */
export interface Normalization {
  readonly scheme: NormalizationScheme;
  /** Statistics of the non-zero part alone, and zeros stay zero. */
  readonly withinMask: boolean;
  readonly foreground: IntensityStatistics | null;
}

/** Deviations below this count as this: a constant channel must not become infinite. */
const leastDeviation = 1e-8;

/**
 * Normalise one channel of a cropped image in place. `mask` is non-zero inside; only `zscore` looks at it. Throws
 * `bad-data` for a channel without any spread.
 */
export function normalizeChannel(
  values: Float32Array,
  { scheme, withinMask, foreground }: Normalization,
  mask: Uint8Array | undefined,
  where: string,
): void {
  if (scheme === "ct") scaleAsCt(values, foreground, where);
  if (scheme === "rgb") for (let at = 0; at < values.length; at++) values[at]! /= 255;
  if (scheme === "minmax") toUnitRange(values, where);
  if (scheme === "zscore") standardise(values, withinMask ? mask : undefined, where);
}

/** Clipped to the foreground's percentiles 0.5 and 99.5, then standardised by its mean and deviation. */
function scaleAsCt(values: Float32Array, foreground: IntensityStatistics | null, where: string): void {
  if (foreground === null)
    fail("bad-data", {
      what: "CT is normalised by the intensities of the foreground, and no case has any",
      where,
      expected: "at least one labelled voxel in the data set",
      fix: "Correct the label maps, or name the channel other than CT",
    });
  const { low, high, mean, deviation } = foreground;
  const scale = 1 / Math.max(deviation, leastDeviation);
  for (let at = 0; at < values.length; at++)
    values[at] = (Math.min(high, Math.max(low, values[at]!)) - mean) * scale;
}

function toUnitRange(values: Float32Array, where: string): void {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let at = 0; at < values.length; at++) {
    low = Math.min(low, values[at]!);
    high = Math.max(high, values[at]!);
  }
  requireSpread(high - low, low, where);
  for (let at = 0; at < values.length; at++) values[at] = (values[at]! - low) / (high - low);
}

function standardise(values: Float32Array, mask: Uint8Array | undefined, where: string): void {
  let [sum, count] = [0, 0];
  for (let at = 0; at < values.length; at++)
    if (mask === undefined || mask[at] !== 0) {
      sum += values[at]!;
      count++;
    }
  const mean = sum / Math.max(1, count);
  let squares = 0;
  for (let at = 0; at < values.length; at++)
    if (mask === undefined || mask[at] !== 0) squares += (values[at]! - mean) ** 2;
  const deviation = Math.sqrt(squares / Math.max(1, count));
  requireSpread(deviation, mean, where);
  const scale = 1 / Math.max(deviation, leastDeviation);
  for (let at = 0; at < values.length; at++)
    values[at] = mask === undefined || mask[at] !== 0 ? (values[at]! - mean) * scale : 0;
}

function requireSpread(spread: number, value: number, where: string): void {
  if (spread > 1e-7 * Math.abs(value)) return;
  fail("bad-data", {
    what: "the channel is constant where it is not zero",
    where,
    expected: "values that differ",
    found: `${Number(value.toPrecision(6))} everywhere`,
    fix: "Check that this is the scan and not an empty or masked-out file; leave the case out",
  });
}
