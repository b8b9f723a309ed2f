/** What is wrong with a table of subjects, one error at a time, with the rows that it is wrong in. */
import { type ErrorKind, fail, GyrusError } from "../core/errors.js";
import { showMm, spacingMm } from "../volume/affine.js";
import type { Grid } from "../volume/volume.js";
import { imageSuffixes } from "./dataset-bids.js";
import { baseName, type FileSystem } from "./files.js";
import { type Peeked, peekVolumeFrom } from "./peek.js";
import type { Entry, FoundColumns } from "./subjects-tables.js";
import type { SubjectRow, SubjectsOptions } from "./subjects-types.js";

interface Listed {
  readonly what: string;
  readonly where: string;
  readonly expected: string;
  readonly rows: readonly string[];
  readonly fix: string;
}

/** Throw one error that counts the rows and lists the first twelve. */
export function refuseRows(kind: ErrorKind, { rows, ...details }: Listed): never {
  const shown = rows.slice(0, 12).join("; ");
  return fail(kind, {
    ...details,
    found: `${rows.length} ${rows.length === 1 ? "row" : "rows"}: ${shown}${rows.length > 12 ? `; and ${rows.length - 12} more` : ""}`,
  });
}

interface Context {
  readonly table: string;
  readonly columns: FoundColumns;
  readonly unlisted: readonly string[];
  readonly options: SubjectsOptions;
}

/** Duplicate identifiers always; missing values and images unless they may be omitted. */
export function checkRows(entries: readonly Entry[], { table, columns, unlisted, options }: Context): void {
  requireUnique(entries, table);
  if (options.missing === "omit") return;
  const omit = "or leave such rows out with --set table.missing=omit";
  const named = (
    [
      ["subject", (entry) => entry.subject === ""],
      [columns.diagnosis, (entry) => entry.diagnosis === undefined],
      [columns.age, (entry) => columns.age !== undefined && entry.age === undefined],
      [columns.sex, (entry) => columns.sex !== undefined && entry.sex === undefined],
      [columns.site, (entry) => columns.site !== undefined && entry.site === undefined],
    ] as const satisfies readonly (readonly [string | undefined, (entry: Entry) => boolean])[]
  ).flatMap(([name, missing]) =>
    entries.filter(missing).map((entry) => {
      const value = entry.fields[name ?? ""];
      return `${entry.where} (${value === undefined ? `no ${name}` : `${name} "${value}"`})`;
    }),
  );
  if (named.length > 0)
    refuseRows("bad-data", {
      what: "values are missing or cannot be read",
      where: table,
      expected:
        "a diagnosis in every row, and an age in years and a sex (F or M) and a site where there is such a column",
      rows: named,
      fix: `Complete the table, ${omit}`,
    });
  const without = entries.filter(({ image }) => image === undefined);
  if (without.length > 0)
    refuseRows("bad-data", {
      what: "there are sessions without an image",
      where: table,
      expected: `one ${options.suffix ?? "T1w"} image for every row`,
      rows: without.map(({ where }) => where),
      fix: `Add the images, correct the table, ${omit}`,
    });
  if (unlisted.length > 0)
    refuseRows("bad-data", {
      what: "there are images of nobody in the table, so their diagnosis is not known",
      where: table,
      expected: "a row for every image",
      rows: unlisted.map((path) => baseName(path)),
      fix: `Add the rows, ${omit}`,
    });
}

function requireUnique(entries: readonly Entry[], table: string): void {
  const seen = new Map<string, Entry>();
  const images = new Map<string, Entry>();
  const twice: string[] = [];
  for (const entry of entries) {
    if (entry.subject === "") continue;
    const key = `${entry.subject}\n${entry.session ?? ""}`;
    const before = seen.get(key);
    const sharing = entry.image === undefined ? undefined : images.get(entry.image);
    if (before !== undefined) twice.push(`${entry.where} (also ${before.where})`);
    else if (sharing !== undefined) twice.push(`${entry.where} (the image of ${sharing.where})`);
    seen.set(key, entry);
    if (entry.image !== undefined) images.set(entry.image, entry);
  }
  if (twice.length > 0)
    refuseRows("bad-data", {
      what: "identifiers occur more than once",
      where: table,
      expected: "one row for each subject and session, and an image of its own",
      rows: twice,
      fix: "Remove the repeats; give repeated scans of one person sessions of their own",
    });
}

interface Enough {
  readonly table: string;
  readonly column: string;
  readonly all: readonly SubjectRow[];
  readonly options: SubjectsOptions;
}

