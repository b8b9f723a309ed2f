import { GyrusError } from "../core/errors.js";
import { showShape, type Tensor } from "../core/tensor.js";
import { siteOf, type TensorType } from "../graph/node.js";
import { estimateBytes } from "../lower/estimate.js";
import type { Lowered } from "../lower/lower.js";
import type { Target } from "../lower/target.js";

/** Where Node can train and predict, as far as a machine has it. */
export const devices = ["cpu", "webgpu", "cuda"] as const;
export type Device = (typeof devices)[number];

export interface CompileOptions {
  /** Threads inside an op. Default: the engine's own choice, one per physical core. */
  readonly threads?: number;
  /** Write a trace of one ONNX node's time each to files with this prefix. */
  readonly profilePrefix?: string;
}

/** A program ready to run. It keeps no state: what goes in decides what comes out. */
export interface Executable {
  readonly inputs: Readonly<Record<string, TensorType>>;
  /**
   * All results by name. `into`: tensors that results of those names may be written into, for which the caller has no
   * other use any more; an engine that cannot do that gives fresh ones, so go on with what is returned.
   */
  run(
    feeds: Readonly<Record<string, Tensor>>,
    into?: Readonly<Record<string, Tensor>>,
  ): Promise<Record<string, Tensor>>;
  dispose(): Promise<void>;
}

/** Something that runs lowered graphs: ONNX Runtime in Node or in a browser. */
export interface Engine {
  readonly name: string;
  /** What graphs are lowered to before they run here, on this machine. */
  target(): Promise<Target>;
  compile(lowered: Lowered, options?: CompileOptions): Promise<Executable>;
}

/** Every feed is there, of the declared type and shape; throws `shape` naming the input. */
export function checkFeeds(
  inputs: Readonly<Record<string, TensorType>>,
  feeds: Readonly<Record<string, Tensor>>,
): void {
  for (const [name, type] of Object.entries(inputs)) {
    const fed = feeds[name];
    const expected = `${type.dtype}${showShape(type.shape)}`;
    const found = fed === undefined ? "nothing" : `${fed.dtype}${showShape(fed.shape)}`;
    if (expected !== found)
      throw new GyrusError("shape", {
        what: "an input of the graph does not fit",
        where: name,
        expected,
        found,
      });
  }
}

/** What to do when memory runs out while training. */
export const lowerMemory =
  "Train with --memory lean, lower the batch or the patch (--set batch=1, --set patch=32,32,32), or close other programs";

/** Whether a message, of the engine or of JavaScript itself, says that memory ran out. */
export function isOutOfMemory(message: string): boolean {
  return /bad_alloc|failed to allocate|out of memory|allocation failed|invalid (typed )?array (buffer )?length/i.test(
    message,
  );
}

/** The runtime's complaint with the line that built the node it names. */
export function explain(cause: unknown, lowered: Lowered): GyrusError {
  const { origins, model } = lowered;
  const message = cause instanceof Error ? cause.message : String(cause);
  const named = [...message.matchAll(/[A-Za-z]+_\d+/g)].map(([name]) => origins.get(name));
  const node = named.find((candidate) => candidate !== undefined);
  const memory = isOutOfMemory(message);
  return new GyrusError(memory ? "memory" : "runtime", {
    what: memory ? "the engine ran out of memory" : "the engine could not run the graph",
    ...(node === undefined ? {} : { where: `${siteOf(node)} (op ${node.op})` }),
    ...(memory && model.nodes.length > 0
      ? { expected: `about ${(estimateBytes(lowered) / 2 ** 30).toFixed(1)} GiB by the estimate` }
      : {}),
    found: message.replace(/\s+/g, " ").trim(),
    fix: memory ? lowerMemory : "Please report this with the line above",
    cause,
  });
}
