import { nodeFiles } from "../io/node.js";
import type { RunReport } from "../report/data.js";
import type { HistoryRow } from "../train/loop.js";
import { gib } from "./memory.node.js";
import type { RunRecord } from "./run.js";
import { paths } from "./run-folder.node.js";
import { honestyNotes } from "./split.node.js";
import type { EvaluateSummary } from "./verbs.js";

/** What every run's report says, whatever its task. */
export function commonParts(run: RunRecord, history: readonly HistoryRow[]) {
  const last = history.at(-1);
  return {
    system: run.system,
    preset: run.preset,
    createdAt: run.created,
    history,
    split: (["train", "validation", "test"] as const)
      .filter((part) => run.split[part].length > 0)
      .map((part) => ({
        name: part === "train" ? "training" : part,
        subjects: run.split.by === "block" ? run.split[part] : run.split.subjects[part],
      })),
    versions: run.versions,
    machine: {
      ...run.machine,
      "memory estimated for a step": gib(run.memory.estimateBytes),
      ...(run.memory.peakBytes === null
        ? {}
        : { "memory at the peak of training": gib(run.memory.peakBytes) }),
      ...(run.memory.use === "lean" ? { activations: "computed again (--memory lean)" } : {}),
    },
    ...(last === undefined
      ? {}
      : { timings: [{ what: `training, ${last.step} steps`, seconds: last.seconds }] }),
    warnings: [...honestyNotes(run), ...run.warnings],
  } satisfies Partial<RunReport>;
}

/** What `gyrus evaluate` left in a run folder, if it was there. */
export async function readEvaluation(dir: string): Promise<EvaluateSummary | undefined> {
  const bytes = await nodeFiles.read(paths.evaluation(dir)).catch(() => undefined);
  return bytes === undefined ? undefined : (JSON.parse(new TextDecoder().decode(bytes)) as EvaluateSummary);
}

/** The best, the median and the worst of cases, best first in `ranked`; each case once. */
export function picksOf<T extends { readonly id: string }>(ranked: readonly T[]): (readonly [string, T])[] {
  const picks = [
    ["best", ranked[0]],
    ["median", ranked[ranked.length >> 1]],
    ["worst", ranked.at(-1)],
  ] as const;
  const shown = new Set<string>();
  return picks.flatMap(([rank, pick]) => {
    if (pick === undefined || shown.has(pick.id)) return [];
    shown.add(pick.id);
    return [[rank, pick] as const];
  });
}
