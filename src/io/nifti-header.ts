import { fail } from "../core/errors.js";

/**
 * The header of a NIfTI-1, NIfTI-2 or Analyze 7.5 file, fields named as in nifti1.h.
 * `raw` keeps the header's own bytes, so that writing like it loses nothing, not even unused fields.
 */
export interface NiftiHeader {
  readonly format: "nifti1" | "nifti2" | "analyze";
  /** True for `.hdr` with `.img` beside it, false for one `.nii`. */
  readonly pair: boolean;
  readonly littleEndian: boolean;
  readonly dim: readonly number[];
  readonly datatype: number;
  readonly bitpix: number;
  readonly pixdim: readonly number[];
  readonly voxOffset: number;
  readonly sclSlope: number;
  readonly sclInter: number;
  readonly xyztUnits: number;
  readonly intentCode: number;
  readonly intentName: string;
  readonly descrip: string;
  readonly qformCode: number;
  readonly sformCode: number;
  readonly quatern: readonly number[];
  readonly qoffset: readonly number[];
  readonly srow: readonly number[];
  readonly extensions: readonly NiftiExtension[];
  readonly raw: Uint8Array;
}

/** A block of extra bytes after the header; codes are those of nifti1_io.h (6 is a comment). */
export interface NiftiExtension {
  readonly code: number;
  readonly data: Uint8Array;
}

type FieldType = "u8" | "i16" | "i32" | "i64" | "f32" | "f64" | "text";
interface Field {
  readonly type: FieldType;
  readonly offset: number;
  readonly count: number;
}
type FieldName = Exclude<keyof NiftiHeader, "format" | "pair" | "littleEndian" | "extensions" | "raw">;

const f = (type: FieldType, offset: number, count = 1): Field => ({ type, offset, count });

/** Source: nifti1.h. */
const nifti1: Record<FieldName, Field> = {
  dim: f("i16", 40, 8),
  intentCode: f("i16", 68),
  datatype: f("i16", 70),
  bitpix: f("i16", 72),
  pixdim: f("f32", 76, 8),
  voxOffset: f("f32", 108),
  sclSlope: f("f32", 112),
  sclInter: f("f32", 116),
  xyztUnits: f("u8", 123),
  descrip: f("text", 148, 80),
  qformCode: f("i16", 252),
  sformCode: f("i16", 254),
  quatern: f("f32", 256, 3),
  qoffset: f("f32", 268, 3),
  srow: f("f32", 280, 12),
  intentName: f("text", 328, 16),
};

/** Source: nifti2.h. */
const nifti2: Record<FieldName, Field> = {
  datatype: f("i16", 12),
  bitpix: f("i16", 14),
  dim: f("i64", 16, 8),
  pixdim: f("f64", 104, 8),
  voxOffset: f("i64", 168),
  sclSlope: f("f64", 176),
  sclInter: f("f64", 184),
  descrip: f("text", 240, 80),
  qformCode: f("i32", 344),
  sformCode: f("i32", 348),
  quatern: f("f64", 352, 3),
  qoffset: f("f64", 376, 3),
  srow: f("f64", 400, 12),
  xyztUnits: f("i32", 500),
  intentCode: f("i32", 504),
  intentName: f("text", 508, 16),
};

/** Header length in bytes, before the four bytes that announce extensions. */
export const headerLength = { nifti1: 348, nifti2: 540, analyze: 348 } as const;

const magic = {
  nifti1: { single: "n+1\0", pair: "ni1\0" },
  nifti2: { single: "n+2\0", pair: "ni2\0" },
} as const;
/** NIfTI-2 follows its magic with the bytes that PNG uses to catch line-end conversion. */
const magicTail = [0x0d, 0x0a, 0x1a, 0x0a];

