import { rng } from "../../core/rng.js";
import { compareImages } from "../../metrics/compare.js";
import type { MeanInterval } from "../../metrics/interval.js";
import { withMrNoise } from "../../sim/mr/noise.js";
import type { ImageVolume, LabelVolume } from "../../volume/volume.js";
import type { Method } from "./plan.js";

/** A held-out head without noise, or one that is taken for it. */
export interface TestHead {
  readonly id: string;
  readonly image: ImageVolume;
  /** Not 0: brain, or in real scans what is brighter than air. */
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

/** A scan with noise, and how strong it is. */
export interface NoisyScan {
  readonly image: ImageVolume;
  readonly sigma: number;
}

/** The noisy scan of a head that all methods get. */
export function noisyOf({ id, image }: TestHead, percent: number, seed: number): NoisyScan {
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

/** The middle of a cut. */
export function zoomOf({ edge, values }: Cut, share: number): Cut {
  const inner = Math.round(edge * share);
  const from = (edge - inner) >> 1;
  const rows = Array.from({ length: inner }, (_, j) => (from + j) * edge + from);
  return { edge: inner, values: rows.flatMap((row) => values.slice(row, row + inner)) };
}

/** `simulated` heads with noise, a `real` head with noise, `repeat`ed scans with their own. */
export type TestSet = "simulated" | "real" | "repeat";

/** What a method did with a head at a level. */
export interface Judged {
  readonly set: TestSet;
  readonly head: string;
  /** Percent; 0 for noise that was there. */
  readonly level: number;
  /** Of the brightest voxel of the clean head. */
  readonly noisePercent: number;
  readonly method: string;
  readonly scores: Readonly<Record<Place, Scores>>;
  /** Of the first head, at the trained level. */
  readonly cut?: Cut;
}

/** What was found, by head. */
export interface Evidence {
  readonly judged: readonly Judged[];
  /** A score of a method at a level, head by head in one order; empty where it was not judged. */
  values(method: Method, level: number, place: Place, measure: keyof Scores, set?: TestSet): number[];
  mean(
    method: Method,
    level: number,
    place: Place,
    measure: keyof Scores,
    set?: TestSet,
  ): MeanInterval | undefined;
}
