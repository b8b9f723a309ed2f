import * as Plot from "@observablehq/plot";
import { quantileSorted } from "simple-statistics";
import { cleanText } from "./html.js";
import { type Chart, draw, labelWidth } from "./plot.js";

/** A named group of values, one dot each. */
export interface Group {
  readonly name: string;
  readonly values: readonly number[];
  readonly color: string;
}

/**
 * The spread of a value over cases: one dot a case, a bar from the first to the third quartile, a tick at the
 * median. Dots are spread across the row by a fixed sequence, so that the same data give the same picture.
 */
export function stripChart(groups: readonly Group[], label: string, width = 480): Chart {
  const drawn = groups
    .map((group) => ({ ...group, values: group.values.filter(Number.isFinite).sort((a, b) => a - b) }))
    .filter((group) => group.values.length > 0);
  const golden = 0.618033988749895;
  const dots = drawn.flatMap(({ values, color }, row) =>
    values.map((x, at) => ({ x, y: row + (((at * golden) % 1) - 0.5) * 0.5, color })),
  );
  const boxes = drawn.map(({ values, color }, row) => ({
    row,
    color,
    q1: quantileSorted(values, 0.25),
    median: quantileSorted(values, 0.5),
    q3: quantileSorted(values, 0.75),
  }));
  const names = drawn.map(({ name }) => cleanText(name));
  const svg = draw(`${label}: distribution over cases`, {
    width,
    height: 64 + 44 * drawn.length,
    marginLeft: labelWidth(names),
    marginTop: 10,
    marginBottom: 42,
    marginRight: 16,
    x: {
      label: cleanText(label),
      labelArrow: "none",
      labelAnchor: "center",
      grid: true,
      nice: true,
      ticks: 6,
      ...widened(drawn.flatMap(({ values }) => values)),
    },
    y: { domain: [drawn.length - 0.5, -0.5], axis: null },
    marks: [
      rowLabels(names),
      Plot.rect(boxes, {
        x1: "q1",
        x2: "q3",
        y1: (b: { row: number }) => b.row - 0.32,
        y2: (b: { row: number }) => b.row + 0.32,
        fill: (b: { color: string }) => b.color,
        fillOpacity: 0.22,
      }),
      Plot.dot(dots, { x: "x", y: "y", r: dots.length > 400 ? 1.6 : 2.6, fill: "color", fillOpacity: 0.75 }),
      Plot.link(boxes, {
        x1: "median",
        x2: "median",
        y1: (b: { row: number }) => b.row - 0.4,
        y2: (b: { row: number }) => b.row + 0.4,
        stroke: "currentColor",
        strokeWidth: 2,
      }),
    ],
  });
  return { svg, legend: [] };
}

/** A domain with some width where all values are the same; left to the axis otherwise. */
function widened(values: readonly number[]): { domain?: [number, number] } {
  const first = values[0];
  if (first === undefined || values.some((value) => value !== first)) return {};
  const margin = Math.max(0.05, Math.abs(first) * 0.05);
  return { domain: [first - margin, first + margin] };
}

/** A mean with its confidence interval. */
export interface Interval {
  readonly name: string;
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  readonly color: string;
}

/** Means with their confidence intervals, one a row; as bars from zero where `bars` is set. */
export function intervalChart(
  rows: readonly Interval[],
  label: string,
  options: { bars?: boolean; width?: number } = {},
): Chart {
  const drawn = rows
    .filter(({ mean, low, high }) => [mean, low, high].every(Number.isFinite))
    .map((row, at) => ({ ...row, at }));
  const names = drawn.map(({ name }) => cleanText(name));
  const interval = Plot.link(drawn, {
    x1: "low",
    x2: "high",
    y1: "at",
    y2: "at",
    stroke: "currentColor",
    strokeWidth: 1.6,
  });
  const svg = draw(`${label}: mean and confidence interval`, {
    width: options.width ?? 480,
    height: 64 + 30 * drawn.length,
    marginLeft: labelWidth(names),
    marginTop: 10,
    marginBottom: 42,
    marginRight: 16,
    x: {
      label: cleanText(label),
      labelArrow: "none",
      labelAnchor: "center",
      grid: true,
      nice: true,
      ticks: 6,
      zero: options.bars === true,
      ...(options.bars ? {} : widened(drawn.flatMap(({ low, high }) => [low, high]))),
    },
    y: { domain: [drawn.length - 0.5, -0.5], axis: null },
    marks: [
      rowLabels(names),
      options.bars ? null : interval,
      options.bars
        ? Plot.rect(drawn, {
            x1: 0,
            x2: "mean",
            y1: (row: { at: number }) => row.at - 0.32,
            y2: (row: { at: number }) => row.at + 0.32,
            fill: "color",
            fillOpacity: 0.7,
          })
        : Plot.dot(drawn, { x: "mean", y: "at", r: 5, fill: "color" }),
      options.bars ? interval : null,
    ],
  });
  return { svg, legend: [] };
}

function rowLabels(names: readonly string[]): Plot.Markish {
  return Plot.axisY(
    names.map((_, row) => row),
    {
      tickFormat: (row: number) => names[row] ?? "",
      tickSize: 0,
      label: null,
      lineWidth: 15,
      textOverflow: "ellipsis",
    },
  );
}
