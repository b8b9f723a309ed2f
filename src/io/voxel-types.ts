import { fail } from "../core/errors.js";
import type { VoxelArray } from "../volume/volume.js";
import { copyBytes } from "./nifti-header.js";

/** How voxels are stored in a file. */
export type StoredType =
  | "int8"
  | "uint8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "uint64"
  | "float32"
  | "float64";

interface StoredTypeInfo {
  /** NIfTI's datatype code. */
  readonly code: number;
  readonly bytes: number;
  /** The integers it holds; absent for floating point. */
  readonly range?: readonly [number, number];
}

export const storedTypes: Record<StoredType, StoredTypeInfo> = {
  uint8: { code: 2, bytes: 1, range: [0, 255] },
  int16: { code: 4, bytes: 2, range: [-32768, 32767] },
  int32: { code: 8, bytes: 4, range: [-2147483648, 2147483647] },
  float32: { code: 16, bytes: 4 },
  float64: { code: 64, bytes: 8 },
  int8: { code: 256, bytes: 1, range: [-128, 127] },
  uint16: { code: 512, bytes: 2, range: [0, 65535] },
  uint32: { code: 768, bytes: 4, range: [0, 4294967295] },
  int64: { code: 1024, bytes: 8, range: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER] },
  uint64: { code: 1280, bytes: 8, range: [0, Number.MAX_SAFE_INTEGER] },
};

/** Datatypes that a file may name and that hold more than one number a voxel, or numbers nobody computes with. */
const refused: Record<number, string> = {
  1: "one bit a voxel",
  32: "complex numbers (2 x float32)",
  128: "colours (RGB)",
  1536: "128-bit floating point",
  1792: "complex numbers (2 x float64)",
  2048: "complex numbers (2 x float128)",
  2304: "colours (RGBA)",
};

/** The stored type of a NIfTI datatype code; throws `unsupported` for complex, colour and 128-bit voxels. */
export function storedTypeOf(code: number, name: string): StoredType {
  for (const [type, info] of Object.entries(storedTypes)) if (info.code === code) return type as StoredType;
  const known = refused[code];
  return fail(known === undefined ? "bad-file" : "unsupported", {
    what:
      known === undefined
        ? `the datatype code ${code} does not exist`
        : `the voxels are ${known}, not one real number each`,
    where: name,
    expected: "integers of 8 to 64 bits, float32 or float64",
    found: `datatype ${code}`,
    fix:
      known === undefined
        ? "The header is damaged: write the file again from its source"
        : "Convert it to one number a voxel (magnitude, luminance or a label) first, for example with nibabel",
  });
}

/** The stored type that holds an array's elements as they are. */
export function storedTypeOfArray(data: VoxelArray): StoredType {
  if (data instanceof Float32Array) return "float32";
  if (data instanceof Float64Array) return "float64";
  if (data instanceof Uint8Array) return "uint8";
  if (data instanceof Uint16Array) return "uint16";
  if (data instanceof Int16Array) return "int16";
  return "int32";
}

/** True when this machine stores the low byte first. */
const hostLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Reverse the bytes of every element, in place. */
function swapBytes(bytes: Uint8Array, width: number): void {
  for (let at = 0; at + width <= bytes.length; at += width)
    for (let low = at, high = at + width - 1; low < high; low++, high--) {
      const byte = bytes[low]!;
      bytes[low] = bytes[high]!;
      bytes[high] = byte;
    }
}

/**
 * Voxels from bytes, in the narrowest array of `VoxelArray` that holds the stored type exactly: int8 becomes
 * int16, uint32 and the 64-bit integers become float64 (which holds integers up to 2^53; larger ones throw
 * `bad-data` rather than being rounded).
 */
export function decodeVoxels(
  bytes: Uint8Array,
  offset: number,
  count: number,
  type: StoredType,
  littleEndian: boolean,
  name: string,
): VoxelArray {
  const width = storedTypes[type].bytes;
  const own = copyBytes(bytes, offset, offset + count * width);
  if (littleEndian !== hostLittleEndian && width > 1) swapBytes(own, width);
  switch (type) {
    case "uint8":
      return own;
    case "int8":
      return Int16Array.from(new Int8Array(own.buffer));
    case "int16":
      return new Int16Array(own.buffer);
    case "uint16":
      return new Uint16Array(own.buffer);
    case "int32":
      return new Int32Array(own.buffer);
    case "uint32":
      return Float64Array.from(new Uint32Array(own.buffer));
    case "float32":
      return new Float32Array(own.buffer);
    case "float64":
      return new Float64Array(own.buffer);
    case "int64":
      return exactDoubles(new BigInt64Array(own.buffer), name);
    case "uint64":
      return exactDoubles(new BigUint64Array(own.buffer), name);
  }
}

