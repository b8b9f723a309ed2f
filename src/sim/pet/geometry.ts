import { fail } from "../../core/errors.js";
import { scalingAffine } from "../../volume/affine.js";
import type { Grid } from "../../volume/volume.js";

/**
 * A slice of a PET scanner as parallel lines, and the square image that it sees.
 *
 * View `a` looks along the lines `x·cos φ + y·sin φ = s` with `φ = startDegrees + a · 180° / views`; bin `b` is the
 * strip of `binSizeMm` around `s = (b - axisBin) · binSizeMm`. Pixel (i, j) of the image has its centre at
 * `x = (i - (imageSize - 1) / 2) · pixelSizeMm` to the right, y likewise to the front: the scanner's axis is the
 * middle of the image. A sinogram is row-major `[views, bins]`, an image `[imageSize (j), imageSize (i)]`.
 */
export interface PetGeometry {
  /** Equally spaced angles over 180 degrees. */
  readonly views: number;
  readonly bins: number;
  readonly binSizeMm: number;
  /**
   * The bin that the scanner's axis falls on, counted from 0, a half where it falls between two: `(bins - 1) / 2` by
   * default. Interfile has `bins / 2` where bins are even.
   */
  readonly axisBin?: number;
  /** Angle of the first view. */
  readonly startDegrees: number;
  /** Pixels along each side of the image. */
  readonly imageSize: number;
  readonly pixelSizeMm: number;
}

/** A geometry whose bins and whose image both cover a field of view of the given width, first view at 0 degrees. */
export function geometryOver(
  fieldOfViewMm: number,
  { views, bins, imageSize }: Pick<PetGeometry, "views" | "bins" | "imageSize">,
): PetGeometry {
  return checkedGeometry({
    views,
    bins,
    binSizeMm: fieldOfViewMm / bins,
    startDegrees: 0,
    imageSize,
    pixelSizeMm: fieldOfViewMm / imageSize,
  });
}

/**
 * `paper`: 288 angles, 269 bins and 128² pixels over 700 mm (Häggström et al. 2019, after PETSTEP's GE D690). `head`
 * holds the head only, with pixels of 2.5 mm; `small` and `tiny` have few enough numbers to train on in minutes.
 */
export const petGeometries = {
  paper: geometryOver(700, { views: 288, bins: 269, imageSize: 128 }),
  head: geometryOver(320, { views: 192, bins: 193, imageSize: 128 }),
  small: geometryOver(320, { views: 96, bins: 95, imageSize: 64 }),
  tiny: geometryOver(320, { views: 48, bins: 47, imageSize: 32 }),
} as const satisfies Record<string, PetGeometry>;

export type PetGeometryName = keyof typeof petGeometries;

/** The same scanner with another number of pixels over the same field of view. */
export function withImageSize(geometry: PetGeometry, imageSize: number): PetGeometry {
  const pixelSizeMm = (geometry.imageSize * geometry.pixelSizeMm) / imageSize;
  return checkedGeometry({ ...geometry, imageSize, pixelSizeMm });
}

/** The image's grid: one slice `thicknessMm` thick, its centre at the origin of the world. */
export function imageGrid({ imageSize, pixelSizeMm }: PetGeometry, thicknessMm = pixelSizeMm): Grid {
  const first = (-(imageSize - 1) / 2) * pixelSizeMm;
  return {
    size: [imageSize, imageSize, 1],
    affine: scalingAffine([pixelSizeMm, pixelSizeMm, thicknessMm], [first, first, 0]),
  };
}

/** Number of sinogram bins over all views. */
export function sinogramLength({ views, bins }: Pick<PetGeometry, "views" | "bins">): number {
  return views * bins;
}

/** The bin, or the middle between two, that the scanner's axis falls on. */
export function axisBinOf({ bins, axisBin = (bins - 1) / 2 }: Pick<PetGeometry, "bins" | "axisBin">): number {
  return axisBin;
}

/** Radius in mm of the circle that all views see whole: what is outside of it is outside the scanner. */
export function fieldOfViewRadiusMm(geometry: PetGeometry): number {
  const { bins, binSizeMm, imageSize, pixelSizeMm } = geometry;
  const axis = axisBinOf(geometry);
  return Math.min((Math.min(axis, bins - 1 - axis) + 0.5) * binSizeMm, (imageSize * pixelSizeMm) / 2);
}

/** 1 for the pixels that the scanner sees (centres within `fieldOfViewRadiusMm`), 0 for the rest. */
export function fieldOfView(geometry: PetGeometry): Uint8Array {
  const n = geometry.imageSize;
  const mask = new Uint8Array(n * n);
  for (let j = 0; j < n; j++) {
    const [from, to] = rowInside(geometry, j);
    mask.fill(1, j * n + from, j * n + to);
  }
  return mask;
}

/** The pixels `from` to `to` (exclusive) of row j whose centres lie in the field of view. */
export function rowInside(geometry: PetGeometry, j: number): readonly [from: number, to: number] {
  const { imageSize, pixelSizeMm } = geometry;
  const middle = (imageSize - 1) / 2;
  const radius = fieldOfViewRadiusMm(geometry) / pixelSizeMm;
  // Of centres on the circle itself rows and columns have to say the same: views that are turned by 90 degrees rely on it.
  const half = radius * radius * (1 + 1e-9) - (j - middle) * (j - middle);
  if (half < 0) return [0, 0];
  const from = Math.max(0, Math.ceil(middle - Math.sqrt(half)));
  return [from, imageSize - from];
}

/** The geometry itself. Throws `bad-argument` when it is none. */
export function checkedGeometry(geometry: PetGeometry): PetGeometry {
  for (const name of ["views", "bins", "imageSize"] as const)
    if (!Number.isInteger(geometry[name]) || geometry[name] < 1 || geometry[name] > 4096)
      refuse(name, "a whole number from 1 to 4096", geometry[name]);
  for (const name of ["binSizeMm", "pixelSizeMm"] as const)
    if (!(geometry[name] > 0 && geometry[name] < 1000)) refuse(name, "a length in mm", geometry[name]);
  const axis = axisBinOf(geometry);
  if (!(axis >= 0 && axis <= geometry.bins - 1))
    refuse("axisBin", `a bin from 0 to ${geometry.bins - 1}`, axis);
  if (!Number.isFinite(geometry.startDegrees)) refuse("startDegrees", "an angle", geometry.startDegrees);
  return geometry;
}

function refuse(name: string, expected: string, found: number): never {
  fail("bad-argument", {
    what: "the geometry of a PET scanner is not possible",
    where: name,
    expected,
    found: `${found}`,
  });
}

/** Throws `geometry` unless the array has as many numbers as the geometry's sinograms. */
export function requireSinogram(sinogram: ArrayLike<number>, geometry: PetGeometry, what: string): void {
  const { views, bins } = geometry;
  if (sinogram.length !== views * bins)
    fail("geometry", {
      what: `${what} does not fit the scanner`,
      expected: `${views * bins} numbers: ${views} views of ${bins} bins`,
      found: `${sinogram.length}`,
    });
}

/** Throws `geometry` unless the array has as many numbers as the geometry's image. */
export function requireImage(image: ArrayLike<number>, { imageSize }: PetGeometry, what: string): void {
  if (image.length !== imageSize * imageSize)
    fail("geometry", {
      what: `${what} does not fit the scanner's image`,
      expected: `${imageSize * imageSize} numbers: ${imageSize}x${imageSize} pixels`,
      found: `${image.length}`,
    });
}
