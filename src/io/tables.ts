import { parse } from "csv-parse/browser/esm/sync";
import { fail, GyrusError } from "../core/errors.js";

/** A row by column name; `undefined` where the table says "n/a" (or, in csv, nothing). */
export type Row = Readonly<Record<string, string | undefined>>;

export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

/**
 * Read a table whose first line names the columns: tab-separated if the name ends in `.tsv`, else comma-separated.
 * "n/a" (BIDS) and empty fields become `undefined`. Throws `bad-file` naming the file and line.
 */
export function parseTable(text: string, name: string): Table {
  const tabs = isTsv(name);
  let lines: string[][];
  try {
    lines = parse(text, {
      delimiter: tabs ? "\t" : ",",
      bom: true,
      skip_empty_lines: true,
      trim: true,
      // BIDS has no quoting: a quotation mark in a tsv is a letter.
      ...(tabs ? { quote: false } : {}),
    });
  } catch (cause) {
    throw new GyrusError("bad-file", {
      what: "the table cannot be read",
      where: name,
      expected: `${tabs ? "tabs" : "commas"} between fields, as many on every line as in the first`,
      found: cause instanceof Error ? cause.message : String(cause),
      fix: "Open it as text and repair that line",
      cause,
    });
  }
  const [columns, ...body] = lines;
  if (columns === undefined)
    return fail("bad-file", {
      what: "the table is empty",
      where: name,
      expected: "a first line with the names of the columns",
    });
  const twice = columns.find((column, at) => columns.indexOf(column) !== at);
  if (twice !== undefined)
    fail("bad-file", { what: `the column "${twice}" occurs twice`, where: name, fix: "Rename one of them" });
  const rows = body.map(
    (fields): Row => Object.fromEntries(columns.map((column, at) => [column, missing(fields[at])])),
  );
  return { columns, rows };
}

function missing(field: string | undefined): string | undefined {
  return field === undefined || field === "" || /^n\/a$/i.test(field) ? undefined : field;
}

/** Write a table; `undefined` becomes "n/a" in a `.tsv` and nothing in a `.csv`. */
export function formatTable({ columns, rows }: Table, name: string): string {
  const tabs = isTsv(name);
  const field = (value: string | undefined): string => {
    if (value === undefined) return tabs ? "n/a" : "";
    if (tabs) {
      if (/[\t\r\n]/.test(value))
        fail("bad-argument", {
          what: "a field of a tsv holds a tab or a line break",
          where: name,
          found: value,
        });
      return value;
    }
    return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
  };
  const lines = [columns.map(field), ...rows.map((row) => columns.map((column) => field(row[column])))];
  return `${lines.map((line) => line.join(tabs ? "\t" : ",")).join("\n")}\n`;
}

function isTsv(name: string): boolean {
  return /\.tsv$/i.test(name);
}
