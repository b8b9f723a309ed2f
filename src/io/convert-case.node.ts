import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { fail } from "../core/errors.js";
import { sameGrid, shearDegrees } from "../volume/affine.js";
import { fromCanonical, toCanonical } from "../volume/orient.js";
import type { ImageVolume, Volume, VoxelArray } from "../volume/volume.js";
import { readLabelFrom, requireImage, requireSameGrid } from "./case.js";
import type { Case } from "./dataset-types.js";
import { nodeFiles } from "./disk.node.js";
import { type ReadVolume, readVolumeFrom, writeVolumeTo } from "./formats.js";
import type { Remap } from "./remap.js";
import { storedTypeOfArray } from "./voxel-types.js";

/** Axes further from right angles than this are worth a word. */
const worthSayingDegrees = 0.05;

/** Where the files of a case go and what becomes of its labels. */
export interface CaseTarget {
  readonly imageFolder: string;
  readonly labelFolder: string;
  readonly remap: Remap;
  /** Grids of one case may differ by so much. */
  readonly toleranceMm: number;
}

/**
 * Write image and label of one case as `id.nii.gz`, checked: finite, not constant, as many channels as the data set
 * has, all on one grid. Returns a warning, if there is one to give.
 */
export async function writeConvertedCase(
  { id, images, label }: Case,
  channels: readonly string[],
  { imageFolder, labelFolder, remap, toleranceMm }: CaseTarget,
): Promise<string | undefined> {
  const parts: ReadVolume[] = [];
  for (const path of images) {
    const part = await readVolumeFrom(nodeFiles, path);
    requireImage({ ...part.volume, data: Float32Array.from(part.volume.data) } as ImageVolume, path);
    const grid = toCanonical(part.volume).volume;
    if (parts.length > 0)
      requireSameGrid(toCanonical(parts[0]!.volume).volume, grid, images[0]!, path, toleranceMm);
    parts.push(part);
  }
  const [first] = parts;
  if (first === undefined) return fail("bad-data", { what: "the case has no image", where: id });
  const count = parts.reduce((sum, { volume }) => sum + volume.channels, 0);
  if (count !== channels.length)
    fail("bad-data", {
      what: `the case has ${count} channel(s)`,
      where: images.join(", "),
      expected: `${channels.length}: ${channels.join(", ")}`,
      fix: "Correct the channels in dataset.json, or give the missing files",
    });
  const target = join(imageFolder, `${id}.nii.gz`);
  if (parts.length === 1 && /\.nii\.gz$/i.test(images[0]!)) await copyFile(images[0]!, target);
  else await writeImage(target, parts);
  if (label !== undefined)
    await writeLabel(label, join(labelFolder, `${id}.nii.gz`), first, images[0]!, remap, toleranceMm);
  const degrees = shearDegrees(first.volume.affine);
  return degrees > worthSayingDegrees
    ? `${id}: its axes are ${degrees.toFixed(1)} degrees from right angles; kept as they are`
    : undefined;
}

const likeOf = ({ header }: ReadVolume) =>
  header === undefined ? {} : { like: { ...header, extensions: [], raw: new Uint8Array(0) } };

/** As numbers of the type they have in memory: a slope of one channel is not that of the others. */
async function writeImage(target: string, parts: readonly ReadVolume[]): Promise<void> {
  const volume = stacked(parts);
  const dtype = storedTypeOfArray(volume.data);
  await writeVolumeTo(nodeFiles, target, volume, { ...likeOf(parts[0]!), dtype });
}

/** Channels of one grid as one volume on the first one's own axes, in its type if all have it, else float32. */
function stacked(parts: readonly ReadVolume[]): Volume {
  const native = parts[0]!.volume;
  const turned = parts.map(({ volume }) => fromCanonical(toCanonical(volume).volume, native));
  const one = turned.every(({ data }) => data.constructor === native.data.constructor);
  const kept = one && !(native.data instanceof Float64Array);
  const Type = (kept ? native.data.constructor : Float32Array) as new (length: number) => VoxelArray;
  const data = new Type(turned.reduce((sum, volume) => sum + volume.data.length, 0));
  let at = 0;
  for (const volume of turned) {
    data.set(volume.data, at);
    at += volume.data.length;
  }
  return { ...native, data, channels: turned.reduce((sum, volume) => sum + volume.channels, 0) };
}

/** Copied where nothing changes; else on the image's own grid with the new values. */
async function writeLabel(
  path: string,
  target: string,
  image: ReadVolume,
  imagePath: string,
  remap: Remap,
  toleranceMm: number,
): Promise<void> {
  const volume = await readLabelFrom(nodeFiles, path);
  const canonical = toCanonical(volume).volume;
  const grid = toCanonical(image.volume).volume;
  requireSameGrid(grid, canonical, imagePath, path, toleranceMm);
  const unchanged =
    sameGrid(volume, image.volume) && volume.data.every((value) => (remap.get(value) ?? value) === value);
  if (unchanged && /\.nii\.gz$/i.test(path)) return copyFile(path, target);
  const back = fromCanonical(canonical, image.volume);
  const data = Uint16Array.from(back.data, (value) => remap.get(value) ?? value);
  const wide = data.some((value) => value > 255);
  await writeVolumeTo(
    nodeFiles,
    target,
    { ...back, affine: image.volume.affine, data: wide ? data : Uint8Array.from(data) },
    { ...likeOf(image), dtype: wide ? "uint16" : "uint8", intent: "labels", description: "Gyrus label map" },
  );
}
