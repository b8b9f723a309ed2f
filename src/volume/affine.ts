import { Matrix, SingularValueDecomposition } from "ml-matrix";
import { fail } from "../core/errors.js";
import type { Affine, Grid, Size3 } from "./volume.js";

export type Point3 = readonly [number, number, number];

export const identityAffine: Affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];

/** An affine from its three columns (mm per voxel step along i, j, k) and the world position of voxel 0 (mm). */
export function affineFromColumns(i: Point3, j: Point3, k: Point3, originMm: Point3): Affine {
  return [
    ...[i[0], j[0], k[0], originMm[0]],
    ...[i[1], j[1], k[1], originMm[1]],
    ...[i[2], j[2], k[2], originMm[2]],
    ...[0, 0, 0, 1],
  ];
}

/** An axis-aligned affine: RAS+ axes, the given voxel size and position of the first voxel's centre. */
export function scalingAffine(spacing: Point3, originMm: Point3 = [0, 0, 0]): Affine {
  return affineFromColumns([spacing[0], 0, 0], [0, spacing[1], 0], [0, 0, spacing[2]], originMm);
}

/** Matrix product `a · b` of two 4x4 matrices: first b, then a. */
export function multiplyAffines(a: Affine, b: Affine): Affine {
  const product = new Array<number>(16);
  for (let row = 0; row < 4; row++)
    for (let column = 0; column < 4; column++) {
      let sum = 0;
      for (let k = 0; k < 4; k++) sum += a[row * 4 + k]! * b[k * 4 + column]!;
      product[row * 4 + column] = sum;
    }
  return product;
}

/** Determinant of the 3x3 part: the signed volume of a voxel in mm³, negative for a left-handed grid. */
export function determinant(a: Affine): number {
  return (
    a[0]! * (a[5]! * a[10]! - a[6]! * a[9]!) -
    a[1]! * (a[4]! * a[10]! - a[6]! * a[8]!) +
    a[2]! * (a[4]! * a[9]! - a[5]! * a[8]!)
  );
}

/** Inverse of an affine (mm back to voxels), by cofactors. Throws `geometry` when the matrix is singular. */
export function invertAffine(a: Affine): Affine {
  const det = determinant(a);
  const spacing = spacingMm(a);
  if (!Number.isFinite(det) || Math.abs(det) <= 1e-9 * spacing[0] * spacing[1] * spacing[2])
    fail("geometry", {
      what: "the affine cannot be inverted, so voxels have no place in the world",
      expected: "three independent axes",
      found: showAffine(a),
      fix: "Repair the file's qform or sform",
    });
  const [x, y, z] = [a[3]!, a[7]!, a[11]!];
  const inverse = [
    (a[5]! * a[10]! - a[6]! * a[9]!) / det,
    (a[2]! * a[9]! - a[1]! * a[10]!) / det,
    (a[1]! * a[6]! - a[2]! * a[5]!) / det,
    (a[6]! * a[8]! - a[4]! * a[10]!) / det,
    (a[0]! * a[10]! - a[2]! * a[8]!) / det,
    (a[2]! * a[4]! - a[0]! * a[6]!) / det,
    (a[4]! * a[9]! - a[5]! * a[8]!) / det,
    (a[1]! * a[8]! - a[0]! * a[9]!) / det,
    (a[0]! * a[5]! - a[1]! * a[4]!) / det,
  ] as const;
  const shift = (row: number) =>
    -(inverse[row * 3]! * x + inverse[row * 3 + 1]! * y + inverse[row * 3 + 2]! * z);
  return [
    ...[...inverse.slice(0, 3), shift(0)],
    ...[...inverse.slice(3, 6), shift(1)],
    ...[...inverse.slice(6, 9), shift(2)],
    ...[0, 0, 0, 1],
  ];
}

/** World position (mm) of a voxel position; with an inverted affine, the other way round. */
export function applyAffine(a: Affine, [x, y, z]: Point3): Point3 {
  return [
    a[0]! * x + a[1]! * y + a[2]! * z + a[3]!,
    a[4]! * x + a[5]! * y + a[6]! * z + a[7]!,
    a[8]! * x + a[9]! * y + a[10]! * z + a[11]!,
  ];
}

/** Distance in mm between neighbouring voxel centres along i, j and k: the lengths of the affine's columns. */
export function spacingMm(a: Affine): Point3 {
  return [Math.hypot(a[0]!, a[4]!, a[8]!), Math.hypot(a[1]!, a[5]!, a[9]!), Math.hypot(a[2]!, a[6]!, a[10]!)];
}

/** The affine after moving the first voxel by a whole or fractional number of voxels. */
export function shiftOrigin(a: Affine, offset: Point3): Affine {
  const [x, y, z] = applyAffine(a, offset);
  const shifted = [...a];
  [shifted[3], shifted[7], shifted[11]] = [x, y, z];
  return shifted;
}

