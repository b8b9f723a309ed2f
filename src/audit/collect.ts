import { fail } from "../core/errors.js";
import type { DataSet } from "../io/dataset.js";
import { baseName, type FileSystem, folderOf, joinPath } from "../io/files.js";
import { parseTable, type Row } from "../io/tables.js";
import { isImageName } from "./images.js";
import {
  classOfPath,
  identityOf,
  knownIdentifiers,
  partOfPath,
  partOfWord,
  splitOfPath,
  subjectOfPath,
} from "./names.js";
import type { AuditItem, Collection, Part, Side } from "./types.js";

/** A folder of images with folders for the sides of one split somewhere on their way. Throws `bad-data`. */
export async function collectFolder(files: FileSystem, root: string): Promise<Collection> {
  const found: AuditItem[] = [];
  const splits = new Set<string | undefined>();
  const others: string[] = [];
  let outside = 0;
  for (const path of await filesUnder(files, root)) {
    // The other half of a .hdr, which is in the list itself.
    if (/\.img(\.gz)?$/i.test(path)) continue;
    if (!isImageName(path)) {
      others.push(path);
      continue;
    }
    const inside = path.slice(root.length).replace(/^[\\/]+/, "");
    const part = partOfPath(inside);
    if (part === undefined) {
      outside++;
      continue;
    }
    splits.add(splitOfPath(inside));
    const [subject, diagnosis] = [subjectOfPath(inside), classOfPath(inside)];
    found.push({
      id: inside,
      part,
      path,
      ...(subject === undefined ? {} : { subject }),
      ...(diagnosis === undefined ? {} : { diagnosis }),
    });
  }
  if (splits.size > 1) refuseSplits(root, [...splits]);
  if (found.length === 0)
    fail("bad-data", {
      what:
        outside > 0 ? "no image lies in a folder for a side of a split" : "there are no images in the folder",
      where: root,
      expected:
        "images (.png, .jpg, .nii, .nii.gz) in folders called train, validation or test; or a table, a run, or a data set with --split",
      found: outside > 0 ? `${outside} images, none in such a folder` : otherKinds(others),
      fix:
        outside > 0 ? "Move the sides of the split into train/ and test/, or give a table" : "Check the path",
    });
  const named = found.some(({ subject }) => subject !== undefined);
  const people = oneSpelling(found);
  return twoSided({
    name: root,
    kind: "folder of images",
    items: people.items,
    ...(named ? { identifiers: `from the files' names (${knownIdentifiers})` } : {}),
    notes: [
      ...people.notes,
      ...(outside > 0
        ? [`${outside} images lie in no folder for a side of the split and were left out.`]
        : []),
      ...(others.length > 0 ? [`${otherKinds(others)} were not looked at.`] : []),
    ],
  });
}

/** Of several splits of the same people everybody is on all sides. */
function refuseSplits(root: string, splits: readonly (string | undefined)[]): never {
  const names = splits.flatMap((name) => name ?? []).sort();
  return fail("bad-data", {
    what: "the folder holds several splits",
    where: root,
    expected: "one folder for training and others that are held out",
    found: names.join(", "),
    fix: `Audit one at a time, ${joinPath(root, names[0]!)} first`,
  });
}

/** "12 files of other kinds (.tif, .csv)", the most frequent endings first. */
function otherKinds(paths: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const path of paths) {
    const ending = /\.[^.]+$/.exec(baseName(path))?.[0].toLowerCase() ?? "no ending";
    counts.set(ending, (counts.get(ending) ?? 0) + 1);
  }
  const endings = [...counts].sort(([, a], [, b]) => b - a).map(([ending]) => ending);
  const shown = endings.length > 6 ? [...endings.slice(0, 6), "…"] : endings;
  return `${paths.length} files of other kinds${shown.length > 0 ? ` (${shown.join(", ")})` : ""}`;
}

async function filesUnder(files: FileSystem, folder: string): Promise<string[]> {
  const all: string[] = [];
  for (const entry of (await files.list(folder)) ?? []) {
    if (entry.name.startsWith(".")) continue;
    const path = joinPath(folder, entry.name);
    if (entry.folder) all.push(...(await filesUnder(files, path)));
    else all.push(path);
  }
  return all;
}

