import { requireImage } from "../../../io/case.js";
import { fromCanonical, toCanonical } from "../../../volume/orient.js";
import type { ImageVolume, LabelVolume } from "../../../volume/volume.js";
import { combineOpinions, type Opinion, stageMaps } from "./ensemble.js";
import { trainedConfiguration } from "./model.js";
import type { OpenStage, Predictor } from "./open.js";
import type { ConfigurationName } from "./plan.js";
import { postprocess } from "./postprocess.js";
import { volumeAxes } from "./predicting.js";
import { previousOf } from "./predictor.js";
import { type PreparedCase, prepareCase } from "./preprocess.js";
import { averageOutputs } from "./windows.js";

export interface PredictVolumeOptions {
  /** Average over copies mirrored as in training. Default true. */
  readonly mirror?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** After every window of a stage's networks. */
  readonly onWindow?: ((done: number, total: number, stage: ConfigurationName) => void) | undefined;
  /** Name of the scan, for errors. */
  readonly where?: string;
}

/**
 * A label map on the scan's own grid, with the values that the data set's label files hold, from a scan in any
 * orientation with all channels, in any frame of voxel sizes. Nothing of the platform is used: this runs in a browser.
 *
 * Throws `bad-data` for a scan with other channels, voxels that are not finite or a constant channel, `geometry` for one
 * thinner than a voxel of the plan, `non-finite` for a network that is broken.
 */
export async function predictVolume(
  predictor: Predictor,
  scan: ImageVolume,
  options: PredictVolumeOptions = {},
): Promise<LabelVolume> {
  const where = options.where ?? "the scan";
  const image = toCanonical(scan).volume;
  requireImage(image, where);
  const classes = fromCanonical(await segmentCanonical(predictor, image, { ...options, where }), scan);
  const { labelValues } = firstModel(predictor).plan.dataset;
  const wide = Math.max(...labelValues) > 255;
  const data = wide ? new Uint16Array(classes.data.length) : new Uint8Array(classes.data.length);
  for (let at = 0; at < data.length; at++) data[at] = labelValues[classes.data[at]!] ?? classes.data[at]!;
  return { ...classes, data };
}

/** Classes of a scan in the canonical frame, on its grid, after post-processing. */
export async function segmentCanonical(
  predictor: Predictor,
  image: ImageVolume,
  options: PredictVolumeOptions = {},
): Promise<LabelVolume> {
  return postprocess(
    combineOpinions(await opinionsOn(predictor, image, options)),
    predictor.plan.postprocessing,
  );
}

function firstModel({ plan, stages }: Predictor) {
  return stages.get(plan.ensemble[0]!)!.model;
}

/** What every configuration of the ensemble says; of those that only a cascade looks at nothing is kept. */
export async function opinionsOn(
  { plan, stages }: Predictor,
  image: ImageVolume,
  options: PredictVolumeOptions,
): Promise<Opinion[]> {
  const found = new Map<ConfigurationName, Opinion>();
  for (const [name, stage] of stages) {
    const previous = previousOf(stage.model);
    const coarse = previous === undefined ? undefined : found.get(previous)!;
    found.set(name, await opinionOf(stage, image, coarse, options));
    if (previous !== undefined && !plan.ensemble.includes(previous)) found.delete(previous);
  }
  return plan.ensemble.map((name) => found.get(name)!);
}

async function opinionOf(
  { model, networks }: OpenStage,
  image: ImageVolume,
  coarse: Opinion | undefined,
  { mirror = true, signal, onWindow, where = "the scan" }: PredictVolumeOptions,
): Promise<Opinion> {
  const prepared = prepareCase({ id: where, image }, model.plan, trainedConfiguration(model));
  const input = coarse === undefined ? prepared.image : withStage(prepared, coarse);
  const probabilities = await averageOutputs(networks, input, {
    overlap: model.overlap,
    mirrorAxes: mirror ? volumeAxes(model, model.mirrorAxes) : [],
    signal,
    onWindow: onWindow && ((done, total) => onWindow(done, total, model.configuration)),
  });
  return { probabilities, geometry: prepared.geometry, plan: model.plan };
}

/** The prepared image with the labels of the coarser stage as further channels. */
export function withStage({ image, geometry }: PreparedCase, coarse: Opinion): ImageVolume {
  const maps = stageMaps(coarse, geometry);
  const data = new Float32Array(image.data.length + maps.length);
  data.set(image.data);
  data.set(maps, image.data.length);
  return { ...image, data, channels: (image.channels * data.length) / image.data.length };
}
