import { fail } from "../core/errors.js";
import { describeGridDifference, showMm, spacingMm } from "../volume/affine.js";
import { rangeOf, requireFinite } from "../volume/intensity.js";
import { fromCanonical, toCanonical } from "../volume/orient.js";
import type { Grid, ImageVolume, LabelVolume, Volume, VoxelArray } from "../volume/volume.js";
import { voxelCount } from "../volume/volume.js";
import type { Case, DataSet } from "./dataset.js";
import type { FileSystem } from "./files.js";
import { readVolumeFrom, writeVolumeTo } from "./formats.js";
import type { NiftiHeader } from "./nifti.js";
import { mostValues, nearlyWhole, proposeRemap, showRemap } from "./remap.js";

/** What is needed to write a result on the scan's own grid, as the scan was written. */
export interface Native extends Grid {
  readonly header?: NiftiHeader;
}

/** A case in memory: image and label in the canonical frame (RAS+), on one grid. */
export interface LoadedCase {
  readonly id: string;
  readonly image: ImageVolume;
  /** Classes 0, 1, 2, …, not the values that the file holds. */
  readonly label?: LabelVolume;
  readonly native: Native;
}

/** Grids may differ by this much: what float32 headers of different programs make of one geometry. */
const toleranceMm = 1e-3;

/**
 * Read a case: the channels stacked, the label mapped to classes, both turned into the canonical frame.
 *
 * Checked on the way, each with an error that names the file: all on one grid (within 0.001 mm), as many
 * channels as the data set says, voxels finite and not constant, labels whole and in the table.
 */
export async function loadCaseFrom(
  files: FileSystem,
  dataset: Pick<DataSet, "channels" | "labelValues">,
  { id, images, label }: Case,
): Promise<LoadedCase> {
  const loaded = await loadImageFrom(files, images, dataset.channels);
  if (label === undefined) return { id, ...loaded };
  return {
    id,
    ...loaded,
    label: await loadLabelFrom(files, label, loaded.image, dataset.labelValues, images[0]!),
  };
}

/** The image part of `loadCaseFrom`, for prediction on scans that belong to no data set. */
export async function loadImageFrom(
  files: FileSystem,
  paths: readonly string[],
  channels: readonly string[],
): Promise<{ image: ImageVolume; native: Native }> {
  let native: Native | undefined;
  const parts: ImageVolume[] = [];
  for (const path of paths) {
    const { volume, header } = await readVolumeFrom(files, path, { as: "float32" });
    native ??= { size: volume.size, affine: volume.affine, ...(header === undefined ? {} : { header }) };
    const part = toCanonical(volume as ImageVolume).volume;
    requireImage(part, path);
    if (parts.length > 0) requireSameGrid(parts[0]!, part, paths[0]!, path);
    parts.push(part);
  }
  const image = stack(parts);
  if (native === undefined || image.channels !== channels.length)
    fail("bad-data", {
      what: `the image has ${image.channels} channel(s)`,
      where: paths.join(", "),
      expected: `${channels.length}: ${channels.join(", ")}`,
      found: paths.length > 1 ? `${paths.length} files` : `${image.channels} in one file`,
      fix:
        image.channels > channels.length
          ? "Extract the volume that is wanted (3-D), or list all channels"
          : "Add the files of the other channels",
    });
  return { image, native };
}

/** Throws `bad-data` that names the file for an image with voxels that are not finite, or a channel all of one value. */
export function requireImage(image: ImageVolume, path: string): void {
  requireFinite(image, path);
  const voxels = voxelCount(image.size);
  for (let channel = 0; channel < image.channels; channel++) {
    const [low, high] = rangeOf(image.data.subarray(channel * voxels, (channel + 1) * voxels));
    if (low === high)
      fail("bad-data", {
        what: image.channels > 1 ? `channel ${channel} is constant` : "the image is constant",
        where: path,
        expected: "values that differ",
        found: `${low} in all voxels`,
        fix: "Check that this is the scan and not an empty file; leave the case out",
      });
  }
}

/** Throws `geometry` that says in millimetres how the grid of the second file differs from that of the first. */
export function requireSameGrid(
  a: Grid,
  b: Grid,
  first: string,
  second: string,
  withinMm: number = toleranceMm,
): void {
  const difference = describeGridDifference(a, b, withinMm);
  if (difference !== "")
    fail("geometry", {
      what: `the grid is not that of ${first}`,
      where: second,
      expected: `${a.size.join("x")} voxels of ${showMm(spacingMm(a.affine))} mm at the same place (within ${withinMm} mm)`,
      found: difference,
      fix: sameSize(a, b)
        ? "If both belong together and only a header is wrong, copy the geometry (fslcpgeom); if not, resample one onto the other"
        : "Resample one onto the other (a label map by nearest neighbour), or choose channels that share a grid",
    });
}

function sameSize(a: Grid, b: Grid): boolean {
  return a.size.every((n, axis) => n === b.size[axis]);
}

function stack(parts: readonly ImageVolume[]): ImageVolume {
  const [first] = parts;
  if (first === undefined)
    return fail("bad-argument", { what: "a case has no image", expected: "at least one file" });
  if (parts.length === 1) return first;
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  return { ...first, data, channels: parts.reduce((sum, part) => sum + part.channels, 0) };
}

