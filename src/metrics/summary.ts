import { fail } from "../core/errors.js";
import type { Rng } from "../core/rng.js";
import type { LabelVolume } from "../volume/volume.js";
import { type BootstrapOptions, bootstrapMean, type MeanInterval, spreadOf } from "./interval.js";
import { type LabelTable, type Overlap, overlap } from "./overlap.js";
import { type SurfaceOptions, type SurfaceScores, surfaceScores } from "./surface.js";

/** Everything that is measured about one label of one case; `null` where a measure is not defined. */
export type SegmentationScores = Overlap & SurfaceScores;

/** One case's scores, by label and measure. */
export interface CaseScore {
  readonly case: string;
  /** Whose image it is: intervals are over subjects. */
  readonly subject: string;
  readonly scores: Readonly<Record<string, Readonly<Record<string, number | null>>>>;
}

/** A measure over all cases, for one label. Cases for which it is not defined are left out, and counted. */
export interface MeasureSummary extends MeanInterval {
  readonly label: string;
  readonly metric: string;
  readonly sd: number | null;
  readonly median: number;
  readonly lowerQuartile: number;
  readonly upperQuartile: number;
  /** Cases for which the measure is not defined: an absent structure, or one that was missed altogether. */
  readonly undefinedCount: number;
}

export interface RankedCase {
  readonly case: string;
  /** Mean of the measure over the case's labels. */
  readonly score: number;
}

export interface ScoreSummary {
  readonly caseCount: number;
  readonly subjectCount: number;
  /** One entry for each label and measure that is defined for at least one case. */
  readonly measures: readonly MeasureSummary[];
  /** The ranking measure, averaged over a case's labels and then over cases; `null` when never defined. */
  readonly overall: MeanInterval | null;
  /** Cases by that average, best first; cases without one are left out. */
  readonly ranking: readonly RankedCase[];
  readonly best: RankedCase | null;
  readonly median: RankedCase | null;
  readonly worst: RankedCase | null;
}

export interface SummaryOptions extends BootstrapOptions {
  /** The measure that ranks cases and makes the overall mean; `dice` unless told. Higher is better. */
  readonly rankBy?: string;
}

/** Score one segmentation against its reference: overlap and surface measures of every label, on one grid. */
export function scoreSegmentation(
  who: { readonly case: string; readonly subject: string },
  reference: LabelVolume,
  prediction: LabelVolume,
  labels: LabelTable,
  options: SurfaceOptions = {},
): CaseScore & {
  readonly scores: Readonly<Record<string, SegmentationScores & Record<string, number | null>>>;
} {
  const overlaps = overlap(reference, prediction, labels);
  const surfaces = surfaceScores(reference, prediction, labels, options);
  const scores = Object.fromEntries(
    Object.keys(labels).map((name) => [name, { ...overlaps[name]!, ...surfaces[name]! }]),
  );
  return { case: who.case, subject: who.subject, scores };
}

/**
 * Summarise the scores of many cases: per label and measure the mean with a bootstrap interval over subjects,
 * spread and quartiles; the mean over labels; best, median and worst case.
 *
 * Throws `bad-data` when there is no case or when two have the same name.
 */
export function summarise(
  cases: readonly CaseScore[],
  rng: Rng,
  { rankBy = "dice", ...bootstrap }: SummaryOptions = {},
): ScoreSummary {
  const names = new Set(cases.map((one) => one.case));
  if (cases.length === 0 || names.size !== cases.length)
    fail("bad-data", {
      what: "the cases cannot be summarised",
      expected: "at least one case, each with a name of its own",
      found: cases.length === 0 ? "none" : `${cases.length} cases with ${names.size} different names`,
    });
  const measures: MeasureSummary[] = [];
  for (const label of keysOf(cases.map((one) => one.scores)))
    for (const metric of keysOf(cases.map((one) => one.scores[label] ?? {}))) {
      const one = summariseMeasure(cases, label, metric, rng.split(label, metric), bootstrap);
      if (one !== undefined) measures.push(one);
    }
  const ranking = rank(cases, rankBy);
  const subjectOf = new Map(cases.map((one) => [one.case, one.subject]));
  const overall =
    ranking.length === 0
      ? null
      : bootstrapMean(
          ranking.map((one) => one.score),
          ranking.map((one) => subjectOf.get(one.case)!),
          rng.split("overall"),
          bootstrap,
        );
  return {
    caseCount: cases.length,
    subjectCount: new Set(cases.map((one) => one.subject)).size,
    measures,
    overall,
    ranking,
    best: ranking[0] ?? null,
    median: ranking[Math.floor((ranking.length - 1) / 2)] ?? null,
    worst: ranking.at(-1) ?? null,
  };
}

function summariseMeasure(
  cases: readonly CaseScore[],
  label: string,
  metric: string,
  rng: Rng,
  options: BootstrapOptions,
): MeasureSummary | undefined {
  const defined = cases.flatMap((one) => {
    const value = one.scores[label]?.[metric];
    return value === undefined || value === null ? [] : [{ value, subject: one.subject }];
  });
  if (defined.length === 0) return undefined;
  const values = defined.map((one) => one.value);
  const interval = bootstrapMean(
    values,
    defined.map((one) => one.subject),
    rng,
    options,
  );
  const { sd, median, lowerQuartile, upperQuartile } = spreadOf(values);
  const undefinedCount = cases.length - defined.length;
  return { label, metric, ...interval, sd, median, lowerQuartile, upperQuartile, undefinedCount };
}

/** Best first; equal scores in the order of their names, so that the ranking does not depend on the input's. */
function rank(cases: readonly CaseScore[], metric: string): RankedCase[] {
  return cases
    .flatMap((one) => {
      const values = Object.values(one.scores)
        .map((scores) => scores[metric])
        .filter((value) => value !== undefined && value !== null);
      if (values.length === 0) return [];
      return [{ case: one.case, score: values.reduce((sum, value) => sum + value, 0) / values.length }];
    })
    .sort((a, b) => b.score - a.score || (a.case < b.case ? -1 : 1));
}

/** Keys of all records, in the order in which they first appear. */
function keysOf(records: readonly Readonly<Record<string, unknown>>[]): string[] {
  return [...new Set(records.flatMap((record) => Object.keys(record)))];
}
