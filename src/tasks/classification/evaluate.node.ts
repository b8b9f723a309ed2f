import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import { fail } from "../../core/errors.js";
import { rng } from "../../core/rng.js";
import type { SubjectTable } from "../../io/subjects.js";
import { calibration } from "../../metrics/classification/calibration.js";
import { bootstrapFigures } from "../../metrics/classification/intervals.js";
import { type Judgement, scoreClassification } from "../../metrics/classification/scores.js";
import type { MetricColumn } from "../../report/data.js";
import { beginLook, finishLook } from "../looks.node.js";
import { paths } from "../run-folder.node.js";
import type { EvaluateRequest, EvaluateSummary } from "../verbs.js";
import { datasetOptionsOf, openTable, recordOf, rowsOf } from "./data.node.js";
import { readRun } from "./folder.node.js";
import { openModelAt } from "./network.node.js";
import { type Prediction, predictScan, writePredictions } from "./predict.node.js";
import type { Run } from "./run.js";

const columns: readonly MetricColumn[] = [
  { key: "balancedAccuracy", name: "Balanced accuracy", better: "higher" },
  { key: "auc", name: "AUC", better: "higher" },
  { key: "accuracy", name: "Accuracy", better: "higher" },
  { key: "sensitivity", name: "Sensitivity", better: "higher" },
  { key: "specificity", name: "Specificity", better: "higher" },
  { key: "brier", name: "Brier score", better: "lower" },
  { key: "calibrationError", name: "Calibration error", better: "lower" },
];

/** Probabilities and truths of subjects, beside what `evaluation.json` of every task holds. */
export interface ClassificationEvaluation extends EvaluateSummary {
  readonly judgements: readonly Judgement[];
}

const figuresOf = (cases: readonly Judgement[]) => ({
  ...scoreClassification(cases),
  calibrationError: calibration(cases).expectedError,
});

/**
 * Judge a run on the subjects that neither trained it nor chose its weights, or on every subject of another data set,
 * each by the first session.
 */
export async function evaluateClassification(request: EvaluateRequest): Promise<ClassificationEvaluation> {
  const { runDir, signal, threads, device } = request;
  const run = await readRun(runDir);
  const { table, own } = await tableToJudge(run, request);
  const look = await beginLook(
    run,
    request,
    own ? { own, usual: heldOut(run) } : { own, images: table.rows.map(({ image }) => [image]) },
  );
  const ids = look.part === undefined ? table.rows.map(({ id }) => id) : run.split[look.part];
  const rows = rowsOf(table.rows, ids, "first");
  const open = await openModelAt(runDir, { threads, device });
  const predictions: (Prediction & { subject: string; truth: string })[] = [];
  for (const [at, { id, subject, image, diagnosis }] of rows.entries()) {
    if (signal?.aborted)
      fail("runtime", {
        what: "the evaluation was interrupted",
        where: runDir,
        found: `${at} of ${rows.length} subjects judged`,
        fix: "Run it again: nothing is written before all subjects are judged",
      });
    request.onProgress?.(at, rows.length, id);
    predictions.push({ ...(await predictScan(open, image)), id, subject, truth: diagnosis });
  }
  request.onProgress?.(rows.length, rows.length, "");
  await open.executable.dispose();
  await mkdir(paths.predictions(runDir), { recursive: true });
  await writePredictions(`${paths.predictions(runDir)}/predictions.tsv`, predictions, run.model.classes);
  const result = summaryOf(run, predictions, {
    runDir,
    dataDir: resolve(table.source),
    set:
      look.words ??
      (look.part === undefined
        ? "all subjects of another data set than that of the run"
        : heldOutWords(
            run,
            look.part === "validation" && run.config.selection.share > 0
              ? "which chose the network's weights: the split has no test set"
              : "which neither trained the network nor chose its weights",
          )),
    notes: look.notes,
  });
  await finishLook(look, result);
  return result;
}

