import { GyrusError } from "../core/errors.js";
import { type DType, type Shape, showShape, type Tensor } from "../core/tensor.js";

/** What an op keeps beside its inputs: plain, comparable data. */
export type Attribute = number | string | boolean | readonly number[] | Tensor;
export type Attributes = Readonly<Record<string, Attribute>>;

export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** A handle to one output of a node: immutable, cheap, the only thing that user code holds. */
export interface Value extends TensorType {
  readonly node: Node;
  readonly output: number;
}

/** One application of an op. Ids grow, and inputs exist before their users: sorting by id is a topological order. */
export interface Node<A extends Attributes = Attributes> {
  readonly id: number;
  readonly op: string;
  readonly inputs: readonly Value[];
  readonly attributes: A;
  readonly outputs: readonly TensorType[];
  /** Where the user's code called the op; for nodes made by differentiation, where the forward op was called. */
  readonly trace: Error;
}

/** An op is one record: what it is called, what it gives, how it is differentiated. */
export interface Op<A extends Attributes = Attributes> {
  readonly name: string;
  /** Output types; throws `shape` when the inputs do not fit. */
  infer(inputs: readonly Value[], attributes: A): readonly TensorType[];
  /**
   * Gradient for every input (undefined: none flows), given the gradient of every output (undefined: zero).
   * Absent: the op is constant almost everywhere, or `expand` says how it is made of ops that have one.
   */
  grad?(node: Node<A>, gradients: readonly (Value | undefined)[]): readonly (Value | undefined)[];
  /** The same meaning in simpler ops: the oracle for a fused op, and its gradient where `grad` is absent. */
  expand?(inputs: readonly Value[], attributes: A): readonly Value[];
}

let nextId = 0;
let origin: Node | undefined;

/** Apply an op: infer its types now, so that a wrong shape fails on the caller's line. */
export function apply<A extends Attributes>(op: Op<A>, inputs: readonly Value[], attributes: A): Value[] {
  const trace = origin?.trace ?? new Error("built here");
  const outputs = checked(op.name, inputs, () => op.infer(inputs, attributes), trace);
  const node: Node<A> = { id: nextId++, op: op.name, inputs, attributes, outputs, trace };
  return outputs.map((type, output) => ({ ...type, node, output }));
}

/** `float32[2, 3]`, for messages. */
export function showType({ dtype, shape }: TensorType): string {
  return `${dtype}${showShape(shape)}`;
}

/** Run a check of an op's inputs: what it throws is told with the op's name, all types and the caller's line. */
export function checked<T>(op: string, inputs: readonly TensorType[], check: () => T, trace?: Error): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof GyrusError) || error.details.where !== undefined) throw error;
    const { what } = error.details;
    throw new GyrusError(error.kind, {
      ...error.details,
      what: what.startsWith(op) ? what : `${op}: ${what}`,
      where: lineOf(trace ?? origin?.trace ?? new Error("built here")),
      found: [error.kind === "shape" ? undefined : error.details.found, inputs.map(showType).join(" and ")]
        .filter((part) => part !== undefined)
        .join(" for "),
    });
  }
}

/** `apply` for the many ops with a single output. */
export function apply1<A extends Attributes>(op: Op<A>, inputs: readonly Value[], attributes: A): Value {
  return apply(op, inputs, attributes)[0]!;
}

/** A handle to output `output` of a node. */
export function outputOf(node: Node, output = 0): Value {
  return { ...node.outputs[output]!, node, output };
}

/** Run `build` so that the nodes it makes point at `forward`'s line in error messages. */
export function onBehalfOf<T>(forward: Node, build: () => T): T {
  const outer = origin;
  origin = forward;
  try {
    return build();
  } finally {
    origin = outer;
  }
}

/** The folders of this package whose frames are machinery: the line a person wants is the first one outside them. */
const home = new URL("../", import.meta.url).pathname;
const machinery = ["graph", "ops", "autodiff", "lower", "nn", "loss"]
  .map((room) => `${home}${room}/`)
  .flatMap((folder) => [folder, decodeURIComponent(folder)]);

/** `file:line:column` of the code that built a node, as far as the stack tells. */
export function siteOf(node: Node): string {
  return lineOf(node.trace);
}

function lineOf(trace: Error): string {
  const frames = (trace.stack ?? "").split("\n").slice(1);
  const outside = (line: string): boolean => !machinery.some((folder) => line.includes(folder));
  const frame = frames.find(outside) ?? frames.at(-1) ?? "unknown place";
  return (/\(([^)]*)\)\s*$/.exec(frame)?.[1] ?? frame.replace(/^\s*at\s+/, "")).replace(/^file:\/\//, "");
}
