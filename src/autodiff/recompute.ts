import { bytesOf } from "../core/tensor.js";
import { apply, type Node, onBehalfOf, type Value } from "../graph/node.js";
import { nodesOf, type Program, program } from "../graph/program.js";
import { table } from "../ops/table.js";

/** Ops that cost about as much as reading their inputs once. */
const cheap = new Set(
  "neg exp log sqrt reciprocal abs sigmoid tanh softplus cast leakyRelu elu gate scaleShift add sub mul div maximum minimum greater greaterEqual less equal where broadcast reshape transpose slice pad concat flip repeat stopGradient tile".split(
    " ",
  ),
);

/** Ops whose arithmetic is most of a network's: they are done twice at most every second time. */
const products = new Set(["conv", "convInputGrad", "matmul"]);

/** Results that take less than this part of everything that is kept are not worth a second computation. */
const worthwhile = 0.01;

/** After so many nodes without a reader, a value that was computed again is let go. */
const patience = 24;

const key = (value: Value): string => `${value.node.id}.${value.output}`;

/**
 * The same program with less kept between going forward and going back (Chen et al. 2016, arXiv 1604.06174): of what
 * the gradient of `loss` reads, large results of cheap ops, and of every other convolution along a path, are
 * computed a second time just before they are read. Same operations on the same numbers: same bits.
 */
export function recompute(original: Program, loss: Value): Program {
  const forward = new Set(nodesOf([loss]));
  const backward = original.nodes.filter((node) => !forward.has(node));
  const again = chooseAgain(forward, backward);
  const made = new Map<string, Value>();
  const repeated = new Set<Node>();
  /** For every repeated node the place in `backward` where it was read last. */
  const lastRead = new Map<Node, number>();
  const copies = new Map<Node, readonly Value[]>();

  const fresh = (value: Value, at: number): Value => {
    const { node } = value;
    if (!forward.has(node)) return made.get(key(value)) ?? value;
    if (!again.has(node)) return value;
    if (at - (lastRead.get(node) ?? Number.NEGATIVE_INFINITY) > patience) copies.delete(node);
    lastRead.set(node, at);
    const known = copies.get(node);
    if (known !== undefined) return known[value.output]!;
    const outputs = rebuild(
      node,
      node.inputs.map((input) => fresh(input, at)),
    );
    repeated.add(outputs[0]!.node);
    copies.set(node, outputs);
    return outputs[value.output]!;
  };

  backward.forEach((node, at) => {
    if (node.inputs.length === 0) return;
    const inputs = node.inputs.map((input) => fresh(input, at));
    rebuild(node, inputs).forEach((value, output) => {
      made.set(`${node.id}.${output}`, value);
    });
  });
  const outputs = Object.fromEntries(
    Object.entries(original.outputs).map(([name, value]) => [name, made.get(key(value)) ?? value]),
  );
  return { ...program(outputs, Object.values(original.inputs)), repeated };
}

function rebuild(node: Node, inputs: readonly Value[]): Value[] {
  return onBehalfOf(node, () => apply(table.get(node.op)!, inputs, node.attributes));
}

/** Nodes of the forward pass to be computed a second time for those who read them going back. */
function chooseAgain(forward: ReadonlySet<Node>, backward: readonly Node[]): Set<Node> {
  const read = new Set<Node>();
  for (const { inputs } of backward) for (const { node } of inputs) if (forward.has(node)) read.add(node);
  const bytes = (node: Node): number => node.outputs.reduce((total, type) => total + bytesOf(type), 0);
  const small = worthwhile * [...read].reduce((total, node) => total + bytes(node), 0);
  const steps = productsBefore(forward);
  const mayRepeat = (node: Node): boolean =>
    node.inputs.length > 0 &&
    bytes(node) >= small &&
    (cheap.has(node.op) || (products.has(node.op) && steps.get(node)! % 2 === 1));

  const kept = new Set([...read].filter((node) => !mayRepeat(node)));
  const again = new Set<Node>();
  // Readers first: what is repeated needs its own inputs, repeated or kept.
  for (const node of [...read].filter(mayRepeat).sort((a, b) => b.id - a.id)) {
    const { sources, between } = sourcesOf(node, (one) => !kept.has(one) && mayRepeat(one));
    const more = sources
      .filter((source) => source.inputs.length > 0 && !kept.has(source))
      .reduce((total, source) => total + bytes(source), 0);
    if (more >= bytes(node)) kept.add(node);
    else {
      for (const source of sources) kept.add(source);
      for (const one of between) again.add(one);
    }
  }
  for (const node of kept) again.delete(node);
  return again;
}

/** What a node is made from when it is made again, and the nodes between. */
function sourcesOf(root: Node, mayRepeat: (node: Node) => boolean): { sources: Node[]; between: Set<Node> } {
  const sources = new Set<Node>();
  const between = new Set<Node>([root]);
  const stack = root.inputs.map(({ node }) => node);
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (sources.has(node) || between.has(node)) continue;
    if (!mayRepeat(node)) sources.add(node);
    else {
      between.add(node);
      for (const input of node.inputs) stack.push(input.node);
    }
  }
  return { sources: [...sources], between };
}

/** How many products lie on the longest way from the leaves to each node, itself counted. */
function productsBefore(forward: ReadonlySet<Node>): Map<Node, number> {
  const steps = new Map<Node, number>();
  for (const node of [...forward].sort((a, b) => a.id - b.id)) {
    const before = node.inputs.reduce((most, input) => Math.max(most, steps.get(input.node) ?? 0), 0);
    steps.set(node, before + Number(products.has(node.op)));
  }
  return steps;
}
