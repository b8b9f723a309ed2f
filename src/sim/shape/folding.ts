/**
 * The sulci of one person. A sulcus is a sheet that hangs from a line on the hull: the lines are the zero set
 * of band-limited noise on the surface (a labyrinth, as real sulci are), the sheet goes down along the
 * surface normal to a depth that varies along the line, so that some sulci are deep and others stop.
 * Compare the noise-driven folding in Bottino et al. 1996 and the buckling patterns in Tallinen et al. 2016.
 */
import { rng } from "../../core/rng.js";
import type { BrainParameters } from "../brain.js";
import { smoothStep } from "./distance.js";
import { emptyLattice, type Lattice } from "./lattice.js";
import { template } from "./template.js";
import { drawWaves, waveAt } from "./waves.js";

/** Channels of a folding lattice: signed distance to the sheets of the main and the minor sulci, their depths. */
export const fold = { main: 0, mainDepth: 1, minor: 2, minorDepth: 3 } as const;

/** The folds of the latest person: at every visit of one person they are the same, and they take a while. */
let latest: { readonly key: string; readonly folds: readonly [Lattice, Lattice] } | undefined;

/** The folding lattices of the left and the right hemisphere, in template millimetres; only to be read. */
export function foldHemispheres(person: BrainParameters): readonly [Lattice, Lattice] {
  const { scale, foldingSeed, foldingIndividuality, foldingWavelengthMm, sulcalDepthMm } = person;
  const key = [...scale, foldingSeed, foldingIndividuality, foldingWavelengthMm, sulcalDepthMm].join(" ");
  if (latest?.key !== key) latest = { key, folds: [foldOne(person, 0), foldOne(person, 1)] };
  return latest.folds;
}

function foldOne(person: BrainParameters, side: 0 | 1): Lattice {
  const { smooth, shell, surface } = template();
  const mm = 1 / Math.cbrt(person.scale[0] * person.scale[1] * person.scale[2]);
  const seed = rng(person.foldingSeed).split(side === 0 ? "left" : "right");
  const wavelength = person.foldingWavelengthMm;
  const own = drawWaves(seed.split("main"), 30, wavelength, 0.12);
  const small = drawWaves(seed.split("minor"), 20, wavelength * 0.58, 0.15);
  const deep = drawWaves(seed.split("depth"), 8, 55, 0.3);
  const turn = (person.foldingIndividuality * Math.PI) / 2;
  const [sharedPart, ownPart] = [Math.cos(turn), Math.sin(turn)];

  const out = emptyLattice(
    smooth.originMm,
    smooth.originMm.map((low, n) => low + (smooth.size[n]! - 2) * smooth.stepMm) as [number, number, number],
    smooth.stepMm,
    4,
  );
  const nodes = out.size[0] * out.size[1] * out.size[2];
  const main = new Float32Array(nodes).fill(Number.NaN);
  const minor = new Float32Array(nodes).fill(Number.NaN);
  for (let o = 0; o < nodes * 4; o += 4) {
    out.data[o] = 12;
    out.data[o + 2] = 12;
  }
  for (let n = 0; n < shell.length; n++) {
    const node = shell[n]!;
    const x = surface[n * 5]!;
    const y = surface[n * 5 + 1]!;
    const z = surface[n * 5 + 2]!;
    main[node] = sharedPart * surface[n * 5 + 3]! + ownPart * waveAt(own, x, y, z);
    minor[node] = waveAt(small, x, y, z);
    const vary = waveAt(deep, x, y, z);
    const open = 1 - surface[n * 5 + 4]!;
    out.data[node * 4 + fold.mainDepth] =
      person.sulcalDepthMm * mm * open * Math.max(0.05, Math.min(1.5, 1 + 0.38 * vary));
    out.data[node * 4 + fold.minorDepth] = 5.5 * mm * open * Math.max(0, Math.min(1.2, 0.5 - 0.7 * vary));
  }
  const k = (2 * Math.PI) / wavelength;
  distances(main, shell, out, fold.main, k, 0.35);
  distances(minor, shell, out, fold.minor, k / 0.58, 0.3);
  return out;
}

/**
 * Value over slope: the distance to the zero set, to first order. `k` is the wave number of the noise, `floor`
 * the part of it below which the slope is not taken, so that the distance stays finite at the ridges.
 */
function distances(
  noise: Float32Array,
  shell: Uint32Array,
  out: Lattice,
  c: number,
  k: number,
  floor: number,
): void {
  const [ni, nj] = out.size;
  const steps = [1, ni, ni * nj] as const;
  for (const node of shell) {
    const here = noise[node]!;
    let slope2 = (floor * k) ** 2;
    let steepest2 = 0;
    for (const step of steps) {
      const next = noise[node + step] ?? Number.NaN;
      const before = step === 1 && node % ni === 0 ? Number.NaN : (noise[node - step] ?? Number.NaN);
      const ahead = Number.isNaN(next) ? 0 : next - here;
      const behind = Number.isNaN(before) ? 0 : here - before;
      const sides = (Number.isNaN(next) ? 0 : 1) + (Number.isNaN(before) ? 0 : 1);
      const slope = sides === 0 ? 0 : (ahead + behind) / (sides * out.stepMm);
      slope2 += slope * slope;
      const steepest = Math.max(Math.abs(ahead), Math.abs(behind)) / out.stepMm;
      steepest2 += steepest * steepest;
    }
    const slope = Math.sqrt(slope2);
    out.data[node * 4 + c] = here / slope;
    // A slope beyond what the noise can have is a seam, where neighbours hang from different places: no sulcus.
    const depth = node * 4 + c + 1;
    out.data[depth] = out.data[depth]! * (1 - smoothStep(2.5 * k, 3.6 * k, Math.sqrt(steepest2)));
  }
}
