import type { Chart, HistoryRow } from "./charts.js";
import type { Figure } from "./figure.js";
import type { PictureWord } from "./html.js";

/** A measure that is reported for every case and label: Dice, IoU, HD95, … */
export interface MetricColumn {
  /** The key in `CaseScores.scores[label]` and in `MetricSummary.metric`. */
  readonly key: string;
  /** As printed: "Dice", "HD95". */
  readonly name: string;
  /** "mm"; absent for a pure number. */
  readonly unit?: string;
  /** Digits after the point: 3 by default, 2 where there is a unit. */
  readonly decimals?: number;
  readonly better: "higher" | "lower";
}

/** One case's scores: `scores[label][metric]`; `null` or absent where the measure is not defined. */
export interface CaseScores {
  readonly case: string;
  readonly subject?: string | undefined;
  readonly scores: Readonly<Record<string, Readonly<Record<string, number | null>>>>;
}

/** A mean with its confidence interval; the ends are `null` where nothing is known of the spread, as of one subject. */
export interface ShownInterval {
  readonly mean: number;
  readonly low: number | null;
  readonly high: number | null;
}

/** The mean of a metric over cases with its confidence interval, for one label. */
export interface MetricSummary extends ShownInterval {
  readonly label: string;
  readonly metric: string;
  /** Cases that entered the mean (those where the metric is defined). */
  readonly count: number;
}

export interface EvaluationReport {
  /** What was evaluated on: "held-out cases of fold 0". */
  readonly set: string;
  readonly caseCount: number;
  readonly subjectCount?: number | undefined;
  /** In the order of the table and of the colours in the figures. */
  readonly labels: readonly string[];
  /** The first is the headline. */
  readonly metrics: readonly MetricColumn[];
  readonly cases: readonly CaseScores[];
  readonly summary: readonly MetricSummary[];
  /** The headline metric over all labels. */
  readonly overall?: ShownInterval | undefined;
  /** How the intervals were made: "95 % bootstrap over subjects, 2000 resamples". */
  readonly interval: string;
  /** What a reader of the table must know: the tolerance of the surface Dice, what a dash means. */
  readonly notes?: readonly string[] | undefined;
}

/** A case shown in pictures. */
export interface ExampleCase {
  /** "best", "median", "worst". */
  readonly rank: string;
  readonly case: string;
  /** Why it has that rank: "mean Dice 0.921". */
  readonly score?: string | undefined;
  /** What is to be seen, instead of the figure's own words about rows and slices. */
  readonly caption?: string | undefined;
  readonly figure: Pick<Figure, "png" | "width" | "height"> &
    Partial<Figure> & { readonly words?: readonly PictureWord[] };
}

/** One of several trainings that a report is about: a fold of a configuration. */
export interface NamedTraining {
  /** Trainings of one group are drawn together: "3d_fullres". */
  readonly group: string;
  /** "fold 0". */
  readonly name: string;
  readonly history: readonly HistoryRow[];
}

/** A table in the caller's words: candidates that were compared, decisions with their reasons. */
export interface PlainTable {
  readonly heading: string;
  readonly caption: string;
  readonly columns: readonly { readonly heading: string; readonly numeric?: boolean }[];
  readonly rows: readonly (readonly string[])[];
}

/** A drawing beside the results. */
export interface CaptionedChart {
  readonly chart: Chart;
  readonly caption: string;
}

/** What identifies a data set: enough to see that two runs used the same one. */
export interface DataFingerprint {
  readonly name: string;
  readonly caseCount: number;
  readonly subjectCount?: number | undefined;
  /** Digest of names and contents, with its algorithm: "sha256:…". */
  readonly hash?: string | undefined;
  /** Ranges in the caller's words: `{ spacing: "1 x 1 x 1 mm", size: "31-43 x 40-59 x 24-47" }`. */
  readonly properties?: Readonly<Record<string, string | number>> | undefined;
}

/** One part of the split: its subjects, or its cases where no subjects are known. */
export interface SplitPart {
  /** "training", "validation", "test". */
  readonly name: string;
  readonly subjects: readonly string[];
}

/** Everything that the report of a run says; plain data, collected by the caller. Every part may be absent. */
export interface RunReport {
  readonly title: string;
  readonly system: string;
  readonly preset?: string | undefined;
  /** One sentence: what the system does. */
  readonly description?: string | undefined;
  /** When, as printed; the report itself never looks at a clock. */
  readonly createdAt?: string | undefined;
  /** Whether the images were simulated: the report says so under its title. */
  readonly simulated: boolean;
  readonly evaluation?: EvaluationReport | undefined;
  readonly history?: readonly HistoryRow[] | undefined;
  /** Instead of one history: curves of several trainings. */
  readonly trainings?: readonly NamedTraining[] | undefined;
  /** After the results. */
  readonly tables?: readonly PlainTable[] | undefined;
  /** After the results: ROC and reliability curves, and the like. */
  readonly curves?: readonly CaptionedChart[] | undefined;
  readonly examples?: readonly ExampleCase[] | undefined;
  /** Nested keys and values, printed as they are. */
  readonly configuration?: Readonly<Record<string, unknown>> | undefined;
  readonly data?: readonly DataFingerprint[] | undefined;
  readonly split?: readonly SplitPart[] | undefined;
  /** How the split was made: "5-fold by subject, fold 0, seed 1". */
  readonly splitNote?: string | undefined;
  readonly versions?: Readonly<Record<string, string>> | undefined;
  readonly machine?: Readonly<Record<string, string | number>> | undefined;
  readonly timings?: readonly { readonly what: string; readonly seconds: number }[] | undefined;
  readonly warnings?: readonly string[] | undefined;
}
