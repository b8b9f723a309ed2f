import type { PlainTable } from "./data.js";
import { html, type Markup, name, table } from "./html.js";

/** Tables with their headings. */
export function tablesSection(tables: readonly PlainTable[]): Markup {
  return html`${tables.map(
    ({ heading, caption, columns, rows }) => html`<h3>${heading}</h3>
${table(
  caption,
  columns,
  rows.map((row) => row.map((cell) => name(cell))),
)}`,
  )}`;
}
