import { fail } from "../../../core/errors.js";
import { product, roundHalfEven } from "./numbers.js";
import type { PlannerRules } from "./rules.js";
import { activationsOf, paddedPatch, stageWidths, type Topology, topologyOf } from "./topology.js";

/** A patch, the network for it and the batch, all within the memory budget. */
export interface PatchPlan extends Topology {
  readonly patch: readonly number[];
  readonly batch: number;
  readonly widths: readonly number[];
  /** What one sample takes of the budget, and the budget for `batch` samples of the reference. */
  readonly cost: number;
  readonly budget: number;
  /** The batch before it was capped by the size of the data set. */
  readonly batchInMemory: number;
}

export interface PatchQuestion {
  /** Along the network's axes: two or three numbers. */
  readonly spacingMm: readonly number[];
  /** The median image at that spacing, not necessarily whole. */
  readonly medianSize: readonly number[];
  /** Outputs of the network, background included. */
  readonly classes: number;
  /** Voxels of the whole data set at that spacing. */
  readonly dataSetVoxels: number;
  readonly memoryGb: number;
}

/**
 * Where a patch starts: physically a cube (a square in 2-D) of more voxels than can be had, cut to the median image.
 */
export function firstPatch(
  spacingMm: readonly number[],
  medianSize: readonly number[],
  rules: PlannerRules,
): number[] {
  const start = rules.startVoxels[spacingMm.length as 2 | 3];
  if (!Number.isFinite(start)) return [...medianSize];
  const aspect = spacingMm.map((mm) => 1 / mm);
  const scale = (start / product(aspect)) ** (1 / aspect.length);
  return aspect.map((x, axis) => Math.min(roundHalfEven(x * scale), medianSize[axis]!));
}

/**
 * Patch, topology and batch: from the first patch, the axis that is longest relative to the median image shrinks by
 * what it is divided by, with the topology made anew every time, until the smallest batch fits the budget. What
 * memory is left becomes a larger batch, up to 5 % of the data set's voxels. Throws `memory` when nothing fits.
 */
export function planPatch(question: PatchQuestion, rules: PlannerRules): PatchPlan {
  const { spacingMm, medianSize, classes, dataSetVoxels, memoryGb } = question;
  const dimensions = spacingMm.length as 2 | 3;
  const { counts, limit, batch: reference, gigabytes } = rules.budget;
  const budget = limit[dimensions] * (memoryGb / gigabytes);
  const networkFor = (wanted: readonly number[]) => {
    const topology = topologyOf(spacingMm, wanted, rules);
    const patch = paddedPatch(wanted, topology.divisor);
    const widths = stageWidths(topology.strides.length, dimensions, rules);
    const activations = activationsOf(patch, topology.strides, widths, classes);
    return { ...topology, patch, widths, cost: counts === "voxels" ? product(patch) : activations };
  };
  let network = networkFor(firstPatch(spacingMm, medianSize, rules));
  while ((network.cost / reference[dimensions]) * rules.smallestBatch > budget)
    network = networkFor(smallerPatch(network, question, rules));
  const inMemory = (budget / network.cost) * reference[dimensions];
  const whole = rules.roundBatch ? roundHalfEven : Math.floor;
  const batchInMemory = Math.max(rules.smallestBatch, whole(inMemory));
  const inDataSet = roundHalfEven((dataSetVoxels * rules.mostOfDataSet) / product(network.patch));
  const batch = Math.max(rules.smallestBatch, Math.min(batchInMemory, inDataSet));
  return { ...network, batch, batchInMemory, budget };
}

/** One axis shortened: which, by its share of the median image; by how much, by what it is then divided by. */
function smallerPatch(
  { patch, divisor }: { readonly patch: readonly number[]; readonly divisor: readonly number[] },
  { spacingMm, medianSize, memoryGb }: PatchQuestion,
  rules: PlannerRules,
): number[] {
  const share = patch.map((n, axis) => n / medianSize[axis]!);
  const longest = share.reduce((best, value, axis) => (value >= share[best]! ? axis : best), 0);
  const trial = [...patch];
  trial[longest]! -= divisor[longest]!;
  // 64 less than 256 would pass over 224, which is divided by 32 and possible.
  const step = topologyOf(spacingMm, trial, rules).divisor[longest]!;
  const smaller = [...patch];
  smaller[longest]! -= step;
  if (smaller[longest]! < 1)
    fail("memory", {
      what: "no patch of this data set fits the memory budget",
      expected: `a batch of ${rules.smallestBatch} within ${memoryGb} GB`,
      found: `a patch of ${patch.join("x")} that still takes more`,
      fix: "Give more memory with --memory",
    });
  return smaller;
}
