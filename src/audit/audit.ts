import { fail } from "../core/errors.js";
import { rng } from "../core/rng.js";
import { openDataSetFrom } from "../io/dataset.js";
import type { DataSetOptions } from "../io/dataset-types.js";
import { baseName, type FileSystem } from "../io/files.js";
import { sha256 } from "../io/fingerprint.js";
import type { ImageVolume } from "../volume/volume.js";
import { checkConfounds } from "./check-confounds.js";
import { checkContent, type Seen, type ShownPair } from "./check-content.js";
import { checkIdentifiers } from "./check-identifiers.js";
import { type Ancestor, checkIndependence, checkLate, checkLeakageStudy } from "./check-run.js";
import { collectCases, collectFolder, collectTable } from "./collect.js";
import { collectRun } from "./collect-run.js";
import { describeImage } from "./describe.js";
import { readImage } from "./images.js";
import { type RunFacts, readRunFacts } from "./run-facts.js";
import type { Audit, Collection, Part, Side } from "./types.js";

export interface AuditOptions {
  /** Of a data set: which case is on which sides, by case or by subject: on one, or on several where the split leaks. Folds, by their numbers, are held against each other as well. */
  readonly split?: (id: string, subject: string) => readonly Side[];
  /** How a data set with a split is read where its files do not say. */
  readonly dataset?: DataSetOptions;
  /** Probability of one or more wrong matches of images in the whole collection; default 0.01. */
  readonly falseAlarms?: number;
  /** Look for mirror images as well; default true. */
  readonly mirror?: boolean;
  onProgress?(done: number, total: number, name: string): void;
}

/** An audit with the pairs of images that a report shows. */
export interface AuditWithPairs {
  readonly audit: Audit;
  readonly pairs: readonly ShownPair[];
}

/**
 * Look for leaks: in a run folder, a table, a data set with a split, or a folder of images in train and test folders. Throws
 * `not-found` and `bad-data` for what cannot be audited, `bad-argument` for options that mean nothing to it, and what the readers
 * throw for an image that cannot be read.
 */
export async function auditFrom(
  files: FileSystem,
  path: string,
  options: AuditOptions = {},
): Promise<AuditWithPairs> {
  const entries = await files.list(path);
  if (entries === undefined) {
    refuseStrays(path, "a table, whose column split says who is where", options);
    return auditCollection(files, await collectTable(files, path), undefined, [], options);
  }
  const names = entries.map(({ name }) => name);
  if (names.includes("run.json")) {
    refuseStrays(path, "a run, whose record says who was where and how its data were read", options);
    return auditRun(files, path, options);
  }
  if (options.split !== undefined) {
    const dataset = await openDataSetFrom(files, path, options.dataset);
    return auditCollection(
      files,
      collectCases(dataset, "data set with a split", options.split),
      undefined,
      [],
      options,
    );
  }
  if (names.includes("dataset.json") || entries.some(({ name, folder }) => folder && /^sub-/.test(name)))
    fail("bad-data", {
      what: "a data set says nothing of a split",
      where: path,
      expected: "a split: --split FILE as gyrus split writes it",
      fix: "Make one with gyrus split, or audit the run that was trained on it",
    });
  refuseStrays(path, "a folder of images without --split", options);
  return auditCollection(files, await collectFolder(files, path), undefined, [], options);
}

/** Throws `bad-argument` for a split or for ways of reading a data set, where there is none. */
function refuseStrays(where: string, kind: string, { split, dataset = {} }: AuditOptions): void {
  const stray = split === undefined ? Object.keys(dataset)[0] : "split";
  if (stray !== undefined)
    fail("bad-argument", {
      what: `--${stray} means nothing to ${kind}`,
      where,
      expected: `--${stray} with the folder of a data set alone`,
      fix: "Leave it out",
    });
}

