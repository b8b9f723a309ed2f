/**
 * What all heads have in common, tabulated once per process on half a lattice (a = |x| of at least 0): the
 * container, the unfolded cerebrum and cerebellum, and for every node near the cerebral surface the point of
 * the surface below which it lies, so that folds run at right angles to the surface.
 */
import { rng } from "../../core/rng.js";
import { hemisphere, primaryFolds, shallow, sylvian } from "./cerebrum.js";
import { skin, vault } from "./cranium.js";
import { nearDeep } from "./deep.js";
import { cerebellum } from "./hindbrain.js";
import { emptyLattice, type Lattice } from "./lattice.js";
import { drawWaves, type Waves, waveAt } from "./waves.js";

/** Channels of `Template.smooth`, millimetres; negative inside, except `sylvian`, which has no inside. `deep` is
 * negative wherever a deep structure of any person may be. */
export const channel = { skin: 0, vault: 1, hemisphere: 2, sylvian: 3, cerebellum: 4, deep: 5 } as const;

export interface Template {
  readonly smooth: Lattice;
  /** Nodes (indices into the lattice) near enough to the cerebral surface to be reached by a sulcus. */
  readonly shell: Uint32Array;
  /** For each shell node: the nearest point of the surface (a, y, z), the shared folding, and the shallowness. */
  readonly surface: Float32Array;
}

export const templateStepMm = 2.5;
export const foldingWavelengthMm = 28;
let cached: Template | undefined;

/** The template; computed on first use. */
export function template(): Template {
  cached ??= build();
  return cached;
}

function build(): Template {
  const smooth = emptyLattice([0, -128, -130], [96, 122, 106], templateStepMm, 6);
  const [ni, nj, nk] = smooth.size;
  const shell: number[] = [];
  const surface: number[] = [];
  const shared = [0, 1].map((n) =>
    drawWaves(rng("gyrus shared folds").split(n), 36, foldingWavelengthMm, 0.1),
  );
  let o = 0;
  for (let k = 0; k < nk; k++)
    for (let j = 0; j < nj; j++)
      for (let i = 0; i < ni; i++, o += 6) {
        const a = i * templateStepMm;
        const y = smooth.originMm[1] + j * templateStepMm;
        const z = smooth.originMm[2] + k * templateStepMm;
        const cranium = vault(a, y, z);
        smooth.data[o + channel.skin] = skin(a, y, z, cranium);
        smooth.data[o + channel.vault] = cranium;
        const inside = cranium < 8;
        const cerebrum = inside ? hemisphere(a, y, z, cranium) : 30;
        smooth.data[o + channel.hemisphere] = cerebrum;
        smooth.data[o + channel.sylvian] = inside ? sylvian(a, y, z) : 30;
        smooth.data[o + channel.deep] = inside ? nearDeep(a, y, z) : 30;
        smooth.data[o + channel.cerebellum] = inside ? cerebellum(a, y, z, cranium) : 30;
        if (cerebrum < 6 && cerebrum > -27) {
          shell.push(o / 6);
          project(a, y, z, surface, shared[0]!);
        }
      }
  return { smooth, shell: Uint32Array.from(shell), surface: Float32Array.from(surface) };
}

const primary = { value: 0, weight: 0 };

const lean3 = [0, 1, 2].map((n) => drawWaves(rng("gyrus lean of sulci").split(n), 8, 48, 0.25)) as [
  Waves,
  Waves,
  Waves,
];

/** Walk to the hull along its gradient (two corrections) and append the record of the node. */
function project(a: number, y: number, z: number, into: number[], shared: Waves): void {
  const at = (px: number, py: number, pz: number): number => {
    const b = Math.abs(px);
    return hemisphere(b, py, pz, vault(b, py, pz));
  };
  let [px, py, pz] = [a, y, z];
  for (let step = 0; step < 2; step++) {
    const d = at(px, py, pz);
    const gx = at(px + 0.7, py, pz) - d;
    const gy = at(px, py + 0.7, pz) - d;
    const gz = at(px, py, pz + 0.7) - d;
    const slope2 = gx * gx + gy * gy + gz * gz;
    if (slope2 < 0.02) break;
    const along = (-d * 0.7) / slope2;
    const limit = Math.min(1, 30 / Math.abs(along * Math.sqrt(slope2)));
    px += along * gx * limit;
    py += along * gy * limit;
    pz += along * gz * limit;
  }
  primaryFolds(px, py, pz, primary);
  // Sheets lean and bend on their way down, as sulci do, instead of standing like spokes.
  const depth = Math.hypot(px - a, py - y, pz - z);
  const lean = 0.42 * depth * (1 - 0.8 * shallow(a, y, z));
  const [bx, by, bz] = lean3;
  px += lean * waveAt(bx, a, y, z);
  py += lean * waveAt(by, a, y, z);
  pz += lean * waveAt(bz, a, y, z);
  into.push(
    px,
    py,
    pz,
    waveAt(shared, px, py, pz) * (1 - primary.weight) + 1.9 * primary.value * primary.weight,
    shallow(a, y, z),
  );
}
