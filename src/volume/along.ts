import type { Size3 } from "./volume.js";

/**
 * Weighted sums along one axis: `out[m] = Σₙ weights[m · extent + n] · data[n]` for every line of voxels, `length`
 * results a line. Zero weights at the ends of a row cost nothing, so that bands are as quick as they are narrow.
 */
export function weighAlong(
  data: Float32Array,
  size: Size3,
  axis: 0 | 1 | 2,
  weights: Float64Array,
  length: number,
): Float32Array {
  const extent = size[axis];
  const inner = axis === 0 ? 1 : axis === 1 ? size[0] : size[0] * size[1];
  const outer = data.length / (inner * extent);
  const out = new Float32Array(outer * length * inner);
  const sum = new Float64Array(inner);
  const bands = Array.from({ length }, (_, m) => bandOf(weights, m * extent, extent));
  for (let o = 0; o < outer; o++)
    for (let m = 0; m < length; m++) {
      const { first, last } = bands[m]!;
      const to = (o * length + m) * inner;
      if (inner === 1) {
        let value = 0;
        for (let n = first; n < last; n++) value += weights[m * extent + n]! * data[o * extent + n]!;
        out[to] = value;
        continue;
      }
      sum.fill(0);
      for (let n = first; n < last; n++) {
        const weight = weights[m * extent + n]!;
        const from = (o * extent + n) * inner;
        for (let x = 0; x < inner; x++) sum[x] = sum[x]! + weight * data[from + x]!;
      }
      out.set(sum, to);
    }
  return out;
}

/** The first weight of a row that is not 0, and one after the last. */
function bandOf(weights: Float64Array, base: number, extent: number): { first: number; last: number } {
  let [first, last] = [0, extent];
  while (first < extent && weights[base + first] === 0) first++;
  while (last > first && weights[base + last - 1] === 0) last--;
  return { first, last };
}
