import { affineFromColumns, determinant, nearestRotation, type Point3, spacingMm } from "./affine.js";
import type { Affine } from "./volume.js";

/**
 * A rigid placement as NIfTI's qform stores it: a unit quaternion with real part `a >= 0` left out, voxel sizes
 * in mm, the world position of the first voxel, and `qfac = -1` for a left-handed grid.
 * Source: the comments of nifti1.h, method 2.
 */
export interface Qform {
  readonly quaternion: Point3;
  readonly spacingMm: Point3;
  readonly offsetMm: Point3;
  readonly qfac: 1 | -1;
}

/** The affine of a qform. A quaternion that rounding has made longer than one is shortened to one. */
export function affineFromQform({ quaternion, spacingMm: spacing, offsetMm, qfac }: Qform): Affine {
  let [b, c, d] = quaternion;
  const square = b * b + c * c + d * d;
  let a = 0;
  if (square < 1) a = Math.sqrt(1 - square);
  else {
    const length = Math.sqrt(square);
    [b, c, d] = [b / length, c / length, d / length];
  }
  const [x, y, z] = [spacing[0], spacing[1], spacing[2] * qfac];
  return affineFromColumns(
    [(a * a + b * b - c * c - d * d) * x, 2 * (b * c + a * d) * x, 2 * (b * d - a * c) * x],
    [2 * (b * c - a * d) * y, (a * a + c * c - b * b - d * d) * y, 2 * (c * d + a * b) * y],
    [2 * (b * d + a * c) * z, 2 * (c * d - a * b) * z, (a * a + d * d - c * c - b * b) * z],
    offsetMm,
  );
}

/** The qform nearest to an affine; of a sheared affine the nearest rotation remains, the shear is lost. */
export function qformFromAffine(affine: Affine): Qform {
  const spacing = spacingMm(affine);
  const qfac = determinant(affine) < 0 ? -1 : 1;
  const axes: number[] = [];
  for (let row = 0; row < 3; row++)
    for (let column = 0; column < 3; column++)
      axes.push((affine[row * 4 + column]! / spacing[column]!) * (column === 2 ? qfac : 1));
  return {
    quaternion: quaternionOf(nearestRotation(axes)),
    spacingMm: spacing,
    offsetMm: [affine[3]!, affine[7]!, affine[11]!],
    qfac,
  };
}

/** Unit quaternion `(b, c, d)` of a rotation, `a >= 0`, dividing by its largest part (Shepperd 1978). */
function quaternionOf(r: readonly number[]): Point3 {
  const [xx, yy, zz] = [r[0]!, r[4]!, r[8]!];
  const squares = [1 + xx + yy + zz, 1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz];
  const largest = squares.indexOf(Math.max(...squares));
  const part = Math.sqrt(squares[largest]!) / 2;
  const [cb, dc, bd] = [r[7]! - r[5]!, r[2]! - r[6]!, r[3]! - r[1]!];
  const [bc, bdSum, cdSum] = [r[1]! + r[3]!, r[2]! + r[6]!, r[5]! + r[7]!];
  const scale = 1 / (4 * part);
  const [a, b, c, d] = (
    [
      [part, cb * scale, dc * scale, bd * scale],
      [cb * scale, part, bc * scale, bdSum * scale],
      [dc * scale, bc * scale, part, cdSum * scale],
      [bd * scale, bdSum * scale, cdSum * scale, part],
    ] as const
  )[largest as 0 | 1 | 2 | 3]!;
  const sign = a < 0 ? -1 : 1;
  return [b * sign, c * sign, d * sign];
}
