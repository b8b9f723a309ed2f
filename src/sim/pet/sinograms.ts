import { fail } from "../../core/errors.js";
import type { Tensor } from "../../core/tensor.js";
import { baseName, type FileSystem } from "../../io/files.js";
import { readInterfileFrom } from "../../io/interfile.js";
import { parseNpy, parseNpz } from "../../io/npy.js";
import { checkedGeometry, type PetGeometry } from "./geometry.js";

/** Sinograms of neighbouring slices, and what their file says about the scanner. */
export interface SinogramStack {
  readonly views: number;
  readonly bins: number;
  readonly slices: number;
  readonly startDegrees: number;
  readonly binSizeMm?: number;
  readonly sliceSpacingMm?: number;
  /** `[slice, view, bin]`. */
  readonly data: Float32Array;
}

/** How sinogram files end, for messages. */
export const sinogramEndings = ".hs (Interfile), .npy, .npz";

/**
 * Read sinograms: Interfile (`.hs`, the segment of ring difference 0), NumPy `.npy` or `.npz` (one array) of
 * `[view, bin]` or `[slice, view, bin]`. Throws `unsupported` for SPECT, time of flight and bins that are not evenly
 * spaced, and what the readers throw.
 */
export async function readSinogramsFrom(files: FileSystem, path: string): Promise<SinogramStack> {
  const name = baseName(path).toLowerCase();
  if (name.endsWith(".hs")) return fromInterfile(files, path);
  if (name.endsWith(".npy")) return fromArray(parseNpy(await files.read(path), path), path);
  if (name.endsWith(".npz")) {
    const arrays = Object.entries(parseNpz(await files.read(path), path));
    if (arrays.length !== 1)
      fail("bad-data", {
        what: "the archive does not say which of its arrays are the sinograms",
        where: path,
        expected: "one array",
        found: arrays.map(([key]) => key).join(", ") || "none",
      });
    return fromArray(arrays[0]![1], path);
  }
  return fail("unsupported", {
    what: "this is no format that sinograms are read from",
    where: path,
    expected: sinogramEndings,
    ...(name.endsWith(".s") ? { fix: "Give the header, which ends in .hs" } : {}),
  });
}

async function fromInterfile(files: FileSystem, path: string): Promise<SinogramStack> {
  const file = await readInterfileFrom(files, path);
  const refused =
    file.modality === "spect" || file.extentDegrees !== 180
      ? "SPECT projections"
      : file.timingPositions > 1
        ? "time-of-flight sinograms"
        : file.evenBins
          ? undefined
          : "sinograms that are not arc-corrected: their bins crowd towards the edge";
  if (refused !== undefined)
    fail("unsupported", {
      what: `${refused} cannot be reconstructed`,
      where: path,
      expected: "PET sinograms over 180 degrees with evenly spaced bins, and no time of flight",
      fix: "Rebin them first, with STIR's SSRB or arc correction for instance",
    });
  const { views, bins, slicesPerSegment, directSegment, startDegrees } = file;
  const before = slicesPerSegment.slice(0, directSegment).reduce((sum, n) => sum + n, 0);
  const slices = slicesPerSegment[directSegment]!;
  const size = views * bins;
  return {
    views,
    bins,
    slices,
    startDegrees,
    ...(file.binSizeMm === undefined ? {} : { binSizeMm: file.binSizeMm }),
    ...(file.sliceSpacingMm === undefined ? {} : { sliceSpacingMm: file.sliceSpacingMm }),
    data: file.data.slice(before * size, (before + slices) * size),
  };
}

function fromArray({ shape, data }: Tensor, path: string): SinogramStack {
  if (shape.length !== 2 && shape.length !== 3)
    fail("bad-data", {
      what: "the array holds no sinograms",
      where: path,
      expected: "[view, bin] or [slice, view, bin]",
      found: `[${shape.join(", ")}]`,
    });
  const [bins, views, slices = 1] = [...shape].reverse() as [number, number, number?];
  return { views, bins, slices, startDegrees: 0, data: Float32Array.from(data, Number) };
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
  const pixelSizeMm = image.pixelSizeMm ?? (bins * binSizeMm) / image.imageSize;
  return checkedGeometry({ views, bins, binSizeMm, startDegrees, imageSize: image.imageSize, pixelSizeMm });
}

/** A slice's sinogram of a second file, which has to fit the first. Throws `geometry`. */
export function companion(of: SinogramStack, other: SinogramStack, path: string): Float32Array {
  if (other.views !== of.views || other.bins !== of.bins || other.slices !== of.slices)
    fail("geometry", {
      what: "two files of sinograms do not fit together",
      where: path,
      expected: `${of.slices} slice(s) of ${of.views} views and ${of.bins} bins, as the prompts have`,
      found: `${other.slices} slice(s) of ${other.views} views and ${other.bins} bins`,
      ...(other.views === of.bins && other.bins === of.views ? { fix: "Views and bins are swapped" } : {}),
    });
  return other.data;
}
