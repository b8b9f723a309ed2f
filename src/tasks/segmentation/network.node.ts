import type { Tensor } from "../../core/tensor.js";
import { encodeModel, readMetadata } from "../../graph/onnx/model.js";
import { nodeFiles } from "../../io/node.js";
import { lower } from "../../lower/lower.js";
import { portable } from "../../lower/portable.js";
import { openModelOn } from "../../runtime/devices.node.js";
import type { Device } from "../../runtime/engine.js";
import type { State } from "../../train/loop.js";
import { weightsOf } from "../../train/step.js";
import type { SegmentationConfig } from "./config.js";
import { predictionProgram } from "./model.js";
import { modelSchema, parseJson, type Run, type SegmentationModel } from "./run.js";
import type { PatchNetwork } from "./sliding.js";

/** The predicting network with its weights as the bytes of an `.onnx` file: standard operators, described in full. */
export function encodeNetwork(
  config: SegmentationConfig,
  model: SegmentationModel,
  state: Readonly<Record<string, Tensor>>,
): Uint8Array {
  const shape = { channels: model.channels.length, classes: model.labels.length + 1, patch: model.patch };
  const lowered = lower(predictionProgram(config, shape), portable, weightsOf(state));
  return encodeModel({ ...lowered.model, metadata: { gyrus: JSON.stringify(model) } });
}

/** Where a network runs, and on how many threads. */
export interface Place {
  readonly threads?: number | undefined;
  readonly device?: Device | undefined;
}

/** Where a run computes. */
export function placeOf({ threads, device }: Run): Place {
  return { threads: threads ?? undefined, device };
}

export interface OpenNetwork {
  readonly network: PatchNetwork;
  readonly model: SegmentationModel;
}

/** Open an exported network. Throws `bad-file` when the file is no segmentation model of Gyrus. */
export async function openNetwork(bytes: Uint8Array, where: string, place: Place = {}): Promise<OpenNetwork> {
  const metadata = readMetadata(bytes, where).gyrus;
  const model = parseJson(modelSchema, metadata ?? "{}", `${where} (metadata "gyrus")`);
  const { threads, device = "cpu" } = place;
  const executable = await openModelOn(device, bytes, threads === undefined ? {} : { threads });
  const { dimensions, patch, margin } = model;
  const network = {
    executable,
    dimensions,
    patch,
    margin,
    channels: model.channels.length,
    classes: model.labels.length + 1,
  };
  return { network, model };
}

/** Open the network of the state during training. */
export function networkOfState(
  config: SegmentationConfig,
  model: SegmentationModel,
  state: State,
  place?: Place,
): Promise<OpenNetwork> {
  return openNetwork(encodeNetwork(config, model, state), "the network in training", place);
}

export async function openNetworkFile(path: string, place?: Place): Promise<OpenNetwork> {
  return openNetwork(await nodeFiles.read(path), path, place);
}
