/**
 * The container: inner surface of the skull, bone, face and neck, in template millimetres (RAS, origin at the
 * anterior commissure, about the size of the MNI average). `a` is |x|: the template is symmetric, persons are
 * not. Positions follow the published atlas extents of the structures (Talairach and Tournoux 1988, and the
 * ICBM152 average: Fonov et al. 2011).
 */
import { temporalLobe } from "./cerebrum.js";
import { ellipsoid, smoothMax, smoothMin, type Tube, tube, tubeDistance } from "./distance.js";
import { aboveFloor } from "./floor.js";
import { cerebellarMass } from "./hindbrain.js";

const cisterns: Tube = tube([
  [0, 4, -17, 6],
  [0, -8, -21, 8],
  [0, -23, -31, 15.5],
  [0, -31, -50, 13.5],
  [0, -41, -70, 10.5],
  [0, -48, -95, 9],
  [0, -54, -140, 9],
]);

/** Signed distance to the inner surface of the skull (negative inside): it follows the brain that it holds. */
export function vault(a: number, y: number, z: number): number {
  const back = ellipsoid(a, y + 24, z - 5, 70, 82, 77);
  const front = ellipsoid(a, y - 22, z - 6, 56, 51, 61);
  const crown = smoothMin(back, front, 22);
  const upper = smoothMax(crown, -2 - aboveFloor(a, y, z), 6);
  const temporal = smoothMax(temporalLobe(a, y, z) - 2.2, crown, 6);
  const posterior = cerebellarMass(a, y, z) - 2.2;
  const occipital = ellipsoid(a, y + 64, z + 30, 52, 35, 31);
  const below = smoothMin(temporal, smoothMin(posterior, occipital, 6), 6);
  return smoothMin(smoothMin(upper, below, 6), tubeDistance(cisterns, a, y, z), 8);
}

/** Signed distance to the outside of the head (negative inside): scalp, face, nose, neck. */
export function skin(a: number, y: number, z: number, cranium: number): number {
  const scalp = cranium - 14;
  const face = ellipsoid(a, y - 40, z + 58, 64, 60, 78);
  const brow = ellipsoid(a, y - 66, z + 22, 46, 24, 24);
  const nose = ellipsoid(a, y - 100 - 0.28 * (-40 - z), z + 52, 13, 20, 26);
  const neck = ellipsoid(a, y + 30, z + 150, 58, 68, 130);
  const ear = ellipsoid(a - 80, y + 28 - 0.3 * (a - 80), z + 34, 8, 15, 26);
  let d = smoothMin(scalp, face, 24);
  d = smoothMin(d, brow, 14);
  d = smoothMin(d, neck, 30);
  d = smoothMin(d, nose, 9);
  return smoothMin(d, ear, 9);
}

/** Signed distance to the eyeball. */
export function eye(a: number, y: number, z: number): number {
  return ellipsoid(a - 34, y - 62, z + 36, 12.8, 12.6, 12.6);
}

/** Signed distance to the orbit's cone of fat behind and around the eye. */
export function orbit(a: number, y: number, z: number): number {
  const t = Math.min(1, Math.max(0, (y - 24) / 36));
  const cx = 15 + 18 * t;
  const r = 3 + 15 * Math.sqrt(t);
  return Math.max(Math.hypot(a - cx, z + 34 + 2 * t) - r, y - 68, 24 - y);
}

/** Signed distance to the air of nose, throat and sinuses. */
export function airways(a: number, y: number, z: number, wobble: number): number {
  const septum = 1.2 + 1.5 * Math.max(0, wobble);
  const cavity = smoothMax(ellipsoid(a - 5, y - 56, z + 52, 9, 36, 20), septum - a, 1);
  const turbinate = 2.2 - Math.abs(((z + 200 + 2.5 * wobble) % 11) - 5.5);
  const nasal = Math.max(cavity, turbinate - 0.4);
  const ethmoid = smoothMax(ellipsoid(a - 7, y - 50, z + 32, 8, 22, 11), 0.9 - Math.abs(wobble), 0.5);
  const maxillary = ellipsoid(a - 29, y - 46, z + 62, 11, 15, 14) + wobble;
  const throat = ellipsoid(a, y - 8, z + 92, 12, 9, 46) + wobble;
  const sphenoid = ellipsoid(a - 6, y - 22, z + 38, 8, 12, 9) + 0.8 * wobble;
  const frontal = ellipsoid(a - 10, y - 80, z + 12, 12, 4.5, 10) + 1.2 * wobble;
  const mastoid = ellipsoid(a - 56, y + 36, z + 48, 9, 13, 15) + 6 * Math.abs(wobble) - 1.5;
  return Math.min(nasal, ethmoid, maxillary, throat, sphenoid, frontal, mastoid);
}
