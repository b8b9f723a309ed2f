import { mkdir, rm } from "node:fs/promises";
import { z } from "zod";
import { fail, GyrusError } from "../core/errors.js";
import { parseJson } from "../io/json.js";
import { nodeFiles, writeText } from "../io/node.js";
import { diskError, requireFree } from "../io/whole-folder.node.js";

/** Where things are in the folder of a study. */
export const places = {
  record: (dir: string) => `${dir}/study.json`,
  parts: (dir: string) => `${dir}/parts`,
  part: (dir: string, id: string) => `${dir}/parts/${id}.json`,
  claims: (dir: string) => `${dir}/claims.json`,
  report: (dir: string) => `${dir}/report.html`,
} as const;

const recordSchema = z.object({
  gyrus: z.string(),
  study: z.string(),
  seed: z.number(),
  minutes: z.number(),
  created: z.string(),
  configuration: z.record(z.string(), z.unknown()),
});

/** What a study was begun with. */
export type StudyRecord = z.infer<typeof recordSchema>;

const partSchema = z.object({ id: z.string(), seconds: z.number(), result: z.unknown() });

/** A finished part. */
export type FinishedPart = z.infer<typeof partSchema>;

const damaged = { fix: "It was cut short or edited by hand: remove it and resume, or begin anew" };

/** Make the folder of a new study with its record. Throws `exists` when there is anything in it, and `disk`. */
export async function createStudyFolder(dir: string, record: StudyRecord): Promise<void> {
  await requireFree(dir, "the study", "Give another --out, or --resume to go on with this study");
  const made = await mkdir(places.parts(dir), { recursive: true }).catch((cause: unknown) =>
    diskError(dir, cause, "the study"),
  );
  await writeText(places.record(dir), json(record)).catch(async (cause: unknown) => {
    // A folder without a record would be in the way of the next attempt.
    if (made !== undefined) await rm(made, { recursive: true, force: true });
    throw cause;
  });
}

/** The record of a study that was begun. Throws `not-found` and `bad-file`. */
export async function readStudyRecord(dir: string): Promise<StudyRecord> {
  const bytes = await nodeFiles.read(places.record(dir)).catch((cause: unknown) => {
    if (!(cause instanceof GyrusError && cause.kind === "not-found")) throw cause;
    return fail("not-found", {
      what: "there is no study to resume",
      where: dir,
      expected: "a folder with a study.json, as gyrus reproduce makes it",
      fix: "Check the path, or leave --resume out to begin a new one",
      cause,
    });
  });
  return parseJson(recordSchema, new TextDecoder().decode(bytes), places.record(dir), damaged);
}

/** Throws `bad-argument` unless the study was begun just so: its parts would not fit together. */
export function requireSameStudy(dir: string, begun: StudyRecord, now: StudyRecord): void {
  const differs = (["study", "gyrus", "seed", "minutes"] as const).find((key) => begun[key] !== now[key]);
  const differing =
    differs ?? (sameJson(begun.configuration, now.configuration) ? undefined : "configuration");
  if (differing !== undefined)
    fail("bad-argument", {
      what: `the study was begun with another ${differing === "gyrus" ? "version of gyrus" : differing}`,
      where: dir,
      ...(differing === "configuration"
        ? {}
        : { expected: `${begun[differing]}`, found: `${now[differing]}` }),
      fix: "Give the same options as the first time, or another --out",
    });
}

/** The result of a part, or nothing when it has not been finished. */
export async function readPart(dir: string, id: string): Promise<FinishedPart | undefined> {
  const path = places.part(dir, id);
  const bytes = await nodeFiles.read(path).catch((cause: unknown) => {
    if (cause instanceof GyrusError && cause.kind === "not-found") return undefined;
    throw cause;
  });
  return bytes === undefined
    ? undefined
    : parseJson(partSchema, new TextDecoder().decode(bytes), path, damaged);
}

/** Keep a part, whole or not at all. */
export async function writePart(dir: string, part: FinishedPart): Promise<void> {
  await writeText(places.part(dir, part.id), json(part));
}

/** A value as a JSON file holds it. */
export function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Equal as JSON, whatever the order of keys. */
function sameJson(a: unknown, b: unknown): boolean {
  const sorted = (value: unknown): string =>
    JSON.stringify(value, (_, inner: unknown) =>
      inner !== null && typeof inner === "object" && !Array.isArray(inner)
        ? Object.fromEntries(Object.entries(inner).sort(([x], [y]) => (x < y ? -1 : 1)))
        : inner,
    );
  return sorted(a) === sorted(b);
}
