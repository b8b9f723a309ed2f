import { fail } from "../core/errors.js";
import type { Affine, Grid } from "../volume/volume.js";

/** Length in mm of one voxel step along i, j and k: the column norms of the affine. */
export function voxelSpacing(affine: Affine): [number, number, number] {
  const column = (axis: number): number => Math.hypot(affine[axis]!, affine[4 + axis]!, affine[8 + axis]!);
  return [column(0), column(1), column(2)];
}

/**
 * Throws `geometry` unless two volumes lie on one grid: equal extents, and corners of the field of view no
 * further apart than a hundredth of the smallest voxel spacing.
 */
export function requireOneGrid(reference: Grid, prediction: Grid, where?: string): void {
  if (reference.size.some((extent, axis) => extent !== prediction.size[axis]))
    fail("geometry", {
      what: "reference and prediction have different extents",
      where,
      expected: `${reference.size.join("x")} voxels as in the reference`,
      found: `${prediction.size.join("x")}`,
      fix: "Resample the prediction onto the grid of the reference (nearest neighbour) before scoring",
    });
  const apartMm = largestCornerGap(reference, prediction);
  const allowedMm = Math.min(...voxelSpacing(reference.affine)) / 100;
  if (!(apartMm <= allowedMm))
    fail("geometry", {
      what: "reference and prediction lie at different places in the world",
      where,
      expected: `corners no further apart than ${allowedMm.toPrecision(2)} mm`,
      found: `${apartMm.toPrecision(3)} mm`,
      fix: "Write the prediction with the affine of the reference, or resample it onto that grid",
    });
}

function largestCornerGap(a: Grid, b: Grid): number {
  let largest = 0;
  for (let corner = 0; corner < 8; corner++) {
    const index = a.size.map((extent, axis) => ((corner >> axis) & 1) * (extent - 1));
    let squared = 0;
    for (let row = 0; row < 3; row++) {
      let gap = a.affine[row * 4 + 3]! - b.affine[row * 4 + 3]!;
      for (let axis = 0; axis < 3; axis++)
        gap += (a.affine[row * 4 + axis]! - b.affine[row * 4 + axis]!) * index[axis]!;
      squared += gap * gap;
    }
    largest = Math.max(largest, Math.sqrt(squared));
  }
  return largest;
}
