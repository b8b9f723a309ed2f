import { fail } from "../../core/errors.js";
import type { Tensor } from "../../core/tensor.js";
import { baseName, type FileSystem } from "../../io/files.js";
import { type InterfileSinograms, readInterfileFrom, type SinogramsToWrite } from "../../io/interfile.js";
import { parseNpy, parseNpz } from "../../io/npy.js";
import { arcCorrect, evenBinsOf } from "./arc.js";
import { requireContents, type SinogramContents } from "./contents.js";
import { axisBinOf, checkedGeometry, type PetGeometry } from "./geometry.js";

/** Sinograms of neighbouring slices, and what their file says about the scanner. */
export interface SinogramStack {
  readonly views: number;
  readonly bins: number;
  readonly slices: number;
  readonly startDegrees: number;
  /** See `PetGeometry`. */
  readonly axisBin?: number;
  readonly binSizeMm?: number;
  readonly sliceSpacingMm?: number;
  /** `[slice, view, bin]`. */
  readonly data: Float32Array;
}

/** How sinogram files end, for messages. */
export const sinogramEndings = ".hs (Interfile), .npy, .npz";

/**
 * Read sinograms: Interfile (`.hs`, the segment of ring difference 0), NumPy `.npy` or `.npz` (one array) of
 * `[view, bin]` or `[slice, view, bin]`. What an Interfile header says about the patient's position is used to turn
 * the sinograms so that x runs to the patient's right, y to the front and slices upwards; NumPy's are taken to be so.
 * Times of flight are added up; bins that crowd towards the edge are arc-corrected. Throws `bad-data` for numbers that
 * the contents cannot hold, `unsupported` for SPECT and what the readers throw.
 */
export async function readSinogramsFrom(
  files: FileSystem,
  path: string,
  contents: SinogramContents = "corrected",
): Promise<SinogramStack> {
  const name = baseName(path).toLowerCase();
  if (name.endsWith(".hs")) return fromInterfile(files, path, contents);
  if (name.endsWith(".npy")) return fromArray(parseNpy(await files.read(path), path), path, contents);
  if (name.endsWith(".npz")) {
    const arrays = Object.entries(parseNpz(await files.read(path), path));
    if (arrays.length !== 1)
      fail("bad-data", {
        what: "the archive does not say which of its arrays are the sinograms",
        where: path,
        expected: "one array",
        found: arrays.map(([key]) => key).join(", ") || "none",
      });
    return fromArray(arrays[0]![1], path, contents);
  }
  return fail("unsupported", {
    what: "this is no format that sinograms are read from",
    where: path,
    expected: sinogramEndings,
    ...(name.endsWith(".s") ? { fix: "Give the header, which ends in .hs" } : {}),
  });
}

async function fromInterfile(
  files: FileSystem,
  path: string,
  contents: SinogramContents,
): Promise<SinogramStack> {
  const file = await readInterfileFrom(files, path);
  if (file.modality === "spect" || file.extentDegrees !== 180)
    fail("unsupported", {
      what: "SPECT projections cannot be reconstructed",
      where: path,
      expected: "PET sinograms over 180 degrees",
      found: `${file.views} projections over ${file.extentDegrees} degrees`,
    });
  const { views, bins, directSegment, startDegrees, axisBin } = file;
  const stack = {
    views,
    bins,
    slices: file.slicesPerSegment[directSegment]!,
    startDegrees,
    axisBin,
    ...(file.binSizeMm === undefined ? {} : { binSizeMm: file.binSizeMm }),
    ...(file.sliceSpacingMm === undefined ? {} : { sliceSpacingMm: file.sliceSpacingMm }),
    data: directSinograms(file),
  };
  requireContents(stack, contents, path);
  return turned(file.evenBins ? stack : evened(stack, file, path, contents), turnOf(file, path));
}

