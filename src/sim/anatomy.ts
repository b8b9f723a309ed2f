import { rng } from "../core/rng.js";
import type { BrainParameters } from "./brain.js";
import { L } from "./labels.js";
import { callosum, centre, sylvian } from "./shape/cerebrum.js";
import { airways, eye, orbit } from "./shape/cranium.js";
import * as deep from "./shape/deep.js";
import { nearest, smoothMin, smoothStep, type Tube, tubeDistance, withRadius } from "./shape/distance.js";
import { floorHeight } from "./shape/floor.js";
import { fold, foldHemispheres } from "./shape/folding.js";
import { brainstem, cerebellarCore, cerebellarPeduncle } from "./shape/hindbrain.js";
import { type Lattice, sampleLattice } from "./shape/lattice.js";
import { channel, template } from "./shape/template.js";
import { drawTile, drawWaves, type NoiseTile, tileAt, waveAt } from "./shape/waves.js";

/** Height at which the brainstem becomes the spinal cord, template millimetres. */
const foramenMagnumMm = -70;

/** A person's head as a function of position. */
export interface Anatomy {
  readonly person: BrainParameters;
  /** Write the template position (mm) of a position in the person's head (mm, RAS) into `out`. */
  toTemplate(x: number, y: number, z: number, out: Float64Array): void;
  /** The full label (see `labels.ts`) at a template position. */
  labelAt(x: number, y: number, z: number): number;
}

/** Everything about a person that `labelAt` reads, worked out once. */
interface Prepared {
  readonly person: BrainParameters;
  /** Template millimetres per millimetre of the person, the mean of the three axes. */
  readonly mm: number;
  readonly folds: readonly [Lattice, Lattice];
  readonly smooth: Lattice;
  readonly hippocampus: readonly [Tube, Tube];
  readonly lateral: readonly [Tube, Tube];
  readonly temporalHorn: readonly [Tube, Tube];
  readonly caudate: Tube;
  readonly grow: number;
  readonly folia: NoiseTile;
  readonly texture: NoiseTile;
  readonly at: Float64Array;
  readonly sulci: Float64Array;
}

/** Prepare a person's head for sampling. The returned functions use shared scratch space: not re-entrant. */
export function buildAnatomy(person: BrainParameters): Anatomy {
  const mm = 1 / Math.cbrt(person.scale[0] * person.scale[1] * person.scale[2]);
  const [left, right] = [0, 1].map((side) => ({
    hippocampus: withRadius(deep.hippocampusAxis, Math.sqrt(person.hippocampus[side]!)),
    lateral: withRadius(deep.lateralAxis, Math.sqrt(person.ventricles[side]!)),
    temporalHorn: withRadius(
      deep.temporalHornAxis,
      Math.sqrt(person.ventricles[side]!) * (1 + 0.5 * Math.max(0, 1 - person.hippocampus[side]!)),
    ),
  })) as [Sided, Sided];
  const prepared: Prepared = {
    person,
    mm,
    folds: foldHemispheres(person),
    smooth: template().smooth,
    hippocampus: [left.hippocampus, right.hippocampus],
    lateral: [left.lateral, right.lateral],
    temporalHorn: [left.temporalHorn, right.temporalHorn],
    caudate: withRadius(deep.caudateAxis, Math.sqrt(person.deepGrey)),
    grow: Math.cbrt(person.deepGrey) - 1,
    folia: drawTile(rng(person.foldingSeed).split("folia"), 10, 24, 0.3),
    texture: drawTile(rng(person.shapeSeed).split("texture"), 12, 16, 0.5),
    at: new Float64Array(6),
    sulci: new Float64Array(4),
  };
  const bend = [0, 1, 2].map((axis) => drawWaves(rng(person.shapeSeed).split("bend", axis), 9, 120, 0.35));
  const midline = drawWaves(rng(person.shapeSeed).split("midline"), 8, 46, 0.25);
  const still = bend.map((waves) => waveAt(waves, 0, 0, 0));
  return {
    person,
    toTemplate(x, y, z, out) {
      for (let axis = 0; axis < 3; axis++) {
        const p = axis === 0 ? x : axis === 1 ? y : z;
        out[axis] =
          p / person.scale[axis]! + person.shapeMm * (waveAt(bend[axis]!, x, y, z) - still[axis]!) * 0.7;
      }
      out[0] = out[0]! + 0.9 * waveAt(midline, x, y, z);
    },
    labelAt: (x, y, z) => labelAt(prepared, x, y, z),
  };
}

