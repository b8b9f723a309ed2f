import { estimateBytes } from "../../../lower/estimate.js";
import { lower } from "../../../lower/lower.js";
import { nodeCpu } from "../../../runtime/node.js";
import type { Configuration, Plan } from "./plan.js";
import { plannedStep } from "./step.js";

/** Bytes of memory at the peak of a training step. */
export interface StepMemory {
  readonly bytes: number;
  /** With activations computed again instead of kept; there only where `bytes` is more than is free. */
  readonly leanBytes?: number;
}

/**
 * What a training step of a configuration takes on this machine's processor, by the estimate of `lower/estimate.ts`. The
 * budget of the plan's rules is another number: it counts activations as GPUs keep them in mixed precision.
 */
export async function trainingBytes(
  plan: Plan,
  configuration: Configuration,
  freeBytes = process.availableMemory(),
): Promise<StepMemory> {
  const target = await nodeCpu.target();
  const estimate = (memory: "normal" | "lean"): number =>
    estimateBytes(lower(plannedStep(plan, configuration, memory).program, target));
  const bytes = estimate("normal");
  return bytes <= freeBytes ? { bytes } : { bytes, leanBytes: estimate("lean") };
}
