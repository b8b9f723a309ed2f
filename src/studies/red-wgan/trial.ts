import { rangeOf } from "../../volume/intensity.js";
import type { ImageVolume } from "../../volume/volume.js";
import { levels, trainedLevel } from "./plan.js";
import {
  cutOf,
  type Judged,
  type NoisyScan,
  noisyOf,
  scoresOf,
  type TestHead,
  type TestSet,
} from "./score.js";

/** A noisy scan that every method gets, beside the truth. */
export interface Trial {
  readonly set: TestSet;
  readonly head: TestHead;
  /** Percent; 0 for noise that was there. */
  readonly level: number;
  /** The first of its set at the trained level: shown in pictures. */
  readonly shown: boolean;
  scan(): NoisyScan;
}

/** A real scan with noise of its own, beside the mean of its repetitions. */
export interface RepeatedScan {
  readonly head: TestHead;
  readonly scan: NoisyScan;
}

/** What the methods are tried on. */
export interface TestData {
  readonly simulated: readonly TestHead[];
  readonly real: readonly TestHead[];
  readonly repeats: readonly RepeatedScan[];
}

/** The trials of one simulated head. */
export function simulatedTrials({ simulated }: TestData, n: number, seed: number): Trial[] {
  return noised("simulated", simulated[n]!, n === 0, levels, seed);
}

/** Those of all real scans. */
export function realTrials({ real, repeats }: TestData, seed: number): Trial[] {
  return [
    ...real.flatMap((head, n) => noised("real", head, n === 0, levels, seed)),
    ...repeats.map(({ head, scan }, n): Trial => {
      return { set: "repeat", head, level: 0, shown: n === 0, scan: () => scan };
    }),
  ];
}

function noised(
  set: TestSet,
  head: TestHead,
  first: boolean,
  percents: readonly number[],
  seed: number,
): Trial[] {
  return percents.map((level) => ({
    set,
    head,
    level,
    shown: first && level === trainedLevel,
    scan: () => noisyOf(head, level, seed),
  }));
}

/** What a method made of a trial with noise of `sigma`, judged. */
export function judgedOf(
  { set, head, level, shown }: Trial,
  method: string,
  found: ImageVolume,
  sigma: number,
): Judged {
  const noisePercent = (100 * sigma) / rangeOf(head.image.data)[1];
  const cut = shown ? { cut: cutOf(found) } : {};
  return { set, head: head.id, level, noisePercent, method, scores: scoresOf(head, found), ...cut };
}
