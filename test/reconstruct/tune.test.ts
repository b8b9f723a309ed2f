import { describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { relativeRmse } from "../../src/metrics/quality.js";
import { reconstructEm } from "../../src/reconstruct/em.js";
import { fbp } from "../../src/reconstruct/fbp.js";
import {
  emSearchPoints,
  fbpSearchPoints,
  searchEdges,
  type TuningCase,
  tuneEm,
  tuneFbp,
} from "../../src/reconstruct/tune.js";
import { searchBlocks } from "../../src/report/search.js";
import { petGeometries } from "../../src/sim/pet/geometry.js";
import { slicesOfPhantom } from "../../src/sim/pet/phantoms.js";
import { buildScanner, precorrected } from "../../src/sim/pet/scan.js";

const geometry = petGeometries.tiny;
const scanner = buildScanner(geometry);
const phantom = { geometry, phantoms: 3, slicesPerPhantom: 1, seed: 8, kinds: ["body"] } as const;
const slices = [0, 1, 2].flatMap((n) => slicesOfPhantom(phantom, n));
const casesWith = (counts: number): TuningCase[] =>
  slices.map((slice, n) => ({
    scan: scanner.simulate(slice, rng("tune").split(n), { counts }),
    truth: slice.truth,
  }));
const few = casesWith(3e4);
const many = casesWith(3e6);
const search = { subsets: 8, iterations: [1, 2, 3, 4, 6, 9, 13], filterFwhmMm: [0, 4, 8, 12, 18, 26] };

describe("tuning of OSEM", () => {
  const tuned = tuneEm(few, search);

  it("scores every setting as a reconstruction of its own scores", () => {
    expect(tuned.tried).toHaveLength(42);
    for (const n of [0, 9, 23, 41]) {
      const { settings, score } = tuned.tried[n]!;
      const direct = few.map(({ scan, truth }) => relativeRmse(truth, reconstructEm(scan, settings).image));
      expect(score).toBeCloseTo(direct.reduce((sum, value) => sum + value, 0) / few.length, 6);
    }
  });

  it("chooses the lowest, which lies within the search and not at its end", () => {
    expect(tuned.score).toBe(Math.min(...tuned.tried.map(({ score }) => score)));
    expect(tuned.tried.find(({ settings }) => settings === tuned.best)!.score).toBe(tuned.score);
    expect(searchEdges(tuned)).toEqual([]);
    expect(tuned.best.filterFwhmMm).toBeGreaterThan(0);
    expect(tuned.best.filterFwhmMm).toBeLessThan(26);
    expect(tuned.best.iterations).toBeLessThan(13);
    // It gains over what nobody tuned: no filter, all iterations.
    const untuned = tuned.tried.find(
      ({ settings }) => settings.iterations === 13 && settings.filterFwhmMm === 0,
    )!;
    expect(tuned.score).toBeLessThan(0.7 * untuned.score);
  });

  it("smooths less and goes on for longer where there are more counts", () => {
    const sharp = tuneEm(many, search);
    expect(sharp.best.filterFwhmMm).toBeLessThan(tuned.best.filterFwhmMm);
    expect(sharp.score).toBeLessThan(tuned.score);
    const iterationsWithoutFilter = (of: typeof tuned): number => {
      const plain = of.tried.filter(({ settings }) => settings.filterFwhmMm === 0);
      return plain.reduce((a, b) => (b.score < a.score ? b : a)).settings.iterations;
    };
    expect(iterationsWithoutFilter(sharp)).toBeGreaterThan(iterationsWithoutFilter(tuned));
  });

  it("finds the same again", () => {
    expect(tuneEm(few, search)).toEqual(tuned);
  });

  it("says where a search ended too soon", () => {
    const short = tuneEm(few, { ...search, filterFwhmMm: [0, 4, 8] });
    expect(short.best.filterFwhmMm).toBe(8);
    expect(searchEdges(short)).toContain("filterFwhmMm");
  });

  it("is shown", () => {
    const blocks = searchBlocks({
      what: "OSEM with 8 subsets on 3 slices",
      along: "iterations",
      score: "mean rRMSE",
      tried: emSearchPoints(tuned),
      edges: searchEdges(tuned),
    });
    expect(blocks.map(({ kind }) => kind)).toEqual(["charts", "table"]);
    const [chart, table] = blocks;
    if (chart?.kind !== "charts" || table?.kind !== "table") throw new Error("not a chart and a table");
    const { filterFwhmMm, iterations } = tuned.best;
    expect(chart.caption).toBe(
      `OSEM with 8 subsets on 3 slices: lowest at filter ${filterFwhmMm} mm, iterations ${iterations}.`,
    );
    expect(table.rows).toHaveLength(6);
    expect(table.rows[0]).toEqual([`filter ${filterFwhmMm} mm`, `${iterations}`, tuned.score.toPrecision(4)]);
    expect(chart.charts[0]!.chart.svg.match(/<circle/g)!.length).toBeGreaterThanOrEqual(42);
    expect(() => searchBlocks({ what: "nothing", along: "x", score: "y", tried: [] })).toThrow(
      "nothing: a search without tries cannot be shown.",
    );
  });
});

describe("tuning of filtered backprojection", () => {
  const grid = { windows: ["ram-lak", "hann"], cutOff: [0.8, 1], filterFwhmMm: [0, 5, 10, 16, 24] } as const;
  const noisy = casesWith(4e3);
  const tuned = tuneFbp(noisy, grid);

  it("scores every setting as a reconstruction of its own scores, negative values at 0", () => {
    expect(tuned.tried).toHaveLength(20);
    for (const n of [0, 7, 19]) {
      const { settings, score } = tuned.tried[n]!;
      const direct = noisy.map(({ scan, truth }) =>
        relativeRmse(truth, fbp(precorrected(scan), geometry, { ...settings, nonNegative: true })),
      );
      expect(score).toBeCloseTo(direct.reduce((sum, value) => sum + value, 0) / noisy.length, 6);
    }
    expect(tuned.score).toBe(Math.min(...tuned.tried.map(({ score }) => score)));
  });

  it("smooths between the extremes, less where there are more counts, and is worse than OSEM", () => {
    expect(searchEdges(tuned).filter((name) => name === "filterFwhmMm")).toEqual([]);
    const sharp = tuneFbp(many, grid);
    expect(sharp.best.filterFwhmMm).toBeLessThan(tuned.best.filterFwhmMm);
    expect(sharp.score).toBeLessThan(tuned.score);
    expect(tuneEm(noisy, search).score).toBeLessThan(tuned.score);
    expect(new Set(fbpSearchPoints(tuned).map(({ line }) => line)).size).toBe(4);
  });
});

describe("searches that make no sense", () => {
  it("are told", () => {
    expect(() => tuneEm([], search)).toThrow("there is nothing to tune the reconstruction on.");
    expect(() => tuneEm(few, { ...search, filterFwhmMm: [] })).toThrow("the search holds no settings.");
    const other = { ...few[0]!, scan: { ...few[0]!.scan, geometry: petGeometries.small } };
    expect(() => tuneFbp([few[0]!, other], { windows: ["hann"], cutOff: [1], filterFwhmMm: [0] })).toThrow(
      "case 1: cases to tune on come from different scanners.",
    );
  });
});
