import { convolveAlong, gaussianKernel } from "../volume/gaussian.js";
import { toCanonical } from "../volume/orient.js";
import { resizeChannel } from "../volume/resize.js";
import type { ImageVolume, Size3 } from "../volume/volume.js";
import { headFrame, type Picture, sampleHead } from "./head-frame.js";
import { sampleSlab, slabFrame } from "./slab-frame.js";

/** Pictures are compared with pictures, volumes with volumes. */
export type ImageKind = "slice" | "volume";

/** What is compared of an image. */
export interface Description {
  readonly kind: ImageKind;
  /** Grey values around the head, upright, at one scale, by their local contrast: `side` cubed or squared numbers. */
  readonly values: Float32Array;
  /** A picture for the report: the slice itself, or the middle axial slice of a volume. */
  readonly thumbnail: Picture;
}

/** Side of the square or the cube that a head is reduced to: fine enough for gyri, coarse enough to bear a small turn. */
export const sides = { slice: 24, volume: 12 } as const;

const thumbnailSide = 96;

/**
 * What can be compared of an image, whatever its size, its place and turn in the field of view and the scale of its
 * intensities; nothing for an image without a head in it (blank, or of one value). First channel only.
 */
export function describeImage(image: ImageVolume): Description | undefined {
  const { volume } = toCanonical({
    ...image,
    data: image.data.subarray(0, image.data.length / image.channels),
    channels: 1,
  });
  const { size, data } = volume as ImageVolume;
  const known = withoutGaps(data);
  return Math.min(...size) < 4 ? describeSlice(known, size) : describeVolume(known, size);
}

/** What is not a number, as beyond the mask of a brain, is as dark as the darkest voxel. */
function withoutGaps(data: Float32Array): Float32Array {
  if (data.every(Number.isFinite)) return data;
  const darkest = data.reduce(
    (low, value) => (Number.isFinite(value) ? Math.min(low, value) : low),
    Number.POSITIVE_INFINITY,
  );
  return data.map((value) => (Number.isFinite(value) ? value : Number.isFinite(darkest) ? darkest : 0));
}

function describeSlice(data: Float32Array, size: Size3): Description | undefined {
  // The two long axes, whichever they are: slices are stored along any.
  const thin = size.indexOf(Math.min(...size));
  const [a, b] = [0, 1, 2].filter((axis) => axis !== thin) as [number, number];
  const strides = [1, size[0], size[0] * size[1]];
  const from = (size[thin]! >> 1) * strides[thin]!;
  const [width, height] = [size[a]!, size[b]!];
  if (Math.min(width, height) < 16) return undefined;
  const flat = new Float32Array(width * height);
  for (let y = 0, v = 0; y < height; y++)
    for (let x = 0; x < width; x++, v++) flat[v] = data[from + y * strides[b]! + x * strides[a]!]!;
  const picture = reduced(flat, width, height, 128);
  const frame = headFrame(picture);
  if (frame === undefined) return undefined;
  const side = sides.slice;
  const fine = sampleHead(picture, frame, 2 * side);
  const values = new Float32Array(side * side);
  for (let y = 0, v = 0; y < side; y++)
    for (let x = 0; x < side; x++, v++) {
      const at = 4 * y * side + 2 * x;
      values[v] = (fine[at]! + fine[at + 1]! + fine[at + 2 * side]! + fine[at + 2 * side + 1]!) / 4;
    }
  return finished("slice", values, [side, side, 1], 4, reduced(flat, width, height, thumbnailSide));
}

function describeVolume(data: Float32Array, size: Size3): Description | undefined {
  const [ni, nj, nk] = size;
  if (Math.min(ni, nj) < 12) return undefined;
  const target = size.map((n) => Math.min(n, 64)) as unknown as Size3;
  const small = shrunk(data, size, target);
  const frame = slabFrame(small, target);
  if (frame === undefined) return undefined;
  const side = sides.volume;
  const values = sampleSlab(small, target, frame, side);
  const middle = (nk >> 1) * ni * nj;
  const thumbnail = reduced(data.slice(middle, middle + ni * nj), ni, nj, thumbnailSide);
  return finished("volume", values, [side, side, side], 2, thumbnail);
}

/** Local contrast: what is left when the local mean is taken away, divided by its local size. */
function finished(
  kind: ImageKind,
  values: Float32Array,
  size: Size3,
  sigma: number,
  thumbnail: Picture,
): Description | undefined {
  const kernel = gaussianKernel(sigma);
  const blur = (data: Float64Array): Float64Array => {
    for (const axis of [0, 1, 2]) if (size[axis]! > 1) convolveAlong(data, size, axis, kernel);
    return data;
  };
  const mean = blur(Float64Array.from(values));
  const rest = Float64Array.from(values, (value, v) => value - mean[v]!);
  const energy = blur(rest.map((value) => value * value));
  const strongest = Math.sqrt(energy.reduce((a, b) => Math.max(a, b), 0));
  if (!(strongest > 0)) return undefined;
  return {
    kind,
    values: Float32Array.from(
      rest,
      (value, v) => value / (Math.sqrt(Math.max(0, energy[v]!)) + 0.1 * strongest),
    ),
    thumbnail,
  };
}

/** A picture whose longer side is at most `most` pixels, by averages over blocks. */
function reduced(data: Float32Array, width: number, height: number, most: number): Picture {
  const factor = Math.max(1, Math.max(width, height) / most);
  const [w, h] = [Math.max(1, Math.round(width / factor)), Math.max(1, Math.round(height / factor))];
  if (w === width && h === height) return { data, width, height };
  return { data: shrunk(data, [width, height, 1], [w, h, 1]), width: w, height: h };
}

/** Blurred as much as it is coarsened, then interpolated. */
function shrunk(data: Float32Array, size: Size3, target: Size3): Float32Array {
  if (size.every((n, axis) => n === target[axis])) return data;
  const smooth = data.slice();
  for (const axis of [0, 1, 2]) {
    const factor = size[axis]! / target[axis]!;
    if (factor > 1.3) convolveAlong(smooth, size, axis, gaussianKernel(0.42 * factor));
  }
  return resizeChannel(smooth, size, target, [1, 1, 1]);
}

/** The same description of the image's mirror image along its first axis (left and right, in most). */
export function mirrored({ kind, values }: Pick<Description, "kind" | "values">): Float32Array {
  const side = sides[kind];
  const out = new Float32Array(values.length);
  for (let row = 0; row < values.length; row += side)
    for (let x = 0; x < side; x++) out[row + x] = values[row + side - 1 - x]!;
  return out;
}