/** The segment of ring difference 0, times of flight added up. */
function directSinograms(file: InterfileSinograms): Float32Array {
  const { views, bins, slicesPerSegment, directSegment, timingPositions, data } = file;
  const before = slicesPerSegment.slice(0, directSegment).reduce((sum, n) => sum + n, 0);
  const from = before * views * bins;
  const size = slicesPerSegment[directSegment]! * views * bins;
  if (timingPositions === 1) return data.slice(from, from + size);
  const out = new Float32Array(size);
  for (let t = 0, at = from; t < timingPositions; t++, at += data.length / timingPositions)
    for (let n = 0; n < size; n++) out[n] = out[n]! + data[at + n]!;
  return out;
}

function evened(
  stack: SinogramStack,
  { ring, axisBin }: InterfileSinograms,
  path: string,
  contents: SinogramContents,
): SinogramStack {
  if (ring === undefined || stack.binSizeMm === undefined)
    fail("unsupported", {
      what: "sinograms that are not arc-corrected need their ring: bins crowd towards its edge",
      where: path,
      expected:
        "applied corrections := {arc correction}, or inner ring diameter, average depth of interaction and number of detectors per ring",
      fix: "Add what is known of the scanner to the header",
    });
  const of = { ...ring, bins: stack.bins, axisBin };
  const even = evenBinsOf(of, stack.binSizeMm);
  const kind = contents === "fractions" || contents === "efficiencies" ? "factors" : "counts";
  return { ...stack, ...even, data: arcCorrect(stack.data, of, even, kind) };
}

/** What turns a file's directions into the patient's: right, front, up. */
interface Turn {
  readonly bins: boolean;
  readonly views: boolean;
  readonly slices: boolean;
}

/**
 * Interfile's x runs to the right and y down as one faces the scanner's bed, z out along the bed (STIR's user's guide).
 * A view at φ looks along `x·cos φ + y·sin φ = s` in these too: so both axes turned round turn the bins round, one of
 * them mirrors the angle.
 */
function turnOf({ orientation, rotation }: InterfileSinograms, path: string): Turn {
  if (!/^(head_in|feet_in)$/.test(orientation) || !/^(supine|prone)$/.test(rotation))
    fail("unsupported", {
      what: "sinograms of a patient in this position are not read",
      where: path,
      expected: "patient orientation := head_in or feet_in, patient rotation := supine or prone",
      found: `${orientation}, ${rotation}`,
    });
  const headIn = orientation === "head_in";
  const supine = rotation === "supine";
  return { bins: headIn === supine, views: !headIn, slices: headIn };
}

function turned(stack: SinogramStack, turn: Turn): SinogramStack {
  const { views, bins, slices, startDegrees } = stack;
  const axisBin = axisBinOf(stack);
  const data = new Float32Array(stack.data.length);
  for (let slice = 0; slice < slices; slice++)
    for (let view = 0; view < views; view++) {
      const from = (slice * views + view) * bins;
      const to =
        ((turn.slices ? slices - 1 - slice : slice) * views + (turn.views ? views - 1 - view : view)) * bins;
      for (let b = 0; b < bins; b++) data[to + (turn.bins ? bins - 1 - b : b)] = stack.data[from + b]!;
    }
  return {
    ...stack,
    axisBin: turn.bins ? bins - 1 - axisBin : axisBin,
    startDegrees: turn.views ? -(startDegrees + ((views - 1) * 180) / views) : startDegrees,
    data,
  };
}

/**
 * Sinograms as Interfile wants them, for a patient who lies on the back, head first: bins and slices turned round.
 * Throws `unsupported` where the scanner's axis is not the middle of a bin.
 */
