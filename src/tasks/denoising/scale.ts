import { fail } from "../../core/errors.js";
import type { Rng } from "../../core/rng.js";
import { percentiles, rangeOf } from "../../volume/intensity.js";
import type { ImageVolume } from "../../volume/volume.js";

/** Which percentile of all voxels is 1 for the network. */
export const referencePercentile = 99.5;

/** Standard deviations of the noise that are 1 for a network in units of the noise: values are then of order 1. */
export const noiseUnits = 10;

/** Voxels of a volume that are looked at. */
const looked = 200_000;

/** What a network takes as 1: a high percentile of the noisy volume itself. Throws `bad-data` where it is not above 0. */
export function referenceOf({ data }: Pick<ImageVolume, "data">, where?: string): number {
  const [found] = percentiles(thinned(data), [referencePercentile]);
  if (!(found! > 0))
    fail("bad-data", {
      what: "the scan is empty: nothing stands out of it",
      where,
      expected: `a ${referencePercentile}th percentile above 0`,
      found: `${found}`,
      fix: "Check that this is a magnitude image and not a mask or a difference",
    });
  return found!;
}

/** Every so many voxels, all of a small volume: the same for the same volume. */
function thinned(data: Float32Array): Float32Array {
  const step = Math.max(1, Math.floor(data.length / looked));
  if (step === 1) return data;
  return Float32Array.from({ length: Math.floor(data.length / step) }, (_, n) => data[n * step]!);
}

/** The brightest voxel of a volume, and what its reference is under noise of rising levels. */
export interface Brightness {
  /** What percentages of noise are of. */
  readonly peak: number;
  /** Percent, rising. */
  readonly levels: readonly number[];
  readonly references: readonly number[];
}

/** Noise lifts the reference; how much is found out once for a volume, by adding some to its voxels. */
export function brightnessOf(
  { data }: Pick<ImageVolume, "data">,
  [low, high]: readonly [number, number],
  rng: Rng,
  where?: string,
): Brightness {
  const peak = rangeOf(data)[1];
  const some = thinned(data);
  const steps = low === high ? 0 : 6;
  const levels = Array.from({ length: steps + 1 }, (_, n) => low + ((high - low) * n) / Math.max(1, steps));
  const references = levels.map((level) => {
    const sigma = (level / 100) * peak;
    const random = rng.split(level);
    const noisy = some.map((value) => Math.hypot(value + random.normal(0, sigma), random.normal(0, sigma)));
    return referenceOf({ data: noisy }, where);
  });
  return { peak, levels, references };
}

/** The reference under noise of a level, between those that were found out. */
export function referenceAt({ levels, references }: Brightness, level: number): number {
  const at = levels.findIndex((one) => one >= level);
  if (at <= 0) return at === 0 ? references[0]! : references.at(-1)!;
  const [below, above] = [levels[at - 1]!, levels[at]!];
  const share = (level - below) / (above - below);
  return references[at - 1]! * (1 - share) + references[at]! * share;
}
