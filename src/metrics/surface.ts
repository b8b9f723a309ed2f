import { fail } from "../core/errors.js";
import { spacingMm as spacingOf } from "../volume/affine.js";
import { distanceTransform } from "../volume/distance.js";
import { type LabelVolume, type Size3, voxelCount } from "../volume/volume.js";
import { requireOneGrid } from "./grid.js";
import type { LabelTable } from "./overlap.js";
import { contourElementLengths, surfaceElementAreas } from "./surface-elements.js";

/** Elements of one surface in order of their distance to the other one. */
export interface DirectedDistances {
  /** Distance in mm of each element to the nearest element of the other surface, ascending. */
  readonly distancesMm: Float32Array;
  /** Area in mm² of each element (length in mm in 2-D), in the same order. */
  readonly areas: Float64Array;
}

export interface SurfaceDistances {
  readonly fromReference: DirectedDistances;
  readonly fromPrediction: DirectedDistances;
}

/** Agreement of two surfaces; `null` is "not defined": see `surfaceScoresFrom`. */
export interface SurfaceScores {
  readonly hausdorffMm: number | null;
  readonly hd95Mm: number | null;
  /** Average symmetric surface distance. */
  readonly assdMm: number | null;
  /** Normalised surface Dice at the tolerance, 0 to 1. */
  readonly nsd: number | null;
}

export interface SurfaceOptions {
  /** How far apart surfaces may lie and still count as agreeing, for NSD; 1 mm unless told. */
  readonly toleranceMm?: number;
}

/**
 * Distances between the surfaces of two masks (non-zero is inside) on one grid, each element with its area.
 *
 * The definition is that of Nikolov et al. 2018 (arXiv 1809.04430, DeepMind's surface-distance package):
 * surface elements sit between voxels, one for each 2x2x2 neighbourhood that is neither full nor empty, with
 * the area of the marching-cubes surface inside it; the distance runs to the centre of the nearest element of
 * the other surface, exactly, in mm. A size whose third extent is 1 is a 2-D image: contour elements in
 * 2x2 neighbourhoods, weighted by length. Outside the image there is background, so a mask that touches the
 * image's edge has a surface there. A mask that is empty gives no elements and leaves the other's distances
 * at Infinity. Throws `shape` when lengths and size disagree.
 */
export function surfaceDistances(
  reference: Uint8Array,
  prediction: Uint8Array,
  size: Size3,
  spacingMm: Size3,
): SurfaceDistances {
  return distancesWithin(reference, prediction, size, spacingMm, elementTable(size, spacingMm));
}

/**
 * Surface scores from distances.
 *
 * HD95 is the larger of the two directed 95th percentiles, by area; the Hausdorff distance the larger
 * maximum; ASSD the area-weighted mean over both surfaces together; NSD the share of both surfaces' area that
 * lies within the tolerance of the other. Empty cases: both surfaces empty, all are `null`. One empty, the
 * distances are `null` (there is no finite distance; summaries count such cases) and NSD is 0.
 */
export function surfaceScoresFrom(distances: SurfaceDistances, toleranceMm = 1): SurfaceScores {
  if (!(toleranceMm >= 0))
    fail("bad-argument", {
      what: "the tolerance of the normalised surface Dice is not a distance",
      expected: "toleranceMm of 0 or more",
      found: `${toleranceMm}`,
    });
  const { fromReference: r, fromPrediction: p } = distances;
  const empty = Number(r.areas.length === 0) + Number(p.areas.length === 0);
  if (empty > 0) return { hausdorffMm: null, hd95Mm: null, assdMm: null, nsd: empty === 2 ? null : 0 };
  const areaR = total(r.areas);
  const areaP = total(p.areas);
  return {
    hausdorffMm: Math.max(r.distancesMm.at(-1)!, p.distancesMm.at(-1)!),
    hd95Mm: Math.max(percentile(r, areaR, 0.95), percentile(p, areaP, 0.95)),
    assdMm: (weightedSum(r) + weightedSum(p)) / (areaR + areaP),
    nsd: (areaWithin(r, toleranceMm) + areaWithin(p, toleranceMm)) / (areaR + areaP),
  };
}

/**
 * HD95, Hausdorff, ASSD and NSD of every named label of two maps on one grid: `surfaceDistances` and
 * `surfaceScoresFrom` per label, in the bounding box of the label. Throws `geometry` when the grids differ.
 */
export function surfaceScores(
  reference: LabelVolume,
  prediction: LabelVolume,
  labels: LabelTable,
  options: SurfaceOptions = {},
): Record<string, SurfaceScores> {
  requireOneGrid(reference, prediction);
  const spacingMm = spacingOf(reference.affine);
  const table = elementTable(reference.size, spacingMm);
  const length = voxelCount(reference.size);
  const a = new Uint8Array(length);
  const b = new Uint8Array(length);
  const scores: Record<string, SurfaceScores> = {};
  for (const [name, value] of Object.entries(labels)) {
    for (let v = 0; v < length; v++) {
      a[v] = reference.data[v] === value ? 1 : 0;
      b[v] = prediction.data[v] === value ? 1 : 0;
    }
    const distances = distancesWithin(a, b, reference.size, spacingMm, table);
    scores[name] = surfaceScoresFrom(distances, options.toleranceMm);
  }
  return scores;
}

/** Areas by neighbour code; a 2-D code fills the lower four bits. */
function elementTable(size: Size3, spacingMm: Size3): Float64Array {
  return size[2] === 1 ? contourElementLengths([spacingMm[0], spacingMm[1]]) : surfaceElementAreas(spacingMm);
}

