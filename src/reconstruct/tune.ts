import { fail } from "../core/errors.js";
import { relativeRmse } from "../metrics/quality.js";
import { blurImage } from "../sim/pet/blur.js";
import type { PetScan } from "../sim/pet/model.js";
import { buildProjector, type Projector } from "../sim/pet/projector.js";
import { precorrected } from "../sim/pet/scan.js";
import { reconstructEm } from "./em.js";
import { fbp } from "./fbp.js";
import type { FbpWindow } from "./ramp.js";

/** A scan of the validation set with the activity that was there, kBq/ml. All cases share one geometry. */
export interface TuningCase {
  readonly scan: PetScan;
  readonly truth: Float32Array;
}

/** Lower is better. */
export type Score = (truth: Float32Array, image: Float32Array) => number;

/** Everything that a search tried, for the report, and the settings with the lowest mean score. */
export interface Tuned<S> {
  readonly tried: readonly { readonly settings: S; readonly score: number }[];
  readonly best: S;
  readonly score: number;
}

export interface EmSettings {
  readonly subsets: number;
  readonly iterations: number;
  readonly filterFwhmMm: number;
}

export interface EmSearch {
  readonly subsets: number;
  /** Iterations to look at; the largest is how far every case is reconstructed, once. */
  readonly iterations: readonly number[];
  readonly filterFwhmMm: readonly number[];
  readonly score?: Score;
}

/** Find the iterations and the post-filter of ML-EM or OSEM with the lowest mean score (`relativeRmse`) over cases. */
export function tuneEm(cases: readonly TuningCase[], search: EmSearch): Tuned<EmSettings> {
  const { subsets, iterations, filterFwhmMm, score = relativeRmse } = search;
  const projector = sharedProjector(cases);
  const settings = iterations.flatMap((n) =>
    filterFwhmMm.map((width): EmSettings => ({ subsets, iterations: n, filterFwhmMm: width })),
  );
  const sums = new Float64Array(settings.length);
  for (const { scan, truth } of cases)
    reconstructEm(scan, {
      subsets,
      iterations: Math.max(...iterations),
      projector,
      onIteration: (done, image) => {
        settings.forEach((one, n) => {
          if (one.iterations === done)
            sums[n] = sums[n]! + score(truth, smoothed(image, scan, one.filterFwhmMm));
        });
      },
    });
  return choose(settings, sums, cases.length);
}

export interface FbpSettings {
  readonly window: FbpWindow;
  readonly cutOff: number;
  readonly filterFwhmMm: number;
}

export interface FbpSearch {
  readonly windows: readonly FbpWindow[];
  readonly cutOff: readonly number[];
  readonly filterFwhmMm: readonly number[];
  readonly score?: Score;
}

/** The same for filtered backprojection: window, cut-off and post-filter. Negative values are put at 0. */
export function tuneFbp(cases: readonly TuningCase[], search: FbpSearch): Tuned<FbpSettings> {
  const { windows, cutOff, filterFwhmMm, score = relativeRmse } = search;
  const projector = sharedProjector(cases);
  const settings = windows.flatMap((window) =>
    cutOff.flatMap((cut) =>
      filterFwhmMm.map((width): FbpSettings => ({ window, cutOff: cut, filterFwhmMm: width })),
    ),
  );
  const sums = new Float64Array(settings.length);
  for (const { scan, truth } of cases) {
    const integrals = precorrected(scan);
    let sharp: { readonly of: FbpSettings; readonly image: Float32Array } | undefined;
    settings.forEach((one, n) => {
      // Settings that differ in the filter alone follow each other and share their backprojection.
      if (sharp === undefined || sharp.of.window !== one.window || sharp.of.cutOff !== one.cutOff)
        sharp = { of: one, image: fbp(integrals, scan.geometry, { ...one, filterFwhmMm: 0, projector }) };
      const image = smoothed(sharp.image, scan, one.filterFwhmMm);
      sums[n] = sums[n]! + score(truth, withoutNegatives(image));
    });
  }
  return choose(settings, sums, cases.length);
}

function smoothed(image: Float32Array, { geometry }: PetScan, fwhmMm: number): Float32Array {
  return fwhmMm > 0 ? blurImage(image, geometry.imageSize, fwhmMm, geometry.pixelSizeMm) : image;
}

function withoutNegatives(image: Float32Array): Float32Array {
  return image.map((value) => Math.max(value, 0));
}

function sharedProjector(cases: readonly TuningCase[]): Projector {
  const first = cases[0];
  if (first === undefined)
    fail("bad-data", {
      what: "there is nothing to tune the reconstruction on",
      expected: "at least one case of the validation set",
      found: "none",
    });
  const key = JSON.stringify(first.scan.geometry);
  const other = cases.findIndex(({ scan }) => JSON.stringify(scan.geometry) !== key);
  if (other >= 0)
    fail("geometry", {
      what: "cases to tune on come from different scanners",
      where: `case ${other}`,
      expected: key,
      found: JSON.stringify(cases[other]!.scan.geometry),
    });
  return buildProjector(first.scan.geometry);
}

function choose<S>(settings: readonly S[], sums: Float64Array, cases: number): Tuned<S> {
  if (settings.length === 0)
    fail("bad-argument", {
      what: "the search holds no settings",
      expected: "at least one value of each",
      found: "an empty list",
    });
  const tried = settings.map((one, n) => ({ settings: one, score: sums[n]! / cases }));
  const best = tried.reduce((a, b) => (b.score < a.score ? b : a));
  return { tried, best: best.settings, score: best.score };
}

/** One tried setting as a chart wants it: where it lies along one setting, which line it is on by the others. */
export interface SearchPoint {
  readonly along: number;
  readonly line: string;
  readonly score: number;
}

/** A search of `tuneEm` by iterations, a line for every filter. */
export function emSearchPoints({ tried }: Tuned<EmSettings>): SearchPoint[] {
  return tried.map(({ settings: { iterations, filterFwhmMm }, score }) => ({
    along: iterations,
    line: `filter ${filterFwhmMm} mm`,
    score,
  }));
}

/** A search of `tuneFbp` by the filter's width, a line for every window and cut-off. */
export function fbpSearchPoints({ tried }: Tuned<FbpSettings>): SearchPoint[] {
  return tried.map(({ settings: { window, cutOff, filterFwhmMm }, score }) => ({
    along: filterFwhmMm,
    line: `${window}, cut-off ${cutOff}`,
    score,
  }));
}

/**
 * The settings that were best at the least or the greatest value tried, of several: there the search may have ended too
 * soon. No filter (0 mm), one iteration and no cut-off (1) are ends of their own and not named.
 */
export function searchEdges<S extends EmSettings | FbpSettings>({ tried, best }: Tuned<S>): string[] {
  const natural: Readonly<Record<string, number>> = { filterFwhmMm: 0, iterations: 1, cutOff: 1 };
  return Object.entries(best).flatMap(([name, value]) => {
    const values = tried.map(({ settings }) => Number(settings[name as keyof S]));
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const atEdge = low < high && (value === low || value === high) && value !== natural[name];
    return atEdge ? [name] : [];
  });
}
