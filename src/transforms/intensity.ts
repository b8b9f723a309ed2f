import { rng as fromSeed, type Rng } from "../core/rng.js";
import type { ImageVolume } from "../volume/volume.js";
import type { Augmentation } from "./augmentation.js";
import type { DrawContext, Range } from "./sample.js";

/** One drawn number per channel; channels are always drawn apart. */
type PerChannel = readonly number[];

export interface NoiseParameters {
  /** Standard deviation of the noise as a share of the channel's own, one per channel. */
  readonly share: PerChannel;
  /** Key of the noise's own generator: the parameters hold the noise, not only its size. */
  readonly seed: number;
}

export function drawNoise(
  { share: [low, high], even }: Omit<Augmentation["noise"], "probability">,
  rng: Rng,
  context: DrawContext,
): NoiseParameters {
  const draw = (): number =>
    even === "deviation" ? rng.between(low, high) : Math.sqrt(rng.between(low ** 2, high ** 2));
  const shares = Array.from({ length: context.channels }, draw);
  return Object.freeze({ share: shares, seed: rng.split("seed").integer(2 ** 32) });
}

/** Add white Gaussian noise. */
export function applyNoise({ share, seed }: NoiseParameters, image: ImageVolume): ImageVolume {
  const noise = fromSeed(seed);
  return mapChannels(image, (from, to, channel) => {
    const deviation = moments(from).sd * share[channel]!;
    for (let v = 0; v < from.length; v++) to[v] = from[v]! + deviation * noise.normal();
  });
}

/** `factor` multiplies about zero; `shift` is added in units of the channel's standard deviation. */
export interface BrightnessParameters {
  readonly factor: PerChannel;
  readonly shift: PerChannel;
}

export function drawBrightness(
  { factor, shift }: { readonly factor: Range; readonly shift: Range },
  rng: Rng,
  context: DrawContext,
): BrightnessParameters {
  const channels = Array.from({ length: context.channels });
  const factors = channels.map(() => rng.between(factor[0], factor[1]));
  return Object.freeze({ factor: factors, shift: channels.map(() => rng.between(shift[0], shift[1])) });
}

/** Scale and shift intensities. */
export function applyBrightness({ factor, shift }: BrightnessParameters, image: ImageVolume): ImageVolume {
  return mapChannels(image, (from, to, channel) => {
    const by = factor[channel]!;
    const plus = shift[channel] === 0 ? 0 : shift[channel]! * moments(from).sd;
    for (let v = 0; v < from.length; v++) to[v] = from[v]! * by + plus;
  });
}

export interface ContrastParameters {
  readonly factor: PerChannel;
}

export function drawContrast(factor: Range, rng: Rng, context: DrawContext): ContrastParameters {
  return Object.freeze({
    factor: Array.from({ length: context.channels }, () => rng.between(factor[0], factor[1])),
  });
}

/** Stretch intensities about the channel's mean, cut at the range the channel had. */
export function applyContrast({ factor }: ContrastParameters, image: ImageVolume): ImageVolume {
  return mapChannels(image, (from, to, channel) => {
    const { mean, low, high } = moments(from);
    const by = factor[channel]!;
    for (let v = 0; v < from.length; v++)
      to[v] = Math.min(high, Math.max(low, mean + (from[v]! - mean) * by));
  });
}

export interface GammaParameters {
  readonly gamma: PerChannel;
  /** Apply it to the negative of the image: changes the bright end instead of the dark one. */
  readonly inverted: boolean;
}

export function drawGamma(range: Range, inverted: boolean, rng: Rng, context: DrawContext): GammaParameters {
  // Below and above 1 are equally likely, whatever the range: 0.7 to 1.5 would otherwise brighten seldom.
  const one = (): number => {
    const below = rng.chance(0.5) && range[0] < 1;
    return below
      ? rng.between(range[0], Math.min(1, range[1]))
      : rng.between(Math.max(range[0], Math.min(1, range[1])), range[1]);
  };
  return Object.freeze({ gamma: Array.from({ length: context.channels }, one), inverted });
}

/**
 * Gamma curve over the channel's range, after which the channel's mean and standard deviation are put back,
 * so that only the shape of the histogram changes. A constant channel stays as it is.
 */
export function applyGamma({ gamma, inverted }: GammaParameters, image: ImageVolume): ImageVolume {
  return mapChannels(image, (from, to, channel) => {
    const before = moments(from);
    const range = before.high - before.low;
    const power = gamma[channel]!;
    if (range === 0 || power === 1) {
      to.set(from);
      return;
    }
    const origin = inverted ? before.high : before.low;
    const scale = (inverted ? -1 : 1) / range;
    const curve = powers(power);
    for (let v = 0; v < from.length; v++) {
      const x = (from[v]! - origin) * scale * curveSteps;
      const step = Math.min(Math.max(x | 0, 0), curveSteps - 1);
      to[v] = curve[step]! + (x - step) * (curve[step + 1]! - curve[step]!);
    }
    const after = moments(to);
    const back = ((inverted ? -1 : 1) * before.sd) / after.sd;
    for (let v = 0; v < to.length; v++) to[v] = before.mean + (to[v]! - after.mean) * back;
  });
}

/** Powers are looked up, straight between these many steps: four times faster than raising every voxel. */
const curveSteps = 4096;

function powers(power: number): Float64Array {
  return Float64Array.from({ length: curveSteps + 1 }, (_, n) => (n / curveSteps) ** power);
}

/** Mean, standard deviation (population), smallest and largest value. */
export function moments(values: Float32Array): { mean: number; sd: number; low: number; high: number } {
  let sum = 0;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let v = 0; v < values.length; v++) {
    const value = values[v]!;
    sum += value;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const mean = sum / values.length;
  let squares = 0;
  for (let v = 0; v < values.length; v++) squares += (values[v]! - mean) * (values[v]! - mean);
  return { mean, sd: Math.sqrt(squares / values.length), low, high };
}

/** A new image whose channels are written, one after the other, by `write(from, to, channel)`. */
export function mapChannels(
  image: ImageVolume,
  write: (from: Float32Array, to: Float32Array, channel: number) => void,
): ImageVolume {
  const data = new Float32Array(image.data.length);
  const perChannel = data.length / image.channels;
  for (let c = 0; c < image.channels; c++) {
    const [begin, end] = [c * perChannel, (c + 1) * perChannel];
    write(image.data.subarray(begin, end), data.subarray(begin, end), c);
  }
  return { ...image, data };
}
