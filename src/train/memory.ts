import { bytesOf, type DType, type Shape } from "../core/tensor.js";
import type { Lowered } from "../lower/lower.js";
import { runOrder } from "../lower/schedule.js";

/** What Node, the engine's code and its tables take before any tensor exists. */
const baseBytes = 150e6;

/**
 * Bytes that a run of a lowered graph needs at its peak: a walk in execution order in which a tensor lives from
 * its node to its last reader, plus inputs and outputs, which the caller holds beside the engine. The engine's
 * allocator and its scratch space are not modelled.
 */
export function estimateBytes({ model, sizes }: Lowered): number {
  const nodes = runOrder(model.nodes);
  const lastUse = new Map<string, number>();
  nodes.forEach((node, at) => {
    for (const input of node.inputs) lastUse.set(input, at);
  });
  const sum = (types: Readonly<Record<string, { readonly dtype: DType; readonly shape: Shape }>>): number =>
    Object.values(types).reduce((total, type) => total + bytesOf(type), 0);
  const outputs = new Set(Object.keys(model.outputs));
  let live = 0;
  let peak = 0;
  nodes.forEach((node, at) => {
    for (const output of node.outputs) live += sizes.get(output) ?? 0;
    peak = Math.max(peak, live);
    for (const name of new Set([...node.inputs, ...node.outputs]))
      if ((lastUse.get(name) ?? at) === at && !outputs.has(name)) live -= sizes.get(name) ?? 0;
  });
  return baseBytes + peak + 2 * (sum(model.inputs) + sum(model.outputs)) + sum(model.initializers);
}
