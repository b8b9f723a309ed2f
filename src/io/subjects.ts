/** Who is in a study: a BIDS folder's tables, or any table, as one row for each image with its diagnosis. */
import { fail } from "../core/errors.js";
import type { FileSystem } from "./files.js";
import { checkRows, refuseRows, requireEnough, requireOneGrid, suffixOf } from "./subjects-checks.js";
import { bidsEntries, type Entry, type FoundColumns, tableEntries } from "./subjects-tables.js";
import type { SubjectRow, SubjectsOptions, SubjectTable } from "./subjects-types.js";

export type { SubjectColumns, SubjectRow, SubjectsOptions, SubjectTable } from "./subjects-types.js";

/** Diagnoses that need no translation. MCI is mild cognitive impairment: E early, L late, s stable, p progressive. */
export const knownDiagnoses: readonly string[] = ["CN", "AD", "MCI", "EMCI", "LMCI", "sMCI", "pMCI", "SMC"];

/**
 * Read who has which image and which diagnosis: of a BIDS folder (`participants.tsv`, and `sessions.tsv` at the top
 * or in each subject's folder, whose fields stand above the participant's), or of one `.csv` or `.tsv` table with a
 * column of image paths. Rows come out in the order of subject and session. Of the images only headers are read.
 *
 * Throws one error that lists the rows: `bad-file` for missing columns, `bad-data` for duplicate identifiers,
 * missing values, diagnoses without a meaning, sessions without images, images of several kinds, and one class only;
 * `geometry` for images of different grids; `bad-argument` for fewer subjects of a class than folds.
 */
export async function readSubjectsFrom(
  files: FileSystem,
  source: string,
  options: SubjectsOptions = {},
): Promise<SubjectTable> {
  const isTable = (await files.list(source)) === undefined;
  const { table, entries, columns, unlisted } = isTable
    ? await tableEntries(files, source, options)
    : await bidsEntries(files, source, options);
  checkRows(entries, { table, columns, unlisted, options });
  const kept = entries.filter((entry) => complete(entry, columns));
  const translated = kept.map((entry) => ({ entry, diagnosis: translate(entry.diagnosis!, options) }));
  const unknown = translated.filter(({ diagnosis }) => diagnosis === undefined);
  if (unknown.length > 0)
    refuseRows("bad-data", {
      what: "there are diagnoses whose meaning is not known",
      where: `${table}, column ${columns.diagnosis}`,
      expected: expectedDiagnoses(options),
      rows: unknown.map(({ entry }) => `${entry.where} (${entry.diagnosis})`),
      fix: "Say what each value means, as in --set table.map=0=CN,0.5=AD,1=AD,2=AD; a value mapped to nothing (3=) is left out",
    });
  const all = translated
    .filter(({ diagnosis }) => diagnosis !== "")
    .map(({ entry, diagnosis }) => rowOf(entry, diagnosis!));
  const wanted = options.classes;
  const rows = all
    .filter((row) => wanted === undefined || wanted.includes(row.diagnosis))
    .sort((a, b) => byName(a.subject, b.subject) || byName(a.session ?? "", b.session ?? ""));
  const classes = wanted ?? classOrder(rows);
  requireEnough(rows, classes, { table, column: columns.diagnosis, all, options });
  const { grid, aligned } = await requireOneGrid(files, rows, table);
  return {
    source,
    table,
    rows,
    classes,
    modality: modalityOf(rows),
    grid,
    aligned,
    omitted: entries.length - rows.length,
  };
}

function modalityOf(rows: readonly SubjectRow[]): string {
  return suffixOf(rows[0]!.image) ?? "image";
}

/** Nothing missing that a table with these columns ought to say. */
function complete(entry: Entry, columns: FoundColumns): boolean {
  return (
    entry.subject !== "" &&
    entry.diagnosis !== undefined &&
    entry.image !== undefined &&
    (columns.age === undefined || entry.age !== undefined) &&
    (columns.sex === undefined || entry.sex !== undefined) &&
    (columns.site === undefined || entry.site !== undefined)
  );
}

/** The diagnosis that a table's value stands for, "" for one that is left out; `undefined` for an unknown one. */
function translate(value: string, { map, classes }: SubjectsOptions): string | undefined {
  if (map !== undefined) return map[value] ?? map[numeric(value)];
  if (classes?.includes(value) || knownDiagnoses.includes(value)) return value;
  return undefined;
}

/** "0.50" and "0.5" are one rating. */
function numeric(value: string): string {
  const number = Number(value);
  return Number.isFinite(number) ? String(number) : value;
}

function expectedDiagnoses({ map, classes }: SubjectsOptions): string {
  if (map !== undefined) return `one of ${Object.keys(map).join(", ")}, the values that were mapped`;
  return `one of ${[...new Set([...(classes ?? []), ...knownDiagnoses])].join(", ")}`;
}

/** Healthy first, the rest in the order of `knownDiagnoses`, others by name. */
function classOrder(rows: readonly SubjectRow[]): string[] {
  const place = (name: string) => {
    const at = ["CN", "SMC", "EMCI", "LMCI", "sMCI", "pMCI", "MCI", "AD"].indexOf(name);
    return at < 0 ? 99 : at;
  };
  return [...new Set(rows.map(({ diagnosis }) => diagnosis))].sort(
    (a, b) => place(a) - place(b) || byName(a, b),
  );
}

function rowOf(entry: Entry, diagnosis: string): SubjectRow {
  const { subject, session, image, age, months, sex, site, fields } = entry;
  return {
    id: session === undefined ? subject : `${subject}_${session}`,
    subject,
    ...(session === undefined ? {} : { session }),
    image: image!,
    diagnosis,
    ...(age === undefined ? {} : { ageYears: age }),
    ...(months === undefined ? {} : { months }),
    ...(sex === undefined ? {} : { sex }),
    ...(site === undefined ? {} : { site }),
    fields,
  };
}

function byName(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

/** A mapping of diagnoses as it is typed, `0=CN,0.5=AD`. Throws `bad-argument` for anything that is not `value=name`. */
export function parseDiagnosisMap(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    text.split(",").map((part): [string, string] => {
      const at = part.indexOf("=");
      if (at < 1)
        fail("bad-argument", {
          what: "a mapping of diagnoses cannot be read",
          where: "table.map",
          expected: "values and their names, as in 0=CN,0.5=AD,1=AD",
          found: `"${part}"`,
        });
      return [part.slice(0, at).trim(), part.slice(at + 1).trim()];
    }),
  );
}