/** Decode a header. Throws `bad-file` naming the file when the bytes are not one. */
export function decodeHeader(bytes: Uint8Array, name: string): NiftiHeader {
  const { format, pair } = recognise(bytes, name);
  const length = headerLength[format];
  if (bytes.length < length)
    fail("bad-file", {
      what: "the file ends inside its header",
      where: name,
      expected: `${length} bytes`,
      found: `${bytes.length}`,
      fix: "Copy or download the file again",
    });
  const raw = copyBytes(bytes, 0, length);
  const view = new DataView(raw.buffer);
  const fields = format === "nifti2" ? nifti2 : nifti1;
  const littleEndian = byteOrder(view, fields.dim, name);
  const numbers = (name: FieldName): number[] => readNumbers(view, fields[name], littleEndian);
  const number = (name: FieldName): number => numbers(name)[0]!;
  const text = (name: FieldName): string => readText(raw, fields[name]);
  const nifti = format !== "analyze";
  return {
    format,
    pair,
    littleEndian,
    dim: numbers("dim"),
    datatype: number("datatype"),
    bitpix: number("bitpix"),
    pixdim: numbers("pixdim"),
    voxOffset: number("voxOffset"),
    sclSlope: number("sclSlope"),
    sclInter: number("sclInter"),
    // Analyze has other things in the places of what follows.
    xyztUnits: nifti ? number("xyztUnits") : 0,
    intentCode: nifti ? number("intentCode") : 0,
    intentName: nifti ? text("intentName") : "",
    descrip: text("descrip"),
    qformCode: nifti ? number("qformCode") : 0,
    sformCode: nifti ? number("sformCode") : 0,
    quatern: nifti ? numbers("quatern") : [0, 0, 0],
    qoffset: nifti ? numbers("qoffset") : [0, 0, 0],
    srow: nifti ? numbers("srow") : new Array<number>(12).fill(0),
    extensions: [],
    raw,
  };
}

/**
 * Encode a header with its extensions: all bytes of a `.hdr`, or of a `.nii` before its voxels.
 * An Analyze header comes out as NIfTI-1, which says the same and more.
 */
export function encodeHeader(header: NiftiHeader): Uint8Array<ArrayBuffer> {
  const format = header.format === "nifti2" ? "nifti2" : "nifti1";
  const length = headerLength[format];
  const extensionBytes = header.extensions.reduce((sum, e) => sum + extensionSize(e), 0);
  const bytes = new Uint8Array(length + 4 + extensionBytes);
  if (header.raw.length === length) bytes.set(header.raw);
  const view = new DataView(bytes.buffer);
  const { littleEndian } = header;
  view.setInt32(0, length, littleEndian);
  const fields = format === "nifti2" ? nifti2 : nifti1;
  for (const name of Object.keys(fields) as FieldName[])
    writeField(bytes, view, fields[name], header[name], littleEndian);
  const word = magic[format][header.pair ? "pair" : "single"];
  const place = format === "nifti2" ? 4 : 344;
  for (let i = 0; i < 4; i++) bytes[place + i] = word.charCodeAt(i);
  if (format === "nifti2") bytes.set(magicTail, 8);
  if (header.extensions.length > 0) bytes[length] = 1;
  let at = length + 4;
  for (const extension of header.extensions) {
    view.setInt32(at, extensionSize(extension), littleEndian);
    view.setInt32(at + 4, extension.code, littleEndian);
    bytes.set(extension.data, at + 8);
    at += extensionSize(extension);
  }
  return bytes;
}

/** The extensions between the header and `end` (the first voxel of a single file, the end of a `.hdr`). */
export function decodeExtensions(
  bytes: Uint8Array,
  header: NiftiHeader,
  end: number,
  name: string,
): NiftiExtension[] {
  const start = headerLength[header.format];
  if (header.format === "analyze" || bytes.length < start + 4 || bytes[start] === 0) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const extensions: NiftiExtension[] = [];
  let at = start + 4;
  while (at + 8 <= end) {
    const size = view.getInt32(at, header.littleEndian);
    if (size < 8 || at + size > end)
      fail("bad-file", {
        what: `header extension ${extensions.length + 1} does not fit the file`,
        where: name,
        expected: `between 8 and ${end - at} bytes at byte ${at}`,
        found: `${size}`,
        fix: "Write the file again without extensions",
      });
    extensions.push({
      code: view.getInt32(at + 4, header.littleEndian),
      data: copyBytes(bytes, at + 8, at + size),
    });
    at += size;
  }
  return extensions;
}

/** Length of an extension in a file: with its own eight bytes, rounded up to a multiple of 16. */
function extensionSize(extension: NiftiExtension): number {
  return Math.ceil((extension.data.length + 8) / 16) * 16;
}

/** A copy in a buffer of its own. (`slice` of a Node Buffer is a view.) */
export function copyBytes(bytes: Uint8Array, start: number, end: number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(end - start);
  copy.set(bytes.subarray(start, end));
  return copy;
}

