import type { TensorType, Value } from "../../graph/node.js";
import { type Program, program } from "../../graph/program.js";
import { l1, l2 } from "../../loss/regression.js";
import { edsr } from "../../models/edsr.js";
import { type Scope, trace } from "../../nn/scope.js";
import { input } from "../../ops/leaf.js";
import type { MemoryUse } from "../../train/step.js";
import { buildSteps, type PhaseDefinition, type Steps } from "../../train/steps.js";
import { optimizerOf } from "../settings.js";
import { type Task, tasksOf } from "./batches.js";
import type { SuperresolutionConfig } from "./config.js";

type Networks = {
  readonly saa: (scope: Scope, x: Value) => Value;
  readonly ssr: (scope: Scope, x: Value) => Value;
};

/** The training iteration: a step of the network against aliasing, of 2-D acquisitions, then one of that against blur. */
export function superresolutionSteps(config: SuperresolutionConfig, memory: MemoryUse = "normal"): Steps {
  const network = (scope: Scope, x: Value): Value => edsr(scope, x, config.network);
  const type: TensorType = { dtype: "float32", shape: [config.batch, 1, config.patch, config.patch] };
  const chained = config.chain && config.acquisition === "2d";
  const step = (name: Task): PhaseDefinition<Networks> => ({
    name,
    trains: [name],
    optimizer: optimizerOf(config),
    ...(config.average === null ? {} : { average: config.average }),
    objective: (networks, batch) => {
      const given = chained && name === "ssr" ? networks.saa(batch.input!) : batch.input!;
      return { loss: (config.loss === "l1" ? l1 : l2)(networks[name](given), batch.target!) };
    },
  });
  return buildSteps<Networks>({
    networks: { saa: network, ssr: network },
    batch: { input: type, target: type },
    memory,
    steps: tasksOf(config).map(step),
  });
}

/** Names of a network's input and output in a predicting graph. */
export const portsOf: Readonly<Record<Task, readonly [input: string, output: string]>> = {
  saa: ["aliased", "antialiased"],
  ssr: ["blurred", "sharp"],
};

/** The predicting graph of some slices `[slices, 1, height, width]` for each of the networks; weights are inputs. */
export function predictionProgram(
  config: SuperresolutionConfig,
  tasks: readonly Task[],
  [slices, height, width]: readonly [number, number, number],
): Program {
  const { result } = trace(false, (scope) =>
    Object.fromEntries(
      tasks.map((task) => {
        const [from, to] = portsOf[task];
        return [to, edsr(scope.child(task), input(from, [slices, 1, height, width]), config.network)];
      }),
    ),
  );
  return program(result);
}
