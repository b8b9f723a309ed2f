import { applyAffine } from "../../../volume/affine.js";
import { makeLike } from "../../../volume/arrays.js";
import type { Affine, Size3, Volume, VoxelArray } from "../../../volume/volume.js";

/**
 * A volume with its axes in the network's order: `order[0]` becomes the slowest axis (k), `order[2]` the fastest (i). Its
 * data are then the network's `[C, D, H, W]`. `[2, 1, 0]` changes nothing and copies nothing.
 */
export function toNetworkFrame<T extends VoxelArray>(volume: Volume<T>, order: readonly number[]): Volume<T> {
  return permute(volume, [order[2]!, order[1]!, order[0]!]);
}

/** The reverse of `toNetworkFrame`. */
export function fromNetworkFrame<T extends VoxelArray>(
  volume: Volume<T>,
  order: readonly number[],
): Volume<T> {
  const forward = [order[2]!, order[1]!, order[0]!];
  return permute(
    volume,
    [0, 1, 2].map((axis) => forward.indexOf(axis)),
  );
}

/** New axis n is old axis `from[n]`. */
function permute<T extends VoxelArray>(volume: Volume<T>, from: readonly number[]): Volume<T> {
  if (from.every((axis, at) => axis === at)) return volume;
  const { data, size: old, channels } = volume;
  const strides = [1, old[0], old[0] * old[1]];
  const size = from.map((axis) => old[axis]!) as unknown as Size3;
  const [si, sj, sk] = from.map((axis) => strides[axis]!) as [number, number, number];
  const voxels = old[0] * old[1] * old[2];
  const out = makeLike(data, data.length);
  let to = 0;
  for (let c = 0; c < channels; c++)
    for (let k = 0; k < size[2]; k++)
      for (let j = 0; j < size[1]; j++) {
        let at = c * voxels + k * sk + j * sj;
        for (let i = 0; i < size[0]; i++, at += si) out[to++] = data[at]!;
      }
  const affine = [...volume.affine];
  from.forEach((axis, at) => {
    for (let row = 0; row < 3; row++) affine[row * 4 + at] = volume.affine[row * 4 + axis]!;
  });
  return { data: out, size, channels, affine };
}

/** The affine of a grid whose voxels were changed over the same field of view. */
export function resizedAffine(affine: Affine, from: Size3, to: Size3): Affine {
  const scale = from.map((n, axis) => n / to[axis]!);
  const origin = applyAffine(affine, scale.map((s) => s / 2 - 0.5) as [number, number, number]);
  const resized = [...affine];
  for (let row = 0; row < 3; row++) {
    for (let axis = 0; axis < 3; axis++) resized[row * 4 + axis]! *= scale[axis]!;
    resized[row * 4 + 3] = origin[row]!;
  }
  return resized;
}