const columnNames = {
  split: ["split", "set", "part", "partition", "subset"],
  subject: ["subject", "participant_id", "subject_id", "patient", "patient_id", "rid", "ptid"],
  session: ["session", "session_id", "visit"],
  path: ["path", "file", "filename", "image", "image_path"],
  diagnosis: ["diagnosis", "label", "class", "group", "dx", "target"],
} as const;

/** Columns that may explain a label without any image. */
const covariateNames: Readonly<Record<string, readonly string[]>> = {
  age: ["age", "age_years", "age_at_scan"],
  sex: ["sex", "gender", "m/f"],
  site: ["site", "centre", "center", "site_id"],
  scanner: ["scanner", "manufacturer", "scanner_id", "magnetic_field_strength", "field_strength"],
};

const columnOf = (columns: readonly string[], names: readonly string[]): string | undefined =>
  columns.find((column) => names.includes(column.trim().toLowerCase()));

/** A table with a row for every image. Throws `bad-data` that names columns or rows. */
export async function collectTable(files: FileSystem, path: string): Promise<Collection> {
  const { columns, rows } = parseTable(new TextDecoder().decode(await files.read(path)), path);
  const column = (name: keyof typeof columnNames) => columnOf(columns, columnNames[name]);
  const [split, subject, session, image, diagnosis] = [
    column("split"),
    column("subject"),
    column("session"),
    column("path"),
    column("diagnosis"),
  ];
  if (split === undefined || (subject === undefined && image === undefined))
    fail("bad-data", {
      what:
        split === undefined
          ? 'the table has no column "split"'
          : "the table says neither whose images these are nor where",
      where: path,
      expected:
        "the columns split and subject or path; diagnosis, session, age, sex, site where they are known",
      found: columns.join(", "),
      fix: "Add the column; its values are train, validation and test",
    });
  if (rows.length === 0)
    fail("bad-data", { what: "the table has no rows", where: path, fix: "Add a row for every image" });
  const lost = rows.flatMap((row, at) => (partOfWord(row[split] ?? "") === undefined ? [at] : []));
  if (lost.length > 0)
    fail("bad-data", {
      what: `${lost.length} rows are on no side of the split`,
      where: `${path}, lines ${lost
        .slice(0, 10)
        .map((at) => at + 2)
        .join(", ")}`,
      expected: "train, validation or test in every row",
      found: [...new Set(lost.map((at) => rows[at]![split] ?? "nothing"))].slice(0, 5).join(", "),
      fix: "Correct or remove the rows",
    });
  const base = folderOf(path);
  const items = rows.map((row, at): AuditItem => {
    const place = image === undefined ? undefined : row[image];
    const text = (name: string | undefined) => (name === undefined ? undefined : row[name]);
    const [who, visit, dx] = [text(subject), text(session), text(diagnosis)];
    return {
      id: place ?? `line ${at + 2}${who === undefined ? "" : `, ${who}`}`,
      part: partOfWord(row[split]!)!,
      ...(place === undefined
        ? {}
        : { path: /^([\\/]|[a-zA-Z]:)/.test(place) ? place : joinPath(base, place) }),
      ...(who === undefined ? {} : { subject: who }),
      ...(visit === undefined ? {} : { session: visit }),
      ...(dx === undefined ? {} : { diagnosis: dx }),
      covariates: covariatesOf(row, columns),
    };
  });
  await requireFiles(files, path, items);
  const pathless = items.filter((item) => item.path === undefined).length;
  const people = oneSpelling(items);
  return twoSided({
    name: path,
    kind: "table",
    items: people.items,
    ...(subject === undefined ? {} : { identifiers: `column "${subject}"` }),
    notes: [
      ...people.notes,
      ...(pathless > 0 ? [`${pathless} rows have no path: their images were not looked at.`] : []),
    ],
  });
}

