import { type Rng, rng } from "../../core/rng.js";
import { withBiasField, withRicianNoise } from "../../sim/artefacts.js";
import { drawBrain } from "../../sim/brain.js";
import { whiteMatterSignal } from "../../sim/cohort.js";
import { t1Image } from "../../sim/contrast.js";
import { fullStructures, L } from "../../sim/labels.js";
import { mixValues, type RenderedBrain, renderBrain } from "../../sim/render.js";
import { applyAffine, type Point3, scalingAffine, spacingMm } from "../../volume/affine.js";
import type { Grid, ImageVolume, LabelVolume } from "../../volume/volume.js";
import type { Kind, KindExtent } from "./plan.js";

/** A simulated case: what is seen, and what is to be found. */
export interface StudyCase {
  readonly id: string;
  /** Who or what may not be on both sides of a fold. Default: the case. */
  readonly subject?: string;
  readonly image: ImageVolume;
  readonly label: LabelVolume;
}

/** Middle of the field of view, mm from the anterior commissure. */
const middles: Readonly<Record<Kind, Point3>> = {
  isotropic: [-26, -20, -16],
  thick: [0, -8, 8],
  context: [0, -17, 14],
  lesion: [0, -17, 8],
};

const noisePercent: Readonly<Record<Kind, number>> = { isotropic: 9, thick: 6, context: 4, lesion: 6 };

/** Case `index` of a kind: the same whatever else is drawn. Intensities are whole numbers, white matter about 1000. */
export function drawCase(
  kind: Kind,
  extent: Pick<KindExtent, "size" | "spacingMm">,
  seed: number,
  index: number,
): StudyCase {
  const draw = rng(seed).split("nnunet study", kind, index);
  const person = drawBrain(draw.split("person"), { ageYears: [30, 80] });
  const brain = renderBrain(person, fieldOf(kind, extent, draw.split("field")));
  const id = `${kind}-${String(index + 1).padStart(3, "0")}`;
  const scene = scenes[kind](brain, t1Image(brain, draw.split("contrast")), draw.split("scene"), index);
  const channels = scene.channels.map((clean, c) => {
    const uneven = withBiasField(clean, draw.split("bias", c), 6);
    const noisy = withRicianNoise(uneven, draw.split("noise", c), noisePercent[kind] / 100);
    return noisy.data.map((value, v) =>
      scene.inside === undefined || scene.inside[v] === 1
        ? Math.max(1, Math.round(value * whiteMatterSignal))
        : 0,
    );
  });
  const { size, affine } = brain.labels;
  const data = new Float32Array(channels.length * scene.label.length);
  channels.forEach((one, c) => {
    data.set(one, c * scene.label.length);
  });
  return {
    id,
    image: { size, affine, channels: channels.length, data },
    label: { size, affine, channels: 1, data: scene.label },
  };
}

/** Nobody lies in the scanner just so: the field is moved by some millimetres. */
function fieldOf(
  kind: Kind,
  { size, spacingMm: mm }: Pick<KindExtent, "size" | "spacingMm">,
  draw: Rng,
): Grid {
  const origin = middles[kind].map(
    (x, axis) => x + draw.between(-3, 3) - ((size[axis]! - 1) / 2) * mm[axis]!,
  ) as unknown as Point3;
  return { size, affine: scalingAffine(mm, origin) };
}

interface Scene {
  /** Without noise, white matter about 1. */
  readonly channels: readonly ImageVolume[];
  readonly label: Uint8Array;
  /** 1 where there is anything to see; default everywhere. */
  readonly inside?: Uint8Array;
}

type MakeScene = (brain: RenderedBrain, t1: ImageVolume, draw: Rng, index: number) => Scene;

const scenes: Readonly<Record<Kind, MakeScene>> = {
  isotropic: (brain, t1) => ({
    channels: [t1],
    label: relabelled(brain, [[L.hippocampusAnterior], [L.hippocampusPosterior]]),
  }),
  thick: (brain, t1) => ({
    channels: [t1],
    label: relabelled(brain, [
      [13, 14, 15, 16, L.thirdVentricle],
      [L.thalamus, L.thalamus + 1],
      [L.caudate, L.caudate + 1, L.putamen, L.putamen + 1, L.pallidum, L.pallidum + 1],
    ]),
  }),
  context: contextScene,
  lesion: lesionScene,
};

/** A label for each group of structures, in order from 1. */
function relabelled({ labels }: RenderedBrain, groups: readonly (readonly number[])[]): Uint8Array {
  const table = new Uint8Array(fullStructures.length);
  groups.forEach((group, at) => {
    for (const structure of group) table[structure] = at + 1;
  });
  return labels.data.map((structure) => table[structure]!);
}

/** Signal of what decides, dark or bright, and of the balls that are to be labelled. */
const deciding = [0.15, 2] as const;
const ballSignal = 1.5;
const decidingRadiusMm = 13;
/** How far the balls are from the middle along the axis on which they are farthest. */
const reachMm = [42, 58] as const;

