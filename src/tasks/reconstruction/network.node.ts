import type { Tensor } from "../../core/tensor.js";
import { encodeModel, readMetadata } from "../../graph/onnx/model.js";
import { parseJson } from "../../io/json.js";
import { nodeFiles } from "../../io/node.js";
import { lower } from "../../lower/lower.js";
import { portable } from "../../lower/portable.js";
import { engineOn, openModelOn } from "../../runtime/devices.node.js";
import { weightsOf } from "../../train/step.js";
import type { Place } from "../run.js";
import type { SliceNetwork } from "./apply.js";
import type { ReconstructionConfig } from "./config.js";
import { predictionProgram } from "./model.js";
import { modelSchema, type ReconstructionModel } from "./run.js";

type State = Readonly<Record<string, Tensor>>;

/** The network of one slice with its weights as the bytes of an `.onnx` file: standard operators, described in full. */
export function encodeNetwork(
  config: ReconstructionConfig,
  model: ReconstructionModel,
  state: State,
): Uint8Array {
  const lowered = lower(predictionProgram(config, model.geometry, 1), portable, weightsOf(state));
  return encodeModel({ ...lowered.model, metadata: { gyrus: JSON.stringify(model) } });
}

/** Open the network of a state for so many slices at a time, as its device runs it best. */
export async function networkOfState(
  config: ReconstructionConfig,
  model: ReconstructionModel,
  state: State,
  { threads, device = "cpu" }: Place = {},
  batch = 1,
): Promise<SliceNetwork> {
  const engine = await engineOn(device);
  const lowered = lower(
    predictionProgram(config, model.geometry, batch),
    await engine.target(),
    weightsOf(state),
  );
  const executable = await engine.compile(lowered, threads === undefined ? {} : { threads });
  return { executable, batch, model };
}

/** Open an exported network. Throws `bad-file` when the file is no reconstructing model of Gyrus. */
export async function openNetworkFile(
  path: string,
  { threads, device = "cpu" }: Place = {},
): Promise<SliceNetwork> {
  const bytes = await nodeFiles.read(path);
  const metadata = readMetadata(bytes, path).gyrus;
  const model = parseJson(modelSchema, metadata ?? "{}", `${path} (metadata "gyrus")`);
  const executable = await openModelOn(device, bytes, threads === undefined ? {} : { threads });
  return { executable, batch: 1, model };
}
