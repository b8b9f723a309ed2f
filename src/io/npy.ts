import { unzipSync, zipSync } from "fflate";
import { fail, GyrusError } from "../core/errors.js";
import { type DType, type DTypeArrays, type Shape, sizeOf, type Tensor, tensor } from "../core/tensor.js";

/** Types as NumPy writes them, and what they become: small integers have no type of their own here. */
const readable: Readonly<
  Record<string, { readonly dtype: DType; readonly get: string; readonly width: number }>
> = {
  f4: { dtype: "float32", get: "getFloat32", width: 4 },
  f8: { dtype: "float64", get: "getFloat64", width: 8 },
  i1: { dtype: "int32", get: "getInt8", width: 1 },
  u1: { dtype: "uint8", get: "getUint8", width: 1 },
  b1: { dtype: "bool", get: "getUint8", width: 1 },
  i2: { dtype: "int32", get: "getInt16", width: 2 },
  u2: { dtype: "int32", get: "getUint16", width: 2 },
  i4: { dtype: "int32", get: "getInt32", width: 4 },
  u4: { dtype: "float64", get: "getUint32", width: 4 },
  i8: { dtype: "int64", get: "getBigInt64", width: 8 },
};

const written: Readonly<Record<DType, string>> = {
  float32: "<f4",
  float64: "<f8",
  int32: "<i4",
  int64: "<i8",
  uint8: "|u1",
  bool: "|b1",
};

/**
 * Parse a NumPy `.npy` file (format versions 1 to 3) into a row-major tensor. 8- and 16-bit integers become int32,
 * unsigned 32-bit ones float64. Throws `bad-file` for damaged files, `unsupported` for other types.
 */
export function parseNpy(bytes: Uint8Array, name: string): Tensor {
  const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
  if (bytes.length < 12 || magic.some((byte, n) => bytes[n] !== byte))
    fail("bad-file", {
      what: "this is no NumPy file",
      where: name,
      expected: "the six bytes that begin every .npy",
      found: `${bytes.length} bytes that begin otherwise`,
    });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = bytes[6]! > 1;
  const start = wide ? 12 : 10;
  const headerLength = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const header = new TextDecoder().decode(bytes.subarray(start, start + headerLength));
  const [, order, code] = /'descr'\s*:\s*'([<>|=]?)(\w+)'/.exec(header) ?? [];
  const fortran = /'fortran_order'\s*:\s*(True|False)/.exec(header)?.[1];
  const extents = /'shape'\s*:\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  if (code === undefined || fortran === undefined || extents === undefined)
    fail("bad-file", {
      what: "the header of the NumPy file is not understood",
      where: name,
      expected: "a dictionary with descr, fortran_order and shape, descr a plain type",
      found: JSON.stringify(header.trim().slice(0, 80)),
    });
  const type = readable[code];
  if (type === undefined)
    fail("unsupported", {
      what: "the NumPy file's type is not read",
      where: name,
      expected: Object.keys(readable).join(", "),
      found: code,
      fix: "Save it as float32: numpy.save(path, array.astype('float32'))",
    });
  const shape = extents
    .split(",")
    .filter((part) => part.trim() !== "")
    .map(Number);
  const count = sizeOf(shape);
  const from = start + headerLength;
  if (bytes.length !== from + count * type.width)
    fail("bad-file", {
      what:
        bytes.length < from + count * type.width ? "the NumPy file ends early" : "the NumPy file is too long",
      where: name,
      expected: `${from + count * type.width} bytes for an array of ${shape.join("x")}`,
      found: `${bytes.length}`,
      fix: "Copy the file again",
    });
  const arrays = { float32: Float32Array, float64: Float64Array, int32: Int32Array, int64: BigInt64Array };
  const data = new { ...arrays, uint8: Uint8Array, bool: Uint8Array }[type.dtype](count);
  const get = view[type.get as "getFloat32"].bind(view);
  for (let n = 0; n < count; n++) data[n] = get(from + n * type.width, order !== ">");
  return tensor(type.dtype, shape, fortran === "True" ? rowMajor(data, shape) : data) as Tensor;
}

/** First axis fastest to last axis fastest. */
function rowMajor<T extends DTypeArrays[DType]>(data: T, shape: Shape): T {
  const out = data.slice() as T;
  const position = shape.map(() => 0);
  const strides = shape.map((_, axis) => sizeOf(shape.slice(0, axis)));
  for (let n = 0; n < data.length; n++) {
    let at = 0;
    for (let axis = 0; axis < shape.length; axis++) at += position[axis]! * strides[axis]!;
    out[n] = data[at]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      position[axis] = position[axis]! + 1;
      if (position[axis]! < shape[axis]!) break;
      position[axis] = 0;
    }
  }
  return out;
}

/** A tensor as a NumPy `.npy` file, format version 1, little-endian. */
export function encodeNpy({ dtype, shape, data }: Tensor): Uint8Array {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '${written[dtype]}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64;
  const bytes = new Uint8Array(length + data.byteLength);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
  new DataView(bytes.buffer).setUint16(8, length - 10, true);
  bytes.set(new TextEncoder().encode(`${text.padEnd(length - 11)}\n`), 10);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), length);
  return bytes;
}

/** The arrays of a NumPy `.npz` archive by name. Throws `bad-file`, `unsupported`. */
export function parseNpz(bytes: Uint8Array, name: string): Record<string, Tensor> {
  let entries: Record<string, Uint8Array>;
  try {
    entries = unzipSync(bytes);
  } catch (cause) {
    throw new GyrusError("bad-file", {
      what: "the .npz archive is damaged or ends early",
      where: name,
      found: cause instanceof Error ? cause.message : String(cause),
      fix: "Copy the file again",
      cause,
    });
  }
  return Object.fromEntries(
    Object.entries(entries).map(([entry, content]) => [
      entry.replace(/\.npy$/, ""),
      parseNpy(content, `${name}: ${entry}`),
    ]),
  );
}

/** Arrays as a NumPy `.npz` archive, compressed; the same arrays give the same bytes. */
export function encodeNpz(arrays: Readonly<Record<string, Tensor>>): Uint8Array {
  const entries = Object.entries(arrays).map(([name, array]) => [`${name}.npy`, encodeNpy(array)] as const);
  return zipSync(Object.fromEntries(entries), { mtime: "1980-01-01T00:00:00" });
}