/** Balls of one look in the outer brain; dark and bright middles take turns. */
function contextScene(brain: RenderedBrain, t1: ImageVolume, draw: Rng, index: number): Scene {
  const middle: Point3 = [0, -17, 14];
  const bright = index % 2;
  const label = new Uint8Array(brain.labels.data.length);
  let image = withBall(t1, middle, decidingRadiusMm, deciding[bright]!);
  const farthest = (at: Point3): number => Math.max(...at.map((x, axis) => Math.abs(x - middle[axis]!)));
  const cerebrum: readonly number[] = [8, 9, 10, 11];
  const places = drawPlaces(brain, draw, 6, 24, (structure, at) => {
    const reach = farthest(at);
    return cerebrum.includes(structure) && reach >= reachMm[0] && reach <= reachMm[1];
  });
  for (const place of places) {
    const radius = draw.between(8, 11);
    image = withBall(image, place, radius, ballSignal);
    paintBall(label, t1, place, radius, bright + 1);
  }
  return { channels: [image], label };
}

/** Signals of a FLAIR image by full label, white matter 0.7: fluid is dark, grey matter brighter than white. */
function flairSignals(): Float64Array {
  const signals = new Float64Array(fullStructures.length).fill(0.85);
  for (const fluid of [0, L.csf, 13, 14, 15, 16, L.thirdVentricle, L.fourthVentricle]) signals[fluid] = 0.12;
  for (const white of [10, 11, L.callosum, 35, 38, 39]) signals[white] = 0.7;
  return signals;
}

const lesionSignal = 1.2;

/** Lesions in the white matter, on the second channel only; the skull is taken off, with zeros in its place. */
function lesionScene(brain: RenderedBrain, t1: ImageVolume, draw: Rng): Scene {
  const inside = brain.labels.data.map((structure) => (structure >= 7 && structure <= 39 ? 1 : 0));
  const label = new Uint8Array(inside.length);
  const plain = mixValues(brain, flairSignals());
  let flair: ImageVolume = plain;
  const white: readonly number[] = [10, 11];
  const places = drawPlaces(brain, draw, 1 + draw.integer(3), 20, (structure) => white.includes(structure));
  const least = Math.max(...spacingMm(plain.affine));
  for (const place of places) {
    const radius = Math.max(least, draw.between(4.5, 7.5));
    flair = withBall(flair, place, radius, lesionSignal);
    paintBall(label, plain, place, radius, 1);
  }
  return { channels: [t1, flair], label: label.map((value, v) => value * inside[v]!), inside };
}

/** Places in the world, drawn until there are as many as wanted or none can be found, so far apart. */
function drawPlaces(
  { labels }: RenderedBrain,
  draw: Rng,
  wanted: number,
  apartMm: number,
  fits: (structure: number, at: Point3) => boolean,
): Point3[] {
  const [ni, nj] = labels.size;
  const found: Point3[] = [];
  for (let attempt = 0; attempt < 20_000 && found.length < wanted; attempt++) {
    const v = draw.integer(labels.data.length);
    const at = applyAffine(labels.affine, [v % ni, Math.floor(v / ni) % nj, Math.floor(v / (ni * nj))]);
    if (!fits(labels.data[v]!, at)) continue;
    const near = found.some((other) => Math.hypot(...other.map((x, axis) => x - at[axis]!)) < apartMm);
    if (!near) found.push(at);
  }
  return found;
}

/** Every voxel whose middle is within a millimetre-distance of a place, with that distance. */
function eachNear(grid: Grid, place: Point3, reach: number, visit: (v: number, mm: number) => void): void {
  const steps = spacingMm(grid.affine);
  const [ni, nj, nk] = grid.size;
  const at = [0, 1, 2].map((axis) => (place[axis]! - grid.affine[4 * axis + 3]!) / steps[axis]!);
  const from = at.map((x, axis) => Math.max(0, Math.ceil(x - reach / steps[axis]!)));
  const to = at.map((x, axis) => Math.min(grid.size[axis]! - 1, Math.floor(x + reach / steps[axis]!)));
  for (let k = from[2]!; k <= Math.min(nk - 1, to[2]!); k++)
    for (let j = from[1]!; j <= to[1]!; j++)
      for (let i = from[0]!; i <= to[0]!; i++) {
        const mm = Math.hypot((i - at[0]!) * steps[0], (j - at[1]!) * steps[1], (k - at[2]!) * steps[2]);
        if (mm <= reach) visit((k * nj + j) * ni + i, mm);
      }
}

/** An image with a ball of one signal in it, mixed with what was there in the voxels of its surface. */
function withBall(image: ImageVolume, place: Point3, radiusMm: number, signal: number): ImageVolume {
  const data = image.data.slice();
  const voxel = Math.max(...spacingMm(image.affine));
  eachNear(image, place, radiusMm + voxel / 2, (v, mm) => {
    const share = Math.min(1, (radiusMm - mm) / voxel + 0.5);
    data[v] = (1 - share) * data[v]! + share * signal;
  });
  return { ...image, data };
}

function paintBall(label: Uint8Array, grid: Grid, place: Point3, radiusMm: number, value: number): void {
  eachNear(grid, place, radiusMm, (v) => {
    label[v] = value;
  });
}
