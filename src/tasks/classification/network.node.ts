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
import { openRunOrFile } from "../open.node.js";
import type { Place } from "../run.js";
import { type Classifier, samplesAtOnce } from "./apply.js";
import type { ClassificationConfig } from "./config.js";
import { readRun } from "./folder.node.js";
import { predictionProgram } from "./model.js";
import { type ClassificationModel, modelSchema } from "./run.js";

type State = Readonly<Record<string, Tensor>>;

function programOf({ network }: Pick<ClassificationConfig, "network">, model: ClassificationModel): Program {
  const networks = model.several ? model.positions.length : 1;
  return predictionProgram(network, model.shape, samplesAtOnce(model), networks);
}

/** The network with its weights as the bytes of an `.onnx` file: standard operators, described in full. */
export function encodeNetwork(
  config: ClassificationConfig,
  model: ClassificationModel,
  state: State,
): Uint8Array {
  const lowered = lower(programOf(config, model), portable, weightsOf(state));
  return encodeModel({ ...lowered.model, metadata: { gyrus: JSON.stringify(model) } });
}

/** Open the network of a state as its device runs it best. */
export async function networkOfState(
  config: ClassificationConfig,
  model: ClassificationModel,
  state: State,
  place: Place = {},
): Promise<Classifier> {
  return { executable: await compiled(programOf(config, model), state, place), model };
}

/** A graph with a state's weights, ready to run. */
export async function compiled(
  program: Program,
  state: State,
  { threads, device = "cpu" }: Place = {},
): Promise<Executable> {
  const engine = await engineOn(device);
  const lowered = lower(program, await engine.target(), weightsOf(state));
  return engine.compile(lowered, threads === undefined ? {} : { threads });
}

/** Open an exported network. Throws `bad-file` when the file is no classifier of Gyrus. */
async function openNetworkFile(path: string, { threads, device = "cpu" }: Place = {}): Promise<Classifier> {
  const bytes = await nodeFiles.read(path);
  const metadata = readMetadata(bytes, path).gyrus;
  const model = parseJson(modelSchema, metadata ?? "{}", `${path} (metadata "gyrus")`);
  return {
    executable: await openModelOn(device, bytes, threads === undefined ? {} : { threads }),
    model,
  };
}

/** Open the network of a run folder, or an exported file. Throws `not-found` for a run without a model. */
export function openModelAt(path: string, place?: Place): Promise<Classifier> {
  return openRunOrFile(path, {
    file: (file) => openNetworkFile(file, place),
    record: readRun,
    run: ({ config, model }, state) => networkOfState(config, model, state, place),
  });
}
