import { appendFile, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { z } from "zod";
import { requireHonestSplit } from "../audit/honest.js";
import { honestyParts } from "../audit/run-facts.js";
import { fail } from "../core/errors.js";
import type { Tensor } from "../core/tensor.js";
import { parseJson } from "../io/json.js";
import { nodeFiles, readSafetensors, writeSafetensors, writeText } from "../io/node.js";
import { freshProgress, type HistoryRow, type Progress, type State } from "../train/loop.js";
import type { RunRecord } from "./run.js";

/** Where things are in a run folder. */
export const paths = {
  run: (dir: string) => `${dir}/run.json`,
  history: (dir: string) => `${dir}/metrics.jsonl`,
  last: (dir: string) => `${dir}/checkpoints/last.safetensors`,
  best: (dir: string) => `${dir}/checkpoints/best.safetensors`,
  model: (dir: string) => `${dir}/model.onnx`,
  predictions: (dir: string) => `${dir}/predictions`,
  evaluation: (dir: string) => `${dir}/evaluation.json`,
  /** Of the sealed test set, which is looked at once. */
  final: (dir: string) => `${dir}/evaluation-final.json`,
  report: (dir: string) => `${dir}/report.html`,
} as const;

/** Throws `exists` when a run folder of that name holds something already. */
export async function requireNoRun(dir: string): Promise<void> {
  const entries = await readdir(dir).catch(() => []);
  if (entries.length > 0)
    fail("exists", {
      what: "the run folder is there already",
      where: dir,
      found: entries.slice(0, 5).join(", "),
      fix: "Give another --out, or --resume to go on with this run",
    });
}

/**
 * Make a new run folder with its `run.json`, or nothing at all. Throws `bad-data` for a split that leaks in a record that is not
 * marked as a leakage study: no training gets past this.
 */
export async function createRunFolder(
  dir: string,
  run: Pick<RunRecord, "split" | "leakageStudy">,
): Promise<void> {
  requireHonestSplit(run.split, { leakageStudy: run.leakageStudy, where: dir });
  await requireNoRun(dir);
  const made = await mkdir(`${dir}/checkpoints`, { recursive: true }).catch((cause: unknown) =>
    fail("disk", {
      what: "the run folder cannot be made",
      where: dir,
      fix: "Check the path and its permissions",
      cause,
    }),
  );
  await writeRun(dir, run).catch(async (cause: unknown) => {
    // A folder without a run.json would be in the way of the next attempt.
    if (made !== undefined) await rm(made, { recursive: true, force: true });
    throw cause;
  });
}

/** The record of a run. Throws `not-found`, and `bad-file` where it does not hold what the schema wants. */
export async function readRunAs<T>(dir: string, schema: z.ZodType<T>): Promise<T> {
  if ((await nodeFiles.list(dir)) === undefined)
    fail("not-found", {
      what: "there is no such run folder",
      where: dir,
      fix: "Check the path; gyrus train makes one",
    });
  return parseJson(schema, new TextDecoder().decode(await nodeFiles.read(paths.run(dir))), paths.run(dir));
}

/** Write a run's record. Evaluations that were recorded since it was read, while a training goes on, stay in it. */
export async function writeRun(dir: string, run: object): Promise<void> {
  const own = looksIn(run);
  const text = own === undefined ? undefined : await readFile(paths.run(dir), "utf8").catch(() => undefined);
  const before = text === undefined ? [] : (looksIn(JSON.parse(text)) ?? []);
  const evaluations = (own ?? []).map((look) =>
    before.some(({ at, finished }) => at === look.at && finished) ? { ...look, finished: true } : look,
  );
  const others = before.filter(({ at }) => !evaluations.some((look) => look.at === at));
  const whole = own === undefined ? run : { ...run, evaluations: [...others, ...evaluations] };
  await writeText(paths.run(dir), `${JSON.stringify(whole, null, 2)}\n`);
}

/** The looks of a record that has a list of them. */
function looksIn(record: unknown): RunRecord["evaluations"] | undefined {
  const found = z.looseObject({ evaluations: honestyParts.evaluations.unwrap() }).safeParse(record);
  return found.success ? found.data.evaluations : undefined;
}

/** Weights, optimiser state and progress in one file, so that they cannot disagree. */
export async function saveCheckpoint(file: string, state: State, progress: Progress): Promise<void> {
  await writeSafetensors(file, state, { gyrus: JSON.stringify(progress) });
}

export async function loadCheckpoint(
  file: string,
): Promise<{ state: Record<string, Tensor>; progress: Progress }> {
  const { tensors, metadata } = await readSafetensors(file);
  const progress = metadata.gyrus === undefined ? freshProgress : (JSON.parse(metadata.gyrus) as Progress);
  return { state: { ...tensors }, progress };
}

/** Throws `not-found` for a run that has not saved anything yet. */
export async function requireCheckpoint(dir: string): Promise<void> {
  const saved = await nodeFiles.list(`${dir}/checkpoints`);
  if (saved === undefined || saved.length === 0)
    fail("not-found", {
      what: "the run has no checkpoint yet",
      where: paths.last(dir),
      fix: "Train it first",
    });
}

/** The best state, or the last one where nothing was validated. */
export function bestCheckpoint(dir: string): ReturnType<typeof loadCheckpoint> {
  return loadCheckpoint(paths.best(dir)).catch(() => loadCheckpoint(paths.last(dir)));
}

/** The rows of `metrics.jsonl`; a last line cut short by a kill is left out. */
export async function readHistory(dir: string): Promise<HistoryRow[]> {
  const text = await readFile(paths.history(dir), "utf8").catch(() => "");
  const lines = text.split("\n");
  if (!text.endsWith("\n")) lines.pop();
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as HistoryRow);
}

/** Drop what was written after the checkpoint that a run resumes from. */
export async function truncateHistory(dir: string, step: number): Promise<void> {
  const rows = (await readHistory(dir)).filter((row) => row.step <= step);
  if (rows.length === 0) await rm(paths.history(dir), { force: true });
  else await writeText(paths.history(dir), `${rows.map((row) => JSON.stringify(row)).join("\n")}\n`);
}

/** Rows are appended in order, one write at a time; `flush` waits for the last and reports what went wrong. */
export function historyWriter(dir: string): { write(row: HistoryRow): void; flush(): Promise<void> } {
  let pending: string[] = [];
  let writing = Promise.resolve();
  const drain = (): void => {
    if (pending.length === 0) return;
    const text = pending.join("");
    pending = [];
    writing = writing.then(() => appendFile(paths.history(dir), text));
    writing.catch(() => undefined);
  };
  return {
    write: (row) => {
      pending.push(`${JSON.stringify(row)}\n`);
      if (pending.length >= 20) drain();
    },
    flush: async () => {
      drain();
      await writing.catch((cause: unknown) =>
        fail("disk", {
          what: "the history cannot be written",
          where: paths.history(dir),
          fix: "Free some space",
          cause,
        }),
      );
    },
  };
}
