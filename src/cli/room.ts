import { fail } from "../core/errors.js";
import type { TypeChoice } from "../io/like.js";
import { storedTypes } from "../io/voxel-types.js";
import { rangeOf } from "../volume/intensity.js";
import type { ImageVolume } from "../volume/volume.js";

/**
 * A type of one's own choice that the scan does not fit is refused before the work: no method widens the range. As an
 * integer the scan must span at least 50 steps, or rounding would undo what is gained.
 */
export function requireRoom(image: ImageVolume, dtype: TypeChoice, path: string): void {
  const range = dtype === "same" ? undefined : storedTypes[dtype].range;
  if (range === undefined) return;
  const [low, high] = rangeOf(image.data);
  if (low >= range[0] && high <= range[1] && high - low >= 50) return;
  fail("bad-data", {
    what: `the scan does not fit ${dtype}`,
    where: path,
    expected: `values from ${range[0]} to ${range[1]} that span at least 50 whole numbers`,
    found: `${low} to ${high}`,
    fix: "Leave --dtype out to store it as the scan is, or choose float32",
  });
}
