import type { Volume } from "../../../volume/volume.js";
import { voxelCount } from "../../../volume/volume.js";

/**
 * 1 where any channel is not zero, and in holes that the outside cannot reach through faces: zeros inside a brain
 * belong to it. Walked from the border inwards, without recursion.
 */
export function filledMask({ data, size, channels }: Volume): Uint8Array {
  const [ni, nj, nk] = size;
  const voxels = voxelCount(size);
  const mask = new Uint8Array(voxels);
  for (let c = 0; c < channels; c++)
    for (let at = 0; at < voxels; at++) if (data[c * voxels + at] !== 0) mask[at] = 1;
  const outside = 2;
  // Every voxel is put on the pile once at most.
  const pile = new Int32Array(voxels);
  let height = 0;
  const reach = (at: number): void => {
    if (mask[at] !== 0) return;
    mask[at] = outside;
    pile[height++] = at;
  };
  for (let k = 0; k < nk; k++)
    for (let j = 0; j < nj; j++) {
      const row = (k * nj + j) * ni;
      const edge = k === 0 || k === nk - 1 || j === 0 || j === nj - 1;
      for (let i = 0; i < ni; i += edge ? 1 : Math.max(1, ni - 1)) reach(row + i);
    }
  while (height > 0) {
    const at = pile[--height]!;
    const [i, j, k] = [at % ni, Math.floor(at / ni) % nj, Math.floor(at / (ni * nj))];
    if (i > 0) reach(at - 1);
    if (i < ni - 1) reach(at + 1);
    if (j > 0) reach(at - ni);
    if (j < nj - 1) reach(at + ni);
    if (k > 0) reach(at - ni * nj);
    if (k < nk - 1) reach(at + ni * nj);
  }
  for (let at = 0; at < voxels; at++) mask[at] = mask[at] === outside ? 0 : 1;
  return mask;
}
