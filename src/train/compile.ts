import { type Tensor, tensor, zerosTensor } from "../core/tensor.js";
import type { TensorType } from "../graph/node.js";
import { type Lowered, lower } from "../lower/lower.js";
import type { Target } from "../lower/target.js";
import { randomKeyName } from "../nn/scope.js";
import { randomKey } from "../ops/random.js";
import { type CompileOptions, checkFeeds, type Engine, type Executable } from "../runtime/engine.js";
import type { Step } from "./step.js";
import { iterationBatch, type Phase, type Steps } from "./steps.js";

/** A training step of one graph, or an iteration of several. */
export type AnyStep = Step | Steps;

/** The graphs of a step, lowered: one, or one for each of the steps of an iteration. */
export function lowerStep(step: AnyStep, target: Target): readonly Lowered[] {
  return ("phases" in step ? step.phases : [step]).map(({ program }) => lower(program, target));
}

/** Make a step ready to run: what comes has the inputs and outputs of `Step`, whatever happens inside. */
export async function compileStep(
  engine: Pick<Engine, "compile">,
  step: AnyStep,
  lowered: readonly Lowered[],
  options?: CompileOptions,
): Promise<Executable> {
  if (!("phases" in step)) return engine.compile(lowered[0]!, options);
  const parts: Executable[] = [];
  for (const one of lowered) parts.push(await engine.compile(one, options));
  return inTurn(step, parts);
}

/**
 * The steps of an iteration one after the other, each on its own sub-batch, with a key of random numbers and a count of
 * its own steps: everything is decided by what is fed. Metrics are means over a step's repeats.
 */
function inTurn(steps: Steps, parts: readonly Executable[]): Executable {
  const inputs = inputsOf(steps, parts);
  const writes = countWrites(steps);
  /** Where a value lies while a later run of the same iteration is still to replace it. */
  const between: Record<string, Tensor> = {};
  return {
    inputs,
    run: async (feeds, into = {}) => {
      checkFeeds(inputs, feeds);
      const now: Record<string, Tensor> = Object.fromEntries(
        steps.stateNames.map((name) => [name, feeds[name]!]),
      );
      const written = new Map<string, number>();
      /** Runs take turns between two places, so that none writes over what it reads, and the last one is `into`. */
      const placeFor = (name: string): Tensor => {
        const at = (written.get(name) ?? 0) + 1;
        written.set(name, at);
        const last = (writes.get(name)! - at) % 2 === 0;
        const fresh = (): Tensor => zerosTensor(feeds[name]!.dtype, feeds[name]!.shape);
        if (!last) {
          between[name] ??= fresh();
          return between[name];
        }
        return into[`next:${name}`] ?? fresh();
      };
      const metrics: Record<string, Tensor> = {};
      let part = 0;
      let subBatch = 0;
      for (const phase of steps.phases) {
        const executable = parts[part++]!;
        const sums = new Map<string, number>();
        for (let repeat = 0; repeat < phase.repeats; repeat++) {
          const fed = feedsOf(executable, { ...feeds, ...now }, steps, phase, repeat, subBatch++);
          const places = Object.fromEntries(phase.stateNames.map((name) => [`next:${name}`, placeFor(name)]));
          const found = await executable.run(fed, places);
          for (const name of phase.stateNames) now[name] = found[`next:${name}`]!;
          for (const [name, { data }] of Object.entries(found))
            if (name.startsWith("metric:")) sums.set(name, (sums.get(name) ?? 0) + Number(data[0]));
        }
        const last = phase === steps.phases.at(-1);
        for (const [name, sum] of sums) {
          const value = tensor("float32", [], Float32Array.of(sum / phase.repeats));
          metrics[`metric:${phase.name} ${name.slice("metric:".length)}`] = value;
          if (last && name === "metric:loss") metrics[name] = value;
        }
      }
      const state = Object.entries(now).map(([name, value]) => [`next:${name}`, value] as const);
      return { ...Object.fromEntries(state), ...metrics };
    },
    dispose: async () => {
      for (const part of parts) await part.dispose();
    },
  };
}

/** What one run of a step is fed. */
function feedsOf(
  { inputs }: Executable,
  feeds: Readonly<Record<string, Tensor>>,
  { batch }: Steps,
  { name: phase, repeats, rate }: Phase,
  repeat: number,
  subBatch: number,
): Record<string, Tensor> {
  const fed: Record<string, Tensor> = {};
  for (const name of Object.keys(inputs)) {
    const given = feeds[name]!;
    if (name.startsWith("batch/"))
      fed[name] = part(given, batch[name.slice("batch/".length)]!.shape, subBatch);
    else if (name === randomKeyName)
      fed[name] = tensor("int32", [2], randomKey([...given.data].join(), phase, repeat));
    else if (name === "learningRate") fed[name] = scaled(given, (value) => value * rate);
    else if (name === "step") fed[name] = scaled(given, (step) => (step - 1) * repeats + repeat + 1);
    else fed[name] = given;
  }
  return fed;
}

function part({ dtype, data }: Tensor, shape: readonly number[], index: number): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  return { dtype, shape, data: data.subarray(index * size, (index + 1) * size) } as Tensor;
}

function scaled({ data }: Tensor, change: (value: number) => number): Tensor {
  return tensor("float32", [], Float32Array.of(change(Number(data[0]))));
}

function countWrites({ phases }: Steps): Map<string, number> {
  const writes = new Map<string, number>();
  for (const { stateNames, repeats } of phases)
    for (const name of stateNames) writes.set(name, (writes.get(name) ?? 0) + repeats);
  return writes;
}

/** All that the steps are fed, under the names and types that they have for the whole iteration. */
function inputsOf(steps: Steps, parts: readonly Executable[]): Record<string, TensorType> {
  const all = Object.assign({}, ...parts.map(({ inputs }) => inputs)) as Record<string, TensorType>;
  for (const [name, type] of Object.entries(iterationBatch(steps)))
    if (`batch/${name}` in all) all[`batch/${name}`] = type;
  return all;
}
