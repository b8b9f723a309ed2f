import type { Tensor } from "../../../core/tensor.js";
import { encodeModel, readMetadata } from "../../../graph/onnx/model.js";
import { type Program, program } from "../../../graph/program.js";
import { lower } from "../../../lower/lower.js";
import { portable } from "../../../lower/portable.js";
import { unet } from "../../../models/unet.js";
import { trace } from "../../../nn/scope.js";
import { sigmoid } from "../../../ops/elementwise.js";
import { input } from "../../../ops/leaf.js";
import { softmax } from "../../../ops/norm.js";
import { engineOn, openModelOn } from "../../../runtime/devices.node.js";
import type { Executable } from "../../../runtime/engine.js";
import { weightsOf } from "../../../train/step.js";
import type { Size3 } from "../../../volume/volume.js";
import { type Place, parseJson } from "../../run.js";
import type { PatchNetwork } from "../sliding.js";
import { modelSchema, type NnunetModel, trainedConfiguration } from "./model.js";
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

/** The network with its weights as the bytes of an `.onnx` file: standard operators, `NnunetModel` in its metadata. */
export function encodeNetwork(model: NnunetModel, state: Readonly<Record<string, Tensor>>): Uint8Array {
  const lowered = lower(predictingProgram(model), portable, weightsOf(state));
  return encodeModel({ ...lowered.model, metadata: { gyrus: JSON.stringify(model) } });
}

/** The network of a state as its device runs it best, for windows of volumes in the network's frame. */
export async function networkOfState(
  model: NnunetModel,
  state: Readonly<Record<string, Tensor>>,
  { threads, device = "cpu" }: Place = {},
): Promise<PatchNetwork> {
  const engine = await engineOn(device);
  const lowered = lower(predictingProgram(model), await engine.target(), weightsOf(state));
  return patchNetwork(model, await engine.compile(lowered, threads === undefined ? {} : { threads }));
}

/** Open what `encodeNetwork` wrote. Throws `bad-file` for any other file. */
export async function openNetwork(
  bytes: Uint8Array,
  where: string,
  { threads, device = "cpu" }: Place = {},
): Promise<{ readonly network: PatchNetwork; readonly model: NnunetModel }> {
  const model = parseJson(
    modelSchema,
    readMetadata(bytes, where).gyrus ?? "{}",
    `${where} (metadata "gyrus")`,
  );
  const executable = await openModelOn(device, bytes, threads === undefined ? {} : { threads });
  return { network: patchNetwork(model, executable), model };
}

function patchNetwork(model: NnunetModel, executable: Executable): PatchNetwork {
  const { dimensions } = trainedConfiguration(model);
  const { options, channels } = networkOf(model.plan, trainedConfiguration(model));
  return {
    executable,
    dimensions,
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
