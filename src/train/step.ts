import { gradients } from "../autodiff/gradients.js";
import { recompute } from "../autodiff/recompute.js";
import type { Rng } from "../core/rng.js";
import { type Tensor, zerosTensor } from "../core/tensor.js";
import type { TensorType, Value } from "../graph/node.js";
import { type Program, program } from "../graph/program.js";
import { initialState, type Scope, type Traced, trace } from "../nn/scope.js";
import { add, div, minimum, mul, sub } from "../ops/elementwise.js";
import { input } from "../ops/leaf.js";
import type { Transform } from "../optim/transform.js";

export interface StepDefinition {
  /** What is fed at every step, by name. */
  readonly batch: Readonly<Record<string, TensorType>>;
  /** The scalar to minimise, and other scalars to record. */
  readonly objective: (scope: Scope, batch: Readonly<Record<string, Value>>) => Objective;
  readonly optimizer: Transform;
  /**
   * Keep an exponential moving average of the parameters: average ← average + (1 - d)(parameter - average) with
   * d = min(rate, (1 + step) / (10 + step)), so that the first steps are forgotten. Absent: none.
   */
  readonly average?: number;
  /** "lean" keeps less for the gradient and computes it again: see `recompute`. Default "normal". */
  readonly memory?: MemoryUse;
  /** Parameters that stay what they are; statistics follow all the same. Default: none. */
  readonly frozen?: (path: string) => boolean;
}

/** How much memory a step may take for speed. */
export type MemoryUse = "normal" | "lean";

export interface Objective {
  readonly loss: Value;
  readonly metrics?: Readonly<Record<string, Value>>;
}

/**
 * A training step as one closed graph. Inputs: the state (`parameter/…`, `statistic/…`, `slot/…`, `average/…`), the
 * batch (`batch/…`), the key of its random numbers (`random/key`, if it wants some), `learningRate` and `step` (from
 * 1). Outputs: every state entry anew under `next:<name>`, and the metrics under `metric:<name>`, `metric:loss` among
 * them.
 */
export interface Step {
  readonly program: Program;
  readonly traced: Traced<Objective>;
  readonly stateNames: readonly string[];
  /** State before the first step. */
  initialize(rng: Rng): Record<string, Tensor>;
}

/** Build the step: forward, backward, optimiser, moving average. */
export function buildStep(definition: StepDefinition): Step {
  const { batch, objective, optimizer, average, memory = "normal", frozen } = definition;
  const fed = batchInputs(batch);
  const traced = trace(true, (scope) => objective(scope, fed));
  const { program, next } = closeStep(traced, fed, {
    optimizer,
    average,
    memory,
    ...(frozen === undefined ? {} : { keeps: frozen }),
  });
  return {
    program,
    traced,
    stateNames: Object.keys(next),
    initialize: (rng) => firstState(traced, next, rng),
  };
}

/** The inputs of a batch, called `batch/<name>`. */
export function batchInputs(batch: Readonly<Record<string, TensorType>>): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(batch).map(([name, { shape, dtype }]) => [name, input(`batch/${name}`, shape, dtype)]),
  );
}

/** How a traced objective becomes a graph that changes the state. */
export interface Closing {
  readonly optimizer: Transform;
  readonly average: number | undefined;
  readonly memory: MemoryUse;
  /** What of the parameters and statistics changes, by path; the rest is read only. Default: all of it. */
  readonly trains?: (path: string) => boolean;
  /** Parameters that the state holds and no gradient changes. Default: none. */
  readonly keeps?: (path: string) => boolean;
  /** Slots are called `slot/<slots><slot>/<path>`. */
  readonly slots?: string;
}

/** The step's graph, and the entries of the state that it gives anew. */
export function closeStep(
  traced: Traced<Objective>,
  fed: Readonly<Record<string, Value>>,
  { optimizer, average, memory, trains = () => true, keeps = () => false, slots: prefix = "" }: Closing,
): { readonly program: Program; readonly next: Readonly<Record<string, Value>> } {
  // The last layer's first, as their gradients come: what a gradient was made from can then go at once.
  const own = [...traced.parameters.keys()].filter(trains).reverse();
  const paths = own.filter((path) => !keeps(path));
  const parameters = new Map(paths.map((path) => [path, traced.parameters.get(path)!.value]));
  const learningRate = input("learningRate", []);
  const step = input("step", []);

  const raw = gradients(traced.result.loss, [...parameters.values()]);
  const slots = new Map(
    optimizer.slots.map((slot) => [
      slot,
      new Map(
        paths.map((path) => [path, input(`slot/${prefix}${slot}/${path}`, parameters.get(path)!.shape)]),
      ),
    ]),
  );
  const { updates, state, metrics } = optimizer.update(
    new Map(paths.map((path, i) => [path, raw[i]!])),
    slots,
    {
      parameters,
      learningRate,
      step,
      decayed: traced.decayed,
    },
  );

  const next: Record<string, Value> = {};
  for (const path of paths) next[`parameter/${path}`] = add(parameters.get(path)!, updates.get(path)!);
  for (const path of own) if (keeps(path)) next[`parameter/${path}`] = traced.parameters.get(path)!.value;
  for (const [path, { value }] of traced.statistics)
    if (trains(path)) next[`statistic/${path}`] = traced.updates.get(path) ?? value;
  for (const [slot, values] of state)
    for (const [path, value] of values) next[`slot/${prefix}${slot}/${path}`] = value;
  if (average !== undefined) Object.assign(next, movingAverages(next, paths, average, step));

  const outputs: Record<string, Value> = { "metric:loss": traced.result.loss };
  for (const [name, value] of Object.entries({ ...traced.result.metrics, ...metrics }))
    outputs[`metric:${name}`] = value;
  for (const [name, value] of Object.entries(next)) outputs[`next:${name}`] = value;
  const whole = program(outputs, [learningRate, step, ...Object.values(fed)]);
  return { program: memory === "lean" ? recompute(whole, traced.result.loss) : whole, next };
}

/** What is declared with its first values, slots at 0, averages where the parameters are. */
export function firstState(
  traced: Pick<Traced<unknown>, "parameters" | "statistics">,
  next: Readonly<Record<string, Pick<Value, "shape">>>,
  rng: Rng,
): Record<string, Tensor> {
  const first = initialState(traced, rng);
  for (const [name, { shape }] of Object.entries(next)) {
    if (name.startsWith("slot/")) first[name] = zerosTensor("float32", shape);
    if (name.startsWith("average/")) first[name] = first[`parameter/${name.slice("average/".length)}`]!;
  }
  return first;
}

function movingAverages(
  next: Readonly<Record<string, Value>>,
  paths: readonly string[],
  rate: number,
  step: Value,
): Record<string, Value> {
  const follow = sub(1, minimum(rate, div(add(step, 1), add(step, 10))));
  return Object.fromEntries(
    paths.map((path) => {
      const now = next[`parameter/${path}`]!;
      const old = input(`average/${path}`, now.shape);
      return [`average/${path}`, add(old, mul(follow, sub(now, old)))];
    }),
  );
}

/** Which weights a prediction uses: the moving average where there is one, unless told otherwise. */
export function weightsOf(state: Readonly<Record<string, Tensor>>, averaged = true): Record<string, Tensor> {
  const weights: Record<string, Tensor> = {};
  for (const [name, value] of Object.entries(state)) {
    if (name.startsWith("statistic/")) weights[name] = value;
    if (!name.startsWith("parameter/")) continue;
    const mean = state[`average/${name.slice("parameter/".length)}`];
    weights[name] = averaged && mean !== undefined ? mean : value;
  }
  return weights;
}