/** At least two classes, each with as many subjects as folds. */
export function requireEnough(
  rows: readonly SubjectRow[],
  classes: readonly string[],
  { table, column, all, options }: Enough,
): void {
  const counts = classes.map((name) => {
    const own = rows.filter(({ diagnosis }) => diagnosis === name);
    return { name, rows: own.length, subjects: new Set(own.map(({ subject }) => subject)).size };
  });
  const shown = counts.map((c) => `${c.name}: ${c.subjects} subjects in ${c.rows} rows`).join(", ");
  const present = counts.filter((count) => count.rows > 0);
  if (rows.length === 0 || (present.length < 2 && options.oneClass !== true))
    fail("bad-data", {
      what: rows.length === 0 ? "nobody is left" : "all subjects are of one class",
      where: `${table}, column ${column}`,
      expected: options.classes === undefined ? "at least two diagnoses" : options.classes.join(" and "),
      found:
        present.length === 0
          ? `only ${[...new Set(all.map(({ diagnosis }) => diagnosis))].join(", ") || "no complete row"}`
          : shown,
      fix: "Choose another column or other classes, or add subjects",
    });
  const short = counts.filter((count) => count.rows > 0 && count.subjects < (options.folds ?? 1));
  if (short.length > 0 || (options.oneClass !== true && present.length < counts.length))
    fail("bad-argument", {
      what: "a class has fewer subjects than there are folds",
      where: table,
      expected: `at least ${options.folds ?? 1} subjects of every class`,
      found: shown,
      fix: "Ask for fewer folds, or add subjects",
    });
}

/** All images of one kind, on grids of one size and one voxel; `aligned` where the whole affine agrees. */
export async function requireOneGrid(
  files: FileSystem,
  rows: readonly SubjectRow[],
  table: string,
): Promise<{ readonly grid: Grid; readonly aligned: boolean }> {
  requireOneKind(rows, table, (row) => suffixOf(row.image) ?? "");
  const peeked: Peeked[] = [];
  for (const { image } of rows) peeked.push(await peekVolumeFrom(files, image));
  const kinds = new Map<string, string[]>();
  rows.forEach((row, at) => {
    const key = describe(peeked[at]!);
    kinds.set(key, [...(kinds.get(key) ?? []), row.id]);
  });
  if (kinds.size > 1) {
    const usual = [...kinds].sort(([, a], [, b]) => b.length - a.length);
    refuseRows("geometry", {
      what: "the images lie on different grids",
      where: table,
      expected: `${usual[0]![0]}, as in ${usual[0]![1].length} of ${rows.length} images`,
      rows: usual.slice(1).flatMap(([key, ids]) => ids.map((id) => `${id} (${key})`)),
      fix: "Bring them onto one grid with gyrus prepare, or leave them out",
    });
  }
  const sidecars = await modalities(files, rows);
  requireOneKind(rows, table, (row) => sidecars.get(row.id) ?? "");
  const first = peeked[0]!;
  const step = Math.min(...spacingMm(first.affine));
  const aligned = peeked.every(({ affine }) =>
    affine.every((x, at) => Math.abs(x - first.affine[at]!) <= (at % 4 === 3 ? 0.1 * step : 1e-3 * step)),
  );
  return { grid: { size: first.size, affine: first.affine }, aligned };
}

function requireOneKind(
  rows: readonly SubjectRow[],
  table: string,
  kindOf: (row: SubjectRow) => string,
): void {
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(kindOf(row), (counts.get(kindOf(row)) ?? 0) + 1);
  if (counts.size < 2) return;
  const [usual] = [...counts].sort(([, a], [, b]) => b - a)[0]!;
  refuseRows("bad-data", {
    what: "the images are of different kinds",
    where: table,
    expected: `${usual || "images without a kind in their name"}, as in ${counts.get(usual)} of ${rows.length} images`,
    rows: rows
      .filter((row) => kindOf(row) !== usual)
      .map((row) => `${row.id} (${kindOf(row) || "not said"})`),
    fix: "Choose images of one modality",
  });
}

/** `Modality` of the sidecars, of those images that have one. */
async function modalities(files: FileSystem, rows: readonly SubjectRow[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const { id, image } of rows) {
    const path = image.replace(/\.nii(\.gz)?$/, ".json");
    if (path === image) continue;
    try {
      const { Modality } = JSON.parse(new TextDecoder().decode(await files.read(path))) as {
        Modality?: unknown;
      };
      if (typeof Modality === "string") found.set(id, Modality);
    } catch (error) {
      // Sidecars are optional, and one that is no JSON says nothing about the modality.
      if (!(error instanceof SyntaxError || (error instanceof GyrusError && error.kind === "not-found")))
        throw error;
    }
  }
  // A few images without a sidecar are of the same kind as the rest, as far as anybody knows.
  const usual = [...found.values()][0];
  if (usual !== undefined) for (const { id } of rows) if (!found.has(id)) found.set(id, usual);
  return found;
}

function describe({ size, affine, channels }: Peeked): string {
  const frame = [0, 1, 2, 4, 5, 6, 8, 9, 10].map((at) => affine[at]!.toFixed(2));
  const turned = frame.some((x, at) => at % 4 !== 0 && Number(x) !== 0);
  return `${size.join("x")} voxels of ${showMm(spacingMm(affine))} mm${channels > 1 ? `, ${channels} channels` : ""}${turned ? `, axes ${frame.join(" ")}` : ""}`;
}

/** The kind of image that a name gives away: its BIDS suffix. `patient_12.nii.gz` says nothing of it. */
export function suffixOf(path: string): string | undefined {
  const name = baseName(path);
  const last = /_([A-Za-z0-9]+)\.(nii(\.gz)?|hdr|img)$/i.exec(name)?.[1];
  return last !== undefined && (name.startsWith("sub-") || imageSuffixes.test(last)) ? last : undefined;
}
