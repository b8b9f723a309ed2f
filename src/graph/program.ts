import { fail } from "../core/errors.js";
import { showShape } from "../core/tensor.js";
import { type Node, outputOf, siteOf, type Value } from "./node.js";

/** A closed graph: every leaf is a named input or a constant, every result has a name. */
export interface Program {
  readonly inputs: Readonly<Record<string, Value>>;
  readonly outputs: Readonly<Record<string, Value>>;
  /** Every node that the outputs need, in an order in which they can be run. */
  readonly nodes: readonly Node[];
  /** Nodes that do again on purpose what others have done: they are never merged with those. */
  readonly repeated?: ReadonlySet<Node>;
}

/** Every node that `values` depend on, inputs before users. */
export function nodesOf(values: Iterable<Value>): Node[] {
  const seen = new Set<Node>();
  const stack = [...values].map((value) => value.node);
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (seen.has(node)) continue;
    seen.add(node);
    for (const input of node.inputs) stack.push(input.node);
  }
  return [...seen].sort((a, b) => a.id - b.id);
}

/**
 * Close a graph over its named outputs; the inputs are the `input` leaves found in it, plus `keep`: inputs that
 * the program accepts though nothing uses them. Throws `bad-argument` when two leaves share one name.
 */
export function program(outputs: Readonly<Record<string, Value>>, keep: readonly Value[] = []): Program {
  const nodes = nodesOf([...Object.values(outputs), ...keep]);
  const inputs: Record<string, Value> = {};
  for (const node of nodes) {
    if (node.op !== "input") continue;
    const name = String(node.attributes.name);
    if (name in inputs)
      fail("bad-argument", {
        what: `two different inputs are called "${name}"`,
        where: siteOf(node),
        fix: "Give every input of a program a name of its own",
      });
    inputs[name] = outputOf(node);
  }
  return { inputs, outputs, nodes };
}

/** A program as text, a node a line: for people and for tests. */
export function print({ nodes, outputs }: Program): string {
  const show = (value: Value): string => `%${value.node.id}${value.output > 0 ? `.${value.output}` : ""}`;
  const lines = nodes.map((node) => {
    const attributes = Object.entries(node.attributes)
      .map(([key, value]) => ` ${key}=${typeof value === "object" && "dtype" in value ? "…" : String(value)}`)
      .join("");
    const types = node.outputs.map((type) => `${type.dtype}${showShape(type.shape)}`).join(", ");
    return `%${node.id} = ${node.op}(${node.inputs.map(show).join(", ")})${attributes} : ${types}`;
  });
  const results = Object.entries(outputs).map(([name, value]) => `return ${name} = ${show(value)}`);
  return [...lines, ...results].join("\n");
}
