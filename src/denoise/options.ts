import { fail } from "../core/errors.js";
import { spacingMm } from "../volume/affine.js";
import { requireFinite } from "../volume/intensity.js";
import { type ImageVolume, type Size3, type Volume, voxelCount } from "../volume/volume.js";

/** The denoisers that need no training. */
export const denoiseMethods = ["gaussian", "median", "tv", "nlm", "bm4d"] as const;
export type DenoiseMethod = (typeof denoiseMethods)[number];

/** What the numbers of a scan carry: `rician` for magnitudes, `gaussian` for anything with even, unbiased noise. */
export type NoiseKind = "rician" | "gaussian";

/** Extents below this are slices, not volumes: patches and their surroundings would not fit. */
export const smallestExtent = 5;

/** Throws unless the image is one 3-D channel of finite, differing values with some depth along every axis. */
export function requireVolume(image: Volume, where?: string, depth = smallestExtent): void {
  const { size, channels } = image;
  if (channels !== 1)
    fail("bad-data", {
      what: `there are ${channels} volumes, and noise is taken out of one at a time`,
      where,
      expected: "a 3-D scan",
      found: `${size.join("x")}x${channels}`,
      fix: "Extract the volume that is wanted, or split the series and go through it",
    });
  const short = size.findIndex((extent) => extent < depth);
  if (short >= 0)
    fail("bad-data", {
      what: size.includes(1) ? "this is a 2-D image" : "the volume is too thin",
      where,
      expected: `at least ${depth} voxels along each axis`,
      found: size.join("x"),
      fix: "Give the whole 3-D scan: similar places are looked for in all directions",
    });
  requireFinite(image, where);
  const first = image.data[0];
  if (image.data.every((value) => value === first))
    fail("bad-data", {
      what: first === 0 ? "the scan is 0 everywhere" : "the scan is constant",
      where,
      expected: "values that differ",
      found: `${first} in all voxels`,
      fix: "Check that this is the scan and not an empty file",
    });
}

/** Throws unless the mask lies on the image's grid and has voxels; gives 1 inside and 0 outside. */
export function maskOn(image: ImageVolume, mask: Volume | undefined, where?: string): Uint8Array | undefined {
  if (mask === undefined) return undefined;
  const count = voxelCount(image.size);
  if (mask.data.length !== count)
    fail("shape", {
      what: "the mask does not fit the image",
      where,
      expected: image.size.join("x"),
      found: `${mask.size.join("x")}${mask.channels > 1 ? `x${mask.channels}` : ""}`,
    });
  const inside = new Uint8Array(count);
  let voxels = 0;
  for (let v = 0; v < count; v++)
    if (mask.data[v] !== 0) {
      inside[v] = 1;
      voxels++;
    }
  if (voxels === 0)
    fail("bad-data", {
      what: "the mask is empty",
      where,
      expected: "voxels that are not 0 where noise is to be taken out",
      found: "0 everywhere",
      fix: "Check that this is the mask of this scan, or leave it out",
    });
  return inside;
}

/** A radius in voxels along each axis that is equally long in mm: `voxels` along the finest, at least 1. */
export function evenRadius({ size, affine }: ImageVolume, voxels: number): Size3 {
  const spacing = spacingMm(affine);
  const finest = Math.min(...spacing);
  const along = (axis: 0 | 1 | 2): number =>
    Math.min(size[axis] - 1, Math.max(1, Math.round((voxels * finest) / spacing[axis])));
  return [along(0), along(1), along(2)];
}
