import { floats, type Tensor } from "../../core/tensor.js";
import { encodeModel, readMetadata } from "../../graph/onnx/model.js";
import { parseJson } from "../../io/json.js";
import { nodeFiles } from "../../io/node.js";
import { lower } from "../../lower/lower.js";
import { portable } from "../../lower/portable.js";
import { engineOn, openModelOn } from "../../runtime/devices.node.js";
import { weightsOf } from "../../train/step.js";
import { openRunOrFile } from "../open.node.js";
import type { Place } from "../run.js";
import type { SuperresolutionNetwork } from "./apply.js";
import { type Task, tasksOf } from "./batches.js";
import type { SuperresolutionConfig } from "./config.js";
import { readRun } from "./folder.node.js";
import { portsOf, predictionProgram } from "./model.js";
import { modelSchema, type SuperresolutionModel } from "./run.js";
import { tiledRunner } from "./tiles.js";

type State = Readonly<Record<string, Tensor>>;

function weightsFor(state: State, tasks: readonly Task[]): State {
  return Object.fromEntries(
    Object.entries(weightsOf(state)).filter(([name]) => tasks.some((task) => name.includes(`/${task}.`))),
  );
}

/** Both networks of one window with their weights as the bytes of an `.onnx` file: standard operators, described in full. */
export function encodeNetwork(
  config: SuperresolutionConfig,
  model: SuperresolutionModel,
  state: State,
): Uint8Array {
  const tasks = tasksOf(config);
  const lowered = lower(predictionProgram(config, tasks, model.window), portable, weightsFor(state, tasks));
  return encodeModel({ ...lowered.model, metadata: { gyrus: JSON.stringify(model) } });
}

/** Voxels that go through a network at a time. */
const voxelsAtOnce = 2 ** 16;

/** Open the networks of a state as their device runs them best, on whole slices. */
export async function networkOfState(
  config: SuperresolutionConfig,
  model: SuperresolutionModel,
  state: State,
  { threads, device = "cpu" }: Place = {},
): Promise<SuperresolutionNetwork> {
  const engine = await engineOn(device);
  const target = await engine.target();
  return {
    model,
    open: async (task, height, width) => {
      const slices = Math.max(1, Math.floor(voxelsAtOnce / (height * width)));
      const program = predictionProgram(config, [task], [slices, height, width]);
      const lowered = lower(program, target, weightsFor(state, [task]));
      const executable = await engine.compile(lowered, threads === undefined ? {} : { threads });
      const [from, to] = portsOf[task];
      return {
        slices,
        run: async (input) => {
          const found = await executable.run({ [from]: floats([slices, 1, height, width], input) });
          return found[to]!.data as Float32Array;
        },
        close: () => executable.dispose(),
      };
    },
    close: async () => undefined,
  };
}

/** Open an exported model. Throws `bad-file` when the file is no super-resolution of Gyrus. */
async function openNetworkFile(
  path: string,
  { threads, device = "cpu" }: Place = {},
): Promise<SuperresolutionNetwork> {
  const bytes = await nodeFiles.read(path);
  const metadata = readMetadata(bytes, path).gyrus;
  const model = parseJson(modelSchema, metadata ?? "{}", `${path} (metadata "gyrus")`);
  const executable = await openModelOn(device, bytes, threads === undefined ? {} : { threads });
  const [slices, height, width] = model.window;
  const idle = floats([slices, 1, height, width], new Float32Array(slices * height * width));
  const inputs = Object.keys(executable.inputs);
  return {
    model,
    open: async (task, tall, wide) => {
      const [from, to] = portsOf[task];
      const run = async (input: Float32Array): Promise<Float32Array> => {
        const fed = Object.fromEntries(inputs.map((name) => [name, idle]));
        const found = await executable.run({ ...fed, [from]: floats(idle.shape, input) });
        return found[to]!.data as Float32Array;
      };
      return tiledRunner(run, model.window, model.reach, tall, wide);
    },
    close: () => executable.dispose(),
  };
}

/** Open the networks of a run folder, or an exported file. Throws `not-found` for a run without a model. */
export function openModelAt(path: string, place?: Place): Promise<SuperresolutionNetwork> {
  return openRunOrFile(path, {
    file: (file) => openNetworkFile(file, place),
    record: readRun,
    run: ({ config, model }, state) => networkOfState(config, model, state, place),
  });
}
