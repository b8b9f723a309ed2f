import type { DataFingerprint, RunReport, SplitPart } from "./data.js";
import { type Child, folded, html, type Markup, name, table } from "./html.js";
import { counted, duration } from "./words.js";

/** Nested keys and values as rows of `outer.inner` and value; lists of plain values stay on one line. */
export function flatten(value: unknown, path = ""): [string, string][] {
  if (Array.isArray(value)) {
    if (value.every((item) => item === null || typeof item !== "object"))
      return [[path, value.length === 0 ? "none" : value.map(String).join(", ")]];
    return value.flatMap((item, index) => flatten(item, `${path}[${index}]`));
  }
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value);
    if (entries.length === 0) return [[path, "none"]];
    return entries.flatMap(([key, inner]) => flatten(inner, path === "" ? key : `${path}.${key}`));
  }
  return [[path, value === undefined ? "not set" : String(value)]];
}

/** A table of keys and values, the keys in type-writer letters. */
function keyTable(caption: string, rows: readonly (readonly [string, Child])[]): Markup {
  return table(
    caption,
    [{ heading: "Key" }, { heading: "Value" }],
    rows.map(([key, value]) => [html`<span class="key">${key}</span>`, value]),
  );
}

export function configurationSection(configuration: Readonly<Record<string, unknown>>): Markup {
  const rows = flatten(configuration);
  const content = keyTable("Configuration in full.", rows);
  return rows.length > 30 ? folded(`${rows.length} settings`, content) : content;
}

function fingerprint(data: DataFingerprint): Markup {
  const rows: [string, Child][] = [
    ["name", name(data.name)],
    ["cases", data.caseCount],
    ...(data.subjectCount === undefined ? [] : [["subjects", data.subjectCount] as [string, Child]]),
    ...Object.entries(data.properties ?? {}).map(([key, value]): [string, Child] => [key, String(value)]),
    ...(data.hash === undefined ? [] : [["hash", html`<code>${data.hash}</code>`] as [string, Child]]),
  ];
  return keyTable(`Fingerprint of ${data.name}.`, rows);
}

function splitPart({ name: part, subjects }: SplitPart): Markup {
  return folded(
    `${part}: ${counted(subjects.length, "subject")}`,
    html`<ul class="names">${subjects.map((subject) => html`<li>${name(subject)}</li>`)}</ul>`,
  );
}

export function dataSection({ data, split, splitNote }: RunReport): Markup {
  return html`${(data ?? []).map(fingerprint)}
${split !== undefined && html`<h3>Split by subject</h3>${splitNote !== undefined && html`<p>${splitNote}.</p>`}${split.map(splitPart)}`}`;
}

export function machineSection({ versions, machine, timings }: RunReport): Markup {
  const entries = (record: Readonly<Record<string, string | number>>): [string, Child][] =>
    Object.entries(record).map(([key, value]) => [key, String(value)]);
  return html`<div class="charts">
${versions !== undefined && html`<div>${keyTable("Versions.", entries(versions))}</div>`}
${machine !== undefined && html`<div>${keyTable("Machine.", entries(machine))}</div>`}
${
  timings !== undefined &&
  html`<div>${table(
    "Time taken.",
    [{ heading: "What" }, { heading: "Time", numeric: true }],
    timings.map(({ what, seconds }) => [what, duration(seconds)]),
  )}</div>`
}
</div>`;
}
