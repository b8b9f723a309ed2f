/** Who is in a table, as far as a split needs to know: no image is looked for, no diagnosis understood. */
import { fail } from "../core/errors.js";
import type { DataSet } from "./dataset-types.js";
import { baseName, type FileSystem } from "./files.js";
import { sessionColumns, subjectColumns, tableColumn } from "./subjects-tables.js";
import { parseTable, type Row } from "./tables.js";

/** The cases of a table and, as of a BIDS folder, one row for each subject: its first one, under `participant_id`. */
export type People = Pick<DataSet, "name" | "root" | "cases" | "participants">;

/**
 * The people of a `.csv` or `.tsv` table with a row for each image, as `readSubjects` identifies them. Throws `bad-file` for
 * a table without a column of subjects, `bad-data` that lists the rows without one.
 */
export async function readPeopleFrom(files: FileSystem, path: string): Promise<People> {
  const table = parseTable(new TextDecoder().decode(await files.read(path)), path);
  const subject = tableColumn(table, path, undefined, subjectColumns, true);
  const session = tableColumn(table, path, undefined, sessionColumns, false);
  const nobody = table.rows.flatMap((row, at) => (row[subject] === undefined ? [at + 2] : []));
  if (nobody.length > 0 || table.rows.length === 0)
    fail("bad-data", {
      what:
        table.rows.length === 0 ? "the table has no rows" : `${nobody.length} rows do not say whose they are`,
      where: path,
      expected: `a ${subject} in every row`,
      ...(nobody.length === 0 ? {} : { found: `nothing in line ${nobody.slice(0, 12).join(", ")}` }),
      fix: "Complete the table",
    });
  const first = new Map<string, Row>();
  const cases = table.rows.map((row) => {
    const who = row[subject]!;
    const visit = session === undefined ? undefined : row[session];
    if (!first.has(who)) first.set(who, { ...row, participant_id: who });
    return { id: visit === undefined ? who : `${who}_${visit}`, subject: who, images: [] };
  });
  return { name: baseName(path), root: path, cases, participants: [...first.values()] };
}
