import { style } from "./style.js";

const text = Symbol("markup");

/**
 * A piece of HTML that is safe to insert. Only `html` and `trusted` make one: the key is a symbol that stays in
 * this file, so no object read from a file can pass for markup.
 */
export interface Markup {
  readonly [text]: string;
}

/** What may stand in a template's hole. Strings are escaped; `undefined` and `false` leave nothing. */
export type Child = Markup | string | number | undefined | false | readonly Child[];

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
  "`": "&#96;",
};

/**
 * Text without what has no business in a name: control characters, lone surrogates and the characters that
 * reverse the direction of writing, which can make a name read as another, become U+FFFD.
 */
export function cleanText(value: string): string {
  return value
    .replace(
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes
      /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff]/g,
      "\ufffd",
    )
    .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd");
}

/** Text as HTML, cleaned and escaped, for element content and quoted attributes. */
export function escapeHtml(value: string): string {
  return cleanText(value).replace(/[&<>"'`]/g, (character) => entities[character]!);
}

function render(child: Child): string {
  if (child === undefined || child === false) return "";
  if (typeof child === "string") return escapeHtml(child);
  if (typeof child === "number") return String(child);
  if (text in child) return child[text];
  return child.map(render).join("");
}

/**
 * HTML from a template: what stands in a hole is escaped, unless it is markup itself. Attributes must be quoted,
 * and a hole may stand in text or in a quoted attribute value, nowhere else.
 */
export function html(strings: TemplateStringsArray, ...children: readonly Child[]): Markup {
  return { [text]: strings.reduce((out, part, at) => out + render(children[at - 1]) + part) };
}

/** Markup that somebody else has made and escaped: the SVG of a chart. Never for text from a file. */
export function trusted(markup: string): Markup {
  return { [text]: markup };
}

/** The markup as a string. */
export function showMarkup(markup: Markup): string {
  return markup[text];
}

/** A PNG as an `<img>` with its bytes inside. */
export function embeddedPng(png: Uint8Array, width: number, height: number, alternative: string): Markup {
  const parts: string[] = [];
  for (let at = 0; at < png.length; at += 0x6000)
    parts.push(btoa(String.fromCharCode(...png.subarray(at, at + 0x6000))));
  return html`<img src="data:image/png;base64,${parts.join("")}" width="${width}" height="${height}" alt="${alternative}">`;
}

/** A word over a picture, and where it begins in the picture's pixels: the left end of its baseline. */
export interface PictureWord {
  readonly text: string;
  readonly x: number;
  readonly y: number;
}

/** A bitmap with words laid over it as text; `letters` are more of them, as SVG. */
export function lettered(
  picture: { readonly png: Uint8Array; readonly width: number; readonly height: number } & {
    readonly words?: readonly PictureWord[] | undefined;
  },
  alternative: string,
  letters: Child = "",
): Markup {
  const { png, width, height, words = [] } = picture;
  return html`<div class="picture">${embeddedPng(png, width, height, alternative)}
<svg viewBox="0 0 ${width} ${height}" aria-hidden="true">${words.map(({ text, x, y }) => html`<text x="${x}" y="${y}">${text}</text>`)}${letters}</svg></div>`;
}

/** A column of a table: its heading, and whether it holds numbers (aligned right, digits of equal width). */
export interface Column {
  readonly heading: Child;
  readonly numeric?: boolean;
  /** Columns that follow one another under one group share a heading above their own. */
  readonly group?: string;
}

type Cells = readonly Child[];

/** A table with a caption above it; `summary` rows are set off by a rule at its foot. */
export function table(
  caption: Child,
  columns: readonly Column[],
  rows: readonly Cells[],
  summary: readonly Cells[] = [],
): Markup {
  const kind = (at: number): string => {
    const { numeric, group } = columns[at] ?? {};
    const opens = group !== undefined && group !== columns[at - 1]?.group;
    return `${numeric ? "number" : "text"}${opens && at > 0 ? " opens" : ""}`;
  };
  const row = (cells: Cells): Markup =>
    html`<tr>${cells.map((cell, at) => html`<td class="${kind(at)}">${cell}</td>`)}</tr>\n`;
  return html`<div class="scroll"><table>
<caption>${caption}</caption>
<thead>${groupRow(columns)}<tr>${columns.map(({ heading }, at) => html`<th scope="col" class="${kind(at)}">${heading}</th>`)}</tr></thead>
<tbody>${rows.map(row)}</tbody>
${summary.length > 0 && html`<tfoot>${summary.map(row)}</tfoot>`}
</table></div>`;
}

function groupRow(columns: readonly Column[]): Child {
  if (columns.every(({ group }) => group === undefined)) return undefined;
  const runs: { group: string | undefined; span: number }[] = [];
  for (const { group } of columns) {
    const last = runs[runs.length - 1];
    if (last !== undefined && last.group === group) last.span++;
    else runs.push({ group, span: 1 });
  }
  return html`<tr class="groups">${runs.map(({ group, span }) =>
    group === undefined
      ? html`<td colspan="${span}"></td>`
      : html`<th scope="colgroup" colspan="${span}"><span>${name(group)}</span></th>`,
  )}</tr>`;
}

/** A figure with a caption below it. */
export function figure(content: Child, caption: Child): Markup {
  return html`<figure>${content}<figcaption>${caption}</figcaption></figure>`;
}

/** Content that is folded until the reader opens it. */
export function folded(summary: Child, content: Child, open = false): Markup {
  const tag = open ? trusted("<details open>") : trusted("<details>");
  return html`${tag}<summary>${summary}</summary>${content}</details>`;
}

/** A name that came from a file: kept apart from the direction of the text around it. */
export function name(value: string): Markup {
  return html`<bdi>${value}</bdi>`;
}

/** A small square of colour. Only `#rrggbb` is let through. */
export function swatch(color: string): Markup {
  const safe = /^#[0-9a-f]{6}$/i.test(color) ? color : "#808080";
  return html`<i class="swatch" style="background:${safe}"></i>`;
}

export interface Section {
  /** The anchor: lower-case letters and hyphens. */
  readonly id: string;
  readonly heading: string;
  readonly content: Markup;
}

const policy =
  "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** A whole page: no script, nothing fetched (its own policy forbids both), light and dark, printable. */
export function page(title: string, header: Markup, sections: readonly Section[], footer: Markup): string {
  return showMarkup(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${trusted(style)}</style>
</head>
<body>
<header>
${header}
${sections.length > 1 && html`<nav aria-label="Contents">${sections.map(({ id, heading }) => html`<a href="#${id}">${heading}</a> `)}</nav>`}
</header>
<main>
${sections.map(({ id, heading, content }) => html`<section id="${id}">\n<h2>${heading}</h2>\n${content}\n</section>\n`)}
</main>
<footer>${footer}</footer>
</body>
</html>
`);
}
