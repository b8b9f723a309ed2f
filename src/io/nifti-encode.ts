import { fail } from "../core/errors.js";
import type { Volume, VoxelArray } from "../volume/volume.js";
import { geometryFields } from "./nifti-geometry.js";
import { encodeHeader, type NiftiHeader } from "./nifti-header.js";
import {
  encodeVoxels,
  noScaling,
  type Scaling,
  type StoredType,
  storedTypeOf,
  storedTypeOfArray,
  storedTypes,
} from "./voxel-types.js";

export interface EncodeOptions {
  /** Write as this file was: stored type, scaling, byte order, both forms, extensions and every other field. */
  readonly like?: NiftiHeader;
  /** How voxels are stored. Default: as in `like`, else as they are in memory. */
  readonly dtype?: StoredType;
  /** For integers: `exact` refuses values that are none (default), `fit` chooses slope and intercept to span the data. */
  readonly scaling?: "exact" | "fit";
  /** NIfTI version; default that of `like`, else 1, and 2 where an extent is beyond 32767. */
  readonly version?: 1 | 2;
  /** What the numbers are; `labels` sets NIfTI's intent code for label maps. */
  readonly intent?: "labels";
  /** Free text of at most 79 letters. */
  readonly description?: string;
  /** Whether not-a-numbers and infinities may be written; default `refuse`. */
  readonly nonFinite?: "refuse" | "keep";
  /** The file's name, for messages. */
  readonly name?: string;
}

/** NIFTI_INTENT_LABEL of nifti1.h. */
const intentLabels = 1002;

/**
 * A volume as the bytes of one `.nii` file (not compressed). Several channels become the fourth dimension.
 * Throws `bad-data` for values that the stored type cannot hold and for non-finite values.
 */
export function encodeNifti(volume: Volume, options: EncodeOptions = {}): Uint8Array<ArrayBuffer> {
  const { header, prefix, scaling } = prepare(volume, options, false);
  const bytes = new Uint8Array(header.voxOffset + volume.data.length * (header.bitpix / 8));
  bytes.set(prefix);
  writeVoxels(volume, bytes, header, scaling, options);
  return bytes;
}

/** A volume as the bytes of a `.hdr` and an `.img` file. */
export function encodeNiftiPair(
  volume: Volume,
  options: EncodeOptions = {},
): { header: Uint8Array<ArrayBuffer>; image: Uint8Array<ArrayBuffer> } {
  const { header, prefix, scaling } = prepare(volume, options, true);
  const image = new Uint8Array(volume.data.length * (header.bitpix / 8));
  writeVoxels(volume, image, header, scaling, options);
  return { header: prefix, image };
}

function writeVoxels(
  { data }: Volume,
  bytes: Uint8Array<ArrayBuffer>,
  header: NiftiHeader,
  scaling: Scaling,
  { name = "volume" }: EncodeOptions,
): void {
  const type = storedTypeOf(header.datatype, name);
  encodeVoxels(data, bytes, header.voxOffset, type, header.littleEndian, scaling, name);
}

function prepare(
  volume: Volume,
  options: EncodeOptions,
  pair: boolean,
): { header: NiftiHeader; prefix: Uint8Array<ArrayBuffer>; scaling: Scaling } {
  const { like, name = "volume" } = options;
  if (options.nonFinite !== "keep") refuseNonFinite(volume.data, name);
  const likeType = like && storedTypeOf(like.datatype, name);
  const type = options.dtype ?? likeType ?? storedTypeOfArray(volume.data);
  const kept = like !== undefined && type === likeType && options.scaling !== "fit";
  const scaling = kept
    ? keptScaling(like)
    : options.scaling === "fit"
      ? fitScaling(volume.data, type)
      : noScaling;
  const format = formatFor(volume, options);
  const draft: NiftiHeader = {
    ...(like ?? blank),
    ...geometryFields(volume, like, name),
    format,
    pair,
    dim: dimensions(volume, like),
    datatype: storedTypes[type].code,
    bitpix: storedTypes[type].bytes * 8,
    sclSlope: kept && like.format !== "analyze" ? like.sclSlope : scaling.slope,
    sclInter: kept && like.format !== "analyze" ? like.sclInter : scaling.inter,
    voxOffset: 0,
    ...(options.intent === "labels" ? { intentCode: intentLabels, intentName: "" } : {}),
    ...(options.description === undefined ? {} : { descrip: options.description }),
    // Bytes of another version's header mean other things.
    raw: like?.format === format ? like.raw : new Uint8Array(0),
  };
  const prefixLength = encodeHeader(draft).length;
  const header = { ...draft, voxOffset: pair ? 0 : Math.ceil(prefixLength / 16) * 16 };
  return { header, prefix: encodeHeader(header), scaling };
}

const blank: NiftiHeader = {
  format: "nifti1",
  pair: false,
  littleEndian: true,
  dim: [],
  datatype: 0,
  bitpix: 0,
  pixdim: [],
  voxOffset: 0,
  sclSlope: 1,
  sclInter: 0,
  xyztUnits: 2,
  intentCode: 0,
  intentName: "",
  descrip: "Gyrus",
  qformCode: 0,
  sformCode: 0,
  quatern: [0, 0, 0],
  qoffset: [0, 0, 0],
  srow: [],
  extensions: [],
  raw: new Uint8Array(0),
};

function keptScaling({ sclSlope, sclInter }: NiftiHeader): Scaling {
  if (!Number.isFinite(sclSlope) || sclSlope === 0) return noScaling;
  return { slope: sclSlope, inter: Number.isFinite(sclInter) ? sclInter : 0 };
}

/** Slope and intercept that spread the data over an integer type. */
function fitScaling(data: VoxelArray, type: StoredType): Scaling {
  const range = storedTypes[type].range;
  if (range === undefined) return noScaling;
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < data.length; i++) {
    const x = data[i]!;
    if (x < low) low = x;
    if (x > high) high = x;
  }
  if (!(high > low)) return { slope: 1, inter: Number.isFinite(low) ? low : 0 };
  const slope = Math.fround((high - low) / (range[1] - range[0]));
  return { slope, inter: Math.fround(low - slope * range[0]), fitted: true };
}

function formatFor(volume: Volume, { version, like }: EncodeOptions): "nifti1" | "nifti2" {
  const large = Math.max(...volume.size, volume.channels) > 32767;
  if (version === 2 || large) return "nifti2";
  return version === undefined && like?.format === "nifti2" ? "nifti2" : "nifti1";
}

/** `dim` of the header: that of `like` where it says the same, so that a 5-D vector image stays one. */
function dimensions({ size, channels }: Volume, like: NiftiHeader | undefined): readonly number[] {
  if (like !== undefined) {
    const rank = like.dim[0]!;
    const extent = (axis: number) => (axis <= rank ? like.dim[axis]! : 1);
    const same = size.every((n, axis) => n === extent(axis + 1));
    if (same && extent(4) * extent(5) * extent(6) * extent(7) === channels) return like.dim;
  }
  return [channels > 1 ? 4 : 3, ...size, channels, 1, 1, 1];
}

function refuseNonFinite(data: VoxelArray, name: string): void {
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return;
  let [count, first] = [0, -1];
  for (let i = 0; i < data.length; i++)
    if (!Number.isFinite(data[i]!)) {
      if (count === 0) first = i;
      count++;
    }
  if (count > 0)
    fail("bad-data", {
      what: `${count} of ${data.length} voxels are not finite`,
      where: name,
      expected: "numbers",
      found: `${data[first]} at voxel ${first}`,
      fix: "Find out where they come from; nothing was written",
    });
}