async function auditRun(files: FileSystem, dir: string, options: AuditOptions): Promise<AuditWithPairs> {
  const facts = await readRunFacts(files, dir);
  const ancestors: Ancestor[] = [];
  const notes: string[] = [];
  const from = new Set((facts.provenance ?? []).flatMap(({ run }) => run ?? []));
  for (const run of from) {
    const found = await readRunFacts(files, run).catch(() => undefined);
    if (found !== undefined) ancestors.push({ dir: run, facts: found });
    else
      notes.push(
        `${run}, which it was trained from, cannot be read: of what it knew there is only what this run records.`,
      );
  }
  const collection = await collectRun(files, dir, facts);
  return auditCollection(
    files,
    { ...collection, notes: [...collection.notes, ...notes] },
    facts,
    ancestors,
    options,
  );
}

async function auditCollection(
  files: FileSystem,
  collection: Collection,
  run: RunFacts | undefined,
  ancestors: readonly Ancestor[],
  options: AuditOptions,
): Promise<AuditWithPairs> {
  const { seen, grids } = await lookAt(files, collection, options);
  return auditSeen({ ...collection, items: withGrids(collection, grids) }, seen, {
    ...options,
    run,
    ancestors,
  });
}

/** An audit of images that have been looked at already; what `auditFrom` does after reading. */
export function auditSeen(
  collection: Collection,
  seen: readonly Seen[],
  {
    run,
    ancestors = [],
    falseAlarms = 0.01,
    mirror = true,
  }: Pick<AuditOptions, "falseAlarms" | "mirror"> & {
    readonly run?: RunFacts | undefined;
    readonly ancestors?: readonly Ancestor[];
  } = {},
): AuditWithPairs {
  if (!(falseAlarms > 0 && falseAlarms < 1))
    fail("bad-argument", {
      what: "the rate of false alarms is not possible",
      expected: "between 0 and 1",
      found: `${falseAlarms}`,
    });
  const content = checkContent(seen, { falseAlarms, mirror });
  const count = (part: Part) => collection.items.filter((item) => item.part === part).length;
  const counts = { train: count("train"), validation: count("validation"), test: count("test") };
  const checks = [
    checkIdentifiers(collection),
    content.result,
    checkLate(run, ancestors),
    checkIndependence(run, counts),
    checkConfounds(collection, rng("audit")),
    checkLeakageStudy(run),
  ];
  return {
    audit: {
      name: collection.name,
      kind: collection.kind,
      found: checks.some(({ status }) => status === "found"),
      counts,
      identifiers: collection.identifiers ?? null,
      checks,
      notes: collection.notes,
    },
    pairs: content.pairs,
  };
}

async function lookAt(
  files: FileSystem,
  { items }: Collection,
  { onProgress }: AuditOptions,
): Promise<{ readonly seen: Seen[]; readonly grids: ReadonlyMap<string, string> }> {
  const seen: Seen[] = [];
  const grids = new Map<string, string>();
  const all = items.filter((item) => item.path !== undefined);
  for (const [at, item] of all.entries()) {
    onProgress?.(at, all.length, baseName(item.path!));
    const image = await readImage(files, item.path!);
    grids.set(item.id, image.size.join("x"));
    seen.push(await see(item, image));
  }
  onProgress?.(all.length, all.length, "");
  return { seen, grids };
}

/** An image with its digest and its description. */
export async function see(item: Seen["item"], image: ImageVolume): Promise<Seen> {
  const { data, size } = image;
  if (data.every((value) => Object.is(value, data[0]))) return { item };
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const digest = `${size.join("x")} ${await sha256(bytes)}`;
  const description = describeImage(image);
  return { item, digest, ...(description === undefined ? {} : { description }) };
}

/** The grid of an image is a covariate: centres are told apart by it. */
function withGrids({ items }: Collection, grids: ReadonlyMap<string, string>): Collection["items"] {
  return items.map((item) => {
    const grid = grids.get(item.id);
    return grid === undefined ? item : { ...item, covariates: { ...item.covariates, "image size": grid } };
  });
}
