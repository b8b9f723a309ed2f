import { lineChart } from "./charts.js";
import type { NamedTraining } from "./data.js";
import { figure, html, type Markup, name, swatch, table, trusted } from "./html.js";
import { colorAt } from "./palette.js";
import type { Chart } from "./plot.js";
import { finitePoints, type Point, runningMean } from "./series.js";
import { counted, decimal, duration } from "./words.js";

/** Loss and the validation's headline of several trainings: those of a group in one chart, and a table of all. */
export function trainingsSection(trainings: readonly NamedTraining[]): Markup {
  if (trainings.length === 0) return html`<p class="absent">Nothing has been trained.</p>`;
  const groups = [...new Set(trainings.map(({ group }) => group))];
  return html`${overview(trainings)}
<div class="charts">
${groups.map((group) => {
  const own = trainings.filter((one) => one.group === group);
  const metric = headlineOf(own);
  return html`${charted(curves(own, "Training loss", lossOf), `${group}: training loss, running mean.`)}
${metric !== undefined && charted(curves(own, metric, pointsOf(metric), true), `${group}: ${metric} on the validation cases.`)}`;
})}
</div>`;
}

function overview(trainings: readonly NamedTraining[]): Markup {
  const rows = trainings.map(({ group, name: own, history }) => {
    const last = history.at(-1);
    const losses = history.flatMap(({ trainLoss }) => (typeof trainLoss === "number" ? [trainLoss] : []));
    return [
      name(group),
      name(own),
      `${last?.step ?? 0}`,
      last?.seconds === undefined ? "–" : duration(last.seconds),
      decimal(losses.at(-1), 4),
    ];
  });
  const numeric = true;
  return table(
    `${counted(trainings.length, "training")}.`,
    [
      { heading: "Configuration" },
      { heading: "Fold" },
      { heading: "Steps", numeric },
      { heading: "Time", numeric },
      { heading: "Last loss", numeric },
    ],
    rows,
  );
}

/** A mean where the validation has one, else what it names first. */
function headlineOf(trainings: readonly NamedTraining[]): string | undefined {
  const names = [
    ...new Set(trainings.flatMap(({ history }) => history.flatMap((row) => Object.keys(row.metrics ?? {})))),
  ];
  return names.find((one) => /mean/i.test(one)) ?? names[0];
}

function lossOf({ history }: NamedTraining): Point[] {
  const points = history.flatMap(({ step, trainLoss }) =>
    typeof trainLoss === "number" ? [{ x: step, y: trainLoss }] : [],
  );
  const raw = finitePoints(points);
  return runningMean(raw, 2 * Math.floor(raw.length / 80) + 1);
}

function pointsOf(metric: string): (training: NamedTraining) => Point[] {
  return ({ history }) =>
    finitePoints(
      history.flatMap(({ step, metrics }) => {
        const value = metrics?.[metric];
        return typeof value === "number" ? [{ x: step, y: value }] : [];
      }),
    );
}

function curves(
  trainings: readonly NamedTraining[],
  yLabel: string,
  pick: (training: NamedTraining) => Point[],
  few = false,
): Chart {
  return lineChart({
    xLabel: "Step",
    yLabel,
    series: trainings.map((training, at) => ({
      name: training.name,
      points: pick(training),
      style: few ? "points" : "line",
      color: colorAt(at),
    })),
  });
}

function charted({ svg, legend }: Chart, caption: string): Markup {
  return figure(
    html`<p class="legend">${legend.map((entry) => html`<span>${swatch(entry.color)}${name(entry.name)}</span> `)}</p>${trusted(svg)}`,
    caption,
  );
}
