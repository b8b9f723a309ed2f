import { fail } from "../core/errors.js";
import {
  affineFromColumns,
  cornerDistanceMm,
  determinant,
  invertAffine,
  showAffine,
  spacingMm,
} from "../volume/affine.js";
import { affineFromQform, qformFromAffine } from "../volume/quaternion.js";
import type { Affine, Grid } from "../volume/volume.js";
import type { NiftiHeader } from "./nifti-header.js";

/** Millimetres per unit of length, by NIfTI's code (the low three bits of `xyzt_units`): metre, mm, micrometre. */
function unitMm(header: NiftiHeader): number {
  return [1, 1000, 1, 1e-3][header.xyztUnits & 7] ?? 1;
}

/**
 * The affine of a header in mm: the sform if it has a code, else the qform, else from the voxel sizes alone.
 * Voxel sizes of 0 count as 1 and negative ones as positive, as nibabel repairs them.
 * Throws `geometry` when the matrix holds not-a-numbers or cannot be inverted.
 */
export function headerAffine(header: NiftiHeader, name: string): Affine {
  const mm = unitMm(header);
  const affine = storedAffine(header).map((x, at) => (at < 12 ? x * mm : x));
  const scale = spacingMm(affine).reduce((product, x) => product * x, 1);
  if (!affine.every(Number.isFinite) || !(Math.abs(determinant(affine)) > 1e-9 * scale)) {
    const form = header.sformCode > 0 ? "sform" : header.qformCode > 0 ? "qform" : "voxel size";
    fail("geometry", {
      what: `the ${form} cannot be inverted, so voxels have no place in the world`,
      where: name,
      expected: "three independent axes of finite length",
      found: showAffine(affine),
      fix: "Copy the geometry from another image of the same scan, for example with fslcpgeom",
    });
  }
  return affine;
}

function storedAffine(header: NiftiHeader): Affine {
  if (header.sformCode > 0) return [...header.srow, 0, 0, 0, 1];
  if (header.qformCode > 0) return headerQform(header);
  return baseAffine(header);
}

/** The affine of the qform, in the header's own unit. */
export function headerQform(header: NiftiHeader): Affine {
  const [x, y, z] = voxelSizes(header);
  return affineFromQform({
    quaternion: [header.quatern[0]!, header.quatern[1]!, header.quatern[2]!],
    spacingMm: [x!, y!, z!],
    offsetMm: [header.qoffset[0]!, header.qoffset[1]!, header.qoffset[2]!],
    qfac: header.pixdim[0] === -1 ? -1 : 1,
  });
}

function voxelSizes({ pixdim }: NiftiHeader): number[] {
  return pixdim.slice(1, 4).map((x) => Math.abs(x) || (Number.isNaN(x) ? x : 1));
}

/**
 * Without any form: radiological axes (i runs to the left) and the origin in the middle of the image, as Analyze
 * had it. An Analyze file may carry SPM's origin, the voxel (counted from 1) that lies at 0 mm.
 */
function baseAffine(header: NiftiHeader): Affine {
  const rank = header.dim[0]!;
  const sizes = voxelSizes(header).map((x, axis) => (axis < rank ? x : 1));
  const extents = [1, 2, 3].map((axis) => (axis <= rank ? header.dim[axis]! : 1));
  const centre = spmOrigin(header, extents) ?? extents.map((n) => (n - 1) / 2);
  const [x, y, z] = sizes as [number, number, number];
  return affineFromColumns(
    [-x, 0, 0],
    [0, y, 0],
    [0, 0, z],
    [x * centre[0]!, -y * centre[1]!, -z * centre[2]!],
  );
}

function spmOrigin(header: NiftiHeader, extents: readonly number[]): number[] | undefined {
  if (header.format !== "analyze") return undefined;
  const view = new DataView(header.raw.buffer, header.raw.byteOffset);
  const origin = [0, 1, 2].map((axis) => view.getInt16(253 + 2 * axis, header.littleEndian));
  const sensible = origin.every((at, axis) => at > -extents[axis]! && at < 2 * extents[axis]!);
  return sensible && origin.some((at) => at !== 0) ? origin.map((at) => at - 1) : undefined;
}

type GeometryFields = Pick<
  NiftiHeader,
  "pixdim" | "qformCode" | "sformCode" | "quatern" | "qoffset" | "srow" | "xyztUnits"
>;

/**
 * Header fields that place a grid. If `like` already places it there, its own fields come back untouched, both
 * forms of them; else both forms say the new place, and a sheared grid goes without a qform, which has no shear.
 */
export function geometryFields(grid: Grid, like: NiftiHeader | undefined, name: string): GeometryFields {
  if (like !== undefined && like.format !== "analyze") {
    const pixdim = like.pixdim;
    const there = cornerDistanceMm(grid.size, headerAffine(like, name), grid.affine) <= 1e-4;
    if (there) {
      const { qformCode, sformCode, quatern, qoffset, srow, xyztUnits } = like;
      return { pixdim, qformCode, sformCode, quatern, qoffset, srow, xyztUnits };
    }
  }
  invertAffine(grid.affine);
  const qform = qformFromAffine(grid.affine);
  const sheared = cornerDistanceMm(grid.size, affineFromQform(qform), grid.affine) > 1e-2;
  const scanner = 1;
  const code = (like?.sformCode || like?.qformCode) ?? scanner;
  return {
    pixdim: [qform.qfac, ...qform.spacingMm, ...(like?.pixdim.slice(4) ?? [1, 1, 1, 1])],
    qformCode: sheared ? 0 : Math.max(code, scanner),
    sformCode: Math.max(code, scanner),
    quatern: qform.quaternion,
    qoffset: qform.offsetMm,
    srow: grid.affine.slice(0, 12),
    xyztUnits: ((like?.xyztUnits ?? 0) & ~7) | 2,
  };
}
