/**
 * Deep grey nuclei, hippocampus, amygdala and ventricles of one side, in template millimetres. Tables of axis
 * points with radii; sizes are changed by the person's parameters in `anatomy.ts`.
 */
import { ellipsoid, type Tube, tube } from "./distance.js";

export const caudateAxis: Tube = tube([
  [11, 15, -5, 5],
  [13, 17, 3, 6.4],
  [13.5, 10, 11, 5.4],
  [14.5, -1, 18, 4],
  [18, -14, 21, 3],
  [24, -27, 18, 2.3],
  [29, -36, 9, 1.8],
]);

/** From the medial hook of the head, through body, to the tail under the splenium; z is stretched by 1.2. */
export const hippocampusAxis: Tube = tube([
  [20, -8.5, -23 * 1.2, 4.8],
  [25, -9.5, -22.5 * 1.2, 6.9],
  [28.5, -15, -20.5 * 1.2, 6.7],
  [29.5, -22, -16.5 * 1.2, 6.1],
  [29.5, -29, -11 * 1.2, 5.6],
  [26.5, -36, -4 * 1.2, 4.9],
  [21, -40, 3 * 1.2, 3.4],
]);
/** The stretch of z within `hippocampusAxis`: the cross-section is wider than high. */
export const hippocampusFlatness = 1.2;

/** Frontal horn, body and atrium of a lateral ventricle, then its occipital horn. */
export const lateralAxis: Tube = tube([
  [11, 31, 2, 2.2],
  [9.5, 25, 6, 4.4],
  [8, 16, 10, 5.2],
  [7.5, 4, 15, 5],
  [9, -10, 20, 4.6],
  [13, -24, 20, 4.8],
  [20, -35, 15, 5.6],
  [26, -42, 7, 5.6],
  [26, -52, 5, 4],
  [24, -62, 4, 2.6],
  [22, -72, 3, 1.2],
]);
/** The temporal horn: from the atrium forward, above and beside the hippocampus. */
export const temporalHornAxis: Tube = tube([
  [27, -41, 6, 4.6],
  [32, -37, -3, 3],
  [35.5, -28, -10.5, 2.1],
  [35.5, -18, -16, 1.9],
  [33, -10, -18, 2],
  [29, -4.5, -20, 1.6],
]);
export const fornixAxis: Tube = tube([
  [2.5, 0, -8, 1.3],
  [2, 2, 2, 1.5],
  [2, -3, 11, 1.7],
  [2, -14, 16, 1.7],
  [4, -27, 16.5, 1.7],
  [12, -36, 11, 1.5],
  [20, -38, 5, 1.4],
]);

/** Signed distance to the thalamus, its pulvinar turned outwards. */
export function thalamus(a: number, y: number, z: number): number {
  const u = y + 19;
  const v = a - 11.5 + 0.33 * u;
  return ellipsoid(v, u, z - 7 - 0.04 * u, 10.6, 17.8, 11);
}

/** Signed distance to the putamen: a shell lens, outer side convex towards the insula. */
export function putamen(a: number, y: number, z: number): number {
  const u = y - 1;
  const v = a - 26 + 0.22 * u + 0.006 * u * u + 0.008 * (z - 1) * (z - 1) - 1.4;
  return ellipsoid(v, u, z, 6.2, 20, 12.6);
}

/** Signed distance to the pallidum, medial to the putamen. */
export function pallidum(a: number, y: number, z: number): number {
  const u = y + 3;
  const v = a - 19.6 + 0.36 * u + 0.006 * u * u - 0.12 * (z + 1);
  return ellipsoid(v, u, z + 1, 5.2, 11.5, 8.2);
}

export function accumbens(a: number, y: number, z: number): number {
  return ellipsoid(a - 9.5, y - 12, z + 7, 5, 6, 4.5);
}

export function amygdala(a: number, y: number, z: number): number {
  return ellipsoid(a - 23, y + 3, z + 19, 9.2, 7.6, 8.6);
}

/** Signed distance to the third ventricle: a slit between the thalami, pierced by their adhesion. */
export function thirdVentricle(a: number, y: number, z: number, width: number): number {
  const slit = ellipsoid(a, y + 11 + 0.35 * (z + 5), z + 5.5, 2.3 * width, 14, 9.5);
  const adhesion = ellipsoid(a, y + 12, z + 1, 6, 3.4, 2.8);
  return Math.max(slit, -adhesion);
}

/** Signed distance to the fourth ventricle and the aqueduct above it. */
export function fourthVentricle(a: number, y: number, z: number, width: number): number {
  const u = y + 41.5 + 0.25 * (z + 33);
  const bulb = ellipsoid(a, u, z + 33, 8 * width, 4.2, 13);
  const roof = ellipsoid(a, y + 45, z + 31, 5 * width, 6.5, 4.5);
  const t = Math.min(1, Math.max(0, (z + 26) / 20));
  const aqueduct = z > -28 && z < -3 ? Math.hypot(a, y + 38 - 8 * t) - 1 : 9;
  return Math.min(bulb, roof, aqueduct);
}
