/** Tables of participants and sessions as entries that still have to be checked. */
import { fail } from "../core/errors.js";
import { type BidsFile, channelKey, imagesUnder, isNative } from "./dataset-bids.js";
import { baseName, type FileSystem, folderOf, joinPath } from "./files.js";
import type { SubjectsOptions } from "./subjects-types.js";
import { parseTable, type Row, type Table } from "./tables.js";

/** A row of a table with the image that belongs to it, as far as there is one. */
export interface Entry {
  /** "participants.tsv line 3: sub-002", for messages. */
  readonly where: string;
  readonly subject: string;
  readonly session: string | undefined;
  readonly image: string | undefined;
  readonly diagnosis: string | undefined;
  readonly age: number | undefined;
  readonly months: number | undefined;
  readonly sex: "F" | "M" | undefined;
  readonly site: string | undefined;
  readonly fields: Row;
}

/** The names of the columns that are there; `undefined` for one that is not and need not be. */
export interface FoundColumns {
  readonly diagnosis: string;
  readonly age: string | undefined;
  readonly sex: string | undefined;
  readonly site: string | undefined;
}

export interface Entries {
  readonly table: string;
  readonly entries: readonly Entry[];
  readonly columns: FoundColumns;
  /** Images that belong to nobody in the table. */
  readonly unlisted: readonly string[];
}

/** What plain tables call their subjects, and their sessions. */
export const subjectColumns = ["participant_id", "subject", "subject_id", "id"];
export const sessionColumns = ["session_id", "session"];

/** Rows of a plain table: one image a row. Throws `bad-file` for a table without the columns. */
export async function tableEntries(
  files: FileSystem,
  path: string,
  options: SubjectsOptions,
): Promise<Entries> {
  const table = await tableAt(files, path);
  const wanted = options.columns ?? {};
  const subject = tableColumn(table, path, wanted.subject, subjectColumns, true);
  const image = tableColumn(table, path, wanted.image, ["image", "path", "filename", "file"], true);
  const session = tableColumn(table, path, wanted.session, sessionColumns, false);
  const columns = usual([table], path, options);
  const there = new Set<string>();
  const folders = new Map<string, ReadonlySet<string>>();
  for (const row of table.rows) {
    const name = row[image];
    if (name === undefined) continue;
    const full = isAbsolute(name) ? name : joinPath(folderOf(path), name);
    const folder = folderOf(full);
    if (!folders.has(folder))
      folders.set(folder, new Set(((await files.list(folder)) ?? []).map((entry) => entry.name)));
    if (folders.get(folder)!.has(baseName(full))) there.add(full);
  }
  const entries = table.rows.map((row, at) => {
    const name = row[image];
    const full = name === undefined ? undefined : isAbsolute(name) ? name : joinPath(folderOf(path), name);
    const own = session === undefined ? undefined : row[session];
    return entryOf(row, columns, {
      where: `${baseName(path)} line ${at + 2}: ${row[subject] ?? "no subject"}`,
      subject: row[subject] ?? "",
      session: own,
      image: full !== undefined && there.has(full) ? full : undefined,
    });
  });
  return { table: path, entries, columns, unlisted: [] };
}

/** Rows of a BIDS folder: participants, or their sessions where there are any. */
export async function bidsEntries(
  files: FileSystem,
  root: string,
  options: SubjectsOptions,
): Promise<Entries> {
  const path = joinPath(root, "participants.tsv");
  const names = ((await files.list(root)) ?? []).map(({ name }) => name);
  if (!names.includes("participants.tsv"))
    fail("not-found", {
      what: "the folder has no table of participants",
      where: path,
      expected: "participants.tsv of a BIDS folder, or the path of a .csv or .tsv table",
      fix: "Write participants.tsv with the columns participant_id and diagnosis",
    });
  const participants = await tableAt(files, path);
  const wanted = options.columns ?? {};
  const id = tableColumn(participants, path, wanted.subject, ["participant_id"], true);
  const images = await imagesBySession(files, root, options);
  const sessions = await sessionsOf(files, root, names, participants, id, wanted.session);
  const columns = usual([participants, ...sessions.tables], path, options);
  const entries: Entry[] = [];
  const used = new Set<string>();
  for (const [at, row] of participants.rows.entries()) {
    const subject = row[id] ?? "";
    const listed = sessions.rows.get(subject);
    const found = [...(images.get(subject)?.keys() ?? [])];
    const own: readonly { session: string | undefined; row: Row; where: string }[] =
      listed ??
      (found.length === 0 ? [undefined] : found.map((name) => name || undefined)).map((session) => ({
        session,
        row: {},
        where: `participants.tsv line ${at + 2}: ${subject || "no participant_id"}`,
      }));
    for (const one of own) {
      const image = images.get(subject)?.get(one.session ?? "");
      if (image !== undefined) used.add(image);
      entries.push(entryOf({ ...row, ...defined(one.row) }, columns, { ...one, subject, image }));
    }
  }
  const unlisted = [...images.values()].flatMap((own) => [...own.values()]).filter((path) => !used.has(path));
  return { table: path, entries, columns, unlisted };
}

