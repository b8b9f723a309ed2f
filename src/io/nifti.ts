import { fail } from "../core/errors.js";
import type { Affine, Size3, Volume, VoxelArray } from "../volume/volume.js";
import { volume, voxelCount } from "../volume/volume.js";
import { headerAffine } from "./nifti-geometry.js";
import { decodeExtensions, decodeHeader, headerLength, type NiftiHeader } from "./nifti-header.js";
import {
  decodeVoxels,
  noScaling,
  type Scaling,
  type StoredType,
  storedTypeOf,
  storedTypes,
} from "./voxel-types.js";

export { type EncodeOptions, encodeNifti, encodeNiftiPair } from "./nifti-encode.js";
export { headerAffine } from "./nifti-geometry.js";
export type { NiftiExtension, NiftiHeader } from "./nifti-header.js";
export type { StoredType } from "./voxel-types.js";

/** What a header promises about its voxels, checked and ready to be read. */
export interface NiftiLayout {
  readonly size: Size3;
  readonly channels: number;
  readonly affine: Affine;
  readonly type: StoredType;
  readonly scaling: Scaling;
  /** Where the voxels begin in the file that holds them, and how many bytes they take. */
  readonly offset: number;
  readonly byteCount: number;
}

export interface ParseOptions {
  /** Give the voxels as float32, as networks take them; otherwise in the narrowest type that holds them exactly. */
  readonly as?: "float32" | "exact";
  /** The bytes of the `.img` that belongs to a `.hdr`. */
  readonly image?: Uint8Array;
}

/** The largest volume that is read into memory in one piece, in bytes as stored. */
export const largestBytes = 2 ** 31 - 1;

/**
 * Read a NIfTI-1 or -2 file, or with `image` a `.hdr/.img` pair or Analyze 7.5, from expanded bytes.
 *
 * Stored numbers are scaled to values (`scl_slope`, `scl_inter`); the world comes from the sform if it has a
 * code, else the qform, else the voxel sizes with the first axis running to the left and the origin in the
 * middle (nibabel's precedence). A fourth dimension becomes channels. Not-a-numbers stay as they are stored.
 * Throws `bad-file`, `bad-data`, `geometry`, `memory` or `unsupported` naming the file.
 */
export function parseNifti(
  bytes: Uint8Array,
  name: string,
  options: ParseOptions & { readonly as: "float32" },
): { volume: Volume<Float32Array>; header: NiftiHeader };
export function parseNifti(
  bytes: Uint8Array,
  name: string,
  options?: ParseOptions,
): { volume: Volume; header: NiftiHeader };
export function parseNifti(
  bytes: Uint8Array,
  name: string,
  { as = "exact", image }: ParseOptions = {},
): { volume: Volume; header: NiftiHeader } {
  const plain = decodeHeader(bytes, name);
  const layout = niftiLayout(plain, name);
  if (plain.pair && image === undefined)
    fail("bad-file", {
      what: "this header belongs to a pair, and its voxels are in another file",
      where: name,
      expected: "the .img file beside the .hdr file",
      fix: "Put both files into one folder and give the .hdr",
    });
  const source = plain.pair ? image! : bytes;
  checkLength(source.length, layout, name);
  const end = plain.pair ? bytes.length : layout.offset;
  const header = { ...plain, extensions: decodeExtensions(bytes, plain, end, name) };
  const count = voxelCount(layout.size) * layout.channels;
  const stored = decodeVoxels(source, layout.offset, count, layout.type, header.littleEndian, name);
  const data = scaled(stored, layout.scaling, as);
  return { volume: volume(data, layout, layout.channels), header };
}

/** Throws `bad-file` when a file is shorter than its header promises. */
export function checkLength(
  length: number,
  { offset, byteCount, size, channels, type }: NiftiLayout,
  name: string,
) {
  if (length < offset + byteCount)
    fail("bad-file", {
      what: "the file is shorter than its header promises",
      where: name,
      expected: `${offset + byteCount} bytes for ${size.join("x")}${channels > 1 ? `x${channels}` : ""} voxels of ${type}`,
      found: `${length}`,
      fix: "Copy or download the file again",
    });
}

