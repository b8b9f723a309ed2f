import type { Tensor } from "../../core/tensor.js";
import { encodeModel, readMetadata } from "../../graph/onnx/model.js";
import type { Program } from "../../graph/program.js";
import { parseJson } from "../../io/json.js";
import { nodeFiles } from "../../io/node.js";
import { lower } from "../../lower/lower.js";
import { portable } from "../../lower/portable.js";
import { engineOn, openModelOn } from "../../runtime/devices.node.js";
import type { Executable } from "../../runtime/engine.js";
import { weightsOf } from "../../train/step.js";
import type { Place } from "../run.js";
import type { SegmentationConfig } from "./config.js";
import { predictionProgram } from "./model.js";
import { modelSchema, type SegmentationModel } from "./run.js";
import type { PatchNetwork } from "./sliding.js";

function predictionOf(config: SegmentationConfig, { channels, labels, patch }: SegmentationModel): Program {
  return predictionProgram(config, { channels: channels.length, classes: labels.length + 1, patch });
}

/** The predicting network with its weights as the bytes of an `.onnx` file: standard operators, described in full. */
export function encodeNetwork(
  config: SegmentationConfig,
  model: SegmentationModel,
  state: Readonly<Record<string, Tensor>>,
): Uint8Array {
  const lowered = lower(predictionOf(config, model), portable, weightsOf(state));
  return encodeModel({ ...lowered.model, metadata: { gyrus: JSON.stringify(model) } });
}

export interface OpenNetwork {
  readonly network: PatchNetwork;
  readonly model: SegmentationModel;
}

/** The network of a model, however it was made to run. */
function networkOf(executable: Executable, model: SegmentationModel): OpenNetwork {
  const { dimensions, patch, margin } = model;
  const [channels, classes] = [model.channels.length, model.labels.length + 1];
  return { network: { executable, dimensions, patch, margin, channels, classes }, model };
}

/** Open an exported network. Throws `bad-file` when the file is no segmentation model of Gyrus. */
export async function openNetwork(bytes: Uint8Array, where: string, place: Place = {}): Promise<OpenNetwork> {
  const metadata = readMetadata(bytes, where).gyrus;
  const model = parseJson(modelSchema, metadata ?? "{}", `${where} (metadata "gyrus")`);
  const { threads, device = "cpu" } = place;
  return networkOf(await openModelOn(device, bytes, threads === undefined ? {} : { threads }), model);
}

/** Open the network of a state as its device runs it best: in 3-D half as long again as an exported one takes. */
export async function networkOfState(
  config: SegmentationConfig,
  model: SegmentationModel,
  state: Readonly<Record<string, Tensor>>,
  { threads, device = "cpu" }: Place = {},
): Promise<OpenNetwork> {
  const engine = await engineOn(device);
  const lowered = lower(predictionOf(config, model), await engine.target(), weightsOf(state));
  return networkOf(await engine.compile(lowered, threads === undefined ? {} : { threads }), model);
}

export async function openNetworkFile(path: string, place?: Place): Promise<OpenNetwork> {
  return openNetwork(await nodeFiles.read(path), path, place);
}
