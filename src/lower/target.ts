import type { Tensor } from "../core/tensor.js";
import type { Node, Value } from "../graph/node.js";
import type { OnnxAttribute } from "../graph/onnx/model.js";

/** Writes ONNX nodes for one graph node. Equal nodes are written once. */
export interface Emitter {
  /** Add an ONNX node with one output; returns the output's name. */
  emit(
    type: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, OnnxAttribute>>,
    domain?: string,
  ): string;
  /** The same for nodes with several outputs. */
  emitMany(
    type: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>>,
    outputs: number,
  ): string[];
  /** A constant of the model. */
  tensor(value: Tensor): string;
  /** The name of any value of the graph: for ops that are written together with those before them. */
  nameOf(value: Value): string;
  /** Whether a value is the same in every run. */
  isConstant(name: string): boolean;
  /** An int64 vector, as shapes, axes and pads are given. */
  ints(values: readonly number[]): string;
}

/** How one op is spelled in ONNX: input names to output names. */
export type Spelling = (
  node: Node,
  inputs: readonly string[],
  emitter: Emitter,
) => string | readonly string[];

/** The same meaning in other ops of the table, where that is faster on a target; undefined: leave it as it is. */
export type Rewrite = (node: Node) => readonly Value[] | undefined;

/** Uses of an op that a target cannot run, as data: the error of `lower` and the table in docs/ops.md say so. */
export interface Gap {
  readonly op: string;
  /** Which uses, for the program and in words ("in 3-D, in groups"); all of them when absent. */
  readonly when?: (node: Node) => boolean;
  readonly uses?: string;
  /** What is missing there: half a sentence. */
  readonly why: string;
  /** What to do instead: one sentence. */
  readonly instead: string;
}

/** A place where graphs run, as far as lowering is concerned. */
export interface Target {
  readonly name: "portable" | "cpu" | "wasm" | "webgpu" | "cuda";
  readonly opsets: Readonly<Record<string, number>>;
  readonly spellings: Readonly<Record<string, Spelling>>;
  readonly rewrites: Readonly<Record<string, Rewrite>>;
  readonly gaps?: readonly Gap[];
}
