import type { ImageVolume, Size3 } from "./volume.js";

/** A volume of one channel with two of its axes exchanged: the same voxels in the same places of the world. */
export function swapAxes(image: ImageVolume, a: 0 | 1 | 2, b: 0 | 1 | 2): ImageVolume {
  if (a === b) return image;
  const order = [0, 1, 2];
  [order[a], order[b]] = [b, a];
  const { size, affine: m, data } = image;
  const strides = [1, size[0], size[0] * size[1]];
  const [ni, nj, nk] = order.map((axis) => size[axis]!) as [number, number, number];
  const [si, sj, sk] = order.map((axis) => strides[axis]!) as [number, number, number];
  const out = new Float32Array(data.length);
  let to = 0;
  for (let k = 0; k < nk; k++)
    for (let j = 0; j < nj; j++)
      for (let i = 0, from = k * sk + j * sj; i < ni; i++, from += si) out[to++] = data[from]!;
  const affine = [...m];
  for (let row = 0; row < 3; row++)
    [affine[row * 4 + a], affine[row * 4 + b]] = [m[row * 4 + b]!, m[row * 4 + a]!];
  return { data: out, size: [ni, nj, nk] as Size3, affine, channels: 1 };
}
