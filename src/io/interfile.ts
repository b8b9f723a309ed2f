import { fail, GyrusError } from "../core/errors.js";
import { baseName, type FileSystem, folderOf, joinPath } from "./files.js";
import { type InterfileHeader, parseInterfileHeader } from "./interfile-header.js";
import { type SinogramLayout, sinogramLayout } from "./interfile-layout.js";

/** A file of sinograms. */
export interface InterfileSinograms extends SinogramLayout {
  readonly header: InterfileHeader;
  /** `[segment, slice, view, bin]`, whatever the order in the file; the first timing position first. */
  readonly data: Float32Array;
}

/** Read a header and its numbers, `.s` or `.s.gz` beside it. Throws `bad-file`, `unsupported`, `not-found`. */
export async function readInterfileFrom(files: FileSystem, path: string): Promise<InterfileSinograms> {
  const header = parseInterfileHeader(new TextDecoder().decode(await files.read(path)), path);
  const layout = sinogramLayout(header, path);
  const stored = await storedBytes(files, path, header);
  const slices = layout.slicesPerSegment.reduce((sum, n) => sum + n, 0);
  const count = slices * layout.views * layout.bins * layout.timingPositions;
  const expected = header.offsetBytes + count * header.bytesPerNumber;
  if (stored.bytes.length !== expected)
    fail("bad-file", {
      what: stored.bytes.length < expected ? "the sinogram file ends early" : "the sinogram file is too long",
      where: stored.path,
      expected: `${expected} bytes: ${slices} sinogram(s) of ${layout.views} views and ${layout.bins} bins, ${header.bytesPerNumber} bytes a number, as ${baseName(path)} says`,
      found: `${stored.bytes.length}`,
      fix: "Copy the file again, or correct the header",
    });
  const numbers = decode(stored.bytes.subarray(header.offsetBytes), header, count);
  return { ...layout, header, data: layout.order === "by view" ? bySinogram(numbers, layout) : numbers };
}

async function storedBytes(
  files: FileSystem,
  path: string,
  { dataFile }: InterfileHeader,
): Promise<{ readonly path: string; readonly bytes: Uint8Array }> {
  if (baseName(dataFile) === baseName(path))
    fail("bad-file", {
      what: "the header names itself as its data: it is a template of a scanner",
      where: path,
      expected: "name of data file := a file of numbers",
      found: dataFile,
    });
  const own = /^([/\\]|[a-z]:)/i.test(dataFile) ? dataFile : joinPath(folderOf(path), dataFile);
  try {
    return { path: own, bytes: await files.read(own) };
  } catch (error) {
    if (!(error instanceof GyrusError && error.kind === "not-found")) throw error;
    const packed = await files.read(`${own}.gz`).catch(() => {
      throw error;
    });
    return { path: `${own}.gz`, bytes: await files.gzip.expand(packed, `${own}.gz`) };
  }
}

function decode(bytes: Uint8Array, header: InterfileHeader, count: number): Float32Array {
  const { format, bytesPerNumber: width, littleEndian, scale } = header;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const name = `${format === "float" ? "Float" : format === "signed integer" ? "Int" : "Uint"}${8 * width}`;
  const get = view[`get${name}` as "getFloat32"].bind(view);
  const out = new Float32Array(count);
  for (let n = 0; n < count; n++) out[n] = get(n * width, littleEndian) * scale;
  return out;
}

/** Views before slices in the file, slices before views in memory. */
function bySinogram(
  numbers: Float32Array,
  { views, bins, slicesPerSegment, timingPositions }: SinogramLayout,
): Float32Array {
  const out = new Float32Array(numbers.length);
  let from = 0;
  for (let t = 0; t < timingPositions; t++)
    for (const slices of slicesPerSegment) {
      for (let view = 0; view < views; view++)
        for (let slice = 0; slice < slices; slice++) {
          const at = from + (view * slices + slice) * bins;
          out.set(numbers.subarray(at, at + bins), from + (slice * views + view) * bins);
        }
      from += slices * views * bins;
    }
  return out;
}

/**
 * Sinograms to write: slices of ring difference 0 on evenly spaced bins, the scanner's axis in bin `bins / 2`, rounded
 * down, in the scanner's own directions (`sinogramsToWrite` of `sim/pet` turns them).
 */
