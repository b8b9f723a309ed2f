import { bytesOf, type DType, type Shape } from "../core/tensor.js";
import type { Lowered } from "./lowered.js";
import { planMemory } from "./plan.js";

/** What Node, this package and the engine's code take before any tensor exists. */
const baseBytes = 80e6;

/** A node of the graph in the engine, and its share of what building and encoding the graph leaves in the heap. */
const bytesPerNode = 12e3;

/** Memory that operators take while they run, packed matrices for one. */
const scratchBytes = 30e6;

/** The engine's arena rounds its pieces, and over several runs cuts them where they do not fit any more. */
const arenaShare = 1.25;

/** Constants exist as they are given, as bytes of the model, and as the engine reads, packs and keeps them. */
const copiesOfConstants = 4;

/** A step's results take turns with what is fed, and the state of the beginning is kept beside both. */
const copiesOfResults = 2;

/**
 * Bytes of memory that a process takes at the peak of running a lowered graph over and over: intermediate results as
 * the engine places them (`planMemory`), what is fed and what comes out, constants, and what does not depend on the
 * graph. Data sets and whatever else the process holds come on top. Within 18 % of the peak on eight workloads, trained,
 * trained lean and predicted (decision 6, `bench/memory.mjs`).
 */
export function estimateBytes(lowered: Lowered): number {
  return estimateTogether([lowered]);
}

/** The same for graphs that take turns in one process: the engine keeps the arena of each. */
export function estimateTogether(all: readonly Lowered[]): number {
  return all.reduce((sum, lowered) => sum + ownBytes(lowered), baseBytes + scratchBytes);
}

function ownBytes(lowered: Lowered): number {
  const { model, asListed } = lowered;
  const sum = (types: Readonly<Record<string, { readonly dtype: DType; readonly shape: Shape }>>): number =>
    Object.values(types).reduce((total, type) => total + bytesOf(type), 0);
  return (
    bytesPerNode * model.nodes.length +
    copiesOfConstants * sum(model.initializers) +
    sum(model.inputs) +
    copiesOfResults * sum(model.outputs) +
    arenaShare * planMemory(lowered, !asListed).peakBytes
  );
}
