import { readFile } from "node:fs/promises";
import { z } from "zod";
import { evaluationSchema, honestyParts, type RecordedEvaluation } from "../audit/run-facts.js";
import { fail } from "../core/errors.js";
import { baseName, folderOf } from "../io/files.js";
import { sha256 } from "../io/fingerprint.js";
import { volumeFormats } from "../io/formats.js";
import { parseJson } from "../io/json.js";
import { nodeFiles, writeText } from "../io/node.js";
import type { MetricColumn } from "../report/data.js";
import { requireBetter } from "./evaluation.js";
import type { RunRecord } from "./run.js";
import { loadCheckpoint, paths, writeRun } from "./run-folder.node.js";
import { filesIn } from "./scans.node.js";
import { digestsOf, honestyNotes } from "./split.node.js";
import type { EvaluateRequest, EvaluateSummary } from "./verbs.js";

/** What is judged, and what to do when it has been. */
export interface Look {
  /** Of the run's own data: the part that is judged. Absent where it is another data set. */
  readonly part?: "validation" | "test";
  /** In words, for `EvaluationReport.set`; undefined: the task's own words. */
  readonly words?: string;
  readonly final: boolean;
  /** Sentences that the evaluation must carry. */
  readonly notes: readonly string[];
  /** To be called when scores have been made and before they are shown. */
  done(): Promise<void>;
}

/**
 * Ask to look at images with a run's weights; every evaluation begins here, before the first image is read. A look is recorded in
 * `run.json` when it begins, whether it comes to an end or not.
 *
 * Of the run's own data `usual` is judged, unless the split has a sealed test set: then validation, and the test set with
 * `final`, once. Throws `bad-argument` for a final look without a sealed test set and for a limit that does not fit the
 * headline measure (see `requireBetter`), `exists` for a second look, and `bad-data` for another data set that holds images of
 * the sealed test set, or images that the run has learnt from.
 */
export async function beginLook(
  run: Pick<RunRecord, "split" | "leakageStudy"> & Partial<Pick<RunRecord, "provenance">>,
  request: Pick<EvaluateRequest, "runDir" | "final" | "better">,
  judged:
    | { readonly own: true; readonly usual: "validation" | "test" }
    | { readonly own: false; readonly images: readonly (readonly string[])[] },
  headline?: MetricColumn,
): Promise<Look> {
  const { runDir, final = false } = request;
  requireBetter(request, headline);
  const sealed = run.split.sealed === true;
  if (final && !sealed)
    fail("bad-argument", {
      what: "the run has no sealed test set to look at",
      where: runDir,
      expected: "a run that was trained with --split FILE",
      fix: "Leave --final out, or split with gyrus split and train anew",
    });
  if (final && !judged.own)
    fail("bad-argument", {
      what: "--final is for the run's own test set",
      where: runDir,
      fix: "Leave --data out: the test set lies in the data set that the run was trained on",
    });
  const before = (await readLooks(runDir)).filter(({ set }) => set === "test");
  if (final && before.some(({ finished }) => finished)) refuseSecond(runDir, before);
  const images = judged.own ? [] : await digested(judged.images.flat());
  refuseSealed(run, images, runDir);
  refuseLearnt(run, images, runDir);
  const part = judged.own ? (sealed ? (final ? "test" : "validation") : judged.usual) : undefined;
  const look: RecordedEvaluation = {
    at: new Date().toISOString(),
    set: part ?? "other",
    final,
    ...(judged.own ? {} : { dataSha256: await digestOfSet(images) }),
    cases: part === undefined ? (judged.own ? 0 : judged.images.length) : run.split[part].length,
    step: await stepOf(runDir),
    finished: false,
  };
  await recordLook(runDir, look);
  const repeated =
    final && before.length > 0
      ? [`The test set had been looked at before, ${before.length} time(s), and the looks were broken off.`]
      : [];
  return {
    final,
    ...(part === undefined ? {} : { part }),
    ...(final
      ? { words: "the sealed test set, at which this run has looked once" }
      : sealed && part === "validation"
        ? {
            words: `validation: fold ${run.split.fold ?? 0} of ${run.split.folds ?? 5}; the test set stays closed until --final`,
          }
        : {}),
    notes: [...honestyNotes(run), ...repeated],
    done: () => recordLook(runDir, { ...look, finished: true }),
  };
}