function distancesWithin(
  reference: Uint8Array,
  prediction: Uint8Array,
  size: Size3,
  spacingMm: Size3,
  table: Float64Array,
): SurfaceDistances {
  const expected = voxelCount(size);
  if (reference.length !== expected || prediction.length !== expected)
    fail("shape", {
      what: "a mask does not fit the size",
      expected: `${expected} voxels for ${size.join("x")}`,
      found: `${reference.length} in the reference, ${prediction.length} in the prediction`,
    });
  const box = boundingBox(reference, prediction, size);
  if (box === undefined) {
    const none = { distancesMm: new Float32Array(0), areas: new Float64Array(0) };
    return { fromReference: none, fromPrediction: none };
  }
  const codesR = neighbourCodes(reference, size, box);
  const codesP = neighbourCodes(prediction, size, box);
  const full = table.length - 1;
  return {
    fromReference: directed(codesR, codesP, full, box.codeSize, spacingMm, table),
    fromPrediction: directed(codesP, codesR, full, box.codeSize, spacingMm, table),
  };
}

interface Box {
  readonly low: Size3;
  /** Extents of the grid of neighbourhoods: one more than the box of voxels (not along k in 2-D). */
  readonly codeSize: Size3;
}

function boundingBox(a: Uint8Array, b: Uint8Array, [ni, nj, nk]: Size3): Box | undefined {
  let [i0, j0, k0, i1, j1, k1] = [ni, nj, nk, -1, -1, -1];
  for (let k = 0, v = 0; k < nk; k++)
    for (let j = 0; j < nj; j++)
      for (let i = 0; i < ni; i++, v++)
        if (a[v] !== 0 || b[v] !== 0) {
          if (i < i0) i0 = i;
          if (i > i1) i1 = i;
          if (j < j0) j0 = j;
          if (j > j1) j1 = j;
          if (k < k0) k0 = k;
          k1 = k;
        }
  if (i1 < 0) return undefined;
  return { low: [i0, j0, k0], codeSize: [i1 - i0 + 2, j1 - j0 + 2, nk === 1 ? 1 : k1 - k0 + 2] };
}

/** Neighbour code of each 2x2x2 (2x2) neighbourhood: bit `(di + 2·dj + 4·dk)` for the voxel at that offset. */
function neighbourCodes(mask: Uint8Array, [ni, nj, nk]: Size3, { low, codeSize }: Box): Uint8Array {
  const [ci, cj, ck] = codeSize;
  const codes = new Uint8Array(ci * cj * ck);
  const flat = nk === 1;
  const endK = flat ? 1 : ck - 1;
  for (let k = 0; k < endK; k++)
    for (let j = 0; j < cj - 1; j++)
      for (let i = 0; i < ci - 1; i++) {
        if (mask[((k + low[2]) * nj + j + low[1]) * ni + i + low[0]] === 0) continue;
        // The voxel is the far corner of the neighbourhood at its own index and the near one a step further.
        const at = (k * cj + j) * ci + i;
        const top = flat ? 0 : 4;
        codes[at]! |= 1 << (3 + top);
        codes[at + 1]! |= 1 << (2 + top);
        codes[at + ci]! |= 1 << (1 + top);
        codes[at + ci + 1]! |= 1 << top;
        if (flat) continue;
        const above = at + ci * cj;
        codes[above]! |= 8;
        codes[above + 1]! |= 4;
        codes[above + ci]! |= 2;
        codes[above + ci + 1]! |= 1;
      }
  return codes;
}

function directed(
  from: Uint8Array,
  to: Uint8Array,
  full: number,
  size: Size3,
  spacingMm: Size3,
  table: Float64Array,
): DirectedDistances {
  const target = new Uint8Array(to.length);
  let count = 0;
  for (let v = 0; v < to.length; v++) {
    target[v] = to[v] !== 0 && to[v] !== full ? 1 : 0;
    if (from[v] !== 0 && from[v] !== full) count++;
  }
  const toTarget = count === 0 ? new Float32Array(0) : distanceTransform(target, size, spacingMm);
  const at = new Uint32Array(count);
  for (let v = 0, n = 0; v < from.length; v++) if (from[v] !== 0 && from[v] !== full) at[n++] = v;
  at.sort((a, b) => toTarget[a]! - toTarget[b]! || table[from[a]!]! - table[from[b]!]!);
  const distancesMm = new Float32Array(count);
  const areas = new Float64Array(count);
  for (let n = 0; n < count; n++) {
    distancesMm[n] = toTarget[at[n]!]!;
    areas[n] = table[from[at[n]!]!]!;
  }
  return { distancesMm, areas };
}

function total(values: Float64Array): number {
  let sum = 0;
  for (let n = 0; n < values.length; n++) sum += values[n]!;
  return sum;
}

function weightedSum({ distancesMm, areas }: DirectedDistances): number {
  let sum = 0;
  for (let n = 0; n < areas.length; n++) sum += distancesMm[n]! * areas[n]!;
  return sum;
}

/** The smallest distance such that elements up to it hold the given share of the area. */
function percentile({ distancesMm, areas }: DirectedDistances, area: number, share: number): number {
  let sum = 0;
  for (let n = 0; n < areas.length; n++) {
    sum += areas[n]!;
    if (sum / area >= share) return distancesMm[n]!;
  }
  return distancesMm[distancesMm.length - 1]!;
}

function areaWithin({ distancesMm, areas }: DirectedDistances, toleranceMm: number): number {
  // Distances are float32: a distance that equals the tolerance must not fall outside it by rounding.
  const limit = toleranceMm * (1 + 1e-6);
  let sum = 0;
  for (let n = 0; n < areas.length && distancesMm[n]! <= limit; n++) sum += areas[n]!;
  return sum;
}