function exactDoubles(stored: BigInt64Array | BigUint64Array, name: string): Float64Array {
  const data = new Float64Array(stored.length);
  for (let i = 0; i < data.length; i++) {
    const x = Number(stored[i]!);
    if (!Number.isSafeInteger(x))
      fail("bad-data", {
        what: `voxel ${i} is a 64-bit integer too large to be held exactly`,
        where: name,
        expected: "integers up to 2^53",
        found: `${stored[i]}`,
        fix: "Convert the file to float64 or to smaller integers first",
      });
    data[i] = x;
  }
  return data;
}

/** How stored numbers become values: `value = stored * slope + inter`. */
export interface Scaling {
  readonly slope: number;
  readonly inter: number;
  /** Chosen to span the data, so that values are rounded to the nearest step. */
  readonly fitted?: true;
}

export const noScaling: Scaling = { slope: 1, inter: 0 };

/**
 * Write voxels into `bytes` as the stored type, `stored = (value - inter) / slope`.
 * Throws `bad-data` when a value has no place in an integer type (off by more than a hundredth of a step, or
 * out of range), rather than rounding or clipping it; a fitted scaling rounds.
 */
export function encodeVoxels(
  data: VoxelArray,
  bytes: Uint8Array<ArrayBuffer>,
  offset: number,
  type: StoredType,
  littleEndian: boolean,
  scaling: Scaling,
  name: string,
): void {
  const { slope, inter } = scaling;
  const { bytes: width, range } = storedTypes[type];
  // A file's voxels may start at any byte, so elements are built apart and copied in.
  const stored = elements(type, data.length);
  const plain = slope === 1 && inter === 0;
  if (stored instanceof BigInt64Array || stored instanceof BigUint64Array) {
    for (let i = 0; i < data.length; i++)
      stored[i] = BigInt(toInteger(data[i]!, scaling, range!, type, i, name));
  } else if (range === undefined || (plain && storedTypeOfArray(data) === type)) {
    if (plain) stored.set(data);
    else for (let i = 0; i < data.length; i++) stored[i] = (data[i]! - inter) / slope;
  } else {
    for (let i = 0; i < data.length; i++) stored[i] = toInteger(data[i]!, scaling, range, type, i, name);
  }
  const own = new Uint8Array(stored.buffer);
  if (littleEndian !== hostLittleEndian && width > 1) swapBytes(own, width);
  bytes.set(own, offset);
}

function toInteger(
  value: number,
  { slope, inter, fitted }: Scaling,
  range: readonly [number, number],
  type: StoredType,
  index: number,
  name: string,
): number {
  const exact = (value - inter) / slope;
  const nearest = Math.round(exact);
  // The last step of a fitted range may fall just outside it: slopes are kept in float32.
  if (fitted) return Math.min(range[1], Math.max(range[0], nearest));
  // The comparison is written so that NaN fails it.
  if (!(Math.abs(exact - nearest) <= 1e-2 && nearest >= range[0] && nearest <= range[1]))
    fail("bad-data", {
      what: `voxel ${index} cannot be stored as ${type}${slope === 1 && inter === 0 ? "" : ` with slope ${slope} and intercept ${inter}`}`,
      where: name,
      expected: `whole numbers from ${range[0]} to ${range[1]}`,
      found: slope === 1 && inter === 0 ? `${value}` : `${value}, stored ${exact}`,
      fix: 'Store it as float32 (dtype: "float32"), or let the range be fitted (scaling: "fit")',
    });
  return nearest;
}

function elements(type: StoredType, count: number) {
  switch (type) {
    case "int8":
      return new Int8Array(count);
    case "uint8":
      return new Uint8Array(count);
    case "int16":
      return new Int16Array(count);
    case "uint16":
      return new Uint16Array(count);
    case "int32":
      return new Int32Array(count);
    case "uint32":
      return new Uint32Array(count);
    case "int64":
      return new BigInt64Array(count);
    case "uint64":
      return new BigUint64Array(count);
    case "float32":
      return new Float32Array(count);
    case "float64":
      return new Float64Array(count);
  }
}