/** A subject's images by session ("" where there are none); of several runs the first. */
async function imagesBySession(
  files: FileSystem,
  root: string,
  { suffix = "T1w", derivative }: SubjectsOptions,
): Promise<Map<string, Map<string, string>>> {
  const folder = derivative === undefined ? root : joinPath(root, "derivatives", derivative);
  const wanted = (file: BidsFile): boolean =>
    derivative === undefined
      ? channelKey(file) === suffix && isNative(file)
      : file.suffix === suffix || channelKey(file) === suffix;
  const found = new Map<string, Map<string, string>>();
  const run = ({ entities }: BidsFile): number => Number(entities.get("run") ?? 0);
  const files_ = (await imagesUnder(files, folder)).filter(wanted).sort((a, b) => run(a) - run(b));
  for (const file of files_) {
    const subject = `sub-${file.entities.get("sub")}`;
    const session = file.entities.has("ses") ? `ses-${file.entities.get("ses")}` : "";
    const own = found.get(subject) ?? new Map<string, string>();
    if (!own.has(session)) own.set(session, file.path);
    found.set(subject, own);
  }
  return found;
}

interface Sessions {
  readonly tables: readonly Table[];
  readonly rows: ReadonlyMap<string, readonly { session: string; row: Row; where: string }[]>;
}

/** `sessions.tsv` at the top (with a column of participants), and `sub-01/sub-01_sessions.tsv`. */
async function sessionsOf(
  files: FileSystem,
  root: string,
  names: readonly string[],
  participants: Table,
  id: string,
  wanted: string | undefined,
): Promise<Sessions> {
  const tables: Table[] = [];
  const rows = new Map<string, { session: string; row: Row; where: string }[]>();
  const add = (subject: string, session: string | undefined, row: Row, where: string): void => {
    const own = rows.get(subject) ?? [];
    own.push({ session: session ?? "", row, where: `${where}: ${subject} ${session ?? "no session_id"}` });
    rows.set(subject, own);
  };
  if (names.includes("sessions.tsv")) {
    const path = joinPath(root, "sessions.tsv");
    const table = await tableAt(files, path);
    const subject = tableColumn(table, path, id, ["participant_id"], true);
    const session = tableColumn(table, path, wanted, sessionColumns, true);
    tables.push(table);
    for (const [at, row] of table.rows.entries())
      add(row[subject] ?? "", row[session], row, `sessions.tsv line ${at + 2}`);
    return { tables, rows };
  }
  const folders = new Set(names);
  for (const subject of new Set(participants.rows.map((row) => row[id] ?? ""))) {
    if (!folders.has(subject)) continue;
    const name = `${subject}_sessions.tsv`;
    const inside = (await files.list(joinPath(root, subject))) ?? [];
    if (!inside.some((entry) => entry.name === name)) continue;
    const path = joinPath(root, subject, name);
    const table = await tableAt(files, path);
    const session = tableColumn(table, path, wanted, sessionColumns, true);
    tables.push(table);
    for (const [at, row] of table.rows.entries()) add(subject, row[session], row, `${name} line ${at + 2}`);
  }
  return { tables, rows };
}

async function tableAt(files: FileSystem, path: string): Promise<Table> {
  return parseTable(new TextDecoder().decode(await files.read(path)), path);
}

/** The name of a column: the one that was chosen, or the first of the usual ones that is there. Throws `bad-file`. */
export function tableColumn(
  table: Table,
  path: string,
  chosen: string | undefined,
  usualNames: readonly string[],
  required: true,
): string;
export function tableColumn(
  table: Table,
  path: string,
  chosen: string | undefined,
  usualNames: readonly string[],
  required: false,
): string | undefined;
export function tableColumn(
  { columns }: Table,
  path: string,
  chosen: string | undefined,
  usualNames: readonly string[],
  required: boolean,
): string | undefined {
  const names = chosen === undefined ? usualNames : [chosen];
  const found = names.find((name) => columns.includes(name));
  if (found === undefined && (required || chosen !== undefined)) noColumn(path, names, columns);
  return found;
}

function noColumn(path: string, names: readonly string[], columns: readonly string[]): never {
  return fail("bad-file", {
    what: `the table has no column ${names.map((name) => `"${name}"`).join(" or ")}`,
    where: path,
    expected: `a first line that names it${names.length > 1 ? ", in one of these ways" : ""}`,
    found: `the columns ${columns.join(", ")}`,
    fix: "Add it, or say which column it is",
  });
}

/** Diagnosis, age, sex and site: anywhere among the tables; only the diagnosis has to be there. */
function usual(
  tables: readonly Table[],
  path: string,
  { columns: chosen = {} }: SubjectsOptions,
): FoundColumns {
  const all = [...new Set(tables.flatMap(({ columns }) => columns))];
  const joined: Table = { columns: all, rows: [] };
  return {
    diagnosis: tableColumn(joined, path, chosen.diagnosis, ["diagnosis"], true),
    age: tableColumn(joined, path, chosen.age, ["age"], false),
    sex: tableColumn(joined, path, chosen.sex, ["sex", "gender"], false),
    site: tableColumn(joined, path, chosen.site, ["site"], false),
  };
}

function entryOf(
  fields: Row,
  columns: FoundColumns,
  own: Pick<Entry, "where" | "subject" | "session" | "image">,
): Entry {
  const at = (name: string | undefined): string | undefined =>
    name === undefined ? undefined : fields[name];
  return {
    ...own,
    diagnosis: at(columns.diagnosis),
    age: numberOf(at(columns.age)),
    months: numberOf(fields.months),
    sex: sexOf(at(columns.sex)),
    site: at(columns.site),
    fields,
  };
}

function numberOf(text: string | undefined): number | undefined {
  const value = text === undefined ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
}

function sexOf(text: string | undefined): "F" | "M" | undefined {
  if (text === undefined) return undefined;
  if (/^(f|female|w|woman)$/i.test(text)) return "F";
  return /^(m|male|man)$/i.test(text) ? "M" : undefined;
}

function defined(row: Row): Row {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined));
}

function isAbsolute(path: string): boolean {
  return /^([A-Za-z]:)?[\\/]/.test(path);
}