/** Held-out subjects in words; of a split that leaks nothing is said of what they have done, as it would not be true. */
export function heldOutWords(
  { split: { fold = 0, folds = 5 }, leakageStudy }: Pick<Run, "split" | "leakageStudy">,
  who: string,
): string {
  const of = `of fold ${fold} of ${folds}`;
  return leakageStudy ? `held-out images ${of} of a split that leaks` : `held-out subjects ${of}, ${who}`;
}

/** Whom a run without a sealed test set is judged on: a split in a file may have no test set at all. */
export function heldOut({ split }: { readonly split: Pick<Run["split"], "test"> }): "test" | "validation" {
  return split.test.length > 0 ? "test" : "validation";
}

/** What tells the data set of a run. */
interface OwnData {
  readonly config: Pick<Run["config"], "classes" | "table">;
  readonly data: Pick<Run["data"], "root" | "options" | "sha256">;
  readonly split: Pick<Run["split"], "validation" | "test">;
}

/** The rows that are to be judged, and whether they are of the run's own data set. Throws `not-found` where held-out rows are gone. */
export async function tableToJudge(
  run: OwnData,
  { dataDir }: Pick<EvaluateRequest, "dataDir">,
): Promise<{ readonly table: SubjectTable; readonly own: boolean }> {
  const options = datasetOptionsOf(run);
  const table = await openTable(dataDir ?? run.data.root, run.config, options);
  if (dataDir === undefined) {
    const there = new Set(table.rows.map(({ id }) => id));
    if (run.split[heldOut(run)].some((id) => !there.has(id)))
      fail("not-found", {
        what: "held-out subjects of the run are no longer in the data set",
        where: run.data.root,
        fix: "Restore the data set, or evaluate on another one with --data",
      });
    return { table, own: true };
  }
  return { table, own: (await recordOf(table, options)).sha256 === run.data.sha256 };
}

/** The figures of predictions, with intervals, as every evaluation states them. */
export function summaryOf(
  run: { readonly seed: number; readonly model: Pick<Run["model"], "classes"> },
  predictions: readonly (Prediction & { subject: string; truth: string })[],
  about: {
    readonly runDir: string;
    readonly dataDir: string;
    readonly set: string;
    readonly notes: readonly string[];
  },
): ClassificationEvaluation {
  const [negative, positive] = run.model.classes;
  const judgements = predictions.map(
    ({ subject, probability, truth }): Judgement => ({ subject, probability, positive: truth === positive }),
  );
  const figures = bootstrapFigures(judgements, figuresOf, rng(run.seed).split("evaluate"));
  const label = `${positive} against ${negative}`;
  const counted = { count: predictions.length };
  const { value: mean, low, high } = figures.balancedAccuracy;
  return {
    run: about.runDir,
    dataDir: about.dataDir,
    set: about.set,
    caseCount: predictions.length,
    subjectCount: new Set(predictions.map(({ subject }) => subject)).size,
    labels: [label],
    metrics: columns,
    summary: columns.map(({ key }) => {
      const one = figures[key as keyof typeof figures];
      return { label, metric: key, mean: one.value, low: one.low, high: one.high, ...counted };
    }),
    overall: { mean, low, high },
    cases: predictions.map(({ id, subject, probability, truth }) => {
      const right = probability >= 0.5 === (truth === positive);
      const scores = { accuracy: right ? 1 : 0, brier: (probability - (truth === positive ? 1 : 0)) ** 2 };
      return { case: id, subject, scores: { [label]: scores } };
    }),
    interval: "95 % percentile bootstrap over subjects within their classes, 2000 resamples",
    notes: [
      ...about.notes,
      `Positive is ${positive}: sensitivity is of these subjects, specificity of ${negative}. Called positive from a probability of 0.5 on.`,
      "One probability for each subject, of the first session; of several positions their soft vote.",
    ],
    judgements,
  };
}
