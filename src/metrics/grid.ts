import { fail } from "../core/errors.js";
import { describeGridDifference, sameGrid, spacingMm } from "../volume/affine.js";
import type { Grid } from "../volume/volume.js";

/**
 * Throws `geometry` unless two volumes can be compared voxel by voxel: equal extents, and corners of the field
 * of view no further apart than a hundredth of the smallest voxel spacing.
 */
export function requireOneGrid(reference: Grid, prediction: Grid): void {
  const toleranceMm = Math.min(...spacingMm(reference.affine)) / 100;
  if (sameGrid(reference, prediction, toleranceMm)) return;
  fail("geometry", {
    what: "reference and prediction are not on one grid",
    expected: `${reference.size.join("x")} voxels in the same place, as the reference`,
    found: describeGridDifference(reference, prediction, toleranceMm),
    fix: "Resample the prediction onto the grid of the reference (nearest neighbour) before scoring",
  });
}
