import { fail } from "../core/errors.js";
import { orderStatistics } from "./order.js";
import type { ImageVolume, Volume, VoxelArray } from "./volume.js";
import { voxelCount } from "./volume.js";

/** Which voxels statistics are taken over: all, or those that are not zero (a skull-stripped brain). */
export type StatisticsOver = "all" | "nonzero";

export interface IntensityOptions {
  readonly over?: StatisticsOver;
  /** File or case, for messages. */
  readonly where?: string;
}

/** How many values are not finite, and the first of them; `undefined` when all are. */
export function findNonFinite(data: VoxelArray): { count: number; first: number } | undefined {
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return undefined;
  let [count, first] = [0, -1];
  for (let at = 0; at < data.length; at++)
    if (!Number.isFinite(data[at]!)) {
      if (count === 0) first = at;
      count++;
    }
  return count === 0 ? undefined : { count, first };
}

/** Throws `bad-data` that names the first voxel that is NaN or infinite, and how many there are. */
export function requireFinite({ data, size, channels }: Volume, where?: string): void {
  const found = findNonFinite(data);
  if (found === undefined) return;
  const { count, first } = found;
  const voxels = voxelCount(size);
  const [at, channel] = [first % voxels, Math.floor(first / voxels)];
  const [i, j, k] = [at % size[0], Math.floor(at / size[0]) % size[1], Math.floor(at / (size[0] * size[1]))];
  fail("bad-data", {
    what: `${count} of ${data.length} voxels are not finite`,
    where,
    expected: "numbers",
    found: `${data[first]} at voxel (${i}, ${j}, ${k})${channels > 1 ? ` of channel ${channel}` : ""}`,
    fix: "Replace them (often by 0, the background) where the image is made",
  });
}

/** Zero mean and unit standard deviation, channel by channel. Over the non-zero voxels, zeros stay zero. */
export function zScore(volume: ImageVolume, { over = "all", where }: IntensityOptions = {}): ImageVolume {
  return perChannel(
    volume,
    (channel, out, name) => {
      const { mean, deviation } = moments(channel, over);
      requireSpread(deviation, mean, over, name);
      const kept = over === "nonzero";
      for (let at = 0; at < channel.length; at++)
        out[at] = kept && channel[at] === 0 ? 0 : (channel[at]! - mean) / deviation;
    },
    where,
  );
}

/** Linear to [low, high] between the smallest and the largest value, channel by channel. */
export function minMax(
  volume: ImageVolume,
  [low, high]: readonly [number, number] = [0, 1],
  { where }: IntensityOptions = {},
): ImageVolume {
  return perChannel(
    volume,
    (channel, out, name) => {
      const [smallest, largest] = rangeOf(channel);
      requireSpread(largest - smallest, smallest, "all", name);
      const scale = (high - low) / (largest - smallest);
      for (let at = 0; at < channel.length; at++) out[at] = (channel[at]! - smallest) * scale + low;
    },
    where,
  );
}

/** Clip to two percentiles (0 to 100), channel by channel. */
export function clipPercentiles(
  volume: ImageVolume,
  [low, high]: readonly [number, number],
  { over = "all", where }: IntensityOptions = {},
): ImageVolume {
  if (!(low >= 0 && low < high && high <= 100))
    fail("bad-argument", {
      what: "the percentiles are out of order or range",
      expected: "0 <= low < high <= 100",
      found: `${low}, ${high}`,
    });
  return perChannel(
    volume,
    (channel, out) => {
      const [bottom, top] = percentiles(channel, [low, high], over) as [number, number];
      for (let at = 0; at < channel.length; at++) out[at] = Math.min(top, Math.max(bottom, channel[at]!));
    },
    where,
  );
}

/** Percentiles with linear interpolation between order statistics, as numpy's default; of nothing, zeros. */
export function percentiles(
  data: Float32Array,
  wanted: readonly number[],
  over: StatisticsOver = "all",
): number[] {
  const values = over === "all" ? data : data.filter((x) => x !== 0);
  if (values.length === 0) return wanted.map(() => 0);
  const positions = wanted.map((percent) => (percent / 100) * (values.length - 1));
  const ranks = positions.flatMap((position) => [Math.floor(position), Math.ceil(position)]);
  const found = orderStatistics(values, ranks);
  return positions.map((position, at) => {
    const [low, high] = [found[2 * at]!, found[2 * at + 1]!];
    return low + (high - low) * (position - Math.floor(position));
  });
}

/** Mean and standard deviation (of the population) in two passes; of no voxels, zeros. */
export function moments(data: VoxelArray, over: StatisticsOver = "all"): { mean: number; deviation: number } {
  const all = over === "all";
  let [sum, count] = [0, 0];
  for (let at = 0; at < data.length; at++)
    if (all || data[at] !== 0) {
      sum += data[at]!;
      count++;
    }
  if (count === 0) return { mean: 0, deviation: 0 };
  const mean = sum / count;
  let squares = 0;
  for (let at = 0; at < data.length; at++)
    if (all || data[at] !== 0) {
      const difference = data[at]! - mean;
      squares += difference * difference;
    }
  return { mean, deviation: Math.sqrt(squares / count) };
}

/** Smallest and largest value. */
export function rangeOf(data: VoxelArray): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let at = 0; at < data.length; at++) {
    const x = data[at]!;
    if (x < low) low = x;
    if (x > high) high = x;
  }
  return [low, high];
}

function perChannel(
  volume: ImageVolume,
  write: (channel: Float32Array, out: Float32Array, name: string | undefined) => void,
  where: string | undefined,
): ImageVolume {
  requireFinite(volume, where);
  const data = new Float32Array(volume.data.length);
  const voxels = voxelCount(volume.size);
  for (let c = 0; c < volume.channels; c++) {
    const name = volume.channels === 1 ? where : `${where ?? "image"}, channel ${c}`;
    const [from, to] = [c * voxels, (c + 1) * voxels];
    write(volume.data.subarray(from, to), data.subarray(from, to), name);
  }
  return { ...volume, data };
}

function requireSpread(spread: number, value: number, over: StatisticsOver, where: string | undefined): void {
  // Rounding in float64 sums of equal float32 values stays far below this.
  if (!(spread > 1e-7 * Math.abs(value)))
    fail("bad-data", {
      what: `the image is constant${over === "nonzero" ? " where it is not zero" : ""}`,
      where,
      expected: "values that differ",
      found: `${Number(value.toPrecision(6))} everywhere`,
      fix: "Check that this is the scan and not an empty or masked-out file",
    });
}
