/**
 * The unfolded cerebrum in template millimetres: the smooth hull of one hemisphere, and the sheet of the
 * Sylvian fissure with the insula at its bottom. Sulci are cut into it by `folding.ts`.
 */
import { ellipsoid, smoothMax, smoothMin, smoothStep, type Tube, tube, tubeDistance } from "./distance.js";
import { aboveFloor } from "./floor.js";

const temporal: Tube = tube([
  [39, 12, -29, 12],
  [43, 2, -27, 17],
  [47, -16, -22, 19],
  [48, -36, -15, 19],
  [46, -54, -8, 17],
]);
const medialTemporal: Tube = tube([
  [25, 2, -27, 7],
  [24, -8, -24, 10],
  [26, -22, -20, 10],
  [27, -36, -13, 9],
  [22, -46, -4, 8],
]);

/** Signed distance to the hull of the temporal lobe, before it meets the skull. */
export function temporalLobe(a: number, y: number, z: number): number {
  return smoothMin(tubeDistance(temporal, a, y, z), tubeDistance(medialTemporal, a, y, z), 9);
}

/** Signed distance to the hull of a hemisphere (negative inside), `cranium` the signed distance to the vault. */
export function hemisphere(a: number, y: number, z: number, cranium: number): number {
  const inside = cranium + 0.9;
  const upper = smoothMax(smoothMax(inside, -aboveFloor(a, y, z), 3.5), -0.3 - a, 4);
  return smoothMin(upper, smoothMax(temporalLobe(a, y, z), inside, 3.5), 8);
}

/** Distance (not signed) to the sheet of the Sylvian fissure, which opens on the insula like a T. */
export function sylvian(a: number, y: number, z: number): number {
  const t = Math.min(1, Math.max(0, (16 - y) / 58));
  const height = -12 + 6 * t + 20 * t * t + 1.9 * Math.sin(0.3 * (a - 40) + 0.11 * y);
  const slope = (6 + 40 * t) / 58;
  const medialEnd = 37 - 15 * smoothStep(2, 14, y);
  const stemAcross = (z - height) / Math.sqrt(1 + slope * slope);
  const beyond = Math.max(0, medialEnd - a, -46 - y, y - 24);
  const stem = Math.hypot(stemAcross, beyond);
  const u = (y + 2) / 23;
  const v = (z - 1 + 0.18 * (y + 2)) / 15.5;
  const reach = Math.sqrt(u * u + v * v);
  const plate = 38.5 - 2.6 * u * u - 1.6 * v * v + 0.12 * (z - 1);
  const island = Math.hypot(a - plate, Math.max(0, reach - 1) * 17);
  return smoothMin(stem, island, 2);
}

/** Where sulci must stay shallow (1) or may be deep (0): around the hippocampus and the basal forebrain. */
export function shallow(a: number, y: number, z: number): number {
  const hippocampal = ellipsoid(a - 26, y + 20, z + 16, 11, 24, 13);
  const basal = ellipsoid(a - 14, y - 4, z + 14, 14, 14, 12);
  const temporalDepth = temporalLobe(a, y, z) - 0.35 * Math.max(0, z + 4);
  const thin = 0.3 * (1 - smoothStep(-4, 4, temporalDepth));
  return Math.max(thin, 1 - smoothStep(-2, 8, Math.min(hippocampal, basal)));
}

const callosalArch: Tube = tube(
  [
    [0, 17, -8, 1],
    [0, 25, -6, 1.8],
    [0, 31, 2, 4.2],
    [0, 30, 11, 4.4],
    [0, 20, 20, 3.2],
    [0, 2, 25, 2.7],
    [0, -16, 25.5, 2.7],
    [0, -29, 22, 2.7],
    [0, -37, 15.5, 4.2],
    [0, -38.5, 10, 4.4],
  ],
  5,
);

/** Signed distance to the corpus callosum: an arch whose sides rise over the ventricles and whose ends fork. */
export function callosum(a: number, y: number, z: number): number {
  const flare = 0.011 * a * a;
  const fork = y > 16 ? 0.016 * a * a : y < -28 ? -0.018 * a * a : 0;
  return Math.max(tubeDistance(callosalArch, 0, y - fork, z - flare), a - 24);
}

/** Signed distance to the solid middle of the brain, which has no cortex on its surface. */
export function centre(a: number, y: number, z: number): number {
  const underCallosum = ellipsoid(a, y + 4, z - 8, 20, 33, 17);
  const nuclei = ellipsoid(a - 18, y + 4, z - 3, 16, 29, 18);
  const hypothalamus = ellipsoid(a, y + 8, z + 8, 12, 14, 11);
  return smoothMin(smoothMin(underCallosum, nuclei, 6), hypothalamus, 6);
}

/**
 * The folds that every person has, as a value whose zeros are the sulci and whose sign changes between gyri,
 * with the weight (0 to 1) that it has at a point of the surface: the cingulate sulcus round the callosum, the
 * central sulcus with its two neighbours, the superior and the inferior temporal sulcus.
 */
export function primaryFolds(a: number, y: number, z: number, out: { value: number; weight: number }): void {
  const medial = (1 - smoothStep(3, 10, a)) * smoothStep(-52, -36, y) * smoothStep(-4, 6, z);
  const fromCallosum = callosum(0, y, z) - 11.5;
  const oblique = (y + 22 - 0.36 * (72 - z)) / 1.06;
  const convex = smoothStep(8, 16, a) * smoothStep(14, 24, z) * (1 - smoothStep(16, 24, Math.abs(oblique)));
  const t = Math.min(1, Math.max(0, (16 - y) / 58));
  const underSylvian = z - (-12 + 6 * t + 20 * t * t - 14);
  const temporal = smoothStep(40, 48, a) * smoothStep(2, -6, underSylvian - 10) * smoothStep(18, 6, y + 10);
  out.weight = 0.8 * Math.max(medial, convex, temporal);
  out.value =
    medial >= convex && medial >= temporal
      ? Math.sin((2 * Math.PI * fromCallosum) / 28)
      : convex >= temporal
        ? Math.sin((2 * Math.PI * oblique) / 28)
        : Math.sin((2 * Math.PI * underSylvian) / 27);
}
