import * as Plot from "@observablehq/plot";
import { cleanText } from "./html.js";
import { type Chart, draw } from "./plot.js";

/** A curve with a band around it: a mean and its interval, or a median between two percentiles. */
export interface Band {
  readonly name: string;
  readonly color: string;
  readonly dashed?: boolean;
  readonly points: readonly BandPoint[];
}

export interface BandPoint {
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
}

export interface BandChartOptions {
  readonly bands: readonly Band[];
  /** Axis titles with their units. */
  readonly xLabel: string;
  readonly yLabel: string;
  readonly yDomain?: readonly [number, number];
  /** A value that the text speaks of, drawn as a thin line across. */
  readonly mark?: number;
  readonly width?: number;
  readonly height?: number;
}

/** Curves with bands over a common axis; points that are not finite are left out. */
export function bandChart(options: BandChartOptions): Chart {
  const { xLabel, yLabel, yDomain, mark, width = 480, height = 280 } = options;
  const bands = options.bands
    .map((band) => ({
      ...band,
      points: band.points.filter(({ x, y, low, high }) => [x, y, low, high].every(Number.isFinite)),
    }))
    .filter(({ points }) => points.length > 0);
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
      ...(yDomain === undefined ? { nice: true } : { domain: [...yDomain] }),
    },
    marks: [
      mark === undefined
        ? null
        : Plot.ruleY([mark], { stroke: "currentColor", strokeOpacity: 0.5, strokeWidth: 1 }),
      ...bands.map(({ points, color }) =>
        Plot.areaY(points, { x: "x", y1: "low", y2: "high", fill: color, fillOpacity: 0.2 }),
      ),
      ...bands.map(({ points, color, dashed }) =>
        Plot.lineY(points, {
          x: "x",
          y: "y",
          stroke: color,
          strokeWidth: 1.8,
          ...(dashed ? { strokeDasharray: "5 3" } : {}),
        }),
      ),
    ],
  });
  return { svg, legend: bands.map(({ name, color }) => ({ name, color })) };
}
