import type { Chart } from "./charts.js";
import {
  type Child,
  type Column,
  figure,
  html,
  lettered,
  type Markup,
  name,
  type PictureWord,
  page,
  type Section,
  swatch,
  table,
  trusted,
} from "./html.js";
import { configurationSection, machineSection } from "./record.js";

/** One claim as a reader sees it: all numbers in words already. */
export interface ClaimRow {
  readonly statement: string;
  readonly paper: string;
  readonly ours: string;
  readonly interval: string;
  readonly holds: boolean;
}

/** A piece of a study's report. */
export type StudyBlock =
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "charts";
      readonly charts: readonly { readonly title: string; readonly chart: Chart }[];
      readonly caption: string;
    }
  | {
      readonly kind: "table";
      readonly caption: string;
      readonly columns: readonly StudyColumn[];
      readonly rows: readonly (readonly string[])[];
    }
  | {
      readonly kind: "picture";
      readonly png: Uint8Array;
      readonly width: number;
      readonly height: number;
      readonly words?: readonly PictureWord[];
      /** Read out in the picture's place. */
      readonly alternative: string;
      readonly caption: string;
    };

export interface StudyColumn {
  readonly heading: string;
  readonly numeric?: boolean;
  readonly group?: string;
}

export interface StudySection {
  /** The anchor: lower-case letters and hyphens. */
  readonly id: string;
  readonly heading: string;
  readonly blocks: readonly StudyBlock[];
}

/** Everything that the report of a study says; plain data. */
export interface StudyReport {
  readonly title: string;
  /** As typed: "batch-norm". */
  readonly study: string;
  readonly citation: string;
  readonly description: string;
  /** When, as printed; the report itself never looks at a clock. */
  readonly createdAt: string;
  readonly claims: readonly ClaimRow[];
  /** What the table of claims needs said below it: how the intervals were made. */
  readonly notes: readonly string[];
  readonly sections: readonly StudySection[];
  readonly configuration: Readonly<Record<string, unknown>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly timings: readonly { readonly what: string; readonly seconds: number }[];
}

/** The report of a study as one HTML page that opens offline: no script, nothing fetched, figures inside. */
export function buildStudyReport(report: StudyReport): string {
  const { title, study, citation, description, createdAt, sections, configuration } = report;
  const header = html`<p class="over">${study} · ${createdAt}</p>
<h1>${name(title)}</h1>
<p>${description}</p>
<p class="provenance">Simulated data: the images were drawn by a computer. Small networks, trained in minutes: what is compared with the paper is the direction and the order of an effect, not a score.</p>
${tally(report.claims)}`;
  const all: Section[] = [
    { id: "claims", heading: "Claims", content: claimsSection(report) },
    ...sections.map(({ id, heading, blocks }) => ({
      id,
      heading,
      content: html`${blocks.map(blockMarkup)}`,
    })),
    { id: "configuration", heading: "Configuration", content: configurationSection(configuration) },
    { id: "machine", heading: "Versions, machine and time", content: machineSection(machineOf(report)) },
  ];
  const footer = html`<p>${citation}</p><p>Made by Gyrus. Research software, not a medical device: nothing here is for diagnosis or treatment.</p>`;
  return page(title, header, all, footer);
}

function machineOf({ title, study, versions, machine, timings }: StudyReport) {
  return { title, system: study, simulated: true, versions, machine, timings };
}

function tally(claims: readonly ClaimRow[]): Markup {
  const held = claims.filter(({ holds }) => holds).length;
  return html`<dl class="headline"><div><dt>Claims that hold here</dt><dd>${held} of ${claims.length}</dd></div></dl>`;
}

function claimsSection({ claims, notes }: StudyReport): Markup {
  return html`${table(
    "The paper's claims, and what was found here.",
    [
      { heading: "Claim" },
      { heading: "Paper" },
      { heading: "Here", numeric: true },
      { heading: "95 % CI", numeric: true },
      { heading: "Holds", numeric: true },
    ],
    claims.map(({ statement, paper, ours, interval, holds }) => [
      statement,
      paper,
      ours,
      interval,
      holds ? html`<strong>yes</strong>` : html`<strong>no</strong>`,
    ]),
  )}
${notes.map((note) => html`<p>${note}</p>`)}`;
}

function blockMarkup(block: StudyBlock): Child {
  switch (block.kind) {
    case "text":
      return html`<p>${block.text}</p>\n`;
    case "charts": {
      // Charts of the same curves have one legend, above them all.
      const legends = block.charts.map(({ chart }) => JSON.stringify(chart.legend));
      const shared = legends.every((one) => one === legends[0]);
      const parts = block.charts.map(
        ({ title, chart }) =>
          html`<div><p class="legend"><strong>${title}</strong></p>${!shared && legendOf(chart)}${trusted(chart.svg)}</div>`,
      );
      const first = block.charts[0];
      return figure(
        html`${shared && first !== undefined && legendOf(first.chart)}<div class="charts">${parts}</div>`,
        block.caption,
      );
    }
    case "table": {
      const columns: Column[] = block.columns.map((column) => ({ ...column }));
      return table(
        block.caption,
        columns,
        block.rows.map((row) => [...row]),
      );
    }
    case "picture":
      return figure(lettered(block, block.alternative), block.caption);
  }
}

function legendOf({ legend }: Chart): Markup | false {
  return (
    legend.length > 1 &&
    html`<p class="legend">${legend.map((entry) => html`<span>${swatch(entry.color)}${name(entry.name)}</span> `)}</p>`
  );
}
