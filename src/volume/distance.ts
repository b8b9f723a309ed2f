import { fail } from "../core/errors.js";
import { type Size3, voxelCount } from "./volume.js";

/**
 * Exact Euclidean distance in mm from every voxel centre to the centre of the nearest non-zero voxel.
 *
 * 0 on the mask itself, Infinity everywhere when the mask is empty. Anisotropic spacing is exact too. Linear
 * in the number of voxels: the lower envelope of parabolas, one axis after the other (Felzenszwalb and
 * Huttenlocher 2012, "Distance transforms of sampled functions"). For distances to the nearest zero voxel,
 * invert the mask first. Throws `shape` when mask and size disagree, `bad-argument` for a spacing that is not
 * a positive length.
 */
export function distanceTransform(mask: Uint8Array, size: Size3, spacingMm: Size3): Float32Array {
  const voxels = voxelCount(size);
  if (mask.length !== voxels)
    fail("shape", {
      what: "the mask does not fit the size",
      expected: `${voxels} voxels for ${size.join("x")}`,
      found: `${mask.length}`,
    });
  if (spacingMm.some((spacing) => !(spacing > 0 && spacing < Number.POSITIVE_INFINITY)))
    fail("bad-argument", {
      what: "the voxel spacing is not a length",
      expected: "three positive numbers of mm",
      found: spacingMm.join(", "),
    });
  const squared = new Float64Array(voxels);
  for (let v = 0; v < voxels; v++) squared[v] = mask[v] === 0 ? Number.POSITIVE_INFINITY : 0;
  const [ni, nj, nk] = size;
  const envelope = envelopeBuffers(Math.max(ni, nj, nk));
  for (let line = 0; line < nj * nk; line++) alongLine(squared, line * ni, 1, ni, spacingMm[0], envelope);
  if (nj > 1)
    for (let k = 0; k < nk; k++)
      for (let i = 0; i < ni; i++) alongLine(squared, k * nj * ni + i, ni, nj, spacingMm[1], envelope);
  if (nk > 1)
    for (let line = 0; line < ni * nj; line++) alongLine(squared, line, ni * nj, nk, spacingMm[2], envelope);
  const distance = new Float32Array(voxels);
  for (let v = 0; v < voxels; v++) distance[v] = Math.sqrt(squared[v]!);
  return distance;
}

/** Parabolas of the lower envelope: where each has its foot, how high, and from where on it is the lowest. */
interface Envelope {
  readonly footMm: Float64Array;
  readonly height: Float64Array;
  readonly fromMm: Float64Array;
}

const envelopeBuffers = (length: number): Envelope => ({
  footMm: new Float64Array(length),
  height: new Float64Array(length),
  fromMm: new Float64Array(length),
});

/** Replace the squared distances f on one line by `min over y of f(y) + (x - y)²`, x and y in mm. */
function alongLine(
  squared: Float64Array,
  start: number,
  stride: number,
  length: number,
  spacing: number,
  { footMm, height, fromMm }: Envelope,
): void {
  let last = -1;
  for (let n = 0, at = start; n < length; n++, at += stride) {
    const f = squared[at]!;
    if (f === Number.POSITIVE_INFINITY) continue;
    const x = n * spacing;
    let from = Number.NEGATIVE_INFINITY;
    while (last >= 0) {
      const y = footMm[last]!;
      from = (f - height[last]! + x * x - y * y) / (2 * (x - y));
      if (from > fromMm[last]!) break;
      last--;
      from = Number.NEGATIVE_INFINITY;
    }
    last++;
    footMm[last] = x;
    height[last] = f;
    fromMm[last] = from;
  }
  if (last < 0) return;
  for (let n = 0, at = start, parabola = 0; n < length; n++, at += stride) {
    const x = n * spacing;
    while (parabola < last && fromMm[parabola + 1]! < x) parabola++;
    const away = x - footMm[parabola]!;
    squared[at] = height[parabola]! + away * away;
  }
}
