import { fail } from "../../../core/errors.js";
import type { LabelVolume } from "../../../volume/volume.js";
import { voxelCount } from "../../../volume/volume.js";
import type { HeldOut } from "./held-out.js";
import type { Plan } from "./plan.js";
import type { PreparedGeometry } from "./preprocess.js";
import { resampleProbability } from "./resample.js";
import { backwards, decide, placeClasses } from "./restore.js";

/** What a configuration says of a case: `[K, D, H, W]` on its own prepared grid, and the part of its plan that counts. */
export type Opinion = Pick<HeldOut, "probabilities" | "geometry"> & {
  readonly plan: Pick<Plan, "dataset" | "resampling">;
};

/**
 * The label map on the scan's canonical grid from the mean of what configurations say. Each is put back on the voxels of
 * the scan that were kept, by itself and one output at a time, so that two maps are in memory whatever the number of
 * classes. Throws `geometry` when they are not of one scan, `shape` when they know other classes.
 */
export function combineOpinions(opinions: readonly Opinion[]): LabelVolume {
  const [first] = opinions;
  if (first === undefined) return fail("bad-argument", { what: "there is nothing to make a label map from" });
  const outputs = outputsOf(first);
  for (const other of opinions) requireTogether(first, other);
  const classes = decide(outputs, first.plan.dataset.regions, (k) => {
    const mean = restored(first, k);
    for (const other of opinions.slice(1)) {
      const more = restored(other, k);
      for (let at = 0; at < mean.length; at++) mean[at]! += more[at]!;
    }
    if (opinions.length > 1) for (let at = 0; at < mean.length; at++) mean[at]! /= opinions.length;
    return mean;
  });
  return placeClasses(classes, first.geometry);
}

function outputsOf({ probabilities, geometry }: Opinion): number {
  return probabilities.length / voxelCount(geometry.resizing.to);
}

/** One output on the voxels that were kept of the scan. */
function restored({ probabilities, geometry, plan }: Opinion, output: number): Float32Array {
  const voxels = voxelCount(geometry.resizing.to);
  const one = probabilities.subarray(output * voxels, (output + 1) * voxels);
  return resampleProbability(one, backwards(geometry), plan.resampling);
}

function requireTogether(a: Opinion, b: Opinion): void {
  requireOneScan(a.geometry, b.geometry);
  if (outputsOf(a) !== outputsOf(b))
    fail("shape", {
      what: "what is to be averaged knows other classes",
      expected: `${outputsOf(a)} outputs`,
      found: `${outputsOf(b)}`,
      fix: "Average configurations of one experiment only",
    });
}

/** Voxels, order of axes and crop must be the same: all come from one scan by one plan. */
function requireOneScan(a: PreparedGeometry, b: PreparedGeometry): void {
  const words = ({ size, axes, box }: PreparedGeometry): string =>
    `${size.join("x")} voxels, axes ${axes.join(", ")}, from ${box.start.join(", ")} ${box.size.join("x")}`;
  if (words(a) !== words(b))
    fail("geometry", {
      what: "what is to be put together is not of one scan, or not of one plan",
      expected: words(a),
      found: words(b),
      fix: "Use configurations of one experiment only",
    });
}

/**
 * What a coarser stage says, as input of the finer one: a 0/1 map for every label `[labels, D, H, W]` on the finer
 * prepared grid. Its outputs are resampled from grid to grid and decided there.
 */
export function stageMaps(coarse: Opinion, fine: PreparedGeometry): Float32Array {
  const { geometry, probabilities, plan } = coarse;
  requireOneScan(geometry, fine);
  const voxels = voxelCount(geometry.resizing.to);
  const resizing = {
    from: geometry.resizing.to,
    to: fine.resizing.to,
    fromMm: geometry.resizing.toMm,
    toMm: fine.resizing.toMm,
  };
  const classes = decide(outputsOf(coarse), plan.dataset.regions, (k) =>
    resampleProbability(probabilities.subarray(k * voxels, (k + 1) * voxels), resizing, plan.resampling),
  );
  return oneHotLabels(classes, plan.dataset.classes.length - 1);
}

/** A 0/1 map for every class but background, one after the other. */
export function oneHotLabels(classes: Uint8Array | Uint16Array, labels: number): Float32Array {
  const maps = new Float32Array(labels * classes.length);
  for (let at = 0; at < classes.length; at++) {
    const found = classes[at]!;
    if (found > 0 && found <= labels) maps[(found - 1) * classes.length + at] = 1;
  }
  return maps;
}