/** Write an evaluation and put an end to its look. That of a sealed test set has a file of its own, which nothing overwrites. */
export async function finishLook(look: Look, result: EvaluateSummary): Promise<void> {
  const text = `${JSON.stringify(result, null, 2)}\n`;
  if (look.final) await writeText(paths.final(result.run), text);
  await writeText(paths.evaluation(result.run), text);
  await look.done();
}

/** A file, and the SHA-256 of what it holds. */
interface Digested {
  readonly file: string;
  readonly digest: string;
}

async function digested(files: readonly string[]): Promise<Digested[]> {
  const digests = await digestsOf(files);
  return files.map((file, at) => ({ file, digest: digests[at]! }));
}

/** The same for the same images, wherever they lie and in whatever order. */
function digestOfSet(images: readonly Digested[]): Promise<string> {
  const all = images.map(({ digest }) => digest).sort();
  return sha256(new TextEncoder().encode(all.join("\n")));
}

/** Cases by the digests of their images. */
function casesByDigest(digests: Readonly<Record<string, readonly string[]>>): Map<string, string> {
  return new Map(Object.entries(digests).flatMap(([id, all]) => all.map((digest) => [digest, id])));
}

/** Throws `bad-data` where one of these is an image of a run's sealed test set, which has not had its final look. */
function refuseSealed(
  { split }: { readonly split: Pick<RunRecord["split"], "sealed" | "digests" | "test"> },
  images: readonly Digested[],
  runDir: string,
): void {
  if (split.sealed !== true || split.digests === undefined) return;
  const closed = casesByDigest(split.digests);
  for (const { file, digest } of images) {
    const id = closed.get(digest);
    if (id !== undefined)
      fail("bad-data", {
        what: "the scan belongs to the run's sealed test set",
        where: file,
        found: `${id} of ${split.test.length} sealed cases`,
        fix: `Look at the test set once, at the end: gyrus evaluate ${runDir} --final`,
      });
  }
}

/** Throws `bad-data` where a data set that is to be judged holds images that taught the run, or that its weights were chosen by. */
function refuseLearnt(
  {
    split,
    leakageStudy,
    provenance = [],
  }: Pick<RunRecord, "split" | "leakageStudy"> & Partial<Pick<RunRecord, "provenance">>,
  images: readonly Digested[],
  runDir: string,
): void {
  if (leakageStudy || split.images === undefined) return;
  const chose = provenance.some(
    ({ kind, run, fittedOn }) =>
      run === undefined &&
      (kind === "selection" || kind === "hyperparameters") &&
      fittedOn.some((subject) => split.subjects.validation.includes(subject)),
  );
  const parts = new Set([...split.train, ...(chose ? split.validation : [])]);
  const learnt = Object.entries(split.images).filter(([id]) => parts.has(id));
  refuseKnown(Object.fromEntries(learnt), images, runDir);
}

/** Throws `bad-data` where one of these files is an image that a run has learnt from: `learnt` are digests, by case. */
export async function refuseLearntFiles(
  learnt: Readonly<Record<string, readonly string[]>>,
  files: readonly string[],
  runDir: string,
): Promise<void> {
  refuseKnown(learnt, await digested(files), runDir);
}

