import { type Chart, type HistoryRow, learningRateChart, lossChart, metricChart } from "./charts.js";
import { figure, html, type Markup, name, swatch, trusted } from "./html.js";
import { counted, duration } from "./words.js";

function charted(chart: Chart, caption: string): Markup {
  const legend =
    chart.legend.length > 1 &&
    html`<p class="legend">${chart.legend.map((entry) => html`<span>${swatch(entry.color)}${name(entry.name)}</span> `)}</p>`;
  return figure(html`${legend}${trusted(chart.svg)}`, caption);
}

function values(history: readonly HistoryRow[], pick: (row: HistoryRow) => unknown): number[] {
  return history.map(pick).filter((value): value is number => typeof value === "number");
}

/** How many recorded values are not finite, and so are missing from the curves. */
export function notFinite(history: readonly HistoryRow[]): number {
  return history
    .flatMap((row) => [
      row.trainLoss,
      row.validationLoss,
      row.learningRate,
      ...Object.values(row.trainMetrics ?? {}),
      ...Object.values(row.metrics ?? {}),
    ])
    .filter((value) => typeof value === "number" && !Number.isFinite(value)).length;
}

/** Loss, validation metrics and learning rate over the steps. */
export function trainingSection(history: readonly HistoryRow[]): Markup {
  if (history.length === 0) return html`<p class="absent">No step has been recorded.</p>`;
  const losses = [
    ...values(history, (row) => row.trainLoss),
    ...values(history, (row) => row.validationLoss),
  ].filter(Number.isFinite);
  const lowest = losses.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const highest = losses.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  // A linear axis shows nothing of a loss that falls by more than a factor of thirty.
  const logY = lowest > 0 && highest / lowest > 30;
  const namesOf = (of: "metrics" | "trainMetrics"): string[] => [
    ...new Set(history.flatMap((row) => Object.keys(row[of] ?? {}))),
  ];
  const names = namesOf("metrics");
  const range = (metric: string): number[] => values(history, (row) => row.metrics?.[metric]);
  const fractions = names.filter((metric) => range(metric).every((value) => value >= 0 && value <= 1));
  const others = names.filter((metric) => !fractions.includes(metric));
  const rates = values(history, (row) => row.learningRate);
  const last = history[history.length - 1]!;
  const epochs = last.epoch === undefined ? "" : ` (${counted(last.epoch, "epoch")})`;
  const time = last.seconds === undefined ? "" : ` in ${duration(last.seconds)}`;
  return html`<p>${counted(last.step, "step")}${epochs}${time}.</p>
<div class="charts">
${losses.length > 0 && charted(lossChart(history, { logY }), `Loss${logY ? ", logarithmic axis" : ""}.`)}
${fractions.length > 0 && charted(metricChart(history, fractions, fractions.length === 1 ? fractions[0]! : "Validation metric"), "Metrics on the validation cases.")}
${others.map((metric) => charted(metricChart(history, [metric], metric), `${metric} on the validation cases.`))}
${namesOf("trainMetrics").map((metric) => charted(metricChart(history, [metric], metric, "trainMetrics"), `${metric} on the training batches.`))}
${rates.length > 1 && charted(learningRateChart(history), "Learning rate.")}
</div>`;
}
