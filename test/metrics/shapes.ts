import type { LabelVolume, Size3 } from "../../src/volume/volume.js";

/** A superellipsoid with holes near its rim, by a formula that the golden values' Python script shares. */
export function blob(size: Size3, centre: Size3, radius: Size3, ripple: number): Uint8Array {
  const mask = new Uint8Array(size[0] * size[1] * size[2]);
  for (let k = 0, v = 0; k < size[2]; k++)
    for (let j = 0; j < size[1]; j++)
      for (let i = 0; i < size[0]; i++, v++) {
        const x = (i - centre[0]) / radius[0];
        const y = (j - centre[1]) / radius[1];
        const z = size[2] > 1 ? (k - centre[2]) / radius[2] : 0;
        const q = x * x + y * y + z * z;
        const bump = (i * 7 + j * 11 + k * 13) % 17 < ripple;
        mask[v] = q <= 1 && !(bump && q > 0.6) ? 1 : 0;
      }
  return mask;
}

/** A box of ones from `low` up to and without `high`. */
export function box(size: Size3, low: Size3, high: Size3): Uint8Array {
  const mask = new Uint8Array(size[0] * size[1] * size[2]);
  for (let k = low[2]; k < high[2]; k++)
    for (let j = low[1]; j < high[1]; j++)
      for (let i = low[0]; i < high[0]; i++) mask[(k * size[1] + j) * size[0] + i] = 1;
  return mask;
}

export function labels(data: Uint8Array, size: Size3, spacing: Size3 = [1, 1, 1]): LabelVolume {
  const affine = [spacing[0], 0, 0, 0, 0, spacing[1], 0, 0, 0, 0, spacing[2], 0, 0, 0, 0, 1];
  return { data, size, affine, channels: 1 };
}
