import { fail } from "../../core/errors.js";
import { shiftOrigin, spacingMm } from "../../volume/affine.js";
import { weighAlong } from "../../volume/along.js";
import type { ImageVolume, Size3 } from "../../volume/volume.js";
import { type SliceProfile, sliceProfiles, sliceWeights } from "./profile.js";

export interface SliceAcquisition {
  /** Voxel axis across the slices. */
  readonly axis: 0 | 1 | 2;
  /** Full width of the profile at half its maximum. */
  readonly thicknessMm: number;
  /** From centre to centre; default: the thickness. More leaves gaps, less overlaps. */
  readonly spacingMm?: number;
  /** Default `gaussian`. */
  readonly profile?: SliceProfile;
}

/**
 * An image as a 2-D acquisition with thick slices sees it: each slice is the mean over its profile, sampled every
 * `spacingMm`. As many slices as the field holds with half a spacing to either side, about the middle of the field;
 * the affine says where their centres are, so input and output lie over each other in the world.
 *
 * The profile is cut off at the border of the field. Noise is not part of it: `withMrNoise` comes after.
 */
export function acquireSlices(image: ImageVolume, acquisition: SliceAcquisition): ImageVolume {
  const { axis, thicknessMm, profile = "gaussian" } = acquisition;
  const voxelMm = spacingMm(image.affine)[axis];
  const extent = image.size[axis];
  const distance = acquisition.spacingMm ?? thicknessMm;
  requireAcquisition(image, acquisition, distance);
  const step = distance / voxelMm;
  // Rounding noise of a spacing is no reason for one slice less.
  const slices = Math.floor(extent / step + 1e-6);
  const first = (extent - 1) / 2 - ((slices - 1) / 2) * step;
  const weights = sliceWeights({ extent, slices, first, step, thickness: thicknessMm / voxelMm, profile });
  const data = weighAlong(image.data, image.size, axis, weights, slices);
  const size = image.size.map((n, a) => (a === axis ? slices : n)) as unknown as Size3;
  const offset = [0, 0, 0] as [number, number, number];
  offset[axis] = first;
  const affine = [...shiftOrigin(image.affine, offset)];
  for (let row = 0; row < 3; row++) affine[row * 4 + axis]! *= step;
  return { data, size, affine, channels: 1 };
}

/**
 * An image blurred along one axis by a slice profile and sampled where it was: what thick slices lose before they
 * are also sampled too seldom.
 */
export function blurBySlices(
  image: ImageVolume,
  { axis, thicknessMm, profile = "gaussian" }: Omit<SliceAcquisition, "spacingMm">,
): ImageVolume {
  const voxelMm = spacingMm(image.affine)[axis];
  requireAcquisition(image, { axis, thicknessMm, profile }, voxelMm);
  const extent = image.size[axis];
  const thickness = thicknessMm / voxelMm;
  const weights = sliceWeights({ extent, slices: extent, first: 0, step: 1, thickness, profile });
  return { ...image, data: weighAlong(image.data, image.size, axis, weights, extent) };
}

function requireAcquisition(
  { size, affine, channels }: ImageVolume,
  { axis, thicknessMm, profile = "gaussian" }: SliceAcquisition,
  distance: number,
): void {
  const voxelMm = spacingMm(affine)[axis];
  const field = size[axis] * voxelMm;
  if (channels !== 1)
    fail("bad-data", {
      what: "slices are taken of one channel",
      expected: "1 channel",
      found: `${channels}`,
    });
  if (!sliceProfiles.includes(profile))
    fail("bad-argument", {
      what: "there is no such slice profile",
      expected: sliceProfiles.join(", "),
      found: `${profile}`,
    });
  // A slice thinner than a voxel would show what the image does not know.
  if (!(thicknessMm >= voxelMm * (1 - 1e-6) && thicknessMm <= field / 2))
    fail("bad-argument", {
      what: "slices of this thickness cannot be taken of the image",
      where: "thicknessMm",
      expected: `from the voxel's ${show(voxelMm)} mm to half the field, ${show(field / 2)} mm`,
      found: `${thicknessMm}`,
    });
  if (!(distance >= voxelMm * (1 - 1e-6) && distance <= field / 2))
    fail("bad-argument", {
      what: "slices cannot be this far apart",
      where: "spacingMm",
      expected: `from the voxel's ${show(voxelMm)} mm to half the field, ${show(field / 2)} mm`,
      found: `${distance}`,
    });
}

const show = (mm: number): number => Number(mm.toPrecision(4));