interface Sided {
  readonly hippocampus: Tube;
  readonly lateral: Tube;
  readonly temporalHorn: Tube;
}

function labelAt(of: Prepared, x: number, y: number, z: number): number {
  const a = Math.abs(x);
  const at = of.at;
  if (!sampleLattice(of.smooth, a, y, z, at)) return L.background;
  if (at[channel.skin]! > 0) return L.background;
  if (at[channel.vault]! > 0) return outsideVault(of, x, y, z, at[channel.skin]!, at[channel.vault]!);
  const side = x < 0 ? 0 : 1;
  if (at[channel.deep]! < 0) {
    const found = deepLabel(of, a, y, z, side);
    if (found !== 0) return found;
  }
  if (z < -60 && a < 14 && brainstem(a, y, z) < 0) return z < foramenMagnumMm ? L.spinalCord : L.brainstem;
  if (at[channel.cerebellum]! < 0) {
    const found = cerebellumLabel(of, x, y, z, -at[channel.cerebellum]!, side);
    if (found !== 0) return found;
  }
  return cerebrumLabel(of, a, y, z, side);
}

/** Nuclei, ventricles, hippocampus, callosum, brainstem; 0 where none of them is. */
function deepLabel(of: Prepared, a: number, y: number, z: number, side: 0 | 1): number {
  const { person, grow } = of;
  if (a > 12 && y < 2 && y > -50 && z < 10) {
    const flat = z * deep.hippocampusFlatness;
    if (tubeDistance(of.hippocampus[side], a, y, flat) < 0)
      return (nearest.along < 0.52 ? L.hippocampusAnterior : L.hippocampusPosterior) + side;
    if (z < -8 && deep.amygdala(a, y, z) < 7 * (Math.cbrt(person.amygdala[side]!) - 1))
      return L.amygdala + side;
    if (tubeDistance(of.temporalHorn[side], a, y, z) < 0) return L.temporalHorn + side;
  }
  if (z > -24 && z < 34 && y > -80) {
    if (a < 8 && deep.thirdVentricle(a, y, z, person.thirdVentricle) < 0) return L.thirdVentricle;
    if (deep.thalamus(a, y, z) < 10 * grow && a > 0.8) return L.thalamus + side;
    if (y > -45 && tubeDistance(of.caudate, a, y, z) < 0) return L.caudate + side;
    if (deep.accumbens(a, y, z) < 5 * grow) return L.accumbens + side;
    if (deep.pallidum(a, y, z) < 6 * grow) return L.pallidum + side;
    if (deep.putamen(a, y, z) < 8 * grow) return L.putamen + side;
    if (a < 25 && z > -14 && callosum(a, y, z) < 0) return a < 10 ? L.callosum : L.whiteMatter + side;
    if (a > 0.3 && tubeDistance(of.lateral[side], a, y, z / deep.ventricleHeight) < 0)
      return L.lateralVentricle + side;
    if (a < 24 && y < 6 && tubeDistance(deep.fornixAxis, a, y, z) < 0) return L.whiteMatter + side;
  }
  if (a < 14 && z < 0 && deep.fourthVentricle(a, y, z, Math.sqrt(person.thirdVentricle)) < 0)
    return L.fourthVentricle;
  if (z < -4 && a < 22 && brainstem(a, y, z) < 0) return z < foramenMagnumMm ? L.spinalCord : L.brainstem;
  if (z > -22 && centre(a, y, z) < 0) return L.whiteMatter + side;
  return 0;
}

