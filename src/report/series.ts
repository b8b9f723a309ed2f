/** One point of a curve. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The points that can be drawn: both coordinates finite. */
export function finitePoints(points: readonly Point[]): Point[] {
  return points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
}

/**
 * The mean of the `window` points around each one, fewer at the ends. Centred, so that unlike an exponential
 * average it does not lag behind the curve.
 */
export function runningMean(points: readonly Point[], window: number): Point[] {
  const half = Math.floor(window / 2);
  const sums = new Float64Array(points.length + 1);
  points.forEach(({ y }, at) => {
    sums[at + 1] = sums[at]! + y;
  });
  return points.map(({ x }, at) => {
    // Shrunk on both sides alike near the ends, or the mean there would lean towards the inside.
    const reach = Math.min(half, at, points.length - 1 - at);
    const low = at - reach;
    const high = at + reach + 1;
    return { x, y: (sums[high]! - sums[low]!) / (high - low) };
  });
}

/**
 * At most about `most` points that draw the same line: of each run of points the first, lowest, highest and
 * last, in their order. Spikes survive, which plain subsampling would lose.
 */
export function thin(points: readonly Point[], most: number): Point[] {
  if (points.length <= most) return [...points];
  const runs = Math.max(1, Math.floor(most / 4));
  const kept: Point[] = [];
  for (let run = 0; run < runs; run++) {
    const start = Math.floor((run * points.length) / runs);
    const end = Math.floor(((run + 1) * points.length) / runs);
    let lowest = start;
    let highest = start;
    for (let at = start; at < end; at++) {
      if (points[at]!.y < points[lowest]!.y) lowest = at;
      if (points[at]!.y > points[highest]!.y) highest = at;
    }
    for (const at of [...new Set([start, lowest, highest, end - 1])].sort((a, b) => a - b))
      kept.push(points[at]!);
  }
  return kept;
}