function refuseKnown(
  learnt: Readonly<Record<string, readonly string[]>>,
  images: readonly Digested[],
  runDir: string,
): void {
  const byDigest = casesByDigest(learnt);
  const known = images.flatMap(({ file, digest }) => {
    const id = byDigest.get(digest);
    return id === undefined ? [] : [`${file} (${id})`];
  });
  if (known.length > 0)
    fail("bad-data", {
      what: `the run has learnt from ${known.length} of ${images.length} images of the data set`,
      where: runDir,
      expected: "images that neither taught it nor chose its weights",
      found: `${known.slice(0, 8).join(", ")}${known.length > 8 ? ` and ${known.length - 8} more` : ""}`,
      fix: "Leave these out of the data set; the run's own held-out cases are judged without --data",
    });
}

/**
 * Throws `bad-data` where scans that a model is to be applied to belong to the sealed test set of its run; of a folder all
 * images count, those in the folders of subjects and sessions (BIDS) too. An exported model, outside its run folder,
 * knows of no test set.
 */
export async function refuseSealedScans(model: string, scans: readonly string[]): Promise<void> {
  const read = (dir: string) => readFile(paths.run(dir), "utf8").catch(() => undefined);
  const own = await read(model);
  const dir = own === undefined ? folderOf(model) : model;
  const text = own ?? (await read(dir));
  if (text === undefined) return;
  const { split, evaluations } = parseJson(sealedSchema, text, paths.run(dir));
  const looked = evaluations.some(({ set, finished }) => set === "test" && finished);
  if (looked || split?.sealed !== true) return;
  const files: string[] = [];
  for (const scan of scans) {
    const inside = await filesIn(scan, { subjects: true });
    if (inside !== undefined) files.push(...inside.filter(isImage));
    // Several channels are joined by commas.
    else if (scan.includes(",") && !(await isThere(scan))) files.push(...scan.split(","));
    else files.push(scan);
  }
  refuseSealed({ split }, await digested(files), dir);
}

/** Of a pair the header stands for both files. */
const isImage = (path: string): boolean =>
  volumeFormats.some((format) => format.matches(baseName(path))) && !/\.img(\.gz)?$/i.test(path);

function isThere(path: string): Promise<boolean> {
  return nodeFiles.read(path, 0).then(
    () => true,
    () => false,
  );
}

const sealedSchema = z.object({
  evaluations: honestyParts.evaluations,
  split: z
    .looseObject({
      test: z.array(z.string()).default([]),
      sealed: z.boolean().optional(),
      digests: z.record(z.string(), z.array(z.string())).optional(),
    })
    .optional(),
});

function refuseSecond(runDir: string, before: readonly RecordedEvaluation[]): never {
  return fail("exists", {
    what: "the run has looked at its test set already",
    where: runDir,
    found: `final evaluation of ${before.find(({ finished }) => finished)!.at}`,
    fix: "Its scores stand in evaluation-final.json. Another look would make the test set a validation set: collect new subjects",
  });
}

async function stepOf(runDir: string): Promise<number> {
  const best = await loadCheckpoint(paths.best(runDir)).catch(() =>
    loadCheckpoint(paths.last(runDir)).catch(() => undefined),
  );
  return best?.progress.step ?? 0;
}

async function readLooks(runDir: string): Promise<RecordedEvaluation[]> {
  const text = await nodeFiles.read(paths.run(runDir));
  const { evaluations } = parseJson(
    z.object({ evaluations: honestyParts.evaluations }),
    new TextDecoder().decode(text),
    paths.run(runDir),
  );
  return evaluations;
}

/** Put a look into the record, or in the place of the same look when it began; nothing else in the record changes. */
async function recordLook(runDir: string, look: RecordedEvaluation): Promise<void> {
  const path = paths.run(runDir);
  const record = parseJson(
    z.looseObject({ evaluations: z.array(evaluationSchema).default([]) }),
    new TextDecoder().decode(await nodeFiles.read(path)),
    path,
  );
  const others = record.evaluations.filter(({ at }) => at !== look.at);
  await writeRun(runDir, { ...record, evaluations: [...others, look] });
}
