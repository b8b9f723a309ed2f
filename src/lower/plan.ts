import { bytesOf, sameShape } from "../core/tensor.js";
import type { TensorType } from "../graph/node.js";
import type { OnnxNode } from "../graph/onnx/model.js";
import type { Lowered } from "./lowered.js";
import { runOrder } from "./schedule.js";
import { typesOf } from "./shapes.js";

/** Operators whose output is their first input, looked at differently. */
const aliasing = new Set(["Reshape", "Identity"]);

/** Operators that may write over an input of the same type: which inputs. */
const overwriting: Readonly<Record<string, readonly number[]>> = {
  ...Object.fromEntries("Add Sub Mul Div".split(" ").map((type) => [type, [0, 1]])),
  ...Object.fromEntries(
    "Neg Exp Log Sqrt Reciprocal Abs Floor Sigmoid Tanh Softplus LeakyRelu Relu Elu HardSigmoid Clip Cast ScatterElements"
      .split(" ")
      .map((type) => [type, [0]]),
  ),
  Conv: [3],
  FusedConv: [3],
};

/** A piece of memory that one tensor after another lives in. */
interface Buffer {
  readonly bytes: number;
  readonly type: TensorType;
  /** Readings that are still to come. */
  uses: number;
  readonly from: number;
  until: number;
}

/** How the engine's memory for intermediate results is used over one run. */
export interface MemoryPlan {
  /** For every intermediate value the place of its buffer in `buffers`. */
  readonly homes: ReadonlyMap<string, number>;
  readonly types: ReadonlyMap<string, TensorType>;
  /** Values whose types are not certain. */
  readonly guessed: ReadonlySet<string>;
  /** Bytes live while each node runs, in the order of running. */
  readonly live: readonly number[];
  readonly peakBytes: number;
  /** Every buffer with the first and the last node during which it is held. */
  readonly buffers: readonly { readonly bytes: number; readonly from: number; readonly until: number }[];
}

/**
 * Where ONNX Runtime will put intermediate results: its allocation planner, followed. A result takes over an
 * input's buffer where the operator allows that and nobody reads it later; else, with `reuse`, the buffer of the same
 * shape that fell free last, even though that then stays occupied in between; else a new one. Inputs, constants and
 * results of the graph are not counted.
 */
export function planMemory(lowered: Pick<Lowered, "model" | "origins">, reuse: boolean): MemoryPlan {
  const order = runOrder(lowered.model.nodes);
  const { types, guessed } = typesOf(lowered, order);
  const results = new Set(Object.keys(lowered.model.outputs));
  const readings = new Map<string, number>();
  for (const { inputs } of order)
    for (const name of inputs) readings.set(name, (readings.get(name) ?? 0) + 1);
  const buffers: Buffer[] = [];
  const home = new Map<string, Buffer>();
  const free: Buffer[] = [];

  const place = (node: OnnxNode, name: string, output: number, at: number): void => {
    const type = types.get(name);
    if (type === undefined || results.has(name)) return;
    const uses = readings.get(name) ?? 0;
    const owned = node.inputs.map((input) => home.get(input));
    if (output === 0 && aliasing.has(node.type)) {
      // A view of a graph's input or constant takes nothing.
      if (owned[0] !== undefined) hold(owned[0]);
      return;
    }
    const mayTake = output === 0 ? (overwriting[node.type] ?? []) : [];
    const taken =
      mayTake
        .map((input) => ({ buffer: owned[input], type: types.get(node.inputs[input] ?? "") }))
        .find(({ buffer, type: before }) => buffer?.uses === 1 && fits(before, type))?.buffer ??
      takeFree(type);
    if (taken !== undefined) {
      hold(taken);
      return;
    }
    const buffer = { bytes: bytesOf(type), type, uses: 0, from: at, until: at };
    buffers.push(buffer);
    hold(buffer);

    function hold(one: Buffer): void {
      one.uses += uses;
      one.until = at;
      home.set(name, one);
    }
  };
  const takeFree = (type: TensorType): Buffer | undefined => {
    if (!reuse || type.shape.length === 0) return undefined;
    for (let at = free.length - 1; at >= 0; at--)
      if (fits(free[at]!.type, type)) return free.splice(at, 1)[0];
    return undefined;
  };
  const release = (name: string, at: number, count: number): void => {
    const buffer = home.get(name);
    if (buffer === undefined) return;
    buffer.until = at;
    buffer.uses -= count;
    if (buffer.uses === 0) free.push(buffer);
  };

  order.forEach((node, at) => {
    node.outputs.forEach((name, output) => {
      place(node, name, output, at);
    });
    for (const name of node.inputs) release(name, at, 1);
    for (const name of node.outputs) if (!readings.has(name)) release(name, at, 0);
  });
  const at = new Map(buffers.map((buffer, place) => [buffer, place]));
  const homes = new Map([...home].map(([name, buffer]) => [name, at.get(buffer)!]));
  return { ...liveBytes(buffers, order.length), buffers, homes, types, guessed };
}

function fits(a: TensorType | undefined, b: TensorType): boolean {
  return a !== undefined && a.dtype === b.dtype && sameShape(a.shape, b.shape);
}

function liveBytes(buffers: readonly Buffer[], nodes: number): Pick<MemoryPlan, "live" | "peakBytes"> {
  const change = new Float64Array(nodes + 1);
  for (const { bytes, from, until } of buffers) {
    change[from]! += bytes;
    change[until + 1]! -= bytes;
  }
  const live: number[] = [];
  let now = 0;
  for (let at = 0; at < nodes; at++) {
    now += change[at]!;
    live.push(now);
  }
  return { live, peakBytes: live.reduce((a, b) => Math.max(a, b), 0) };
}
