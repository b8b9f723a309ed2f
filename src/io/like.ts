import { fail } from "../core/errors.js";
import type { ImageVolume, Volume } from "../volume/volume.js";
import type { FileSystem } from "./files.js";
import { writeVolumeTo } from "./formats.js";
import type { NiftiHeader } from "./nifti.js";
import { type StoredType, storedTypeOf, storedTypes } from "./voxel-types.js";

/** How voxels are stored: as in the scan that they were made from, or in a type of one's own choice. */
export type TypeChoice = "same" | StoredType;

/** The types that may be chosen. */
export const typeChoices: readonly TypeChoice[] = ["same", ...(Object.keys(storedTypes) as StoredType[])];

/** The type that a result is stored as; `same` without a scan's header, or with Analyze's, is float32. */
function storedAs(choice: TypeChoice, header: NiftiHeader | undefined, path: string): StoredType {
  if (choice !== "same") return choice;
  return header === undefined || header.format === "analyze"
    ? "float32"
    : storedTypeOf(header.datatype, path);
}

/**
 * Write an image on the grid of the scan that it was made from, which it shares, with the scan's other fields. As an
 * integer type, values are rounded to its steps: the scan's own, slope and intercept, for its own type, else whole
 * numbers. Throws `bad-data`, and writes nothing, where one lies beyond the type's range, rather than clipping it.
 */
export async function writeScanLikeTo(
  files: FileSystem,
  path: string,
  image: ImageVolume,
  header: NiftiHeader | undefined,
  {
    dtype: choice = "same",
    description,
  }: { readonly dtype?: TypeChoice; readonly description?: string } = {},
): Promise<void> {
  const dtype = storedAs(choice, header, path);
  const own =
    header !== undefined && header.format !== "analyze" && dtype === storedTypeOf(header.datatype, path);
  await writeVolumeTo(files, path, rounded(image, dtype, own ? header : undefined, path), {
    ...(header === undefined ? {} : { like: { ...header, extensions: [] } }),
    dtype,
    ...(description === undefined ? {} : { description }),
  });
}

/** The image with its values on the steps of an integer type; as it is for floating point. */
function rounded(
  image: ImageVolume,
  dtype: StoredType,
  header: NiftiHeader | undefined,
  where: string,
): Volume {
  const { range } = storedTypes[dtype];
  if (range === undefined) return image;
  const scaled = header !== undefined && Number.isFinite(header.sclSlope) && header.sclSlope !== 0;
  const slope = scaled ? header.sclSlope : 1;
  const inter = scaled && Number.isFinite(header.sclInter) ? header.sclInter : 0;
  const data = new Float64Array(image.data.length);
  let [beyond, farthest] = [0, 0];
  for (let v = 0; v < data.length; v++) {
    const step = Math.round((image.data[v]! - inter) / slope);
    data[v] = step * slope + inter;
    if (step >= range[0] && step <= range[1]) continue;
    beyond++;
    if (Math.abs(image.data[v]!) > Math.abs(farthest)) farthest = image.data[v]!;
  }
  if (beyond > 0)
    fail("bad-data", {
      what: `${beyond} of ${data.length} voxels have no place in ${dtype}`,
      where,
      expected: `values from ${range[0] * slope + inter} to ${range[1] * slope + inter}`,
      found: `up to ${Number(farthest.toPrecision(6))}`,
      fix: "Store the result as float32; nothing was written",
    });
  return { ...image, data };
}
