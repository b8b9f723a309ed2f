import { availableParallelism, cpus } from "node:os";
import { rng } from "../core/rng.js";
import { nodeFiles } from "../io/node.js";
import { engineVersion } from "../runtime/node.js";
import { freshProgress, type Progress, type State } from "../train/loop.js";
import type { Step } from "../train/step.js";
import { version } from "../version.js";
import type { RunRecord } from "./run.js";
import { loadCheckpoint, paths, truncateHistory } from "./run-folder.node.js";
import type { TrainingSettings } from "./settings.js";

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
