import { fail } from "../core/errors.js";
import type { MeanInterval } from "../metrics/interval.js";
import type { ScoreSummary } from "../metrics/summary.js";
import type { MetricColumn, ShownInterval } from "../report/data.js";
import type { EvaluateRequest, EvaluateSummary } from "./verbs.js";

/** A mean with its interval, and nothing else. */
export function plainInterval({ mean, low, high }: MeanInterval): ShownInterval {
  return { mean, low, high };
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

/** Throws `bad-argument` where a limit is set on the wrong side of a headline measure; without one it is taken for a score. */
export function requireBetter(
  { better, runDir }: Pick<EvaluateRequest, "better" | "runDir">,
  headline: Pick<MetricColumn, "name" | "better"> = { name: "its overall score", better: "higher" },
): void {
  if (better === undefined || better === headline.better) return;
  const [given, other] = better === "lower" ? ["--at-most", "--at-least"] : ["--at-least", "--at-most"];
  fail("bad-argument", {
    what: `${given} does not fit: of ${headline.name} ${headline.better} values are better`,
    where: runDir,
    fix: `Give ${other}`,
  });
}
