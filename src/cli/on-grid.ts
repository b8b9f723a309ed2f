import { fail } from "../core/errors.js";
import { readVolume } from "../io/node.js";
import { describeGridDifference, showMm, spacingMm } from "../volume/affine.js";
import type { ImageVolume, Volume } from "../volume/volume.js";

/** A mask or a map that belongs to a scan. Throws `geometry` unless it is one volume on the scan's grid. */
export async function readOnGridOf(
  scan: ImageVolume,
  scanPath: string,
  path: string,
  what: string,
): Promise<Volume> {
  const { volume } = await readVolume(path);
  const difference = describeGridDifference(scan, volume);
  if (difference !== "" || volume.channels !== 1)
    fail("geometry", {
      what: `the ${what} is on another grid than ${scanPath}`,
      where: path,
      expected: `${scan.size.join("x")} voxels of ${showMm(spacingMm(scan.affine))} mm in the same place`,
      found: difference === "" ? `${volume.channels} volumes` : difference,
      fix: `Resample the ${what} onto the scan's grid${what === "mask" ? " (nearest neighbour)" : ""}`,
    });
  return volume;
}

/** A mask of a scan. Throws as `readOnGridOf` does, and `bad-data` where nothing is inside. */
export async function readMaskOf(scan: ImageVolume, scanPath: string, path: string): Promise<Volume> {
  const mask = await readOnGridOf(scan, scanPath, path, "mask");
  if (mask.data.every((value) => value === 0))
    fail("bad-data", {
      what: "the mask is empty",
      where: path,
      expected: "voxels that are not 0",
      found: "0 everywhere",
      fix: `Check that this is the mask of ${scanPath}, or leave it out`,
    });
  return mask;
}
