/** The surface that carries the cerebrum outside the temporal lobes, in template millimetres. */
import { smoothMax, smoothStep } from "./distance.js";

/** Height of the floor under the cerebrum outside the temporal lobes: orbital roof, basal forebrain, tentorium. */
export function floorHeight(a: number, y: number): number {
  const orbital = -27 + 7 * smoothStep(4, 22, a) - 4 * smoothStep(34, 56, a);
  const basal = -16;
  const tentNear = 2 - 0.62 * Math.sqrt(a * a + 36) + 3.7;
  const tent = smoothMax(-17 - 0.12 * a, tentNear - 0.42 * Math.max(0, -y - 50), 6);
  const front = smoothStep(3, 20, y);
  const back = smoothStep(-18, -36, y);
  return front * orbital + back * tent + (1 - front - back) * basal;
}

/** Signed distance to the floor surface, positive above it. */
export function aboveFloor(a: number, y: number, z: number): number {
  const h = floorHeight(a, y);
  const da = floorHeight(a + 1, y) - h;
  const dy = floorHeight(a, y + 1) - h;
  return (z - h) / Math.sqrt(1 + da * da + dy * dy);
}
