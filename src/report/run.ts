import type { RunReport } from "./data.js";
import { examplesSection } from "./examples.js";
import { html, type Markup, name, page, type Section } from "./html.js";
import { configurationSection, dataSection, machineSection } from "./record.js";
import { casesSection, curvesSection, headline, resultsSection } from "./results.js";
import { tablesSection } from "./tables.js";
import { notFinite, trainingSection } from "./training.js";
import { trainingsSection } from "./trainings.js";
import { counted } from "./words.js";

export type * from "./data.js";

/**
 * The report of a run as one HTML page that opens offline: no script, nothing fetched, figures inside.
 *
 * On one platform the same data give the same bytes. Whatever is absent is left out; a run without an evaluation says so at the
 * top. All text is escaped: names come from users' files.
 */
export function buildReport(data: RunReport): string {
  const { evaluation, history, trainings, tables, curves, examples, configuration } = data;
  const section = (id: string, heading: string, content: Markup | undefined): Section[] =>
    content === undefined ? [] : [{ id, heading, content }];
  const hasCases = evaluation !== undefined && evaluation.cases.length > 0;
  const hasData = data.data !== undefined || data.split !== undefined;
  const hasMachine = [data.versions, data.machine, data.timings].some((part) => part !== undefined);
  return page(
    data.title,
    header(data),
    [
      ...section("results", "Results", evaluation && resultsSection(evaluation)),
      ...section("tables", "Choices", tables && tablesSection(tables)),
      ...section("curves", "Curves", curves && curvesSection(curves)),
      ...section("examples", "Cases in pictures", examples && examplesSection(examples)),
      ...section("training", "Training", history && trainingSection(history)),
      ...section("trainings", "Trainings", trainings && trainingsSection(trainings)),
      ...section("cases", "Case by case", hasCases ? casesSection(evaluation) : undefined),
      ...section("data", "Data", hasData ? dataSection(data) : undefined),
      ...section("configuration", "Configuration", configuration && configurationSection(configuration)),
      ...section("machine", "Versions, machine and time", hasMachine ? machineSection(data) : undefined),
    ],
    html`Made by Gyrus. Research software, not a medical device: nothing here is for diagnosis or treatment.`,
  );
}

function header(data: RunReport): Markup {
  const { system, preset, createdAt, description, evaluation, history } = data;
  const facts = [system, preset && `preset ${preset}`, createdAt].filter((fact) => fact !== undefined);
  const provenance = data.simulated
    ? "Simulated data: the images were drawn by a computer. These numbers say how well the system does on phantoms, not on patients."
    : "Real scans.";
  const lost = notFinite([...(history ?? []), ...(data.trainings ?? []).flatMap((one) => one.history)]);
  const warnings = [
    ...(data.warnings ?? []),
    ...(lost > 0
      ? [
          `${counted(lost, "recorded value is", "recorded values are")} not finite and missing from the curves.`,
        ]
      : []),
  ];
  return html`<p class="over">${facts.filter(Boolean).join(" · ")}</p>
<h1>${name(data.title)}</h1>
${description !== undefined && html`<p>${description}</p>`}
<p class="provenance">${provenance}</p>
${evaluation === undefined ? html`<p class="absent">Not evaluated yet: there are no results to show.</p>` : headline(evaluation)}
${warnings.length > 0 && html`<div class="warnings" role="note"><strong>${counted(warnings.length, "warning")}</strong><ul>${warnings.map((warning) => html`<li>${warning}</li>`)}</ul></div>`}`;
}
