import * as Plot from "@observablehq/plot";
import { fail } from "../core/errors.js";
import { cleanText } from "./html.js";
import { colorAt } from "./palette.js";
import { type Chart, draw } from "./plot.js";
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
    x: { label: cleanText(xLabel), labelArrow: "none", labelAnchor: "center", ticks: tickCount(series) },
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

/** Six ticks, fewer where the axis counts only a few steps: there is no step 1.5. */
function tickCount(series: readonly Series[]): number {
  const xs = series.flatMap(({ points }) => points.map(({ x }) => x));
  if (!xs.every(Number.isInteger)) return 6;
  const low = xs.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = xs.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return Math.max(1, Math.min(6, high - low));
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
  /** Metrics of the batch that was learnt from, by name. */
  readonly trainMetrics?: Readonly<Record<string, number | null>> | undefined;
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

/** Metrics of the validation, or of the batches that were learnt from, over the steps. */
export function metricChart(
  history: readonly HistoryRow[],
  names: readonly string[],
  yLabel: string,
  of: "metrics" | "trainMetrics" = "metrics",
): Chart {
  return lineChart({
    xLabel: "Step",
    yLabel,
    series: names.map((name, index) => ({
      name,
      points: column(history, (row) => row[of]?.[name]),
      style: of === "metrics" ? "points" : "line",
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
