import { availableParallelism, cpus } from "node:os";
import { writeText } from "../io/node.js";
import { buildStudyReport } from "../report/study.js";
import { engineVersion } from "../runtime/node.js";
import { version } from "../version.js";
import {
  createStudyFolder,
  type FinishedPart,
  json,
  places,
  readPart,
  readStudyRecord,
  requireSameStudy,
  type StudyRecord,
  writePart,
} from "./folder.node.js";
import type { Claim, Paper, Part, ShownClaim, Study, StudyPlan } from "./study.js";

export interface ReproduceRequest {
  readonly outDir: string;
  readonly seed: number;
  /** Default: the study's own. See `StudySize`. */
  readonly minutes?: number;
  /** Real images to see as well: see `StudySize`. */
  readonly dataDir?: string;
  /** Go on with the study of `outDir`. */
  readonly resume: boolean;
  /** Parts that are worked on at a time. Default: one for each processor. */
  readonly threads?: number;
  /** Aborted: the parts in progress are dropped, what is finished stays. */
  readonly signal?: AbortSignal;
  onProgress?(progress: StudyProgress): void;
}

export interface StudyProgress {
  /** From 0 to 1. */
  readonly fraction: number;
  readonly what: string;
}

export interface ReproduceSummary {
  readonly study: string;
  readonly folder: string;
  /** False when it was interrupted: there are no claims then. */
  readonly finished: boolean;
  readonly claims: readonly Claim[];
  /** For people: the same claims with their numbers in words. */
  readonly shown: readonly ShownClaim[];
  readonly report: string | null;
  /** Time of all parts, over all sittings and threads. */
  readonly seconds: number;
}

/** What the registry says of a study. */
export interface NamedStudy {
  readonly name: string;
  readonly paper: Paper;
}

/**
 * Run a study into a folder: `study.json` at once, `parts/` on the way, `claims.json` and `report.html` at the end.
 * Parts depend on the configuration and the seed alone and run on one thread each, so neither the number of processors
 * nor interruptions change the claims. Throws `exists`, `not-found` (nothing to resume), `bad-argument` (resumed with
 * other options), `disk`, and what the study throws.
 */
export async function reproduce(
  { name, paper }: NamedStudy,
  study: Study,
  request: ReproduceRequest,
): Promise<ReproduceSummary> {
  const { outDir, seed, resume, minutes = study.minutes, dataDir } = request;
  const plan = study.plan({ seed, minutes, ...(dataDir === undefined ? {} : { dataDir }) });
  const now: StudyRecord = {
    gyrus: version,
    study: name,
    seed,
    minutes,
    created: new Date().toISOString(),
    configuration: { ...plan.configuration },
  };
  const record = resume ? await readStudyRecord(outDir) : now;
  if (resume) requireSameStudy(outDir, record, now);
  else await createStudyFolder(outDir, now);

  const parts = await finishParts(plan, request);
  const seconds = [...parts.values()].reduce((total, part) => total + part.seconds, 0);
  const summary = { study: name, folder: outDir, seconds };
  if (parts.size < plan.parts.length)
    return { ...summary, finished: false, claims: [], shown: [], report: null };

  const { claims, notes, sections } = await plan.conclude((id) => parts.get(id)!.result);
  const plain = claims.map(({ shown: _, ...claim }): Claim => claim);
  const { title, description } = study;
  const page = buildStudyReport({
    title,
    study: name,
    citation: cite(paper),
    description,
    createdAt: record.created,
    claims: claims.map(({ statement, holds, shown }) => ({ statement, holds, ...shown })),
    notes,
    sections,
    configuration: { seed, minutes, ...plan.configuration },
    versions: { gyrus: version, node: process.versions.node, onnxruntime: engineVersion },
    machine: {
      cores: availableParallelism(),
      processor: cpus()[0]?.model.trim() ?? "unknown",
      platform: process.platform,
    },
    timings: [{ what: `${plan.parts.length} parts, one thread each`, seconds }],
  });
  await writeText(places.report(outDir), page);
  await writeText(places.claims(outDir), json(plain));
  return { ...summary, finished: true, claims: plain, shown: claims, report: places.report(outDir) };
}

/** Authors, title, venue and year in one line. */
export function cite({ authors, title, venue, year, arxiv }: Paper): string {
  return `${authors}: ${title}. ${venue} ${year}${arxiv === undefined ? "" : `, arXiv:${arxiv}`}.`;
}

/** Every part that is finished at the end; all of them, unless the work was interrupted. */
async function finishParts(
  plan: StudyPlan,
  { outDir, signal, onProgress, threads = availableParallelism() }: ReproduceRequest,
): Promise<Map<string, FinishedPart>> {
  const finished = new Map<string, FinishedPart>();
  for (const { id } of plan.parts) {
    const part = await readPart(outDir, id);
    if (part !== undefined) finished.set(id, part);
  }
  const waiting = plan.parts.filter(({ id }) => !finished.has(id));
  if (waiting.length === 0) return finished;

  const costOf = (parts: readonly Part[]): number => parts.reduce((sum, { cost }) => sum + cost, 0);
  const total = plan.openingCost + costOf(waiting);
  let done = 0;
  const show = (what: string): void => onProgress?.({ fraction: done / total, what });
  const interrupted = new Promise<undefined>((resolve) => {
    if (signal?.aborted) resolve(undefined);
    signal?.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  const opening = plan.open({
    threads: Math.min(threads, waiting.length),
    folder: outDir,
    ...(signal === undefined ? {} : { signal }),
    onProgress: (share) => {
      done = share * plan.openingCost;
      show("simulating");
    },
  });
  const workshop = await opening.catch((cause: unknown) => {
    if (signal?.aborted) return undefined;
    throw cause;
  });
  if (workshop === undefined) return finished;

  // Set before the workshop closes, which makes parts end early: what they give then is no result.
  let closing = false;
  try {
    const read = (id: string): unknown => finished.get(id)!.result;
    const running = new Set<Promise<unknown>>();
    /** The next part that waits for nothing, out of the list. */
    const take = (): Part | undefined => {
      const at = waiting.findIndex(({ after = [] }) => after.every((id) => finished.has(id)));
      return at < 0 ? undefined : waiting.splice(at, 1)[0];
    };
    const work = async (part: Part): Promise<void> => {
      const began = performance.now();
      const { id } = part;
      const working = workshop.run(id, read).then((result) => ({ result }));
      working.catch(() => undefined);
      const ended = await Promise.race([working, interrupted]);
      if (ended === undefined || signal?.aborted || closing) return;
      const one = { id, seconds: (performance.now() - began) / 1000, result: ended.result };
      await writePart(outDir, one);
      // As it is read back when the study is resumed: the conclusion must not see a difference.
      finished.set(id, JSON.parse(JSON.stringify(one)) as FinishedPart);
      done += part.cost;
      show(`${finished.size} of ${plan.parts.length}, the last one: ${part.what}`);
    };
    const lane = async (): Promise<void> => {
      while (waiting.length > 0 && !signal?.aborted && !closing) {
        const part = take();
        if (part === undefined) {
          if (running.size === 0) return;
          // Whoever works on what is waited for reports a failure itself.
          await Promise.race(running).catch(() => undefined);
          continue;
        }
        const working = work(part).finally(() => running.delete(working));
        running.add(working);
        await working;
      }
    };
    await Promise.all(Array.from({ length: Math.max(1, threads) }, lane));
  } finally {
    closing = true;
    await workshop.close();
  }
  return finished;
}
