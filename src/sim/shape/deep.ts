/**
 * Deep grey nuclei, hippocampus, amygdala and ventricles of one side, in template millimetres. Tables of axis
 * points with radii; sizes are changed by the person's parameters in `anatomy.ts`.
 */
import { callosum, centre } from "./cerebrum.js";
import { ellipsoid, type Tube, tube, tubeDistance } from "./distance.js";
import { brainstem } from "./hindbrain.js";

export const caudateAxis: Tube = tube([
  [11, 15, -5, 5],
  [13, 17, 3, 6.4],
  [13.5, 10, 11, 5.4],
  [14.5, -1, 18, 4],
  [18, -14, 21, 3],
  [24, -27, 18, 2.3],
  [29, -36, 9, 1.8],
]);

/** How much the height of the hippocampus is less than its width: z is stretched by this before measuring. */
export const hippocampusFlatness = 1.35;

/** From the medial hook of the head, through body, to the tail under the splenium; z stretched. */
export const hippocampusAxis: Tube = tube(
  (
    [
      [18.5, -9, -21, 4],
      [24.5, -8.5, -22.5, 7],
      [29, -14, -20.5, 7.2],
      [30, -21.5, -16, 6.4],
      [29.5, -29, -10.5, 6],
      [26, -36, -4, 5.4],
      [20, -40, 3, 3.6],
    ] as const
  ).map(([x, y, z, radius]) => [x, y, z * hippocampusFlatness, radius] as const),
);

/** How much higher than wide the lateral ventricle is: z is divided by this before measuring. */
export const ventricleHeight = 1.4;

/** Frontal horn, body and atrium of a lateral ventricle, then its occipital horn; z divided. */
export const lateralAxis: Tube = tube(
  (
    [
      [10, 32, 4, 2],
      [7.5, 26, 7, 4.4],
      [5.7, 16, 11, 5.4],
      [5.5, 4, 16, 5.2],
      [7, -10, 20, 4.9],
      [13, -24, 20, 5],
      [20.5, -35, 14.5, 6],
      [27, -43, 7, 6],
      [26.5, -52, 5, 4.4],
      [24.5, -62, 4, 2.8],
      [22, -72, 3, 1.3],
    ] as const
  ).map(([x, y, z, radius]) => [x, y, z / ventricleHeight, radius] as const),
);
/** The temporal horn: from the atrium forward; what the hippocampus leaves of it is a crescent over its back. */
export const temporalHornAxis: Tube = tube([
  [27, -42, 6, 5],
  [33, -37, -1.5, 3.2],
  [34.5, -28, -8.5, 3.2],
  [34, -19, -14, 3.2],
  [31.5, -11, -17.5, 3.2],
  [28, -5, -19, 2.2],
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
  return ellipsoid(a - 9.5, y - 12, z + 7.5, 6.2, 7.2, 6);
}

export function amygdala(a: number, y: number, z: number): number {
  return ellipsoid(a - 23, y + 3, z + 19, 9.8, 8, 9.2);
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

/** Negative wherever a deep structure of any person may be: the margins are above what parameters can add. */
export function nearDeep(a: number, y: number, z: number): number {
  const hippocampal = tubeDistance(hippocampusAxis, a, y, z * hippocampusFlatness);
  const ventricular =
    Math.min(tubeDistance(lateralAxis, a, y, z / ventricleHeight), tubeDistance(temporalHornAxis, a, y, z)) -
    4;
  const nuclei = Math.min(
    thalamus(a, y, z),
    putamen(a, y, z),
    amygdala(a, y, z),
    tubeDistance(caudateAxis, a, y, z),
  );
  const middle = Math.min(
    callosum(a, y, z),
    centre(a, y, z),
    brainstem(a, y, z),
    fourthVentricle(a, y, z, 1.5),
  );
  const fornix = tubeDistance(fornixAxis, a, y, z);
  return Math.min(hippocampal, ventricular, nuclei, middle, fornix) - 4.5;
}
