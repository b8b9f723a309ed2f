import { fail } from "../core/errors.js";
import { spacingMm } from "../volume/affine.js";
import type { LabelVolume } from "../volume/volume.js";
import { requireOneGrid } from "./grid.js";

/** Label names and their values in the map, background left out: `{ anterior: 1, posterior: 2 }`. */
export type LabelTable = Readonly<Record<string, number>>;

/** Voxels of each label value (the index) in the reference, in the prediction, and in both at once. */
export interface LabelCounts {
  readonly reference: Float64Array;
  readonly prediction: Float64Array;
  readonly both: Float64Array;
  /** Voxels compared, background included. */
  readonly voxels: number;
}

/** Agreement of one label. `null` is "not defined", never a number in disguise: see `overlapFromCounts`. */
export interface Overlap {
  readonly dice: number | null;
  readonly iou: number | null;
  readonly precision: number | null;
  readonly recall: number | null;
  readonly referenceMl: number;
  readonly predictionMl: number;
  /** Prediction minus reference, ml. */
  readonly differenceMl: number;
  /** Prediction minus reference over reference; `null` where the reference is empty. */
  readonly relativeDifference: number | null;
}

/**
 * Count every label of two maps in one pass.
 *
 * `reference` and `prediction` hold the same voxels in the same order. Voxels where `mask` is 0 are left out
 * (partially annotated images). Throws `shape` when lengths differ.
 */
export function countLabels(
  reference: Uint8Array | Uint16Array,
  prediction: Uint8Array | Uint16Array,
  mask?: Uint8Array,
): LabelCounts {
  const length = reference.length;
  if (prediction.length !== length || (mask !== undefined && mask.length !== length))
    fail("shape", {
      what: "label maps to be compared differ in length",
      expected: `${length} voxels as in the reference`,
      found: `${prediction.length} in the prediction${mask === undefined ? "" : `, ${mask.length} in the mask`}`,
    });
  const values = 1 + Math.max(largest(reference), largest(prediction));
  const inReference = new Float64Array(values);
  const inPrediction = new Float64Array(values);
  const both = new Float64Array(values);
  let voxels = 0;
  for (let v = 0; v < length; v++) {
    if (mask !== undefined && mask[v] === 0) continue;
    const r = reference[v]!;
    const p = prediction[v]!;
    inReference[r]!++;
    inPrediction[p]!++;
    if (r === p) both[r]!++;
    voxels++;
  }
  return { reference: inReference, prediction: inPrediction, both, voxels };
}

/**
 * Dice `2·TP/(2·TP+FP+FN)`, IoU `TP/(TP+FP+FN)`, precision and recall of one label value from counts.
 *
 * The empty cases, decided here once: absent from both maps, all four are `null` (there is nothing to agree
 * on; summaries leave such cases out and count them). Absent from one map only, Dice and IoU are 0, and
 * whichever of precision (empty prediction) and recall (empty reference) would divide by nought is `null`.
 */
export function overlapFromCounts(counts: LabelCounts, value: number, voxelMl: number): Overlap {
  const reference = counts.reference[value] ?? 0;
  const prediction = counts.prediction[value] ?? 0;
  const both = counts.both[value] ?? 0;
  const ratio = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);
  return {
    dice: ratio(2 * both, reference + prediction),
    iou: ratio(both, reference + prediction - both),
    precision: ratio(both, prediction),
    recall: ratio(both, reference),
    referenceMl: reference * voxelMl,
    predictionMl: prediction * voxelMl,
    differenceMl: (prediction - reference) * voxelMl,
    relativeDifference: ratio(prediction - reference, reference),
  };
}

/**
 * Overlap of every named label of two maps on one grid, in one pass over the voxels.
 *
 * Volumes are in ml (1000 mm³); in a 2-D image the slice thickness is the affine's third column. The empty
 * cases are those of `overlapFromCounts`. Throws `geometry` when the grids differ.
 */
export function overlap(
  reference: LabelVolume,
  prediction: LabelVolume,
  labels: LabelTable,
  mask?: Uint8Array,
): Record<string, Overlap> {
  requireOneGrid(reference, prediction);
  const counts = countLabels(reference.data, prediction.data, mask);
  const [i, j, k] = spacingMm(reference.affine);
  const voxelMl = (i * j * k) / 1000;
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [name, overlapFromCounts(counts, value, voxelMl)]),
  );
}

function largest(values: Uint8Array | Uint16Array): number {
  let top = 0;
  for (let v = 0; v < values.length; v++) if (values[v]! > top) top = values[v]!;
  return top;
}