function recognise(bytes: Uint8Array, name: string): Pick<NiftiHeader, "format" | "pair"> {
  const word = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4));
  for (const format of ["nifti1", "nifti2"] as const) {
    const found = word(format === "nifti2" ? 4 : 344);
    if (found === magic[format].single) return { format, pair: false };
    if (found === magic[format].pair) return { format, pair: true };
  }
  const size = bytes.length < 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true);
  const swapped = bytes.length < 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, false);
  if ((size === 348 || swapped === 348) && /\.(hdr|img)(\.gz)?$/i.test(name))
    return { format: "analyze", pair: true };
  const truncated = [size, swapped].some((n) => (n === 348 || n === 540) && bytes.length < n);
  return fail("bad-file", {
    what: truncated ? "the file ends inside its header" : "this is not a NIfTI file",
    where: name,
    expected: truncated
      ? `${size === 540 || swapped === 540 ? 540 : 348} bytes of header`
      : 'the letters "n+1" or "ni1" at byte 344 (NIfTI-1), or "n+2" or "ni2" at byte 4 (NIfTI-2)',
    found: truncated ? `${bytes.length}` : `${showBytes(bytes, 344)} at byte 344 of ${bytes.length}`,
    fix: truncated
      ? "Copy or download the file again"
      : "Check what the file is, or convert it with dcm2niix or nibabel",
  });
}

function showBytes(bytes: Uint8Array, at: number): string {
  const few = [...bytes.subarray(at, at + 4)];
  if (few.length === 0) return "nothing";
  return few.every((b) => b >= 32 && b < 127)
    ? `"${String.fromCharCode(...few)}"`
    : `bytes [${few.join(", ")}]`;
}

/** The order in which `dim[0]` is a number of dimensions: 1 to 7. */
function byteOrder(view: DataView, dim: Field, name: string): boolean {
  const little = readNumbers(view, dim, true)[0]!;
  const big = readNumbers(view, dim, false)[0]!;
  if (little >= 1 && little <= 7) return true;
  if (big >= 1 && big <= 7) return false;
  return fail("bad-file", {
    what: "the number of dimensions is impossible",
    where: name,
    expected: "dim[0] from 1 to 7",
    found: `${little} (or ${big} in the other byte order)`,
    fix: "The header is damaged: write the file again from its source",
  });
}

function readNumbers(view: DataView, { type, offset, count }: Field, littleEndian: boolean): number[] {
  const numbers: number[] = [];
  for (let i = 0; i < count; i++) {
    if (type === "i16") numbers.push(view.getInt16(offset + 2 * i, littleEndian));
    else if (type === "i32") numbers.push(view.getInt32(offset + 4 * i, littleEndian));
    else if (type === "i64") numbers.push(Number(view.getBigInt64(offset + 8 * i, littleEndian)));
    else if (type === "f32") numbers.push(view.getFloat32(offset + 4 * i, littleEndian));
    else if (type === "f64") numbers.push(view.getFloat64(offset + 8 * i, littleEndian));
    else numbers.push(view.getUint8(offset + i));
  }
  return numbers;
}

function readText(bytes: Uint8Array, { offset, count }: Field): string {
  const field = bytes.subarray(offset, offset + count);
  const end = field.indexOf(0);
  return new TextDecoder("latin1").decode(end < 0 ? field : field.subarray(0, end));
}

function writeField(
  bytes: Uint8Array,
  view: DataView,
  { type, offset, count }: Field,
  value: number | string | readonly number[],
  littleEndian: boolean,
): void {
  if (typeof value === "string") {
    // Bytes after a text's end are kept when the text is what stands there already.
    if (readText(bytes, { type, offset, count }) === value) return;
    bytes.fill(0, offset, offset + count);
    for (let i = 0; i < Math.min(value.length, count - 1); i++) bytes[offset + i] = value.charCodeAt(i) & 255;
    return;
  }
  const values = typeof value === "number" ? [value] : value;
  for (let i = 0; i < count; i++) {
    const x = values[i] ?? 0;
    if (type === "u8") view.setUint8(offset + i, x);
    else if (type === "i16") view.setInt16(offset + 2 * i, x, littleEndian);
    else if (type === "i32") view.setInt32(offset + 4 * i, x, littleEndian);
    else if (type === "i64") view.setBigInt64(offset + 8 * i, BigInt(x), littleEndian);
    else if (type === "f32") view.setFloat32(offset + 4 * i, x, littleEndian);
    else view.setFloat64(offset + 8 * i, x, littleEndian);
  }
}
