import { fail } from "../../../core/errors.js";
import { nodeFiles } from "../../../io/node.js";
import { estimateBytes } from "../../../lower/estimate.js";
import { lower } from "../../../lower/lower.js";
import type { Target } from "../../../lower/target.js";
import { nodeCpu } from "../../../runtime/node.js";
import { gib, memoryShare } from "../../memory.node.js";
import type { CaseFile } from "./batches.node.js";
import { type NnunetModel, trainedConfiguration } from "./model.js";
import { networkOf } from "./network.js";
import type { Configuration, Plan } from "./plan.js";
import { predictingProgram } from "./predicting.js";
import { heldOutBytes } from "./prediction-memory.js";
import { peekPrepared } from "./prepared-file.js";
import { plannedStep } from "./step.js";

/** Bytes of memory at the peak of a training step. */
export interface StepMemory {
  readonly bytes: number;
  /** With activations computed again instead of kept; there only where `bytes` is more than may be counted on. */
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
  return bytes <= memoryShare * freeBytes ? { bytes } : { bytes, leanBytes: estimate("lean") };
}

/**
 * Throws `memory`, before a fold is trained, where predicting and judging one of its held-out cases afterwards would take
 * more than there is: a training that ends in nothing is worse than none.
 */
export async function requireHeldOutFits(
  model: NnunetModel,
  files: readonly CaseFile[],
  target: Target,
  freeBytes = process.availableMemory(),
): Promise<void> {
  const engine = estimateBytes(lower(predictingProgram(model), target));
  const limit = memoryShare * freeBytes;
  for (const { id, path } of files) {
    const shape = await peekPrepared(nodeFiles, path);
    const bytes = engine + heldOutBytes(model, shape);
    if (bytes <= limit) continue;
    const { classes } = networkOf(model.plan, trainedConfiguration(model)).options;
    fail("memory", {
      what: "predicting this held-out case, at the end of the training, would not fit into memory",
      where: id,
      expected: `at most ${gib(limit)}`,
      found: `an estimate of ${gib(bytes)} for ${classes} outputs of ${shape.resizing.to.join("x")} voxels`,
      fix: "Close other programs, use a machine with more memory, merge labels, or train 3d_lowres",
    });
  }
}