/** Throws `not-found` that lists the rows whose images are not there. */
async function requireFiles(files: FileSystem, table: string, items: readonly AuditItem[]): Promise<void> {
  const lost: string[] = [];
  for (const [at, { path }] of items.entries())
    if (path !== undefined && !(await isThere(files, path))) lost.push(`line ${at + 2} (${path})`);
  if (lost.length === 0) return;
  fail("not-found", {
    what: `the images of ${lost.length} of ${items.length} rows are not there`,
    where: table,
    expected: "paths from the table's own folder, or from the root",
    found: `${lost.slice(0, 10).join(", ")}${lost.length > 10 ? ` and ${lost.length - 10} more` : ""}`,
    fix: "Correct the paths, or leave them out to audit the identifiers alone",
  });
}

const isThere = (files: FileSystem, path: string): Promise<boolean> =>
  files.read(path, 1).then(
    () => true,
    () => false,
  );

/** Items whose subjects differ only in how they are written get one spelling, and a note says so. */
function oneSpelling(items: readonly AuditItem[]): Pick<Collection, "items" | "notes"> {
  const spellings = new Map<string, Set<string>>();
  for (const { subject } of items)
    if (subject !== undefined) {
      const key = identityOf(subject);
      spellings.set(key, (spellings.get(key) ?? new Set()).add(subject));
    }
  const several = [...spellings.values()].filter(({ size }) => size > 1).map((all) => [...all].join(" = "));
  if (several.length === 0) return { items, notes: [] };
  const shown = several.length > 5 ? [...several.slice(0, 5), "…"] : several;
  return {
    items: items.map((item) =>
      item.subject === undefined
        ? item
        : { ...item, subject: [...spellings.get(identityOf(item.subject))!][0]! },
    ),
    notes: [
      `${several.length} identifiers are written in several ways and were taken for one: ${shown.join(", ")}.`,
    ],
  };
}

/** Age, sex, site and scanner of a row, under these names. */
export function covariatesOf(row: Row, columns: readonly string[]): Record<string, string> {
  const known = Object.entries(covariateNames).flatMap(([name, spellings]) => {
    const column = columnOf(columns, spellings);
    const value = column === undefined ? undefined : row[column];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(known);
}

/** The cases of a data set, each on the sides that `sidesOf` says; cases on none are left out. */
export function collectCases(
  dataset: DataSet,
  kind: string,
  sidesOf: (id: string, subject: string) => readonly Side[],
): Collection {
  const rows = new Map((dataset.participants ?? []).map((row) => [row.participant_id, row]));
  const columns = [...new Set((dataset.participants ?? []).flatMap(Object.keys))];
  const diagnosis = columnOf(columns, columnNames.diagnosis);
  const items = dataset.cases.flatMap((one): AuditItem[] => {
    const row = rows.get(one.subject) ?? {};
    const dx = diagnosis === undefined ? undefined : row[diagnosis];
    return sidesOf(one.id, one.subject).map(
      (side): AuditItem => ({
        id: one.id,
        ...(typeof side === "number" ? { part: "train", fold: side } : { part: side }),
        path: one.images[0]!,
        subject: one.subject,
        ...(one.session === undefined ? {} : { session: one.session }),
        ...(dx === undefined ? {} : { diagnosis: dx }),
        covariates: covariatesOf(row, columns),
      }),
    );
  });
  return twoSided({
    name: dataset.root,
    kind,
    items,
    identifiers:
      dataset.kind === "bids"
        ? "BIDS subjects"
        : "the data set's subjects, each case its own where it names none",
    notes: leftOut(dataset.cases.length - new Set(items.map(({ id }) => id)).size),
  });
}

/** The note on cases that belong to no side. */
export const leftOut = (count: number): string[] =>
  count > 0 ? [`${count} cases of the data set are on no side of the split.`] : [];

/** Throws `bad-data` where there is nothing on one of two sides. */
export function twoSided(collection: Collection): Collection {
  const count = (part: Part) => collection.items.filter((item) => item.part === part).length;
  const [train, held] = [count("train"), count("validation") + count("test")];
  if (train === 0 || held === 0)
    fail("bad-data", {
      what: `the ${train === 0 ? "training" : "held-out"} side of the split is empty`,
      where: collection.name,
      expected: "images for training and images for validation or testing",
      found: `${train} for training, ${held} held out`,
      fix: "Check the names of the folders or the column split",
    });
  return collection;
}
