import type {
  CaptionedChart,
  CaseScores,
  EvaluationReport,
  MetricColumn,
  MetricSummary,
  ShownInterval,
} from "./data.js";
import { type Child, type Column, figure, html, type Markup, name, swatch, table, trusted } from "./html.js";
import { colorAt } from "./palette.js";
import { intervalChart, stripChart } from "./spread.js";
import { between, counted, decimal } from "./words.js";

export function digitsOf(metric: MetricColumn): number {
  return metric.decimals ?? (metric.unit === undefined ? 3 : 2);
}

function titleOf(metric: MetricColumn): string {
  return metric.unit === undefined ? metric.name : `${metric.name} (${metric.unit})`;
}

function scoreOf(scores: CaseScores, label: string, metric: string): number | null {
  const ofLabel = Object.hasOwn(scores.scores, label) ? scores.scores[label] : undefined;
  return ofLabel !== undefined && Object.hasOwn(ofLabel, metric) ? (ofLabel[metric] ?? null) : null;
}

function summaryOf(evaluation: EvaluationReport, label: string, metric: string): MetricSummary | undefined {
  return evaluation.summary.find((one) => one.label === label && one.metric === metric);
}

/** The numbers that a reader takes home, large, at the top of the page. */
export function headline(evaluation: EvaluationReport): Markup {
  const metric = evaluation.metrics[0];
  if (metric === undefined) return html``;
  const digits = digitsOf(metric);
  const unit = metric.unit === undefined ? "" : ` ${metric.unit}`;
  const item = (what: Child, { mean, low, high }: ShownInterval): Markup => html`<div><dt>${what}</dt>
<dd>${decimal(mean, digits)}${unit}<small>${low === null ? "no interval" : `95 % CI ${between(low, high, digits)}`}</small></dd></div>\n`;
  const items = evaluation.labels.flatMap((label, index) => {
    const found = summaryOf(evaluation, label, metric.key);
    return found === undefined
      ? []
      : [item(html`${swatch(colorAt(index))}${metric.name}, ${name(label)}`, found)];
  });
  const { overall, caseCount, subjectCount } = evaluation;
  // Of a single row it would be the same number twice.
  const isOnly = (mean: number): boolean =>
    items.length === 1 && summaryOf(evaluation, evaluation.labels[0]!, metric.key)?.mean === mean;
  const people = subjectCount === undefined ? "" : ` of ${counted(subjectCount, "subject")}`;
  return html`<dl class="headline">
${overall !== undefined && !isOnly(overall.mean) && item(`${metric.name}, overall`, overall)}${items}</dl>
<p>${counted(caseCount, "case")}${people}: ${evaluation.set}.</p>`;
}

/** Means with intervals and the spread over cases, for the headline metric. */
export function resultsSection(evaluation: EvaluationReport): Markup {
  const metric = evaluation.metrics[0];
  if (metric === undefined || evaluation.cases.length === 0)
    return html`<p class="absent">No case has been evaluated.</p>`;
  const intervals = evaluation.labels.flatMap((label, index) => {
    const found = summaryOf(evaluation, label, metric.key);
    if (found === undefined || found.low === null || found.high === null) return [];
    return [{ mean: found.mean, low: found.low, high: found.high, name: label, color: colorAt(index) }];
  });
  const groups = evaluation.labels.map((label, index) => ({
    name: label,
    color: colorAt(index),
    values: evaluation.cases.flatMap((one) => scoreOf(one, label, metric.key) ?? []),
  }));
  const best = metric.better === "higher" ? "Higher is better." : "Lower is better.";
  return html`${summaryTable(evaluation)}
<div class="charts">
${groups.some(({ values }) => values.length > 0) && figure(trusted(stripChart(groups, titleOf(metric)).svg), `${metric.name} of every case, one dot each; bar: first to third quartile; tick: median. ${best}`)}
${intervals.length > 0 && figure(trusted(intervalChart(intervals, titleOf(metric)).svg), `Mean ${metric.name} and its 95 % confidence interval (${evaluation.interval}).`)}
</div>`;
}

/** Drawings, each with what it shows. */
export function curvesSection(curves: readonly CaptionedChart[]): Markup {
  return html`<div class="charts">
${curves.map(({ chart, caption }) => {
  const legend =
    chart.legend.length > 1 &&
    html`<p class="legend">${chart.legend.map((entry) => html`<span>${swatch(entry.color)}${name(entry.name)}</span> `)}</p>`;
  return figure(html`${legend}${trusted(chart.svg)}`, caption);
})}
</div>`;
}

function summaryTable(evaluation: EvaluationReport): Markup {
  const columns: Column[] = [
    { heading: "Label" },
    ...evaluation.metrics.map((metric) => ({
      heading: `${titleOf(metric)} ${metric.better === "higher" ? "↑" : "↓"}`,
      numeric: true,
    })),
  ];
  const rows = evaluation.labels.map((label) => [
    name(label),
    ...evaluation.metrics.map((metric): Child => {
      const found = summaryOf(evaluation, label, metric.key);
      if (found === undefined) return "–";
      const digits = digitsOf(metric);
      const fewer = found.count < evaluation.caseCount ? `, n = ${found.count}` : "";
      return html`${decimal(found.mean, digits)} <small>(${between(found.low, found.high, digits)}${fewer})</small>`;
    }),
  ]);
  return table(
    html`Mean over ${counted(evaluation.caseCount, "case")} with 95 % confidence interval: ${evaluation.interval}. ↑ higher is better, ↓ lower is better.`,
    columns,
    rows,
  );
}

/** The table of every case, with the means in its foot. */
export function casesSection(evaluation: EvaluationReport): Markup {
  const { labels, metrics } = evaluation;
  const hasSubjects = evaluation.cases.some((one) => one.subject !== undefined && one.subject !== one.case);
  const columns: Column[] = [
    { heading: "Case" },
    ...(hasSubjects ? [{ heading: "Subject" }] : []),
    ...labels.flatMap((label) =>
      metrics.map((metric) => ({
        heading: titleOf(metric),
        numeric: true,
        ...(labels.length > 1 ? { group: label } : {}),
      })),
    ),
  ];
  const rows = evaluation.cases.map((one) => [
    name(one.case),
    ...(hasSubjects ? [name(one.subject ?? "–")] : []),
    ...labels.flatMap((label) =>
      metrics.map((metric) => decimal(scoreOf(one, label, metric.key), digitsOf(metric))),
    ),
  ]);
  const foot = (what: string, show: (found: MetricSummary, digits: number) => string): readonly Child[] => [
    what,
    ...(hasSubjects ? [""] : []),
    ...labels.flatMap((label) =>
      metrics.map((metric) => {
        const found = summaryOf(evaluation, label, metric.key);
        return found === undefined ? "–" : show(found, digitsOf(metric));
      }),
    ),
  ];
  const feet =
    evaluation.summary.length === 0
      ? []
      : [
          foot("Mean", ({ mean }, digits) => decimal(mean, digits)),
          foot("95 % CI", ({ low, high }, digits) => between(low, high, digits)),
        ];
  return html`${table(
    html`Every case. A dash: the measure is not defined, as where a structure is missing from the truth or the prediction. ${(evaluation.notes ?? []).map((note) => html`${note} `)}`,
    columns,
    rows,
    feet,
  )}`;
}
