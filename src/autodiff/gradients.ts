import { fail } from "../core/errors.js";
import { showShape, sizeOf } from "../core/tensor.js";
import { type Node, onBehalfOf, siteOf, type Value } from "../graph/node.js";
import { nodesOf } from "../graph/program.js";
import { isFloat } from "../ops/check.js";
import { add } from "../ops/elementwise.js";
import { full } from "../ops/leaf.js";
import { table } from "../ops/table.js";

/**
 * Gradients of a scalar with respect to `wrt`, by a walk over the graph from the result to the leaves
 * (reverse mode). The result is made of ops of the same table, so gradients have gradients.
 *
 * A value that the scalar does not depend on gets zeros. Throws `shape` when `y` is not a scalar.
 */
export function gradients(y: Value, wrt: readonly Value[]): Value[] {
  if (sizeOf(y.shape) !== 1)
    fail("shape", {
      what: "only a scalar has a gradient here",
      where: siteOf(y.node),
      found: showShape(y.shape),
      fix: "Sum or average the value first",
    });
  const nodes = nodesOf([y]);
  const useful = reaching(nodes, wrt);
  const arrived: Arrived = new Map([[key(y), full(y.shape, 1)]]);
  walk(nodes, arrived, (node) => useful.has(node));
  return wrt.map((value) => arrived.get(key(value)) ?? full(value.shape, 0));
}

/** The gradient that has reached each value so far. */
type Arrived = Map<string, Value>;

const key = (value: Value): string => `${value.node.id}.${value.output}`;

/** Users before inputs: hand each node's output gradients to its op, add what comes back to its inputs' gradients. */
function walk(nodes: readonly Node[], arrived: Arrived, wanted: (node: Node) => boolean): void {
  for (const node of [...nodes].reverse()) {
    const outputGradients = node.outputs.map((_, output) => arrived.get(`${node.id}.${output}`));
    if (!wanted(node) || outputGradients.every((gradient) => gradient === undefined)) continue;
    onBehalfOf(node, () => {
      pullBack(node, outputGradients).forEach((gradient, i) => {
        const input = node.inputs[i]!;
        if (gradient === undefined || !isFloat(input.dtype) || !wanted(input.node)) return;
        const known = arrived.get(key(input));
        arrived.set(key(input), known ? add(known, gradient) : gradient);
      });
    });
  }
}

/** The nodes through which `wrt` is reached: the others need no gradient. */
function reaching(nodes: readonly Node[], wrt: readonly Value[]): Set<Node> {
  const useful = new Set<Node>(wrt.map((value) => value.node));
  for (const node of nodes) if (node.inputs.some((input) => useful.has(input.node))) useful.add(node);
  return useful;
}

/** An op's own rule; for a fused op without one, the gradient of what it is made of; else nothing flows. */
function pullBack(
  node: Node,
  outputGradients: readonly (Value | undefined)[],
): readonly (Value | undefined)[] {
  const op = table.get(node.op)!;
  if (op.grad !== undefined) return op.grad(node, outputGradients);
  if (op.expand === undefined) return [];
  const parts = op.expand(node.inputs, node.attributes);
  const arrived: Arrived = new Map();
  parts.forEach((part, i) => {
    const gradient = outputGradients[i];
    if (gradient !== undefined) arrived.set(key(part), gradient);
  });
  // The parts were made just now: they are the nodes younger than the one that they spell out.
  walk(
    nodesOf(parts).filter((part) => part.id > node.id),
    arrived,
    () => true,
  );
  return node.inputs.map((input) => arrived.get(key(input)));
}
