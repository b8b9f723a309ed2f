import { fail } from "../../core/errors.js";
import { type Lowered, lower } from "../../lower/lower.js";
import type { Target } from "../../lower/target.js";
import { estimateBytes } from "../../train/memory.js";
import type { Step } from "../../train/step.js";
import type { SegmentationConfig } from "./config.js";

/** A configuration that fits into memory, with its step built and lowered. */
export interface Fitted {
  readonly config: SegmentationConfig;
  readonly step: Step;
  readonly lowered: Lowered;
  readonly warnings: string[];
  readonly estimateBytes: number;
  readonly availableBytes: number;
}

/** Halve the batch until the step fits into memory; refuse when one sample does not. */
export function fitMemory(
  config: SegmentationConfig,
  build: (config: SegmentationConfig) => Step,
  target: Target,
  availableBytes = process.availableMemory(),
): Fitted {
  const warnings: string[] = [];
  let candidate = config;
  for (;;) {
    const step = build(candidate);
    const lowered = lower(step.program, target);
    const estimate = estimateBytes(lowered);
    if (estimate <= availableBytes)
      return { config: candidate, step, lowered, warnings, estimateBytes: estimate, availableBytes };
    if (candidate.batch === 1)
      fail("memory", {
        what: "a training step with one sample does not fit into memory",
        expected: `at most ${gib(availableBytes)}`,
        found: `an estimate of ${gib(estimate)}`,
        fix: "Choose a smaller preset or patch, e.g. --preset tiny or --set patch=32,32,32",
      });
    const batch = Math.floor(candidate.batch / 2);
    warnings.push(
      `batch ${candidate.batch} needs about ${gib(estimate)} of ${gib(availableBytes)}: lowered to ${batch}`,
    );
    candidate = { ...candidate, batch };
  }
}

/** Bytes for people. */
export function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