/** Check a header and say where its voxels are. Nothing is allocated, so an absurd header costs nothing. */
export function niftiLayout(header: NiftiHeader, name: string): NiftiLayout {
  const { size, channels } = extents(header, name);
  const type = storedTypeOf(header.datatype, name);
  const byteCount = voxelCount(size) * channels * storedTypes[type].bytes;
  if (byteCount > largestBytes)
    fail("memory", {
      what: "the image is too large to be read in one piece",
      where: name,
      expected: "at most 2 GiB of voxels",
      found: `${(byteCount / 2 ** 30).toPrecision(3)} GiB for ${size.join("x")}x${channels} voxels of ${type}`,
      fix: "Crop it, split its volumes or store it with fewer bytes a voxel; or the header is damaged",
    });
  return {
    size,
    channels,
    affine: headerAffine(header, name),
    type,
    scaling: scalingOf(header),
    offset: voxelOffset(header, name),
    byteCount,
  };
}

/** Three spatial extents and the channels: at most one of the dimensions 4 to 7 may be longer than one. */
function extents({ dim }: NiftiHeader, name: string): { size: Size3; channels: number } {
  const used = dim.slice(1, dim[0]! + 1);
  if (used.some((n) => n < 1))
    fail("bad-file", {
      what: "the dimensions are impossible",
      where: name,
      expected: "extents of at least 1",
      found: used.join(" x "),
      fix: "The header is damaged: write the file again from its source",
    });
  const more = used.slice(3).filter((n) => n > 1);
  if (more.length > 1)
    fail("unsupported", {
      what: `the image has ${used.length} dimensions`,
      where: name,
      expected: "three of space and at most one of channels or time",
      found: used.join(" x "),
      fix: "Split the file along one of its dimensions first, for example with nibabel or fslsplit",
    });
  return { size: [used[0]!, used[1] ?? 1, used[2] ?? 1], channels: more[0] ?? 1 };
}

function voxelOffset({ format, pair, voxOffset }: NiftiHeader, name: string): number {
  const first = pair ? 0 : headerLength[format] + 4;
  if (voxOffset === 0) return first;
  // Analyze and SPM use negative offsets for things that no program reads today.
  if (!Number.isInteger(voxOffset) || voxOffset < first || voxOffset > Number.MAX_SAFE_INTEGER)
    fail("bad-file", {
      what: "the voxels begin at an impossible place",
      where: name,
      expected: `vox_offset of at least ${first}`,
      found: `${voxOffset}`,
      fix: "The header is damaged: write the file again from its source",
    });
  return voxOffset;
}

/** A slope of 0 or NaN means that nothing is scaled; a NaN intercept is 0. */
function scalingOf(header: NiftiHeader): Scaling {
  const { sclSlope: slope, sclInter } = header;
  const inter = Number.isFinite(sclInter) ? sclInter : 0;
  if (Number.isFinite(slope) && slope !== 0) return { slope, inter };
  return header.format === "analyze" ? calibration(header) : noScaling;
}

/** Analyze without SPM's slope: stored glmin..glmax stand for cal_min..cal_max, where both are given. */
function calibration({ raw, littleEndian }: NiftiHeader): Scaling {
  const view = new DataView(raw.buffer, raw.byteOffset);
  const [high, low] = [view.getFloat32(124, littleEndian), view.getFloat32(128, littleEndian)];
  const [storedHigh, storedLow] = [view.getInt32(140, littleEndian), view.getInt32(144, littleEndian)];
  if (!(high > low && storedHigh > storedLow && Number.isFinite(high - low))) return noScaling;
  const slope = (high - low) / (storedHigh - storedLow);
  return { slope, inter: high - slope * storedHigh };
}

function scaled(stored: VoxelArray, { slope, inter }: Scaling, as: "float32" | "exact"): VoxelArray {
  const plain = slope === 1 && inter === 0;
  if (plain && (as === "exact" || stored instanceof Float32Array)) return stored;
  const data = as === "float32" ? new Float32Array(stored.length) : new Float64Array(stored.length);
  if (plain) data.set(stored);
  else for (let i = 0; i < data.length; i++) data[i] = stored[i]! * slope + inter;
  return data;
}