export interface SinogramsToWrite {
  readonly views: number;
  readonly bins: number;
  readonly binSizeMm: number;
  readonly startDegrees?: number;
  readonly slices: number;
  readonly sliceSpacingMm: number;
  readonly durationS?: number;
  /** `[slice, view, bin]`. */
  readonly data: Float32Array;
}

/**
 * Write sinograms as STIR does: a header `path` (.hs) and float32 numbers beside it (.s). Throws `bad-argument` for
 * another name, `shape`, `disk`.
 */
export async function writeInterfileTo(
  files: FileSystem,
  path: string,
  sinograms: SinogramsToWrite,
): Promise<void> {
  if (!/\.hs$/i.test(path))
    fail("bad-argument", {
      what: "the name does not end as an Interfile header's",
      where: path,
      expected: "a name that ends in .hs",
      fix: "The numbers go into a file of the same name that ends in .s",
    });
  const { views, bins, slices, data } = sinograms;
  if (data.length !== slices * views * bins)
    fail("shape", {
      what: "the number of bins does not fit the sinograms",
      expected: `${slices * views * bins} for ${slices} of ${views} views and ${bins} bins`,
      found: `${data.length}`,
    });
  const numbers = path.replace(/\.hs$/i, ".s");
  const bytes = new Uint8Array(4 * data.length);
  const view = new DataView(bytes.buffer);
  for (let n = 0; n < data.length; n++) view.setFloat32(4 * n, data[n]!, true);
  await files.write(numbers, bytes);
  await files.write(path, new TextEncoder().encode(headerText(sinograms, baseName(numbers))));
}

function headerText(sinograms: SinogramsToWrite, dataFile: string): string {
  const { views, bins, binSizeMm, startDegrees = 0, slices, sliceSpacingMm, durationS } = sinograms;
  const cm = (mm: number): string => `${Number((mm / 10).toPrecision(9))}`;
  return [
    "!INTERFILE :=",
    "!imaging modality := PT",
    `name of data file := ${dataFile}`,
    "originating system := Gyrus simulation",
    "!version of keys := STIR4.0",
    "!GENERAL DATA :=",
    "patient orientation := head_in",
    "patient rotation := supine",
    "!GENERAL IMAGE DATA :=",
    "!type of data := PET",
    "imagedata byte order := LITTLEENDIAN",
    "!PET STUDY (General) :=",
    "!PET data type := Emission",
    "applied corrections := {arc correction}",
    "!number format := float",
    "!number of bytes per pixel := 4",
    "number of dimensions := 4",
    "matrix axis label [4] := segment",
    "!matrix size [4] := 1",
    "matrix axis label [3] := axial coordinate",
    `!matrix size [3] := { ${slices}}`,
    "matrix axis label [2] := view",
    `!matrix size [2] := ${views}`,
    "matrix axis label [1] := tangential coordinate",
    `!matrix size [1] := ${bins}`,
    "minimum ring difference per segment := { 0}",
    "maximum ring difference per segment := { 0}",
    "Scanner parameters :=",
    "Scanner type := unknown",
    `Number of rings := ${slices}`,
    `Number of detectors per ring := ${2 * views}`,
    `Inner ring diameter (cm) := ${cm(Math.max(810, 1.1 * bins * binSizeMm))}`,
    "Average depth of interaction (cm) := 0",
    `Distance between rings (cm) := ${cm(sliceSpacingMm)}`,
    `Default bin size (cm) := ${cm(binSizeMm)}`,
    `View offset (degrees) := ${startDegrees}`,
    `Maximum number of non-arc-corrected bins := ${bins}`,
    `Default number of arc-corrected bins := ${bins}`,
    "end scanner parameters :=",
    `effective central bin size (cm) := ${cm(binSizeMm)}`,
    "image scaling factor[1] := 1",
    "data offset in bytes[1] := 0",
    "number of time frames := 1",
    ...(durationS === undefined
      ? []
      : [`image duration (sec)[1] := ${durationS}`, "image relative start time (sec)[1] := 0"]),
    "!END OF INTERFILE :=",
    "",
  ].join("\n");
}
