import { fail } from "../core/errors.js";
import { type Grid, type LabelVolume, type Volume, volume, voxelCount } from "../volume/volume.js";
import { type Anatomy, buildAnatomy } from "./anatomy.js";
import type { BrainParameters } from "./brain.js";
import { fullStructures } from "./labels.js";
import { emptyLattice, type Lattice, sampleLattice } from "./shape/lattice.js";

/**
 * A head on a grid with its partial volumes: the structure that holds most of each voxel, and for the voxels
 * that hold more than one the structure found at each of `samplesPerVoxel` points.
 */
export interface RenderedBrain {
  readonly person: BrainParameters;
  /** Full labels (see `labels.ts`), by majority. */
  readonly labels: Volume<Uint8Array>;
  readonly samplesPerVoxel: number;
  /** Indices of the voxels with more than one structure, ascending. */
  readonly mixedVoxels: Uint32Array;
  /** Labels at the points of the mixed voxels, `samplesPerVoxel` each. */
  readonly mixedSamples: Uint8Array;
}

export interface RenderOptions {
  /** Points per voxel edge where structures meet; by default one every millimetre, but 2 at least and 3 at most. */
  readonly samplesPerEdge?: number;
}

/**
 * Render a person's head on a grid, of any spacing and orientation. A voxel is sampled once at its centre, and
 * finely where a neighbour holds another structure. Throws `bad-argument` for a grid that cannot be sampled.
 */
export function renderBrain(person: BrainParameters, grid: Grid, options: RenderOptions = {}): RenderedBrain {
  const edge = options.samplesPerEdge ?? Math.max(2, Math.min(3, Math.round(largestStepMm(grid))));
  if (!Number.isInteger(edge) || edge < 1 || edge > 8)
    fail("bad-argument", {
      what: "the number of points per voxel edge is not possible",
      where: "samplesPerEdge",
      expected: "a whole number from 1 to 8",
      found: `${edge}`,
    });
  const anatomy = buildAnatomy(person);
  const map = mapToTemplate(anatomy, grid);
  const centres = sampleCentres(anatomy, map, grid);
  const mixedVoxels = voxelsAtBorders(centres, grid);
  const mixedSamples = sampleFinely(anatomy, map, grid, mixedVoxels, edge);
  const labels = centres;
  majority(labels, mixedVoxels, mixedSamples, edge ** 3);
  return {
    person,
    labels: volume(labels, grid),
    samplesPerVoxel: edge ** 3,
    mixedVoxels,
    mixedSamples,
  };
}

function largestStepMm(grid: Grid): number {
  const m = grid.affine;
  return Math.max(...[0, 1, 2].map((c) => Math.hypot(m[c]!, m[4 + c]!, m[8 + c]!)));
}

/** Template positions on a coarse lattice over the grid: the individual displacement is smooth. */
function mapToTemplate(anatomy: Anatomy, grid: Grid): Lattice {
  const low = [0, 0, 0] as [number, number, number];
  const high = [0, 0, 0] as [number, number, number];
  for (let axis = 0; axis < 3; axis++) {
    const row = grid.affine.slice(axis * 4, axis * 4 + 4);
    low[axis] = row[3]!;
    high[axis] = row[3]!;
    for (let c = 0; c < 3; c++) {
      const reach = row[c]! * (grid.size[c]! - 0.5);
      const before = row[c]! * -0.5;
      low[axis] = low[axis]! + Math.min(reach, before);
      high[axis] = high[axis]! + Math.max(reach, before);
    }
  }
  const map = emptyLattice(low, high, 8, 3);
  const [ni, nj, nk] = map.size;
  const out = new Float64Array(3);
  let o = 0;
  for (let k = 0; k < nk; k++)
    for (let j = 0; j < nj; j++)
      for (let i = 0; i < ni; i++, o += 3) {
        anatomy.toTemplate(low[0] + i * 8, low[1] + j * 8, low[2] + k * 8, out);
        map.data.set(out, o);
      }
  return map;
}

function sampleCentres(anatomy: Anatomy, map: Lattice, grid: Grid): Uint8Array {
  const [ni, nj, nk] = grid.size;
  const m = grid.affine;
  const labels = new Uint8Array(voxelCount(grid.size));
  const q = new Float64Array(3);
  let v = 0;
  for (let k = 0; k < nk; k++)
    for (let j = 0; j < nj; j++)
      for (let i = 0; i < ni; i++, v++) {
        const x = m[0]! * i + m[1]! * j + m[2]! * k + m[3]!;
        const y = m[4]! * i + m[5]! * j + m[6]! * k + m[7]!;
        const z = m[8]! * i + m[9]! * j + m[10]! * k + m[11]!;
        sampleLattice(map, x, y, z, q);
        labels[v] = anatomy.labelAt(q[0]!, q[1]!, q[2]!);
      }
  return labels;
}

