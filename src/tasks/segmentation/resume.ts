import { fail } from "../../core/errors.js";
import type { SegmentationConfig } from "./config.js";
import type { Fitted } from "./memory.node.js";
import type { Run } from "./run.js";

/** A batch that was lowered to fit into memory stays lowered when the run is resumed with more. */
export function batchOfRun(old: Run, { batch }: SegmentationConfig): number {
  return old.warnings.length > 0 ? Math.min(batch, old.config.batch) : batch;
}

/** Throws `memory`: a run does not change its batch on the way. */
export function refuseLowering(
  { config }: Run,
  { estimateBytes, availableBytes }: Fitted,
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

/** A resumed run goes on with what it began with; throws `bad-argument` that names the first difference. */
export function requireSameRun(old: Run, now: Run, dir: string): void {
  const pick = ({ system, preset, seed, config, model, data, split }: Run): Record<string, unknown> => ({
    system,
    preset,
    seed,
    config,
    patch: model.patch,
    preparation: model.preparation,
    data: data.sha256,
    split,
  });
  const difference = firstDifference(pick(old), pick(now));
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
