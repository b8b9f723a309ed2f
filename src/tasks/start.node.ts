import { availableParallelism, cpus } from "node:os";
import { fittedOn, type Provenance } from "../audit/provenance.js";
import { fail } from "../core/errors.js";
import { rng } from "../core/rng.js";
import { nodeFiles } from "../io/node.js";
import { engineVersion } from "../runtime/node.js";
import type { AnyStep } from "../train/compile.js";
import { freshProgress, type Progress, type State } from "../train/loop.js";
import type { Step } from "../train/step.js";
import { version } from "../version.js";
import type { Fitted } from "./memory.node.js";
import type { RunRecord } from "./run.js";
import { loadCheckpoint, paths, truncateHistory } from "./run-folder.node.js";
import type { TrainingSettings } from "./settings.js";
import type { TrainRequest } from "./verbs.js";

/** Where training begins: at the last checkpoint of a run, or at the first weights. */
export async function startOf(
  old: RunRecord | undefined,
  step: Pick<Step, "initialize">,
  seed: number,
  dir: string,
): Promise<{ state: State; progress: Progress }> {
  const fresh = { state: step.initialize(rng(seed).split("initialize")), progress: freshProgress };
  if (old === undefined) return fresh;
  const files = await nodeFiles.list(`${dir}/checkpoints`);
  const saved = files?.some(({ name }) => paths.last(dir).endsWith(`/${name}`)) ?? false;
  const start = saved ? await loadCheckpoint(paths.last(dir)) : fresh;
  await truncateHistory(dir, start.progress.step);
  return start;
}

/** The plan of a new run, before its time is measured. */
export function firstPlan(
  { stepsPerEpoch, batch }: TrainingSettings,
  cases: number,
  minutes: number | undefined,
): RunRecord["plan"] {
  return {
    totalSteps: null,
    revisions: [],
    stepsPerEpoch: stepsPerEpoch === "auto" ? Math.ceil(cases / batch) : stepsPerEpoch,
    validateEvery: 1,
    saveEvery: 1,
    minutes: minutes ?? null,
    secondsPerStep: null,
    secondsPerValidation: null,
  };
}

/** What a run was made with and on. */
export function machineFacts(): Pick<RunRecord, "versions" | "machine"> {
  return {
    versions: { gyrus: version, node: process.versions.node, onnxruntime: engineVersion },
    machine: {
      cores: availableParallelism(),
      processor: cpus()[0]?.model.trim() ?? "unknown",
      platform: process.platform,
    },
  };
}

/** What every new run's record says, whatever its task. */
export function firstRecord<C extends TrainingSettings, S extends AnyStep>(
  { system, preset }: { readonly system: string; readonly preset: string },
  { config, memory, estimateBytes, availableBytes, warnings }: Fitted<C, S>,
  {
    seed,
    threads,
    device = "cpu",
    minutes,
    leakageStudy = false,
  }: Pick<TrainRequest, "seed" | "threads" | "device" | "minutes" | "leakageStudy">,
  cases: number,
) {
  return {
    gyrus: version,
    system,
    preset,
    created: new Date().toISOString(),
    seed,
    threads: threads ?? null,
    device,
    config,
    plan: firstPlan(config, cases, minutes),
    memory: { use: memory, estimateBytes, availableBytes, peakBytes: null },
    ...machineFacts(),
    leakageStudy,
    provenance: [] as Provenance[],
    evaluations: [],
    warnings,
  } satisfies Partial<RunRecord>;
}

/** What every training learns: the weights from the training subjects, which of them is best from the validation subjects. */
export function usualProvenance({ subjects }: RunRecord["split"]): Provenance[] {
  const { train, validation } = subjects;
  return [
    fittedOn("weights", "the network", train),
    ...(validation.length === 0 ? [] : [fittedOn("selection", "best weights by validation", validation)]),
  ];
}

/** The record that a run goes on with: its own, on this sitting's device and with this sitting's memory. */
export function continued<R extends RunRecord>(old: R | undefined, run: R): R {
  if (old === undefined) return run;
  return { ...old, device: run.device, memory: { ...run.memory, peakBytes: old.memory.peakBytes } };
}

/** The preset asked for, or the first one, with the changes asked for. Throws `not-found`. */
export function presetOf<C>(
  { name, presets }: { readonly name: string; readonly presets: Readonly<Record<string, C>> },
  { preset = Object.keys(presets)[0]!, set, epochs }: Pick<TrainRequest, "preset" | "set" | "epochs">,
  withChanges: (preset: C, changes: Readonly<Record<string, string>>) => C,
): { readonly preset: string; readonly config: C } {
  const base =
    presets[preset] ??
    fail("not-found", {
      what: `${name} has no preset "${preset}"`,
      fix: `Presets: ${Object.keys(presets).join(", ")}`,
    });
  const changes = epochs === undefined ? set : { ...set, epochs: String(epochs) };
  return { preset, config: withChanges(base, changes) };
}

/** Something that a person should read once. */
export function noteTo({ onProgress }: Pick<TrainRequest, "onProgress">, text: string): void {
  onProgress?.({ step: 0, totalSteps: 0, epoch: 0, secondsLeft: 0, note: text });
}
