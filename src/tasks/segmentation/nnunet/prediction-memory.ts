import { type Peeked, readingBytes } from "../../../io/peek.js";
import { spacingMm } from "../../../volume/affine.js";
import { canonicalGrid } from "../../../volume/orient.js";
import { voxelCount } from "../../../volume/volume.js";
import { largestPart } from "./held-out.js";
import { type NnunetModel, trainedConfiguration } from "./model.js";
import { networkOf } from "./network.js";
import { type PredictorPlan, previousOf, stageOrder } from "./predictor.js";
import type { PreparedShape } from "./prepared-file.js";

/** A float32, in bytes. */
const number = 4;

/**
 * Bytes at the peak of predicting a scan, beside the engine: while it is read, while a stage is prepared and predicted
 * with what stages before it said, or while the label map is made. Nothing is known of the crop, so the whole scan counts.
 */
export function scanBytes(
  plan: Pick<PredictorPlan, "stages" | "ensemble">,
  headers: readonly Peeked[],
): number {
  const grid = canonicalGrid(headers[0]!);
  const voxels = voxelCount(grid.size);
  const channels = headers.reduce((sum, one) => sum + one.channels, 0);
  const image = number * channels * voxels;
  const reading = headers.length > 1 ? 2 * image : headers.reduce((sum, one) => sum + readingBytes(one), 0);
  let [kept, peak] = [0, reading];
  const order = stageOrder(plan);
  for (const name of order) {
    const { model } = plan.stages[name]!;
    const after = preparedVoxels(model, grid);
    const { options, channels: inputs } = networkOf(model.plan, trainedConfiguration(model));
    // Cropped, then resampled channel by channel, with lines of it in between.
    const preparing = image + number * (channels * after + Math.max(voxels, after));
    const predicting =
      number * after * (inputs + options.classes + (previousOf(model) === undefined ? 0 : inputs));
    peak = Math.max(peak, image + kept + Math.max(preparing, predicting));
    const needed =
      plan.ensemble.includes(name) || order.some((one) => previousOf(plan.stages[one]!.model) === name);
    if (needed) kept += number * after * options.classes;
  }
  // One output of one configuration, the mean, the best so far, and the two label maps.
  const deciding = image + kept + number * 4 * voxels + 2 * voxels;
  return Math.max(peak, deciding);
}

/**
 * Bytes at the peak of predicting a held-out case from its prepared image and of judging what was kept of it, beside the
 * engine: what the network says is one number for every output and voxel, and is copied as it is written and read.
 */
export function heldOutBytes(model: NnunetModel, { size, resizing }: PreparedShape): number {
  const { options, channels: inputs } = networkOf(model.plan, trainedConfiguration(model));
  const channels = model.plan.channels.length;
  const [voxels, scanVoxels] = [voxelCount(resizing.to), voxelCount(size)];
  const image = number * channels * voxels;
  const withMaps = previousOf(model) === undefined ? 0 : number * inputs * voxels;
  const outputs = number * options.classes * voxels;
  const copied = Math.min(outputs, largestPart);
  const predicting = Math.max(2 * image, image + withMaps + outputs + copied);
  const maps = 2 * number * channels * scanVoxels + 6 * number * scanVoxels;
  return Math.max(predicting, outputs + Math.max(2 * copied, maps));
}

/** Voxels of a scan, uncropped, at a model's voxel size. */
export function preparedVoxels(model: NnunetModel, grid: Pick<Peeked, "size" | "affine">): number {
  const configuration = trainedConfiguration(model);
  const mm = spacingMm(grid.affine);
  return model.plan.axes.reduce((total, axis, at) => {
    const target = configuration.spacingMm[at - (3 - configuration.dimensions)] ?? mm[axis]!;
    return total * Math.max(1, Math.round((grid.size[axis]! * mm[axis]!) / target));
  }, 1);
}