export function sinogramsToWrite(
  geometry: Pick<PetGeometry, "views" | "bins" | "binSizeMm" | "axisBin" | "startDegrees">,
  slices: number,
  sliceSpacingMm: number,
  data: Float32Array,
): SinogramsToWrite {
  const { views, bins, binSizeMm, startDegrees } = geometry;
  const stack = turned(
    { views, bins, slices, startDegrees, axisBin: axisBinOf(geometry), data },
    { bins: true, views: false, slices: true },
  );
  if (stack.axisBin !== Math.floor(bins / 2))
    fail("unsupported", {
      what: "Interfile cannot say where the axis of these sinograms is",
      expected: `the axis in bin ${bins - 1 - Math.floor(bins / 2)} of ${bins}`,
      found: `${axisBinOf(geometry)}`,
      fix: "Use an odd number of bins",
    });
  return { views, bins, binSizeMm, startDegrees, slices, sliceSpacingMm, data: stack.data };
}

function fromArray({ shape, data }: Tensor, path: string, contents: SinogramContents): SinogramStack {
  if (shape.length !== 2 && shape.length !== 3)
    fail("bad-data", {
      what: "the array holds no sinograms",
      where: path,
      expected: "[view, bin] or [slice, view, bin]",
      found: `[${shape.join(", ")}]`,
    });
  const [bins, views, slices = 1] = [...shape].reverse() as [number, number, number?];
  const stack = { views, bins, slices, startDegrees: 0, data: Float32Array.from(data, Number) };
  requireContents(stack, contents, path);
  return stack;
}

/** The geometry of sinograms and the image wanted of them. Throws `bad-argument` when no bin size is known. */
export function geometryOf(
  stack: SinogramStack,
  path: string,
  image: { readonly binSizeMm?: number; readonly imageSize: number; readonly pixelSizeMm?: number },
): PetGeometry {
  const binSizeMm = image.binSizeMm ?? stack.binSizeMm;
  if (binSizeMm === undefined)
    fail("bad-argument", {
      what: "the file does not say how wide a bin is",
      where: path,
      expected: "the distance between neighbouring bins in mm",
      fix: "Add --bin-size",
    });
  const { views, bins, startDegrees } = stack;
  const axis = axisBinOf(stack);
  const pixelSizeMm = image.pixelSizeMm ?? (bins * binSizeMm) / image.imageSize;
  return checkedGeometry({
    views,
    bins,
    binSizeMm,
    startDegrees,
    ...(axis === (bins - 1) / 2 ? {} : { axisBin: axis }),
    imageSize: image.imageSize,
    pixelSizeMm,
  });
}

/** The sinograms of a second file, which have to fit the first. Throws `geometry`. */
export function companion(of: SinogramStack, other: SinogramStack, path: string): Float32Array {
  if (other.views !== of.views || other.bins !== of.bins || other.slices !== of.slices)
    fail("geometry", {
      what: "two files of sinograms do not fit together",
      where: path,
      expected: `${of.slices} slice(s) of ${of.views} views and ${of.bins} bins, as the prompts have`,
      found: `${other.slices} slice(s) of ${other.views} views and ${other.bins} bins`,
      ...(other.views === of.bins && other.bins === of.views ? { fix: "Views and bins are swapped" } : {}),
    });
  const [axis, otherAxis] = [axisBinOf(of), axisBinOf(other)];
  if (Math.abs(otherAxis - axis) > 1e-3)
    fail("geometry", {
      what: "two files of sinograms have the scanner's axis in different places",
      where: path,
      expected: `the axis in bin ${axis} of ${of.bins}, as the prompts have it`,
      found: `in bin ${otherAxis}`,
      fix: "Give both in one format: the middle of NumPy's bins is the axis, of an even number Interfile's is beside it",
    });
  const turn = Math.abs(other.startDegrees - of.startDegrees);
  const [size, otherSize] = [of.binSizeMm ?? 0, other.binSizeMm ?? of.binSizeMm ?? 0];
  if (turn > 0.01 || (size > 0 && Math.abs(otherSize / size - 1) > 1e-3))
    fail("geometry", {
      what: "two files of sinograms were made by different scanners",
      where: path,
      expected: `bins of ${size} mm, the first view at ${of.startDegrees} degrees, as the prompts have`,
      found: `bins of ${otherSize} mm, the first view at ${other.startDegrees} degrees`,
    });
  return other.data;
}
