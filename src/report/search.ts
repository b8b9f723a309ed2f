import { fail } from "../core/errors.js";
import { lineChart } from "./charts.js";
import { colorAt } from "./palette.js";
import type { StudyBlock } from "./study.js";

/** A search for settings, as plain data. */
export interface SearchReport {
  /** What was tuned on what: "OSEM with 16 subsets on 24 validation slices". */
  readonly what: string;
  /** Titles of the axes with their units. */
  readonly along: string;
  readonly score: string;
  /** All that was tried: lower scores are better. */
  readonly tried: readonly { readonly along: number; readonly line: string; readonly score: number }[];
  /** Settings that were best at the end of their range, where the search may have stopped too soon. */
  readonly edges?: readonly string[];
}

/** The search as a chart, the best of every line as a table: best first. Throws `bad-argument` for an empty one. */
export function searchBlocks({ what, along, score, tried, edges = [] }: SearchReport): StudyBlock[] {
  const lines = [...new Set(tried.map(({ line }) => line))];
  if (lines.length === 0)
    fail("bad-argument", {
      what: "a search without tries cannot be shown",
      where: what,
      expected: "at least one setting",
      found: "none",
    });
  const series = lines.map((name, n) => ({
    name,
    style: "points" as const,
    color: colorAt(n),
    points: tried
      .filter(({ line }) => line === name)
      .map((one) => ({ x: one.along, y: one.score }))
      .sort((a, b) => a.x - b.x),
  }));
  const best = series
    .map(({ name, points }) => ({ name, point: points.reduce((a, b) => (b.y < a.y ? b : a)) }))
    .sort((a, b) => a.point.y - b.point.y);
  const warning =
    edges.length === 0
      ? ""
      : ` Best at the end of what was tried: ${edges.join(", ")}; a wider search may find better.`;
  return [
    {
      kind: "charts",
      charts: [{ title: what, chart: lineChart({ series, xLabel: along, yLabel: score }) }],
      caption: `${what}: lowest at ${best[0]!.name}, ${along} ${best[0]!.point.x}.${warning}`,
    },
    {
      kind: "table",
      caption: `The best of every line: ${what}.`,
      columns: [{ heading: "setting" }, { heading: along, numeric: true }, { heading: score, numeric: true }],
      rows: best.map(({ name, point }) => [name, `${point.x}`, point.y.toPrecision(4)]),
    },
  ];
}
