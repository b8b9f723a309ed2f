import { median, quantileSorted } from "simple-statistics";
import type { Tensor } from "../../core/tensor.js";

/** Where the inputs of a unit lie over the test patches. */
export interface UnitPercentiles {
  readonly p15: number;
  readonly p50: number;
  readonly p85: number;
}

/**
 * The 15th, 50th and 85th percentile of what enters each unit, as figure 1 of the paper draws them. Inputs are
 * `[N, C]` or `[N, C, …S]`; of a feature map the value in its middle counts.
 */
export function unitPercentiles({ shape, data }: Tensor): UnitPercentiles[] {
  const [count, channels, ...spatial] = shape as [number, number, ...number[]];
  const area = spatial.reduce((a, b) => a * b, 1);
  const middle = spatial.reduce((at, extent) => at * extent + (extent >> 1), 0);
  const values = new Float64Array(count);
  return Array.from({ length: channels }, (_, c) => {
    for (let n = 0; n < count; n++) values[n] = Number(data[(n * channels + c) * area + middle]);
    const sorted = Array.from(values.sort());
    const at = (share: number): number => quantileSorted(sorted, share);
    return { p15: at(0.15), p50: at(0.5), p85: at(0.85) };
  });
}

/**
 * How far the inputs of each unit wander: the range over training of their median, in units of their mean spread
 * (half of what lies between the 15th and the 85th percentile). 1 means that the middle of the distribution has moved
 * by what was a standard deviation, were it normal.
 */
export function wander(judgements: readonly (readonly UnitPercentiles[])[]): number[] {
  const units = judgements[0]?.length ?? 0;
  return Array.from({ length: units }, (_, unit) => {
    const all = judgements.map((percentiles) => percentiles[unit]!);
    const middles = all.map(({ p50 }) => p50);
    const spread = all.reduce((sum, { p15, p85 }) => sum + (p85 - p15) / 2, 0) / all.length;
    return (Math.max(...middles) - Math.min(...middles)) / Math.max(spread, 1e-12);
  });
}

/** The unit that wanders as far as half of the others do: neither the calmest nor the wildest is shown. */
export function typicalUnit(judgements: readonly (readonly UnitPercentiles[])[]): number {
  const all = wander(judgements);
  const middle = median(all);
  return all.reduce(
    (best, value, unit) => (Math.abs(value - middle) < Math.abs(all[best]! - middle) ? unit : best),
    0,
  );
}
