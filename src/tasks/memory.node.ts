import { fail, GyrusError } from "../core/errors.js";
import { estimateTogether } from "../lower/estimate.js";
import type { Lowered } from "../lower/lower.js";
import type { Target } from "../lower/target.js";
import { isOutOfMemory, lowerMemory } from "../runtime/engine.js";
import { type AnyStep, lowerStep } from "../train/compile.js";
import type { MemoryUse, Step } from "../train/step.js";
import type { RunRecord } from "./run.js";

/** A configuration that fits into memory, with its step built and lowered. */
export interface Fitted<C, S extends AnyStep = Step> {
  readonly config: C;
  readonly memory: MemoryUse;
  readonly step: S;
  /** For `compileStep`. */
  readonly lowered: readonly Lowered[];
  readonly warnings: string[];
  readonly estimateBytes: number;
  readonly availableBytes: number;
}

/** How much of the free memory may be counted on: estimates are not exact, and others have programs, too. */
export const memoryShare = 0.9;

/**
 * Compute activations again instead of keeping them, which changes nothing but the time, and then halve the batch, until
 * the step fits into `memoryShare` of what is available; refuse when one sample does not. With `memory` given only the
 * batch is lowered. `smaller` says what else can be made smaller.
 */
export function fitMemory<C extends { readonly batch: number }, S extends AnyStep>(
  config: C,
  build: (config: C, memory: MemoryUse) => S,
  target: Target,
  availableBytes = process.availableMemory(),
  memory?: MemoryUse,
  smaller = "preset or patch, e.g. --preset tiny or --set patch=32,32,32",
): Fitted<C, S> {
  const warnings: string[] = [];
  const limit = memoryShare * availableBytes;
  const uses: readonly MemoryUse[] = memory === undefined ? ["normal", "lean"] : [memory];
  let candidate = config;
  for (;;) {
    let estimate = 0;
    for (const use of uses) {
      const step = build(candidate, use);
      const lowered = lowerStep(step, target);
      const before = estimate;
      estimate = estimateTogether(lowered);
      if (estimate > limit) continue;
      if (use !== uses[0])
        warnings.push(
          `batch ${candidate.batch} needs about ${gib(before)} of ${gib(limit)}: activations are computed twice instead of kept, which is slower (--memory lean)`,
        );
      return {
        config: candidate,
        memory: use,
        step,
        lowered,
        warnings,
        estimateBytes: estimate,
        availableBytes,
      };
    }
    if (candidate.batch === 1)
      fail("memory", {
        what: "a training step with one sample does not fit into memory",
        expected: `at most ${gib(limit)}`,
        found: `an estimate of ${gib(estimate)}`,
        fix: `Choose a smaller ${smaller}${memory === "normal" ? ", or --memory lean" : ""}`,
      });
    const batch = Math.floor(candidate.batch / 2);
    warnings.push(
      `batch ${candidate.batch} needs about ${gib(estimate)} of ${gib(limit)}: lowered to ${batch}`,
    );
    candidate = { ...candidate, batch };
  }
}

/** The most memory that this process has held so far, in bytes. */
export function peakBytes(): number {
  // Kibibytes on every platform.
  return process.resourceUsage().maxRSS * 1024;
}

/** Memory that ran out outside the engine, as the error that says how much was expected (for such samples) and what to lower. */
export function explainMemory(error: unknown, { memory, config }: RunRecord, sample: string): unknown {
  if (!(error instanceof RangeError) || !isOutOfMemory(error.message)) return error;
  return new GyrusError("memory", {
    what: "the training ran out of memory",
    expected: `about ${gib(memory.estimateBytes)} for steps with batch ${config.batch} and ${sample}, by the estimate`,
    found: `${error.message}, with ${gib(process.memoryUsage.rss())} in use`,
    fix: lowerMemory,
    cause: error,
  });
}

/** Bytes for people. */
export function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
