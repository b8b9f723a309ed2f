import { rng } from "../../core/rng.js";
import { compareImages } from "../../metrics/compare.js";
import type { MeanInterval } from "../../metrics/interval.js";
import { withMrNoise } from "../../sim/mr/noise.js";
import type { ImageVolume, LabelVolume } from "../../volume/volume.js";
import type { Method } from "./plan.js";

/** A held-out head without noise. */
export interface TestHead {
  readonly id: string;
  readonly image: ImageVolume;
  readonly labels: LabelVolume;
}

export const places = ["brain", "field"] as const;
export type Place = (typeof places)[number];

export interface Scores {
  readonly psnrDb: number;
  readonly ssim: number;
  /** Edge energy over the clean head's. */
  readonly edgeRatio: number;
}

/** How near an image comes to a head, in the brain and over the whole field; the peak is the head's brightest voxel. */
export function scoresOf({ image, labels }: TestHead, found: ImageVolume): Record<Place, Scores> {
  const score = (mask?: LabelVolume): Scores => {
    const { psnrDb, ssim, edgeRatio } = compareImages(image, found, { mask });
    return { psnrDb, ssim, edgeRatio };
  };
  return { brain: score(labels), field: score() };
}

/** The noisy scan of a head that all methods get. */
export function noisyOf(
  { id, image }: TestHead,
  percent: number,
  seed: number,
): { readonly image: ImageVolume; readonly sigma: number } {
  return withMrNoise(image, rng(seed).split("test", id, percent), { percent });
}

/** A square of an axial slice, for pictures: values in whole numbers. */
export interface Cut {
  readonly edge: number;
  readonly values: readonly number[];
}

/** The middle of the middle axial slice. */
export function cutOf({ data, size: [ni, nj, nk] }: ImageVolume): Cut {
  const edge = Math.min(56, ni, nj);
  const [fi, fj, k] = [(ni - edge) >> 1, (nj - edge) >> 1, nk >> 1];
  const values: number[] = [];
  for (let j = 0; j < edge; j++)
    for (let i = 0; i < edge; i++) values.push(Math.round(data[(k * nj + fj + j) * ni + fi + i]!));
  return { edge, values };
}

/** What a method did with a head at a level. */
export interface Judged {
  readonly head: string;
  readonly level: number;
  readonly method: string;
  readonly scores: Readonly<Record<Place, Scores>>;
  /** Of the first head, at the trained level. */
  readonly cut?: Cut;
}

/** What was found, by head. */
export interface Evidence {
  readonly judged: readonly Judged[];
  /** A score of a method at a level, head by head in one order. */
  values(method: Method, level: number, place: Place, measure: keyof Scores): number[];
  mean(method: Method, level: number, place: Place, measure: keyof Scores): MeanInterval;
}