/** The nearest proper rotation to a 3x3 row-major matrix (orthogonal Procrustes, by singular values). */
export function nearestRotation(m: readonly number[]): number[] {
  // Entries far below the others' rounding count as none: the decomposition goes astray on denormal numbers.
  const least = Number.EPSILON * Math.max(...m.map(Math.abs));
  const clean = m.map((entry) => (Math.abs(entry) < least ? 0 : entry));
  const svd = new SingularValueDecomposition(
    new Matrix([clean.slice(0, 3), clean.slice(3, 6), clean.slice(6, 9)]),
    { autoTranspose: true },
  );
  return svd.leftSingularVectors.mmul(svd.rightSingularVectors.transpose()).to1DArray();
}

/** Largest distance in mm between where two affines put the eight corner voxels of a grid. */
export function cornerDistanceMm(size: Size3, a: Affine, b: Affine): number {
  let largest = 0;
  for (let corner = 0; corner < 8; corner++) {
    const voxel: Point3 = [
      corner & 1 ? size[0] - 1 : 0,
      corner & 2 ? size[1] - 1 : 0,
      corner & 4 ? size[2] - 1 : 0,
    ];
    const [p, q] = [applyAffine(a, voxel), applyAffine(b, voxel)];
    largest = Math.max(largest, Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]));
  }
  return largest;
}

/**
 * True when two grids have the same size and no corner voxel lies further apart than the tolerance (mm).
 * The default forgives what float32 headers lose to rounding and nothing else.
 */
export function sameGrid(a: Grid, b: Grid, toleranceMm = 1e-3): boolean {
  return (
    a.size.every((n, axis) => n === b.size[axis]) &&
    cornerDistanceMm(a.size, a.affine, b.affine) <= toleranceMm
  );
}

/** How two grids differ, in words with millimetres; an empty string when they do not. */
export function describeGridDifference(a: Grid, b: Grid, toleranceMm = 1e-3): string {
  if (sameGrid(a, b, toleranceMm)) return "";
  const parts: string[] = [];
  if (!a.size.every((n, axis) => n === b.size[axis]))
    parts.push(`sizes ${a.size.join("x")} and ${b.size.join("x")} voxels`);
  const [p, q] = [spacingMm(a.affine), spacingMm(b.affine)];
  if (p.some((mm, axis) => Math.abs(mm - q[axis]!) * a.size[axis]! > toleranceMm))
    parts.push(`spacings ${showMm(p)} and ${showMm(q)} mm`);
  const apart = Math.hypot(
    a.affine[3]! - b.affine[3]!,
    a.affine[7]! - b.affine[7]!,
    a.affine[11]! - b.affine[11]!,
  );
  if (apart > toleranceMm) {
    const voxels = apart / Math.min(...p);
    parts.push(`first voxels ${round(apart)} mm (${round(voxels)} voxels) apart`);
  }
  const angle = rotationAngleDegrees(a.affine, b.affine);
  if (angle > 1e-3) parts.push(`axes turned by ${round(angle)} degrees`);
  const corner = cornerDistanceMm(a.size, a.affine, b.affine);
  if (parts.length === 0 || !parts[0]!.startsWith("sizes"))
    parts.push(`corners up to ${round(corner)} mm apart`);
  return parts.join(", ");
}

/** The largest angle between corresponding axes, in degrees. */
function rotationAngleDegrees(a: Affine, b: Affine): number {
  const [p, q] = [spacingMm(a), spacingMm(b)];
  let largest = 0;
  for (let axis = 0; axis < 3; axis++) {
    let cosine = 0;
    for (let row = 0; row < 3; row++)
      cosine += (a[row * 4 + axis]! * b[row * 4 + axis]!) / (p[axis]! * q[axis]!);
    largest = Math.max(largest, Math.acos(Math.min(1, Math.max(-1, cosine))));
  }
  return (largest * 180) / Math.PI;
}

/** An affine on one line, for messages: rows apart by semicolons. */
export function showAffine(a: Affine): string {
  return [0, 1, 2]
    .map((row) =>
      a
        .slice(row * 4, row * 4 + 4)
        .map(round)
        .join(" "),
    )
    .join("; ");
}

/** Millimetres for messages: `1x1x2`. */
export function showMm(mm: readonly number[]): string {
  return mm.map(round).join("x");
}

function round(x: number): number {
  return Number(x.toPrecision(4));
}

/** How far the axes of a grid are from right angles, in degrees, at worst; 0 for every grid without shear. */
export function shearDegrees(a: Affine): number {
  const mm = spacingMm(a);
  const angleFrom90 = (p: number, q: number): number => {
    let cosine = 0;
    for (let row = 0; row < 3; row++) cosine += (a[row * 4 + p]! * a[row * 4 + q]!) / (mm[p]! * mm[q]!);
    return (Math.asin(Math.min(1, Math.abs(cosine))) * 180) / Math.PI;
  };
  return Math.max(angleFrom90(0, 1), angleFrom90(0, 2), angleFrom90(1, 2));
}
