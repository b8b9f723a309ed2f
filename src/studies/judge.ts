import type { Rng } from "../core/rng.js";
import { bootstrapMean } from "../metrics/interval.js";
import type { Claim, ShownClaim } from "./study.js";

/** How the numbers of a claim are said: 4.3×, +2.6 points, +11.2 %, +1.1 dB, 100 %. */
export type Unit = "times" | "points" | "percent" | "decibels" | "share";

/** A claim before it is judged. */
export interface Stated {
  readonly id: string;
  readonly statement: string;
  /** A number in the claim's unit, or words. */
  readonly paper: Claim["paper"];
  readonly unit: Unit;
  /** The claim holds when the whole interval is on this side; in the unit, as it is printed. */
  readonly holds: { readonly above: number } | { readonly below: number };
}

export interface Judged extends Stated {
  /** One value for every repetition: a ratio for `times`, dB for `decibels`, fractions of 1 for the others. */
  readonly values: readonly number[];
}

/**
 * Judge a claim by its value in every repetition: the mean with a 95 % bootstrap interval over repetitions, geometric
 * for ratios. It holds when the whole interval says so. Points and percent are in hundredths, as papers print them.
 */
export function judge({ values, ...stated }: Judged, rng: Rng): ShownClaim {
  const to = (value: number): number => (stated.unit === "times" ? Math.log(value) : value);
  const from = (value: number): number => (stated.unit === "times" ? Math.exp(value) : value);
  const repetitions = values.map((_, n) => `${n}`);
  const { mean, low, high } = bootstrapMean(values.map(to), repetitions, rng.split(stated.id));
  return judgeInterval(stated, { value: from(mean), low: from(low ?? mean), high: from(high ?? mean) });
}

/** Judge a claim by a number and its 95 % interval, both as `Judged.values` are: intervals by subject come this way. */
export function judgeInterval(
  { id, statement, paper, unit, holds }: Stated,
  found: { readonly value: number; readonly low: number; readonly high: number },
): ShownClaim {
  const scale = unit === "points" || unit === "percent" ? 100 : 1;
  const ours = rounded(found.value * scale);
  const interval: [number, number] = [rounded(found.low * scale), rounded(found.high * scale)];
  const held = "above" in holds ? interval[0] > holds.above : interval[1] < holds.below;
  return {
    id,
    statement,
    paper,
    ours,
    interval,
    holds: held,
    shown: {
      paper: typeof paper === "number" ? say(paper, unit) : paper,
      ours: say(ours, unit),
      interval: `${bare(interval[0], unit)} to ${bare(interval[1], unit)}`,
    },
  };
}

/** Six digits are more than any claim has: the rest would be noise in a file that people read. */
const rounded = (value: number): number => Number(value.toPrecision(6));

/** A number as it stands in an interval: the unit is said once, beside it. */
const bare = (value: number, unit: Unit): string =>
  say(value, unit)
    .replace(/ (points|%|dB)$/, "")
    .replace("×", "");

/** A number in its unit. */
export function say(value: number, unit: Unit): string {
  const sign = value > 0 ? "+" : "";
  if (unit === "times") return `${value.toFixed(value < 99.95 ? 1 : 0)}×`;
  const words = { points: "points", percent: "%", decibels: "dB" } as const;
  if (unit !== "share") return `${sign}${value.toFixed(1)} ${words[unit]}`.replace("-", "−");
  return `${Math.round(value * 100)} %`;
}
