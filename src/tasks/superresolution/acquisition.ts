import { fail } from "../../core/errors.js";
import { showMm, spacingMm } from "../../volume/affine.js";
import { isotropicGrid } from "../../volume/isotropic.js";
import type { Grid, Size3 } from "../../volume/volume.js";

/** How the slices of a scan lie among the voxels of its result; along the axis across the slices. */
export interface Slices {
  /** Between the centres of neighbours. */
  readonly sliceMm: number;
  /** Full width of the profile at half its maximum: below `sliceMm` there are gaps, above it slices overlap. */
  readonly thicknessMm: number;
  /** Edge of the result's voxels. */
  readonly targetMm: number;
}

/** The way from a scan to its result. Both grids have the axis across the slices last. */
export interface ScanPlan extends Slices {
  /** The scan's own axis across the slices. */
  readonly axis: 0 | 1 | 2;
  /** The slices as they were acquired, with voxels of the result's size within them. */
  readonly inPlane: Grid;
  /** The result's grid. */
  readonly fine: Grid;
  /** Of the result's first voxel, in slices from the first one. */
  readonly first: number;
}

export interface PlanOptions {
  readonly targetMm?: number | null | undefined;
  readonly thicknessMm?: number | null | undefined;
  /** Go on where the voxels are cubes already. */
  readonly force?: boolean;
  readonly where?: string | undefined;
}

/** Slices that a scan must have at least: less do not say how the image goes on between them. */
const fewestSlices = 4;

/**
 * Which axis runs across the slices, by the voxel sizes, and where the result's voxels lie. Throws `bad-data` for a 2-D
 * image, too few slices, or no single coarsest axis; `bad-argument` for cubes (unless forced) and a target that is not
 * finer than the slices.
 */
export function planScan(
  scan: Grid,
  { targetMm, thicknessMm, force = false, where }: PlanOptions = {},
): ScanPlan {
  // Refuses pictures, cubes and targets that are no lengths.
  isotropicGrid(scan, { targetMm: targetMm ?? undefined, force, where });
  const spacing = spacingMm(scan.affine);
  const sliceMm = Math.max(...spacing);
  const axis = spacing.lastIndexOf(sliceMm) as 0 | 1 | 2;
  const others = spacing.filter((_, n) => n !== axis) as [number, number];
  const target = targetMm ?? Math.min(...spacing);
  if (!force && Math.max(...others) > 0.9 * sliceMm)
    fail("bad-data", {
      what: "no one axis runs across the slices",
      where,
      expected: "one coarse axis and two finer ones to learn from",
      found: `voxels of ${showMm(spacing)} mm`,
      fix: "Interpolate instead: --method cubic",
    });
  if (!force && target > 0.99 * sliceMm)
    fail("bad-argument", {
      what: "the wanted voxels are not finer than the slices",
      where,
      expected: `less than ${showMm([sliceMm])} mm`,
      found: `${showMm([target])} mm`,
      fix: "Ask for smaller voxels, or interpolate: --method cubic",
    });
  if (scan.size[axis] < fewestSlices)
    fail("bad-data", {
      what: "the scan has too few slices",
      where,
      expected: `at least ${fewestSlices}`,
      found: `${scan.size[axis]} along axis ${"ijk"[axis]}`,
    });
  const turned = swappedGrid(scan, axis);
  const fine = withTarget(turned, target);
  const inPlane = withSlicesOf(fine, turned);
  const step = target / sliceMm;
  return {
    axis,
    sliceMm,
    thicknessMm: thicknessMm ?? sliceMm,
    targetMm: target,
    fine,
    inPlane,
    first: (turned.size[2] - 1) / 2 - ((fine.size[2] - 1) / 2) * step,
  };
}

/**
 * Throws `bad-argument` for slices that cannot be simulated within the scan's own slices, whose field has to hold three of
 * them: before a training.
 */
export function requireField(
  { sliceMm, thicknessMm, targetMm, inPlane }: ScanPlan,
  where: string | undefined,
): void {
  const field = Math.min(inPlane.size[0], inPlane.size[1]) * targetMm;
  for (const [name, mm] of [
    ["thick", thicknessMm],
    ["far apart", sliceMm],
  ] as const)
    if (!(mm >= 0.99 * targetMm && mm <= field / 3))
      fail("bad-argument", {
        what: `slices as ${name} as this cannot be simulated within the scan's own slices`,
        where,
        expected: `from the voxel's ${showMm([targetMm])} mm to a third of their field, ${showMm([field / 3])} mm`,
        found: `${showMm([mm])} mm`,
        fix: "Check --thickness and --gap, or interpolate: --method cubic",
      });
}

function swappedGrid({ size, affine: m }: Grid, axis: 0 | 1 | 2): Grid {
  const order = [0, 1, 2];
  [order[axis], order[2]] = [2, axis];
  const affine = [...m];
  for (let row = 0; row < 3; row++) for (let a = 0; a < 3; a++) affine[row * 4 + a] = m[row * 4 + order[a]!]!;
  return { size: order.map((a) => size[a]!) as unknown as Size3, affine };
}

function withTarget(grid: Grid, targetMm: number): Grid {
  const { size, affine } = isotropicGrid(grid, { targetMm, force: true });
  return { size, affine };
}

/** The grid of the result with the slices of the scan along its last axis. */
function withSlicesOf(fine: Grid, scan: Grid): Grid {
  const slices = scan.size[2];
  const affine = [...fine.affine];
  for (let row = 0; row < 3; row++) {
    const column = scan.affine[row * 4 + 2]!;
    // Both grids have one middle.
    affine[row * 4 + 3] =
      fine.affine[row * 4 + 3]! +
      (fine.affine[row * 4 + 2]! * (fine.size[2] - 1)) / 2 -
      (column * (slices - 1)) / 2;
    affine[row * 4 + 2] = column;
  }
  return { size: [fine.size[0], fine.size[1], slices], affine };
}

/**
 * How thick slices are, from what is known: their distance, and the thickness or the gap or neither, which is then no gap.
 * Throws `bad-argument` where all three are known and disagree, or nothing is left of a slice.
 */
export function thicknessOf(
  sliceMm: number,
  {
    thicknessMm,
    gapMm,
    where,
  }: {
    readonly thicknessMm?: number | undefined;
    readonly gapMm?: number | undefined;
    readonly where?: string | undefined;
  },
): number {
  if (gapMm === undefined) return thicknessMm ?? sliceMm;
  const left = sliceMm - gapMm;
  if (!(left > 0))
    fail("bad-argument", {
      what: "the gap leaves nothing of the slices",
      where,
      expected: `less than the ${showMm([sliceMm])} mm from slice to slice`,
      found: `${showMm([gapMm])} mm`,
    });
  if (thicknessMm !== undefined && Math.abs(left - thicknessMm) > 0.02 * sliceMm)
    fail("bad-argument", {
      what: "thickness and gap do not add up to the distance between slices",
      where,
      expected: `${showMm([sliceMm])} mm`,
      found: `${showMm([thicknessMm])} mm and ${showMm([gapMm])} mm`,
      fix: "Leave one of them out",
    });
  return thicknessMm ?? left;
}
