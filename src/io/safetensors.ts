import { fail } from "../core/errors.js";
import { type DType, type DTypeArrays, showShape, sizeOf, type Tensor, tensor } from "../core/tensor.js";
import type { FileSystem } from "./files.js";

/** Tensors by name, and texts about them. */
export interface TensorFile {
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly metadata: Readonly<Record<string, string>>;
}

const codes = {
  float32: "F32",
  float64: "F64",
  int32: "I32",
  int64: "I64",
  uint8: "U8",
  bool: "BOOL",
} as const;
const widths: Record<DType, number> = { float32: 4, float64: 8, int32: 4, int64: 8, uint8: 1, bool: 1 };

/** The format's own limit for its JSON header. */
const largestHeader = 100_000_000;

/**
 * Encode tensors as a safetensors file: eight bytes of header length, a JSON header, the data, little-endian.
 * Wider elements come first, so that every tensor lies at a multiple of its width; otherwise order is kept, and
 * the same tensors give the same bytes. Source: the format description of huggingface/safetensors.
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const entries = Object.entries(tensors).sort(([, a], [, b]) => widths[b.dtype] - widths[a.dtype]);
  const header: [string, unknown][] = Object.keys(metadata).length > 0 ? [["__metadata__", metadata]] : [];
  let length = 0;
  for (const [name, { dtype, shape, data }] of entries) {
    if (name === "__metadata__" || data.length !== sizeOf(shape))
      fail("bad-argument", {
        what: `the tensor "${name}" cannot be written`,
        expected:
          name === "__metadata__" ? "another name" : `${sizeOf(shape)} elements for ${showShape(shape)}`,
        found: name === "__metadata__" ? "the name that the format keeps for itself" : `${data.length}`,
      });
    const end = length + data.length * widths[dtype];
    header.push([name, { dtype: codes[dtype], shape, data_offsets: [length, end] }]);
    length = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerBytes + length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.fill(0x20, 8, 8 + headerBytes);
  bytes.set(json, 8);
  let at = 8 + headerBytes;
  for (const [, { data }] of entries) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/** Decode a safetensors file. Throws `bad-file` naming the file and the tensor when lengths do not fit. */
export function decodeSafetensors(bytes: Uint8Array, name: string): TensorFile {
  const bad = (what: string, expected: string, found: string): never =>
    fail("bad-file", { what, where: name, expected, found, fix: "Copy the file again, or save it anew" });
  const headerLength = headerLengthOf(bytes, name);
  if (8 + headerLength > bytes.length) refuseShort(headerLength, bytes, name);
  const data = bytes.subarray(8 + headerLength);
  const header = parseHeader(bytes.subarray(8, 8 + headerLength), name);
  const tensors: [string, Tensor][] = [];
  const spans: [number, number, string][] = [];
  for (const [key, value] of Object.entries(header)) {
    if (key === "__metadata__") continue;
    const { dtype, shape, start, end } = tensorEntry(key, value, data.length, name);
    const own = new Uint8Array(end - start);
    own.set(data.subarray(start, end));
    tensors.push([key, tensor(dtype, shape, view(dtype, own))]);
    spans.push([start, end, key]);
  }
  let at = 0;
  for (const [start, end, key] of spans.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    if (start !== at)
      bad(`the tensor "${key}" is not where the one before it ends`, `byte ${at}`, `byte ${start}`);
    at = end;
  }
  if (at !== data.length) bad("the tensors do not fill the file", `${at} bytes of data`, `${data.length}`);
  return { tensors: Object.fromEntries(tensors), metadata: metadataOf(header) };
}

/** The texts about the tensors of a file, from its header alone. Throws `bad-file` for a file that is none. */
export async function peekSafetensors(
  files: Pick<FileSystem, "read">,
  path: string,
): Promise<TensorFile["metadata"]> {
  const headerLength = headerLengthOf(await files.read(path, 8), path);
  const bytes = await files.read(path, 8 + headerLength);
  if (8 + headerLength > bytes.length) refuseShort(headerLength, bytes, path);
  return metadataOf(parseHeader(bytes.subarray(8, 8 + headerLength), path));
}

