import type { Tensor } from "../../core/tensor.js";
import { encodeModel, readMetadata } from "../../graph/onnx/model.js";
import { parseJson } from "../../io/json.js";
import { nodeFiles } from "../../io/node.js";
import { lower } from "../../lower/lower.js";
import { portable } from "../../lower/portable.js";
import { engineOn, openModelOn } from "../../runtime/devices.node.js";
import { weightsOf } from "../../train/step.js";
import { openRunOrFile } from "../open.node.js";
import type { Place } from "../run.js";
import type { DenoisingNetwork } from "./apply.js";
import type { DenoisingConfig } from "./config.js";
import { readRun } from "./folder.node.js";
import { predictionProgram } from "./model.js";
import { type DenoisingModel, modelSchema } from "./run.js";

type State = Readonly<Record<string, Tensor>>;

/** What of a state the generator needs: the critic and the features stay behind. */
function generatorWeights(state: State): State {
  return Object.fromEntries(
    Object.entries(weightsOf(state)).filter(([name]) => /^\w+\/generator\./.test(name)),
  );
}

/** The generator of one window with its weights as the bytes of an `.onnx` file: standard operators, described in full. */
export function encodeNetwork(config: DenoisingConfig, model: DenoisingModel, state: State): Uint8Array {
  const lowered = lower(predictionProgram(config, model.window), portable, generatorWeights(state));
  return encodeModel({ ...lowered.model, metadata: { gyrus: JSON.stringify(model) } });
}

/** Open the generator of a state as its device runs it best. */
export async function networkOfState(
  config: DenoisingConfig,
  model: DenoisingModel,
  state: State,
  { threads, device = "cpu" }: Place = {},
): Promise<DenoisingNetwork> {
  const engine = await engineOn(device);
  const program = predictionProgram(config, model.window);
  const lowered = lower(program, await engine.target(), generatorWeights(state));
  return { executable: await engine.compile(lowered, threads === undefined ? {} : { threads }), model };
}

/** Open an exported network. Throws `bad-file` when the file is no denoising model of Gyrus. */
async function openNetworkFile(
  path: string,
  { threads, device = "cpu" }: Place = {},
): Promise<DenoisingNetwork> {
  const bytes = await nodeFiles.read(path);
  const metadata = readMetadata(bytes, path).gyrus;
  const model = parseJson(modelSchema, metadata ?? "{}", `${path} (metadata "gyrus")`);
  return {
    executable: await openModelOn(device, bytes, threads === undefined ? {} : { threads }),
    model,
  };
}

/** Open the network of a run folder, or an exported file. Throws `not-found` for a run without a model. */
export function openModelAt(path: string, place?: Place): Promise<DenoisingNetwork> {
  return openRunOrFile(path, {
    file: (file) => openNetworkFile(file, place),
    record: readRun,
    run: ({ config, model }, state) => networkOfState(config, model, state, place),
  });
}
