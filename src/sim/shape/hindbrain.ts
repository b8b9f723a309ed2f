/** Brainstem and cerebellum in template millimetres. */
import { ellipsoid, smoothMax, smoothMin, type Tube, tube, tubeDistance } from "./distance.js";
import { floorHeight } from "./floor.js";

const stem: Tube = tube([
  [0, -24, -6, 11],
  [0, -27, -16, 11],
  [0, -29, -30, 11],
  [0, -32, -44, 9],
  [0, -37, -56, 7.4],
  [0, -43, -72, 6.6],
  [0, -49, -95, 5.6],
  [0, -54, -140, 5.4],
]);
const peduncle: Tube = tube([
  [14, -13, -6, 6],
  [11, -17, -14, 6.5],
  [7, -20, -24, 6],
]);
const middlePeduncle: Tube = tube([
  [10, -27, -33, 7.5],
  [19, -36, -35, 7],
  [25, -48, -36, 7],
]);

/** Signed distance to midbrain, pons and medulla. */
export function brainstem(a: number, y: number, z: number): number {
  const pons = ellipsoid(a, y + 24, z + 32, 17, 12.5, 13.5);
  const axis = tubeDistance(stem, a, y, z);
  const colliculi = ellipsoid(a - 5, y + 35, z + 8, 5, 4.5, 7);
  const d = smoothMin(smoothMin(axis, pons, 5), tubeDistance(peduncle, a, y, z), 4);
  return smoothMin(d, colliculi, 3);
}

/** Signed distance to the middle cerebellar peduncle, white matter between pons and cerebellum. */
export function cerebellarPeduncle(a: number, y: number, z: number): number {
  return tubeDistance(middlePeduncle, a, y, z);
}

/** Signed distance to the cerebellum before it meets the tentorium. */
export function cerebellarMass(a: number, y: number, z: number): number {
  const hemisphere = ellipsoid(a - 25, y + 62, z + 36, 33, 31.5, 26);
  const vermis = ellipsoid(a, y + 60, z + 26, 12, 20, 28);
  return smoothMin(hemisphere, vermis, 7);
}

/** Signed distance to the smooth hull of the cerebellum, `cranium` the signed distance to the vault. */
export function cerebellum(a: number, y: number, z: number, cranium: number): number {
  const notch = ellipsoid(a, y + 94, z + 44, 4, 14, 22);
  const roof = (z - floorHeight(a, y) + 1.8) * 0.85;
  return smoothMax(smoothMax(smoothMax(cerebellarMass(a, y, z), -notch, 4), cranium + 1.4, 3), roof, 3);
}

/** Signed distance to the medullary core of the cerebellum, from which the branches go out. */
export function cerebellarCore(a: number, y: number, z: number): number {
  const lateral = ellipsoid(a - 20, y + 55, z + 36, 18, 12, 6.5);
  const middle = ellipsoid(a, y + 53, z + 28, 9, 5.5, 6);
  return smoothMin(lateral, middle, 5);
}
