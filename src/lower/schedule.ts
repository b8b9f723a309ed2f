import type { OnnxNode } from "../graph/onnx/model.js";

/** Where a node stands in the program: which graph node it spells, and when it was written. */
export type PlaceOf = (node: OnnxNode) => number;

/** For every node the positions of the nodes that it reads from. */
function producersOf(nodes: readonly OnnxNode[]): number[][] {
  const producer = new Map<string, number>();
  nodes.forEach((node, at) => {
    for (const output of node.outputs) producer.set(output, at);
  });
  return nodes.map(({ inputs }) => [
    ...new Set(inputs.map((input) => producer.get(input)).filter((at) => at !== undefined)),
  ]);
}

/**
 * List nodes so that ONNX Runtime runs them as the program was written: a gradient first, then what it is combined
 * with, the last layer's weights before the first one's.
 *
 * ONNX Runtime does not run a list from top to bottom. It walks from the results to the leaves, and at every node
 * first to the input that stands last in the list (`Graph::ReverseDFSFrom`, see `runOrder`); so the list is in
 * reverse. Written from top to bottom, masks and products of the backward pass that need nothing but activations are
 * made while going forward, and stay.
 *
 * `nodes` are in an order in which they can run.
 */
export function scheduled(nodes: readonly OnnxNode[], placeOf: PlaceOf): OnnxNode[] {
  const producers = producersOf(nodes);
  const place = nodes.map(placeOf);
  // Among the nodes that spell one graph node: a long chain before what it takes in on its way, so that of many parts
  // of a sum only one waits; then by the latest thing from outside that is needed.
  const lengths: number[] = [];
  const needs: number[] = [];
  nodes.forEach((_, at) => {
    lengths[at] = 1;
    needs[at] = -1;
    for (const from of producers[at]!) {
      const inside = place[from]! >= place[at]!;
      if (inside) lengths[at] = Math.max(lengths[at]!, lengths[from]! + 1);
      needs[at] = Math.max(needs[at]!, inside ? needs[from]! : place[from]!);
    }
  });
  return nodes
    .map((_, at) => at)
    .sort((a, b) => place[b]! - place[a]! || lengths[a]! - lengths[b]! || needs[b]! - needs[a]! || b - a)
    .map((at) => nodes[at]!);
}

/**
 * The order in which ONNX Runtime runs a list of nodes: depth first from the results, the last one first, at every
 * node to the input that stands last in the list. Its own fusions move a node in a hundred.
 */
export function runOrder(nodes: readonly OnnxNode[]): OnnxNode[] {
  const producers = producersOf(nodes);
  const read = new Set(producers.flat());
  const stack = nodes.map((_, at) => ({ at, leave: false })).filter(({ at }) => !read.has(at));
  const seen = new Set<number>();
  const order: OnnxNode[] = [];
  while (stack.length > 0) {
    const { at, leave } = stack.pop()!;
    if (leave) order.push(nodes[at]!);
    else if (!seen.has(at)) {
      seen.add(at);
      stack.push({ at, leave: true });
      for (const from of [...producers[at]!].sort((a, b) => a - b))
        if (!seen.has(from)) stack.push({ at: from, leave: false });
    }
  }
  return order;
}
