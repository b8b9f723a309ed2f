import * as Plot from "@observablehq/plot";
import { quantileSorted } from "simple-statistics";
import { fail } from "../core/errors.js";
import { cleanText } from "./html.js";
import { colorAt } from "./palette.js";
import { type Chart, draw, labelWidth } from "./plot.js";
import { finitePoints, type Point, runningMean, thin } from "./series.js";

export type { Chart } from "./plot.js";

/** A curve: `faint` for raw values behind a smoothed one, `points` for values few and far between. */
export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
  readonly style: "line" | "faint" | "points";
  readonly color: string;
}

export interface LineChartOptions {
  readonly series: readonly Series[];
  /** Axis titles with their units. */
  readonly xLabel: string;
  readonly yLabel: string;
  readonly logY?: boolean;
  readonly yDomain?: readonly [number, number];
  readonly width?: number;
  readonly height?: number;
}

const mostPoints = 1200;

/**
 * Curves over a common axis. Points that are not finite are left out; long curves are thinned to what the eye
 * can see, keeping every peak. Throws `bad-argument` for a logarithmic axis with values of zero or below.
 */
export function lineChart(options: LineChartOptions): Chart {
  const { xLabel, yLabel, logY = false, width = 480, height = 260 } = options;
  const series = options.series
    .map((one) => ({ ...one, points: thin(finitePoints(one.points), mostPoints) }))
    .filter((one) => one.points.length > 0);
  for (const { name, points } of series)
    if (logY && points.some(({ y }) => y <= 0))
      fail("bad-argument", {
        what: `${yLabel} cannot be drawn on a logarithmic axis`,
        where: name,
        expected: "values above zero",
        found: `${Math.min(...points.map(({ y }) => y))}`,
        fix: "Draw it on a linear axis",
      });
  const marks: Plot.Markish[] = series.flatMap(({ points, style, color }): Plot.Markish[] => {
    const line = (strokeOpacity: number, strokeWidth: number): Plot.Markish =>
      Plot.lineY(points, { x: "x", y: "y", stroke: color, strokeOpacity, strokeWidth });
    const dots = Plot.dot(points, { x: "x", y: "y", fill: color, r: points.length > 60 ? 1.5 : 2.6 });
    if (style === "faint") return [line(0.28, 1)];
    if (style === "points") return [line(0.5, 1), dots];
    return points.length === 1 ? [dots] : [line(1, 1.8)];
  });
  const svg = draw(`${yLabel} against ${xLabel}`, {
    width,
    height,
    marginLeft: 54,
    marginBottom: 42,
    marginTop: 28,
    x: { label: cleanText(xLabel), labelArrow: "none", labelAnchor: "center", ticks: 6 },
    y: {
      label: cleanText(yLabel),
      labelArrow: "none",
      grid: true,
      ticks: 5,
      ...(logY ? { type: "log" as const } : { nice: true }),
      ...(options.yDomain ? { domain: [...options.yDomain] } : {}),
    },
    marks,
  });
  const named = series.filter(({ style }) => style !== "faint");
  return { svg, legend: named.map(({ name, color }) => ({ name, color })) };
}

/** One row of a run's history; absent values were not measured at that step. */
export interface HistoryRow {
  readonly step: number;
  readonly epoch?: number | undefined;
  /** Seconds since training began. */
  readonly seconds?: number | undefined;
  readonly trainLoss?: number | null | undefined;
  readonly validationLoss?: number | null | undefined;
  readonly learningRate?: number | null | undefined;
  /** Validation metrics by name. */
  readonly metrics?: Readonly<Record<string, number | null>> | undefined;
}

const blue = "#0072b2";
const vermilion = "#d55e00";

function column(
  history: readonly HistoryRow[],
  pick: (row: HistoryRow) => number | null | undefined,
): Point[] {
  return history.flatMap((row) => {
    const y = pick(row);
    return y === undefined || y === null ? [] : [{ x: row.step, y }];
  });
}

/** Training loss of every step (faint) and its running mean, validation loss as points. */
export function lossChart(history: readonly HistoryRow[], options: { logY?: boolean } = {}): Chart {
  const raw = finitePoints(column(history, (row) => row.trainLoss));
  const window = 2 * Math.floor(raw.length / 80) + 1;
  const smooth = window > 1;
  return lineChart({
    xLabel: "Step",
    yLabel: "Loss",
    ...options,
    series: [
      {
        name: "training",
        points: raw,
        style: smooth ? "faint" : "line",
        color: blue,
      },
      {
        name: `training (mean of ${window} values; faint: each value)`,
        points: smooth ? runningMean(raw, window) : [],
        style: "line",
        color: blue,
      },
      {
        name: "validation",
        points: column(history, (row) => row.validationLoss),
        style: "points",
        color: vermilion,
      },
    ],
  });
}

/** Validation metrics over the steps. */
export function metricChart(history: readonly HistoryRow[], names: readonly string[], yLabel: string): Chart {
  return lineChart({
    xLabel: "Step",
    yLabel,
    series: names.map((name, index) => ({
      name,
      points: column(history, (row) => row.metrics?.[name]),
      style: "points",
      color: colorAt(index),
    })),
  });
}

/** The learning rate of every step. */
export function learningRateChart(history: readonly HistoryRow[], options: { logY?: boolean } = {}): Chart {
  const points = column(history, (row) => row.learningRate);
  return lineChart({
    xLabel: "Step",
    yLabel: "Learning rate",
    height: 200,
    ...options,
    series: [{ name: "learning rate", points, style: "line", color: "#009e73" }],
  });
}

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