/** A label map as it is stored. Throws `bad-data` for several volumes. */
export async function readLabelFrom(files: FileSystem, path: string): Promise<Volume> {
  const { volume } = await readVolumeFrom(files, path);
  if (volume.channels !== 1)
    fail("bad-data", {
      what: "the label map has several volumes",
      where: path,
      expected: "one 3-D volume of whole numbers",
      found: `${volume.size.join("x")}x${volume.channels}`,
      fix: "Combine them into one map with a number per structure",
    });
  return volume;
}

/** Read a label map, check it against the image and the table of values, and map values to classes. */
export async function loadLabelFrom(
  files: FileSystem,
  path: string,
  image: Grid,
  labelValues: readonly number[],
  imagePath: string,
): Promise<LabelVolume> {
  const volume = await readLabelFrom(files, path);
  const canonical = toCanonical(volume).volume;
  requireSameGrid(image, canonical, imagePath, path);
  return toClasses(canonical, labelValues, path);
}

/** Stored values to classes by their place in the table. Throws `bad-data` for values that are not in it. */
export function toClasses(stored: Volume, labelValues: readonly number[], where: string): LabelVolume {
  const count = stored.data.length;
  const data = labelValues.length <= 256 ? new Uint8Array(count) : new Uint16Array(count);
  const classOf = new Int32Array(65536).fill(-1);
  labelValues.forEach((value, at) => {
    classOf[value] = at;
  });
  for (let at = 0; at < count; at++) {
    const value = stored.data[at]!;
    const found = classOf[value] ?? -1;
    if (found < 0) refuseLabel(stored.data, at, classOf, labelValues, where);
    data[at] = found;
  }
  return { ...stored, data };
}

function refuseLabel(
  data: VoxelArray,
  at: number,
  classOf: Int32Array,
  labelValues: readonly number[],
  where: string,
): never {
  const value = data[at]!;
  const whole = Number.isInteger(value);
  let count = 0;
  for (let n = 0; n < data.length; n++) if ((classOf[data[n]!] ?? -1) < 0) count++;
  return fail("bad-data", {
    what: whole
      ? `the label ${value} is not in the table of labels`
      : `the label map holds ${Number.isFinite(value) ? "fractional" : "non-finite"} values`,
    where,
    expected: labelValues.length > 20 ? `one of ${labelValues.length} values` : labelValues.join(", "),
    found: `${value} at voxel ${at}, ${count} such voxel(s) in all`,
    fix: fixOf(data, whole, labelValues),
  });
}

/** What to do about a strange label: the numbers that are most likely meant, where this map tells them. */
function fixOf(data: VoxelArray, whole: boolean, labelValues: readonly number[]): string {
  const found = new Map<number, number>();
  for (let at = 0; at < data.length && found.size <= mostValues; at++) found.set(data[at]!, 1);
  const proposal = found.size > mostValues ? undefined : proposeRemap(found, { labelValues });
  // A fraction that is near no label was interpolated, not numbered otherwise.
  const sound = [...(proposal ?? [])].every(
    ([from, to]) => Number.isInteger(from) || Math.abs(from - to) <= nearlyWhole,
  );
  if (proposal !== undefined && sound)
    return `If ${showRemap(proposal)} is what is meant, gyrus convert DATA --out COPY --remap ${showRemap(proposal)} makes a data set with these labels`;
  return whole
    ? "Add it to the table of labels, or correct the map (gyrus convert --remap OLD=NEW does so for a whole data set)"
    : "Round it where it was made; interpolate labels by nearest neighbour only";
}

/**
 * Write classes (in the canonical frame) as a label map on the scan's own grid, with the values that the data
 * set's label files hold; as 8 bits where they suffice, else 16. NIfTI files get both forms of the scan, and a
 * description of at most 79 letters.
 */
export async function writeLabelLikeTo(
  files: FileSystem,
  path: string,
  classes: LabelVolume,
  native: Native,
  labelValues: readonly number[] = [],
  description = "Gyrus label map",
): Promise<void> {
  const back = fromCanonical(classes, native);
  const storedOf = (found: number): number => labelValues[found] ?? found;
  const wide = Math.max(...labelValues, rangeOf(back.data)[1]) > 255;
  const data = wide ? new Uint16Array(back.data.length) : new Uint8Array(back.data.length);
  for (let at = 0; at < data.length; at++) data[at] = storedOf(back.data[at]!);
  const like = native.header === undefined ? {} : { like: geometryOnly(native.header) };
  await writeVolumeTo(
    files,
    path,
    { ...back, data },
    {
      ...like,
      dtype: wide ? "uint16" : "uint8",
      intent: "labels",
      description,
    },
  );
}

/** Write an image (in the canonical frame) on the scan's own grid as float32: a denoised scan, a probability. */
export async function writeImageLikeTo(
  files: FileSystem,
  path: string,
  image: ImageVolume,
  native: Native,
): Promise<void> {
  const back = fromCanonical(image, native);
  const like = native.header === undefined ? {} : { like: geometryOnly(native.header) };
  await writeVolumeTo(files, path, back, { ...like, dtype: "float32", description: "Gyrus" });
}

/** A scan's header without what is true of its intensities only: extensions, intent, display range. */
function geometryOnly(header: NiftiHeader): NiftiHeader {
  return { ...header, extensions: [], intentCode: 0, intentName: "", raw: new Uint8Array(0) };
}