/** Voxels of which one of the 26 neighbours differs. */
function voxelsAtBorders(labels: Uint8Array, grid: Grid): Uint32Array {
  const [ni, nj, nk] = grid.size;
  const found: number[] = [];
  let v = 0;
  for (let k = 0; k < nk; k++)
    for (let j = 0; j < nj; j++)
      for (let i = 0; i < ni; i++, v++) {
        const here = labels[v]!;
        let differs = false;
        for (let c = Math.max(0, k - 1); c <= Math.min(nk - 1, k + 1) && !differs; c++)
          for (let b = Math.max(0, j - 1); b <= Math.min(nj - 1, j + 1) && !differs; b++) {
            const row = (c * nj + b) * ni;
            if (labels[row + i] !== here) differs = true;
            else if (i > 0 && labels[row + i - 1] !== here) differs = true;
            else if (i + 1 < ni && labels[row + i + 1] !== here) differs = true;
          }
        if (differs) found.push(v);
      }
  return Uint32Array.from(found);
}

function sampleFinely(
  anatomy: Anatomy,
  map: Lattice,
  grid: Grid,
  voxels: Uint32Array,
  edge: number,
): Uint8Array {
  const [ni, nj] = grid.size;
  const m = grid.affine;
  const samples = new Uint8Array(voxels.length * edge ** 3);
  const q = new Float64Array(3);
  let s = 0;
  for (const v of voxels) {
    const i = v % ni;
    const j = Math.floor(v / ni) % nj;
    const k = Math.floor(v / (ni * nj));
    for (let c = 0; c < edge; c++)
      for (let b = 0; b < edge; b++)
        for (let a = 0; a < edge; a++) {
          const fi = i + (a + 0.5) / edge - 0.5;
          const fj = j + (b + 0.5) / edge - 0.5;
          const fk = k + (c + 0.5) / edge - 0.5;
          const x = m[0]! * fi + m[1]! * fj + m[2]! * fk + m[3]!;
          const y = m[4]! * fi + m[5]! * fj + m[6]! * fk + m[7]!;
          const z = m[8]! * fi + m[9]! * fj + m[10]! * fk + m[11]!;
          sampleLattice(map, x, y, z, q);
          samples[s++] = anatomy.labelAt(q[0]!, q[1]!, q[2]!);
        }
  }
  return samples;
}

/** Give every mixed voxel the label that most of its points have; the voxel's former label wins a draw. */
function majority(labels: Uint8Array, voxels: Uint32Array, samples: Uint8Array, perVoxel: number): void {
  const counts = new Uint16Array(fullStructures.length);
  for (let n = 0; n < voxels.length; n++) {
    counts.fill(0);
    let best = labels[voxels[n]!]!;
    for (let s = n * perVoxel; s < (n + 1) * perVoxel; s++) {
      const label = samples[s]!;
      counts[label] = counts[label]! + 1;
    }
    for (let label = 0; label < counts.length; label++) if (counts[label]! > counts[best]!) best = label;
    labels[voxels[n]!] = best;
  }
}

/**
 * The mean over each voxel of a quantity that every structure has one value of: MR signal, tracer uptake,
 * attenuation. `values[label]` for every full label; partial volumes come out as they would in a scanner.
 */
export function mixValues(brain: RenderedBrain, values: ArrayLike<number>): Volume<Float32Array> {
  if (values.length < fullStructures.length)
    fail("bad-argument", {
      what: "a structure has no value",
      where: "values",
      expected: `${fullStructures.length} values, one for each full label`,
      found: `${values.length}`,
    });
  const out = new Float32Array(brain.labels.data.length);
  for (let v = 0; v < out.length; v++) out[v] = values[brain.labels.data[v]!]!;
  const per = brain.samplesPerVoxel;
  for (let n = 0; n < brain.mixedVoxels.length; n++) {
    let sum = 0;
    for (let s = n * per; s < (n + 1) * per; s++) sum += values[brain.mixedSamples[s]!]!;
    out[brain.mixedVoxels[n]!] = sum / per;
  }
  return volume(out, brain.labels);
}

/** The fraction (0 to 1) of every voxel that the given full labels fill. */
export function fractionOf(brain: RenderedBrain, labels: readonly number[]): Volume<Float32Array> {
  const values = new Float64Array(256);
  for (const label of labels) values[label] = 1;
  return mixValues(brain, values);
}

/** The label map in another table: `table[fullLabel]`, by majority within the new table. */
export function withLabels(brain: RenderedBrain, table: readonly number[]): LabelVolume {
  const out = new Uint8Array(brain.labels.data.length);
  for (let v = 0; v < out.length; v++) out[v] = table[brain.labels.data[v]!]!;
  const per = brain.samplesPerVoxel;
  const counts = new Uint16Array(256);
  for (let n = 0; n < brain.mixedVoxels.length; n++) {
    const voxel = brain.mixedVoxels[n]!;
    let best = out[voxel]!;
    counts.fill(0);
    for (let s = n * per; s < (n + 1) * per; s++) {
      const label = table[brain.mixedSamples[s]!]!;
      counts[label] = counts[label]! + 1;
    }
    for (let s = n * per; s < (n + 1) * per; s++) {
      const label = table[brain.mixedSamples[s]!]!;
      if (counts[label]! > counts[best]! || (counts[label] === counts[best] && label < best)) best = label;
    }
    out[voxel] = best;
  }
  return volume(out, brain.labels);
}
