import { fail } from "../core/errors.js";
import type { Size3 } from "../volume/volume.js";
import { voxelCount } from "../volume/volume.js";

export interface EdgeOptions {
  /** Distance of neighbouring voxels along i, j, k; default 1, differences per voxel. */
  readonly spacingMm?: readonly [number, number, number];
  readonly mask?: Uint8Array | undefined;
}

/**
 * Edge energy: the mean squared gradient, central differences inside and one-sided at the border, over the mask where
 * there is one. Blur lowers it and noise raises it, so it says something only beside the clean image's: see
 * `compareImages`. An axis of one voxel has no gradient. One channel.
 */
export function edgeEnergy(
  image: Float32Array,
  size: Size3,
  { spacingMm = [1, 1, 1], mask }: EdgeOptions = {},
): number {
  const count = voxelCount(size);
  if (image.length !== count || (mask !== undefined && mask.length !== count))
    fail("shape", {
      what: "an image or mask does not fit the size",
      expected: `${count} voxels for ${size.join("x")}`,
      found: `${image.length}${mask === undefined ? "" : `, ${mask.length} in the mask`}`,
    });
  const [ni, nj, nk] = size;
  const plane = ni * nj;
  let [sum, voxels] = [0, 0];
  for (let k = 0, v = 0; k < nk; k++)
    for (let j = 0; j < nj; j++)
      for (let i = 0; i < ni; i++, v++) {
        if (mask !== undefined && mask[v] === 0) continue;
        const x = slope(image, v, i, ni, 1) / spacingMm[0];
        const y = slope(image, v, j, nj, ni) / spacingMm[1];
        const z = slope(image, v, k, nk, plane) / spacingMm[2];
        sum += x * x + y * y + z * z;
        voxels++;
      }
  if (voxels === 0 || !Number.isFinite(sum))
    fail("bad-data", {
      what: "the edge energy cannot be measured",
      expected: "finite values and at least one voxel in the mask",
      found: voxels === 0 ? "an empty mask" : "values that are not finite",
    });
  return sum / voxels;
}

/** Slope at voxel `v`, the `at`-th of `extent` along an axis whose neighbours lie `stride` apart. */
function slope(image: Float32Array, v: number, at: number, extent: number, stride: number): number {
  const ahead = at < extent - 1 ? 1 : 0;
  const behind = at > 0 ? 1 : 0;
  if (ahead + behind === 0) return 0;
  return (image[v + ahead * stride]! - image[v - behind * stride]!) / (ahead + behind);
}
