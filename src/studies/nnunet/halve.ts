import { shiftOrigin } from "../../volume/affine.js";
import type { Affine, ImageVolume, Size3 } from "../../volume/volume.js";

/**
 * An image of one channel at half the resolution: the mean of eight voxels, or the value that most of them have, of
 * equally many the largest. A last odd voxel along an axis is left out.
 */
export function halved(image: ImageVolume, by: "mean" | "majority"): ImageVolume {
  const [ni, nj] = image.size;
  const size = image.size.map((n) => n >> 1) as unknown as Size3;
  const data = new Float32Array(size[0] * size[1] * size[2]);
  const offsets = [0, 1, ni, ni + 1, ni * nj, ni * nj + 1, ni * nj + ni, ni * nj + ni + 1];
  const eight = new Float32Array(8);
  let v = 0;
  for (let k = 0; k < size[2]; k++)
    for (let j = 0; j < size[1]; j++)
      for (let i = 0; i < size[0]; i++, v++) {
        const from = (2 * k * nj + 2 * j) * ni + 2 * i;
        for (let n = 0; n < 8; n++) eight[n] = image.data[from + offsets[n]!]!;
        data[v] = by === "mean" ? meanOf(eight) : majorityOf(eight);
      }
  const affine = [...shiftOrigin(image.affine, [0.5, 0.5, 0.5])];
  for (let row = 0; row < 3; row++) for (let column = 0; column < 3; column++) affine[4 * row + column]! *= 2;
  return { data, size, channels: 1, affine: affine as Affine };
}

function meanOf(values: Float32Array): number {
  let sum = 0;
  for (let n = 0; n < values.length; n++) sum += values[n]!;
  return sum / values.length;
}

function majorityOf(values: Float32Array): number {
  let best = values[0]!;
  let most = 0;
  for (let n = 0; n < values.length; n++) {
    let same = 0;
    for (let m = 0; m < values.length; m++) if (values[m] === values[n]) same++;
    if (same > most || (same === most && values[n]! > best)) [best, most] = [values[n]!, same];
  }
  return best;
}