/** Cortex, white matter, fluid and dura of a hemisphere, from the smooth hull and the person's sulci. */
function cerebrumLabel(of: Prepared, a: number, y: number, z: number, side: 0 | 1): number {
  const { person, mm, at, sulci } = of;
  const depth = -at[channel.hemisphere]! - person.subarachnoidMm * mm;
  if (depth <= 0) return fluidOrDura(at, a, y, z);
  sampleLattice(of.folds[side], a, y, z, sulci);
  const width = (person.sulcalWidthMm * mm) / 2;
  const main = Math.hypot(sulci[fold.main]!, Math.max(0, depth - sulci[fold.mainDepth]!));
  const minor = Math.hypot(sulci[fold.minor]!, Math.max(0, depth - sulci[fold.minorDepth]!));
  const opening = width * (0.7 + 0.9 * Math.exp(-depth / 4));
  let d = smoothMin(depth, main - opening, 3.5);
  d = smoothMin(d, minor - opening * 0.6, 2.5);
  // The sheet is thinner than the lattice is fine: near it, the table only says that it must be worked out.
  if (at[channel.sylvian]! < 9) d = smoothMin(d, sylvian(a, y, z) - width * 1.6, 3);
  if (d <= 0) return fluidOrDura(at, a, y, z);
  return (d < person.corticalThicknessMm * mm ? L.cortex : L.whiteMatter) + side;
}

/** Inside the skull, outside the brain: the falx and the tentorium hang in the fluid. */
function fluidOrDura(at: Float64Array, a: number, y: number, z: number): number {
  if (at[channel.vault]! > -0.6) return L.dura;
  if (a < 0.4 && z > -12 + 0.3 * Math.max(0, -y - 40)) {
    const reach = callosum(0, y, z);
    if (reach > (y > 0 ? 9 - 0.05 * y : 6) && at[channel.hemisphere]! > -3) return L.dura;
  }
  if (y < -34 && a > 4 && Math.abs(z - floorHeight(a, y) + 1.3) < 0.6) return L.dura;
  return L.csf;
}

/** Folia: fissures that fan out from the fourth ventricle, deep and shallow in turn. */
function cerebellumLabel(of: Prepared, x: number, y: number, z: number, hull: number, side: 0 | 1): number {
  const { person, mm } = of;
  const a = Math.abs(x);
  const depth = hull - 6 * (1 - person.cerebellum);
  if (depth <= 0) return 0;
  const u = y + 47;
  const v = z + 32 - 0.3 * a;
  const radius = Math.sqrt(u * u + v * v);
  const turn = Math.atan2(v, -u) + 0.1 * tileAt(of.folia, x, y, z) + 0.004 * a;
  const fine = radius * Math.abs(Math.sin(turn * 15)) * (1 / 15);
  const coarse = radius * Math.abs(Math.sin(turn * 5 + 0.7)) * (1 / 5);
  const fissure = Math.min(
    Math.hypot(fine, Math.max(0, depth - 5.5)),
    Math.hypot(coarse, Math.max(0, depth - 14)),
  );
  const d = smoothMin(depth, fissure - 0.3 * mm - 0.15 * person.sulcalWidthMm, 1.2);
  const core = cerebellarCore(a, y, z);
  if (core < 0 || cerebellarPeduncle(a, y, z) < 0) return L.cerebellarWhiteMatter + side;
  if (d <= 0) return L.csf;
  const grey = 1.9 * mm + 0.9 * smoothStep(2, 9, core);
  return (d < grey ? L.cerebellarCortex : L.cerebellarWhiteMatter) + side;
}

/** Bone, scalp, face, eyes and air. */
function outsideVault(
  of: Prepared,
  x: number,
  y: number,
  z: number,
  skinMm: number,
  vaultMm: number,
): number {
  const a = Math.abs(x);
  const wobble = tileAt(of.texture, x, y, z);
  const face = y > 10 && z < 12;
  if (face) {
    const ball = eye(a, y, z);
    if (ball < 0) return L.eye;
    if (ball < 1.2 && y < 66) return L.softTissue;
    if (vaultMm > 2.5 && orbit(a, y, z) < 0) return Math.abs(wobble) > 1.5 ? L.softTissue : L.fat;
  }
  if (z < 12 && skinMm < -3.5 && vaultMm > 1.8 && airways(a, y, z, wobble) < 0) return L.background;
  const base = smoothStep(-2, -22, z);
  const thickness = of.person.skullMm * of.mm * (1 + 0.14 * wobble) * (1 - 0.35 * base);
  if (vaultMm < thickness) {
    const inner = vaultMm / thickness;
    return thickness > 4.5 && inner > 0.3 && inner < 0.68 ? L.diploe : L.bone;
  }
  if (skinMm > -5.5 - 0.8 * wobble) return L.scalp;
  return wobble > 1.15 ? L.fat : L.softTissue;
}
