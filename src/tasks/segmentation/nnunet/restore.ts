import { fail } from "../../../core/errors.js";
import { pasteBox } from "../../../volume/crop.js";
import type { LabelVolume } from "../../../volume/volume.js";
import { voxelCount } from "../../../volume/volume.js";
import { fromNetworkFrame, toNetworkFrame } from "./frame.js";
import type { Plan } from "./plan.js";
import type { PreparedGeometry, Recipe } from "./preprocess.js";
import { type Resizing, resampleProbability } from "./resample.js";

type Regions = Plan["dataset"]["regions"];

/** The way back of a case's resampling. */
export function backwards({ resizing }: PreparedGeometry): Resizing {
  const { from, to, fromMm, toMm } = resizing;
  return { from: to, to: from, fromMm: toMm, toMm: fromMm };
}

/**
 * Network outputs `[K, D, H, W]` of a prepared case on the voxels that were kept of its scan, in the network's frame:
 * what configurations of one plan have in common, so that their probabilities can be averaged.
 */
export function restoreProbabilities(
  probabilities: Float32Array,
  geometry: PreparedGeometry,
  plan: Pick<Recipe, "resampling">,
): Float32Array {
  const { from, to } = geometry.resizing;
  const outputs = requireOutputs(probabilities, geometry);
  const out = new Float32Array(outputs * voxelCount(from));
  for (let k = 0; k < outputs; k++) {
    const one = probabilities.subarray(k * voxelCount(to), (k + 1) * voxelCount(to));
    out.set(resampleProbability(one, backwards(geometry), plan.resampling), k * voxelCount(from));
  }
  return out;
}

function requireOutputs(probabilities: Float32Array, { resizing }: PreparedGeometry): number {
  const outputs = probabilities.length / voxelCount(resizing.to);
  if (!(Number.isInteger(outputs) && outputs >= 1))
    fail("shape", {
      what: "these probabilities are not of this case",
      expected: `a multiple of ${resizing.to.join("x")} voxels`,
      found: `${probabilities.length} numbers`,
    });
  return outputs;
}

/**
 * A label map on the scan's canonical grid from network outputs of the prepared case: every output is resampled by
 * itself, so two maps are in memory at a time. Classes: the most probable one, of equals the lower. Regions: every
 * region above one half is painted with its class, one over the other in their order.
 */
export function restoreClasses(
  probabilities: Float32Array,
  geometry: PreparedGeometry,
  plan: Recipe,
): LabelVolume {
  const outputs = requireOutputs(probabilities, geometry);
  const voxels = voxelCount(geometry.resizing.to);
  return placeClasses(
    decide(outputs, plan.dataset.regions, (k) =>
      resampleProbability(
        probabilities.subarray(k * voxels, (k + 1) * voxels),
        backwards(geometry),
        plan.resampling,
      ),
    ),
    geometry,
  );
}

/** The label map from probabilities that `restoreProbabilities` made, or a mean of such. */
export function classesOfRestored(
  restored: Float32Array,
  geometry: PreparedGeometry,
  plan: Pick<Recipe, "dataset">,
): LabelVolume {
  const voxels = voxelCount(geometry.resizing.from);
  const outputs = restored.length / voxels;
  const classes = decide(outputs, plan.dataset.regions, (k) =>
    restored.subarray(k * voxels, (k + 1) * voxels),
  );
  return placeClasses(classes, geometry);
}

/**
 * Classes from outputs that are asked for one by one, each once: the most probable class, of equals the lower; or every
 * region above one half painted over the others in their order.
 */
export function decide(outputs: number, regions: Regions, output: (k: number) => Float32Array): Uint8Array {
  const first = output(0);
  const classes = new Uint8Array(first.length);
  if (regions !== null) {
    regions.forEach(({ paintedAs }, k) => {
      if (paintedAs === null) return;
      const probability = k === 0 ? first : output(k);
      for (let at = 0; at < classes.length; at++) if (probability[at]! > 0.5) classes[at] = paintedAs;
    });
    return classes;
  }
  const best = Float32Array.from(first);
  for (let k = 1; k < outputs; k++) {
    const probability = output(k);
    for (let at = 0; at < classes.length; at++)
      if (probability[at]! > best[at]!) {
        best[at] = probability[at]!;
        classes[at] = k;
      }
  }
  return classes;
}

/** Classes of the kept box on the scan's canonical grid; outside of it there is background. */
export function placeClasses(
  classes: Uint8Array,
  { size, affine, axes, box }: PreparedGeometry,
): LabelVolume {
  const whole = { size, affine, channels: 1, data: new Uint8Array(voxelCount(size)) };
  const turned = toNetworkFrame(whole, axes);
  const part = { size: box.size, affine: turned.affine, channels: 1, data: classes };
  return fromNetworkFrame(pasteBox(part, box.start, turned), axes);
}
