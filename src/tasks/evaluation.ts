import type { MeanInterval } from "../metrics/interval.js";
import type { ScoreSummary } from "../metrics/summary.js";
import type { EvaluateSummary } from "./verbs.js";

/** A mean with its interval; of one subject, where nothing can be said about the spread, the mean thrice. */
export function plainInterval({ mean, low, high }: MeanInterval): {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
} {
  return { mean, low: low ?? mean, high: high ?? mean };
}

/** What an evaluation says of its scores together; of the measures with these keys. */
export function summaryParts(
  { caseCount, subjectCount, measures, overall }: ScoreSummary,
  columns: readonly { readonly key: string }[],
): Pick<EvaluateSummary, "caseCount" | "subjectCount" | "summary" | "overall"> {
  return {
    caseCount,
    subjectCount,
    summary: measures
      .filter(({ metric }) => columns.some(({ key }) => key === metric))
      .map((measure) => ({
        label: measure.label,
        metric: measure.metric,
        ...plainInterval(measure),
        count: measure.count,
      })),
    ...(overall === null ? {} : { overall: plainInterval(overall) }),
  };
}
