import type { Rng } from "../core/rng.js";
import { type DrawContext, planeNormal, type Range } from "./sample.js";

/** Three numbers, one for each of the axes i, j, k. */
export type Triple = readonly [number, number, number];

/**
 * A change of position of everything in the image, about the patch's centre, in millimetres along the
 * volume's own axes. What is at x goes to `R · S · H · x + t`: sheared, then scaled, then rotated, then moved;
 * mirrored axes last of all.
 */
export interface AffineParameters {
  /** Rotation about i, then j, then k; degrees, right-handed. */
  readonly rotationDegrees: Triple;
  /** Above 1 makes things larger. */
  readonly scale: Triple;
  /** Angles of the shears i by j, i by k, j by k; degrees. */
  readonly shearDegrees: Triple;
  readonly translationMm: Triple;
  readonly mirror: readonly [boolean, boolean, boolean];
}

export const identityAffineParameters: AffineParameters = Object.freeze({
  rotationDegrees: [0, 0, 0] as const,
  scale: [1, 1, 1] as const,
  shearDegrees: [0, 0, 0] as const,
  translationMm: [0, 0, 0] as const,
  mirror: [false, false, false] as const,
});

/** How likely and how far; every part is drawn on its own. */
export interface AffineSpec {
  readonly rotation: { readonly probability: number; readonly degrees: Range };
  /** `anisotropic` draws one factor per axis instead of one for all. */
  readonly scaling: { readonly probability: number; readonly factor: Range; readonly anisotropic: boolean };
  readonly shear: { readonly probability: number; readonly degrees: Range };
  readonly translation: { readonly probability: number; readonly mm: Range };
  /** Each listed axis is mirrored with the probability. Leave i out where labels tell left from right. */
  readonly mirror: { readonly probability: number; readonly axes: readonly (0 | 1 | 2)[] };
}

/** Draw an affine change. In 2-D and in thick slices it stays in the plane (`planeNormal`). */
export function drawAffine(spec: AffineSpec, rng: Rng, context: DrawContext): AffineParameters {
  const normal = planeNormal(context);
  const inPlane = (axis: number): boolean => axis !== normal;
  const along = (name: string, rest: number, range: Range, used: (axis: number) => boolean): Triple => {
    const at = rng.split(name);
    // Every number is drawn, used or not, so that one axis's draw never moves another's.
    const drawn = [0, 1, 2].map(() => at.between(range[0], range[1]));
    const of = (axis: number): number => (used(axis) ? drawn[axis]! : rest);
    return [of(0), of(1), of(2)];
  };
  const happens = (name: string, probability: number): boolean =>
    rng.split(name, "happens").chance(probability);
  const { rotation, scaling, shear, translation, mirror } = spec;

  const about = (axis: number): boolean => normal === undefined || axis === normal;
  const scale = along("scaling", 1, scaling.factor, inPlane);
  const one = scale[inPlane(0) ? 0 : 1];
  const isotropic: Triple = [inPlane(0) ? one : 1, inPlane(1) ? one : 1, inPlane(2) ? one : 1];
  const shears: readonly (readonly [number, number])[] = [
    [0, 1],
    [0, 2],
    [1, 2],
  ];
  const flips = rng.split("mirror");
  const flipped = [0, 1, 2].map(
    (axis) => flips.chance(mirror.probability) && mirror.axes.some((listed) => listed === axis),
  );
  const rest = identityAffineParameters;
  return Object.freeze({
    rotationDegrees: happens("rotation", rotation.probability)
      ? along("rotation", 0, rotation.degrees, about)
      : rest.rotationDegrees,
    scale: happens("scaling", scaling.probability) ? (scaling.anisotropic ? scale : isotropic) : rest.scale,
    shearDegrees: happens("shear", shear.probability)
      ? along("shear", 0, shear.degrees, (pair) => shears[pair]!.every(inPlane))
      : rest.shearDegrees,
    translationMm: happens("translation", translation.probability)
      ? along("translation", 0, translation.mm, inPlane)
      : rest.translationMm,
    mirror: [flipped[0]!, flipped[1]!, flipped[2]!] as const,
  });
}

/** Whether the parameters leave every voxel on the grid: nothing but, at most, mirroring. */
export function staysOnGrid(p: AffineParameters): boolean {
  const is = (values: Triple, rest: number): boolean => values.every((value) => value === rest);
  return is(p.rotationDegrees, 0) && is(p.scale, 1) && is(p.shearDegrees, 0) && is(p.translationMm, 0);
}

/** The linear part `M · R · S · H`, 3x3 row-major, M the mirroring; the whole is `x → M · (R·S·H·x + t)`. */
export function linearPart(p: AffineParameters): number[] {
  const [a, b, c] = p.rotationDegrees.map((degrees) => (degrees * Math.PI) / 180) as [number, number, number];
  const aboutI = [1, 0, 0, 0, Math.cos(a), -Math.sin(a), 0, Math.sin(a), Math.cos(a)];
  const aboutJ = [Math.cos(b), 0, Math.sin(b), 0, 1, 0, -Math.sin(b), 0, Math.cos(b)];
  const aboutK = [Math.cos(c), -Math.sin(c), 0, Math.sin(c), Math.cos(c), 0, 0, 0, 1];
  const [ij, ik, jk] = p.shearDegrees.map((degrees) => Math.tan((degrees * Math.PI) / 180));
  const shear = [1, ij!, ik!, 0, 1, jk!, 0, 0, 1];
  const scale = [p.scale[0], 0, 0, 0, p.scale[1], 0, 0, 0, p.scale[2]];
  const [mi, mj, mk] = p.mirror.map((mirrored) => (mirrored ? -1 : 1));
  const mirror = [mi!, 0, 0, 0, mj!, 0, 0, 0, mk!];
  return [mirror, aboutK, aboutJ, aboutI, scale, shear].reduce(multiply3);
}

/** Product of two 3x3 row-major matrices. */
export function multiply3(a: readonly number[], b: readonly number[]): number[] {
  const product = new Array<number>(9).fill(0);
  for (let row = 0; row < 3; row++)
    for (let column = 0; column < 3; column++)
      for (let n = 0; n < 3; n++) product[row * 3 + column]! += a[row * 3 + n]! * b[n * 3 + column]!;
  return product;
}

/** Inverse of a 3x3 row-major matrix that is known to have one (rotations, scales above 0, shears below 90°). */
export function invert3(m: readonly number[]): number[] {
  const [a, b, c, d, e, f, g, h, i] = m as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const cofactors = [
    e * i - f * h,
    c * h - b * i,
    b * f - c * e,
    f * g - d * i,
    a * i - c * g,
    c * d - a * f,
    d * h - e * g,
    b * g - a * h,
    a * e - b * d,
  ];
  const determinant = a * cofactors[0]! + b * cofactors[3]! + c * cofactors[6]!;
  return cofactors.map((cofactor) => cofactor / determinant);
}
