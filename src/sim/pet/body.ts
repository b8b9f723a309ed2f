import type { Rng } from "../../core/rng.js";
import type { Grid } from "../../volume/volume.js";
import type { PetSlice } from "./scan.js";

/** An ellipse whose edge is bent by a few harmonics; lengths in mm. */
interface Blob {
  readonly x: number;
  readonly y: number;
  readonly radiusX: number;
  readonly radiusY: number;
  readonly turn: number;
  /** Amplitude and phase of the 2nd to 5th harmonic of the radius. */
  readonly bends: readonly (readonly [amplitude: number, phase: number])[];
  /** kBq/ml. */
  readonly activity: number;
  readonly attenuationPerCm: number;
}

/** Levels of the trunk, from which an organ or another is seen. */
export const bodyLevels = ["thorax", "abdomen", "pelvis", "head-like"] as const;
export type BodyLevel = (typeof bodyLevels)[number];

/** Beyond this squared radius no bend reaches: harmonics spread by 0.09 / n stay far below a half. */
const farthestBend = 2.25;

const soft = 0.096;
const lung = 0.03;
const bone = 0.13;

/**
 * A slice of a body: outline, fat, muscle, organs of its level, bones and hot lesions, each an ellipse with a bent edge
 * and uptake of its own. Uptake follows FDG's ranges relative to blood (liver 1.5, heart 0.5 to 8, bladder up to 30:
 * Wang et al. 2007), drawn widely, since the network has to learn shapes and not one tracer. What is wider than the
 * field of view is shrunk to 95 % of it.
 */
export function bodySlice(rng: Rng, grid: Grid): PetSlice {
  const level = bodyLevels[rng.split("level").integer(bodyLevels.length)]!;
  const blobs = drawBlobs(rng, level);
  const step = Math.hypot(grid.affine[0]!, grid.affine[4]!);
  const radius = (0.95 * step * grid.size[0]) / 2;
  const reach = Math.max(
    ...blobs.map(({ x, y, radiusX, radiusY }) => Math.hypot(Math.abs(x) + radiusX, Math.abs(y) + radiusY)),
  );
  const shift = 0.03 * radius;
  const zoom = Math.min(rng.split("zoom").between(0.9, 1.1), (radius - 1.5 * shift) / reach);
  const turn = (rng.split("turn").between(-10, 10) * Math.PI) / 180;
  const at = [rng.split("x").between(-shift, shift), rng.split("y").between(-shift, shift)] as const;
  return paint(blobs, grid.size[0], step, { zoom, turn, at });
}

function drawBlobs(rng: Rng, level: BodyLevel): Blob[] {
  const blood = 1.5 * 8 ** rng.split("blood").uniform();
  const width = level === "head-like" ? 0.45 : 1;
  const a = rng.split("width").between(140, 200) * width;
  const b = rng.split("depth").between(95, 140) * (level === "head-like" ? 0.8 : 1);
  const blobs: Blob[] = [];
  const add = (
    name: string,
    place: readonly [x: number, y: number],
    size: readonly [number, number],
    uptake: readonly [low: number, high: number],
    attenuationPerCm: number,
    loose = 1,
  ): void => {
    const draw = rng.split("blob", name);
    const jitter = (): number => 0.06 * loose * draw.normal();
    blobs.push({
      x: a * (place[0] + jitter()),
      y: b * (place[1] + jitter()),
      radiusX: a * size[0] * Math.exp(0.15 * loose * draw.normal()),
      radiusY: b * size[1] * Math.exp(0.15 * loose * draw.normal()),
      turn: 0.3 * loose * draw.normal(),
      bends: [2, 3, 4, 5].map(
        (n) => [(0.09 * Math.max(-2, Math.min(2, draw.normal()))) / n, draw.between(0, 2 * Math.PI)] as const,
      ),
      activity: blood * uptake[0] * (uptake[1] / uptake[0]) ** draw.uniform(),
      attenuationPerCm,
    });
  };
  const fixed = 0.15;
  add("skin", [0, 0], [1, 1], [0.15, 0.4], 0.09, fixed);
  add("muscle", [0, 0], [0.88, 0.86], [0.3, 0.8], soft, fixed);
  organs[level](add);
  add("spine", [0, -0.55], [0.13, 0.19], [0.6, 1.8], bone);
  const arms = level === "thorax" || level === "abdomen" ? rng.split("arms").chance(0.4) : false;
  for (const side of arms ? [-1, 1] : []) {
    add(`arm ${side}`, [side * 1.3, -0.1], [0.22, 0.32], [0.2, 0.6], soft);
    add(`humerus ${side}`, [side * 1.3, -0.1], [0.07, 0.1], [0.3, 1], bone);
  }
  const lesions = rng.split("lesions").integer(5);
  for (let n = 0; n < lesions; n++) {
    const draw = rng.split("lesion", n);
    const size = draw.between(4, 18);
    const angle = draw.between(0, 2 * Math.PI);
    const r = 0.75 * Math.sqrt(draw.uniform());
    add(`lesion ${n}`, [r * Math.cos(angle), r * Math.sin(angle)], [size / a, size / b], [2, 12], soft);
  }
  return blobs;
}

type Add = (
  name: string,
  place: readonly [number, number],
  size: readonly [number, number],
  uptake: readonly [number, number],
  attenuationPerCm: number,
) => void;