function metadataOf({ __metadata__: texts = {} }: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(texts as object).map(([key, value]) => [key, String(value)]));
}

function headerLengthOf(bytes: Uint8Array, name: string): number {
  if (bytes.length < 8)
    fail("bad-file", {
      what: "the file ends inside its header",
      where: name,
      expected: "at least 8 bytes",
      found: `${bytes.length}`,
      fix: "Copy the file again, or save it anew",
    });
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > largestHeader) refuseShort(length, bytes, name);
  return length;
}

function refuseShort(headerLength: number, bytes: Uint8Array, name: string): never {
  return fail("bad-file", {
    what: "this is no safetensors file, or it ends inside its header",
    where: name,
    expected: `${8 + headerLength} bytes`,
    found: `${bytes.length}`,
    fix: "Copy the file again, or save it anew",
  });
}

function parseHeader(json: Uint8Array, name: string): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json));
  } catch (cause) {
    fail("bad-file", {
      what: "the header is not JSON",
      where: name,
      expected: "a safetensors file",
      found: cause instanceof Error ? cause.message : String(cause),
      fix: "Copy the file again, or save it anew",
      cause,
    });
  }
  const metadata = isRecord(header) ? header.__metadata__ : undefined;
  if (!isRecord(header) || (metadata !== undefined && !isRecord(metadata)))
    fail("bad-file", {
      what: "the header is no table of tensors",
      where: name,
      expected: 'a JSON object, and one in "__metadata__"',
      fix: "Save the file anew",
    });
  return header;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function tensorEntry(key: string, value: unknown, available: number, name: string) {
  const { dtype, shape, data_offsets: offsets } = isRecord(value) ? value : {};
  const known = (Object.entries(codes) as [DType, string][]).find(([, code]) => code === dtype)?.[0];
  const isLength = (x: unknown): x is number => typeof x === "number" && Number.isSafeInteger(x) && x >= 0;
  const extents = Array.isArray(shape) && shape.every(isLength) ? shape : undefined;
  const span =
    Array.isArray(offsets) && offsets.length === 2 && offsets.every(isLength) ? offsets : undefined;
  if (known === undefined)
    fail(typeof dtype === "string" ? "unsupported" : "bad-file", {
      what: `the tensor "${key}" has an element type that is not read`,
      where: name,
      expected: Object.values(codes).join(", "),
      found: String(dtype),
      fix: "Convert it to F32 first",
    });
  if (extents === undefined || span === undefined)
    fail("bad-file", {
      what: `the entry of the tensor "${key}" is incomplete`,
      where: name,
      expected: "a shape and data_offsets [begin, end]",
      found: JSON.stringify(value).slice(0, 120),
      fix: "Save the file anew",
    });
  const [start, end] = span as [number, number];
  const bytes = sizeOf(extents) * widths[known];
  if (end - start !== bytes || end > available)
    fail("bad-file", {
      what: `the data of the tensor "${key}" does not fit`,
      where: name,
      expected: `${bytes} bytes for ${codes[known]} ${showShape(extents)}, before the file ends at ${available}`,
      found: `bytes ${start} to ${end}`,
      fix: "Copy the file again, or save it anew",
    });
  return { dtype: known, shape: extents, start, end };
}

function view(dtype: DType, own: Uint8Array<ArrayBuffer>): DTypeArrays[DType] {
  switch (dtype) {
    case "float32":
      return new Float32Array(own.buffer);
    case "float64":
      return new Float64Array(own.buffer);
    case "int32":
      return new Int32Array(own.buffer);
    case "int64":
      return new BigInt64Array(own.buffer);
    case "uint8":
    case "bool":
      return own;
  }
}
