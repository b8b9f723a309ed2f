import { fail } from "../core/errors.js";
import type { Fitted } from "./memory.node.js";
import type { RunRecord } from "./run.js";

/** A batch that was lowered to fit into memory stays lowered when the run is resumed with more. */
export function batchOfRun(old: RunRecord, { batch }: { readonly batch: number }): number {
  const lowered = old.warnings.some((text) => /: lowered to \d+$/.test(text));
  return lowered ? Math.min(batch, old.config.batch) : batch;
}

/** Throws `memory`: a run does not change its batch on the way. */
export function refuseLowering(
  { config }: RunRecord,
  { estimateBytes, availableBytes }: Pick<Fitted<RunRecord["config"]>, "estimateBytes" | "availableBytes">,
  dir: string,
): never {
  const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  return fail("memory", {
    what: `the run was begun with batch ${config.batch}, which does not fit into memory now`,
    where: dir,
    expected: `more than the ${gib(estimateBytes)} that a smaller batch would take`,
    found: `${gib(availableBytes)}`,
    fix: "Close other programs, or go on where there is more memory",
  });
}

/** Where two records of plain data differ first, whatever the order of their keys. */
function firstDifference(
  before: unknown,
  after: unknown,
  path: readonly string[] = [],
): { readonly path: readonly string[]; readonly before: unknown; readonly after: unknown } | undefined {
  const isRecord = (value: unknown): value is Record<string, unknown> =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isRecord(before) || !isRecord(after))
    return JSON.stringify(before) === JSON.stringify(after) ? undefined : { path, before, after };
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const found = firstDifference(before[key], after[key], [...path, key]);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * A resumed run goes on with what it began with; throws `bad-argument` that names the first difference. `pick` says
 * what a task's data and model come down to, the data's content under `data`.
 */
export function requireSameRun<R extends RunRecord>(
  old: R,
  now: R,
  dir: string,
  pick: (run: R) => Readonly<Record<string, unknown>>,
): void {
  const all = (run: R): Record<string, unknown> => ({
    system: run.system,
    preset: run.preset,
    seed: run.seed,
    config: run.config,
    ...pick(run),
    // Runs from before it was recorded have none; the data's content is compared by itself.
    split: { ...run.split, images: null },
  });
  const last = old.evaluations.find(({ final, set }) => final && set === "test");
  if (last !== undefined)
    fail("bad-argument", {
      what: "the run has looked at its sealed test set: it is not trained on",
      where: dir,
      found: `final evaluation of ${last.at}`,
      fix: "Start a new run with another --out, and new subjects for its test",
    });
  if (now.leakageStudy && !old.leakageStudy)
    fail("bad-argument", {
      what: "the run was not begun as a leakage study",
      where: dir,
      fix: "Leave --leakage-study out, or start a new run with another --out",
    });
  const difference = firstDifference(all(old), all(now));
  if (difference === undefined) return;
  const { path, before, after } = difference;
  const show = (value: unknown): string => (JSON.stringify(value) ?? "nothing").slice(0, 300);
  fail("bad-argument", {
    what: `the run was begun with another ${path[0] === "data" ? "content of the data set" : path.join(".")}`,
    where: dir,
    expected: show(before),
    found: show(after),
    fix: "Resume with the options that the run was begun with, or start a new run with another --out",
  });
}
