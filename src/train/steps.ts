import { fail } from "../core/errors.js";
import type { Rng } from "../core/rng.js";
import { sameShape, showShape, type Tensor } from "../core/tensor.js";
import type { TensorType, Value } from "../graph/node.js";
import type { Program } from "../graph/program.js";
import { type Declared, type Scope, type Traced, trace } from "../nn/scope.js";
import type { Transform } from "../optim/transform.js";
import { batchInputs, closeStep, firstState, type MemoryUse, type Objective } from "./step.js";

/** A network as a function: a place for its parameters, a value, the result. */
export type Network = (scope: Scope, x: Value) => Value | readonly Value[];

/** The same networks with their parameters in place: each may be applied as often as an objective wants to. */
export type Applied<N extends Readonly<Record<string, Network>>> = {
  readonly [K in keyof N]: (x: Value) => ReturnType<N[K]>;
};

/** One of the steps of an iteration. */
export interface PhaseDefinition<N extends Readonly<Record<string, Network>>> {
  /** Its metrics are recorded as `<name> <metric>`. */
  readonly name: string;
  /** Networks whose parameters and statistics change; what the others are is only read. */
  readonly trains: readonly (keyof N & string)[];
  /** Times in a row, each on a sub-batch of its own. Default 1. */
  readonly repeats?: number;
  readonly optimizer: Transform;
  /** Times the learning rate of the training. Default 1. */
  readonly rate?: number;
  /** As in `StepDefinition`, of the networks that it trains. */
  readonly average?: number;
  /** The scope is for random numbers that belong to no network. */
  readonly objective: (
    networks: Applied<N>,
    batch: Readonly<Record<string, Value>>,
    scope: Scope,
  ) => Objective;
}

export interface StepsDefinition<N extends Readonly<Record<string, Network>>> {
  /**
   * By name. Parameters are called `<network>.<path>`. All run as in training, with batch statistics; those that no
   * step trains run as in prediction and keep what the state holds of them.
   */
  readonly networks: N;
  /** What a step is fed, by name: its first axis counts samples. An iteration eats as many such sub-batches as steps are run. */
  readonly batch: Readonly<Record<string, TensorType>>;
  /** In the order in which they are run. The last one's loss is the training's. */
  readonly steps: readonly PhaseDefinition<N>[];
  readonly memory?: MemoryUse;
}

/** A step of an iteration, closed: see `Step` for the names of its inputs and outputs. */
export interface Phase {
  readonly name: string;
  readonly program: Program;
  /** What of the state it gives anew. */
  readonly stateNames: readonly string[];
  readonly repeats: number;
  readonly rate: number;
}

/**
 * A training iteration of several steps, each one closed graph: see `compileStep`, which makes of them one executable
 * with the inputs and outputs of a single step, and decision 8, which says why they are not one graph.
 */
export interface Steps {
  readonly phases: readonly Phase[];
  /** What one step is fed; the iteration has `subBatches` of it, one after the other along the first axis. */
  readonly batch: Readonly<Record<string, TensorType>>;
  readonly subBatches: number;
  readonly parameters: ReadonlyMap<string, Declared>;
  readonly stateNames: readonly string[];
  /** State before the first iteration. */
  initialize(rng: Rng): Record<string, Tensor>;
}

/**
 * Build a training of several networks by several steps in turn, such as a critic's and a generator's. Throws
 * `bad-argument` for a definition that does not fit together.
 */
export function buildSteps<const N extends Readonly<Record<string, Network>>>(
  definition: StepsDefinition<N>,
): Steps {
  const { batch, steps, memory = "normal" } = definition;
  requireSound(definition);
  const trained = new Set<string>(steps.flatMap(({ trains }) => trains));
  const parameters = new Map<string, Declared>();
  const statistics = new Map<string, Declared>();
  const next: Record<string, Value> = {};
  const phases = steps.map((step): Phase => {
    const fed = batchInputs(batch);
    const traced = tracePhase(definition.networks, step, fed, trained);
    merge(parameters, traced.parameters);
    merge(statistics, traced.statistics);
    const owners = step.trains.map((name) => `${name}.`);
    const closed = closeStep(traced, fed, {
      optimizer: step.optimizer,
      average: step.average,
      memory,
      trains: (path) => owners.some((owner) => path.startsWith(owner)),
      slots: `${step.name}/`,
    });
    Object.assign(next, closed.next);
    const { name, repeats = 1, rate = 1 } = step;
    return { name, program: closed.program, stateNames: Object.keys(closed.next), repeats, rate };
  });
  const declared = [
    ...[...parameters.keys()].map((path) => `parameter/${path}`),
    ...[...statistics.keys()].map((path) => `statistic/${path}`),
  ];
  return {
    phases,
    batch,
    subBatches: phases.reduce((sum, { repeats }) => sum + repeats, 0),
    parameters,
    stateNames: [...new Set([...Object.keys(next), ...declared])],
    initialize: (rng) => firstState({ parameters, statistics }, next, rng),
  };
}

/** The batch of a whole iteration: the sub-batches of all its steps along the first axis. */
export function iterationBatch({
  batch,
  subBatches,
}: Pick<Steps, "batch" | "subBatches">): Record<string, TensorType> {
  return Object.fromEntries(
    Object.entries(batch).map(([name, { dtype, shape }]) => [
      name,
      { dtype, shape: [shape[0]! * subBatches, ...shape.slice(1)] },
    ]),
  );
}

function tracePhase<N extends Readonly<Record<string, Network>>>(
  networks: N,
  { name: phase, objective }: PhaseDefinition<N>,
  fed: Readonly<Record<string, Value>>,
  trained: ReadonlySet<string>,
): Traced<Objective> {
  return trace(true, (scope) => {
    const applied = Object.fromEntries(
      Object.entries(networks).map(([name, network]) => {
        const place = scope.child(name);
        let uses = 0;
        return [name, (x: Value) => network(place.again(`${phase}${++uses}`, trained.has(name)), x)];
      }),
    ) as Applied<N>;
    return objective(applied, fed, scope.child("step").child(phase));
  });
}

function merge(into: Map<string, Declared>, found: ReadonlyMap<string, Declared>): void {
  for (const [path, one] of found) {
    const known = into.get(path)?.value.shape;
    if (known !== undefined && !sameShape(known, one.value.shape))
      fail("bad-argument", {
        what: `the parameter "${path}" has another shape in another step`,
        expected: showShape(known),
        found: showShape(one.value.shape),
        fix: "Feed a network the same extents in every step",
      });
    if (known === undefined) into.set(path, one);
  }
}

function requireSound<N extends Readonly<Record<string, Network>>>({
  networks,
  batch,
  steps,
}: StepsDefinition<N>): void {
  const names = steps.map(({ name }) => name);
  const problem =
    steps.length === 0
      ? "there is no step"
      : new Set(names).size < names.length || "step" in networks
        ? 'steps need names of their own, and no network is called "step"'
        : steps.some(({ trains }) => trains.length === 0 || trains.some((name) => !(name in networks)))
          ? "every step trains one or several of the networks"
          : steps.some(({ repeats = 1 }) => !(Number.isInteger(repeats) && repeats >= 1))
            ? "repeats are whole numbers from 1"
            : Object.values(batch).some(({ shape }) => shape.length === 0)
              ? "everything that is fed has a first axis that counts samples"
              : undefined;
  if (problem !== undefined)
    fail("bad-argument", {
      what: `the steps do not fit together: ${problem}`,
      found: `steps ${names.join(", ") || "none"}; networks ${Object.keys(networks).join(", ") || "none"}`,
    });
}
