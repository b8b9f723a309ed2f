/** Halves go to the even neighbour, as Python rounds: plans agree with the reference to the voxel. */
export function roundHalfEven(x: number): number {
  const low = Math.floor(x);
  const part = x - low;
  if (part !== 0.5) return part < 0.5 ? low : low + 1;
  return low % 2 === 0 ? low : low + 1;
}

export function product(values: readonly number[]): number {
  return values.reduce((total, value) => total * value, 1);
}

/** A percentile (0 to 100) with linear interpolation between neighbours, as numpy's default. */
export function percentileOf(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = (percent / 100) * (sorted.length - 1);
  const low = Math.floor(position);
  const high = Math.min(sorted.length - 1, low + 1);
  return sorted[low]! + (sorted[high]! - sorted[low]!) * (position - low);
}

/** The percentile of every column of a table. */
export function percentilePerAxis(rows: readonly (readonly number[])[], percent: number): number[] {
  return rows[0]!.map((_, axis) =>
    percentileOf(
      rows.map((row) => row[axis]!),
      percent,
    ),
  );
}

/** Where the largest value stands; of equals the first. */
export function largestAt(values: readonly number[]): number {
  return values.reduce((best, value, at) => (value > values[best]! ? at : best), 0);
}
