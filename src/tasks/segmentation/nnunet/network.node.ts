import type { Tensor } from "../../../core/tensor.js";
import { encodeModel } from "../../../graph/onnx/model.js";
import { lower } from "../../../lower/lower.js";
import { portable } from "../../../lower/portable.js";
import { engineOn } from "../../../runtime/devices.node.js";
import { weightsOf } from "../../../train/step.js";
import type { Place } from "../../run.js";
import type { PatchNetwork } from "../sliding.js";
import type { NnunetModel } from "./model.js";
import { patchNetwork, predictingProgram } from "./predicting.js";

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
