import { type Program, program } from "../../../graph/program.js";
import { unet } from "../../../models/unet.js";
import { trace } from "../../../nn/scope.js";
import { sigmoid } from "../../../ops/elementwise.js";
import { input } from "../../../ops/leaf.js";
import { softmax } from "../../../ops/norm.js";
import type { Executable } from "../../../runtime/engine.js";
import type { Size3 } from "../../../volume/volume.js";
import type { PatchNetwork } from "../sliding.js";
import { type NnunetModel, trainedConfiguration } from "./model.js";
import { networkOf } from "./network.js";

/**
 * The predicting graph of one patch: `image` `[1, C, …S]` → `probabilities` `[1, K, …S]`, softmax over the classes or a
 * sigmoid for every region; weights are inputs, to be baked in at lowering.
 */
export function predictingProgram(model: NnunetModel): Program {
  const { options, channels, patch, regions } = networkOf(model.plan, trainedConfiguration(model));
  const image = input("image", [1, channels, ...patch]);
  const { result } = trace(false, (scope) => {
    const logits = unet(scope, image, options);
    return regions ? sigmoid(logits) : softmax(logits, 1);
  });
  return program({ probabilities: result });
}

/** A model's network, however it was made to run, for windows of volumes in the network's frame. */
export function patchNetwork(model: NnunetModel, executable: Executable): PatchNetwork {
  const configuration = trainedConfiguration(model);
  const { options, channels } = networkOf(model.plan, configuration);
  return {
    executable,
    dimensions: configuration.dimensions,
    channels,
    classes: options.classes,
    patch: patchOf(model),
    margin: [0, 0, 0],
  };
}

/** Voxels of a patch along i, j, k of a volume in the network's frame. */
export function patchOf(model: NnunetModel): Size3 {
  const { patch } = trainedConfiguration(model);
  const [ni, nj, nk = 1] = [...patch].reverse();
  return [ni!, nj!, nk];
}

/** Axes of the network, the first of its patch being 0, as axes of a volume in its frame (0 = i, the fastest). */
export function volumeAxes(model: NnunetModel, axes: readonly number[]): number[] {
  const { dimensions } = trainedConfiguration(model);
  return axes.map((axis) => dimensions - 1 - axis).sort();
}