/** Organs by level; positions and radii as fractions of the body's half width and half depth. */
const organs: Readonly<Record<BodyLevel, (add: Add) => void>> = {
  thorax: (add) => {
    add("right lung", [-0.45, 0], [0.32, 0.62], [0.15, 0.5], lung);
    add("left lung", [0.45, -0.05], [0.3, 0.6], [0.15, 0.5], lung);
    add("mediastinum", [0, 0.1], [0.2, 0.5], [0.8, 1.2], soft);
    add("myocardium", [0.22, 0.2], [0.26, 0.33], [0.5, 8], soft);
    add("ventricle", [0.22, 0.2], [0.15, 0.19], [0.9, 1.1], soft);
    add("aorta", [0.12, -0.28], [0.07, 0.1], [0.9, 1.1], soft);
  },
  abdomen: (add) => {
    add("liver", [-0.4, 0.12], [0.42, 0.55], [1, 2.5], soft);
    add("stomach", [0.35, 0.4], [0.25, 0.25], [0.5, 3], soft);
    add("spleen", [0.6, -0.2], [0.16, 0.3], [0.8, 2], soft);
    add("right kidney", [-0.4, -0.45], [0.15, 0.22], [2, 12], soft);
    add("left kidney", [0.4, -0.45], [0.15, 0.22], [2, 12], soft);
    add("bowel", [0.05, 0.35], [0.2, 0.2], [0.5, 4], soft);
    add("aorta", [0.06, -0.25], [0.06, 0.08], [0.9, 1.1], soft);
  },
  pelvis: (add) => {
    add("right hip", [-0.6, -0.1], [0.18, 0.3], [0.5, 1.5], bone);
    add("left hip", [0.6, -0.1], [0.18, 0.3], [0.5, 1.5], bone);
    add("bladder", [0, 0.3], [0.22, 0.26], [1, 30], soft);
    add("rectum", [0, -0.3], [0.1, 0.13], [0.6, 3], soft);
    add("bowel", [0.25, 0.35], [0.15, 0.18], [0.5, 4], soft);
  },
  "head-like": (add) => {
    add("skull", [0, 0], [0.86, 0.88], [0.3, 0.7], 0.151);
    add("brain", [0, 0], [0.76, 0.8], [3, 9], 0.099);
    add("right white matter", [-0.32, 0], [0.25, 0.5], [1, 3], 0.099);
    add("left white matter", [0.32, 0], [0.25, 0.5], [1, 3], 0.099);
    add("ventricles", [0, 0.05], [0.14, 0.28], [0.2, 0.5], 0.096);
    add("right nucleus", [-0.22, 0.1], [0.11, 0.16], [3, 10], 0.099);
    add("left nucleus", [0.22, 0.1], [0.11, 0.16], [3, 10], 0.099);
  },
};

/** Paint in order, the last on top, each pixel the mean over 2x2 points; beyond the skin there is nothing. */
function paint(
  blobs: readonly Blob[],
  n: number,
  stepMm: number,
  place: { readonly zoom: number; readonly turn: number; readonly at: readonly [number, number] },
): PetSlice {
  const activity = new Float32Array(n * n);
  const attenuationPerCm = new Float32Array(n * n);
  const [cosine, sine] = [Math.cos(place.turn), Math.sin(place.turn)];
  const per = 2;
  const tops = new Int16Array(n * per * n * per).fill(-1);
  for (let which = 0; which < blobs.length; which++) {
    const blob = blobs[which]!;
    const [own, ownSine] = [Math.cos(blob.turn), Math.sin(blob.turn)];
    // Organs and lesions stay within the body: arms alone lie outside of it.
    const within = which > 0 && Math.abs(blob.x) < blobs[0]!.radiusX;
    for (let q = 0; q < n * per; q++)
      for (let p = 0; p < n * per; p++) {
        const at = q * n * per + p;
        if (within && tops[at]! < 0) continue;
        const dx = ((p + 0.5) / per - n / 2) * stepMm - place.at[0];
        const dy = ((q + 0.5) / per - n / 2) * stepMm - place.at[1];
        const x = (cosine * dx + sine * dy) / place.zoom;
        const y = (cosine * dy - sine * dx) / place.zoom;
        if (isInside(blob, own, ownSine, x, y)) tops[at] = which;
      }
  }
  for (let q = 0; q < n * per; q++)
    for (let p = 0; p < n * per; p++) {
      const top = blobs[tops[q * n * per + p]!];
      if (top === undefined) continue;
      const v = Math.floor(q / per) * n + Math.floor(p / per);
      activity[v] = activity[v]! + top.activity / (per * per);
      attenuationPerCm[v] = attenuationPerCm[v]! + top.attenuationPerCm / (per * per);
    }
  return { activity, attenuationPerCm };
}

/** Whether a point (mm, in the body's own frame) lies within a blob's bent edge. */
function isInside(blob: Blob, cosine: number, sine: number, x: number, y: number): boolean {
  const dx = x - blob.x;
  const dy = y - blob.y;
  const u = (cosine * dx + sine * dy) / blob.radiusX;
  const v = (cosine * dy - sine * dx) / blob.radiusY;
  const r = u * u + v * v;
  if (r > farthestBend) return false;
  const angle = Math.atan2(v, u);
  let edge = 1;
  for (let n = 0; n < blob.bends.length; n++)
    edge += blob.bends[n]![0] * Math.cos((n + 2) * angle + blob.bends[n]![1]);
  return r < edge * edge;
}
