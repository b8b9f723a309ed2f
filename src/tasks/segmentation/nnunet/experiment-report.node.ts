import { loadCase, nodeFiles, writeText } from "../../../io/node.js";
import type {
  EvaluationReport,
  ExampleCase,
  NamedTraining,
  PlainTable,
  RunReport,
} from "../../../report/data.js";
import { overlayFigure } from "../../../report/figure.js";
import { buildReport } from "../../../report/run.js";
import { picksOf, readEvaluation } from "../../report.node.js";
import { paths, readHistory } from "../../run-folder.node.js";
import type { ReportRequest, ReportSummary } from "../../verbs.js";
import type { Best } from "./best.js";
import { type Compared, heldOutCases, openCompared, readExperiment, readSplits } from "./compared.node.js";
import { labelMapOf } from "./cross-validation.node.js";
import type { Experiment, Splits } from "./experiment.js";
import { experimentPaths } from "./layout.js";
import type { ConfigurationName, Plan } from "./plan.js";
import { parsePlan } from "./plan.js";
import type { Postprocessing } from "./postprocess.js";
import { readBest, trainedFolds } from "./source.js";
import { explainPlan } from "./words.js";

/** Collect what an experiment holds and write `report.html` into it. */
export async function reportExperiment({ runDir: dir }: ReportRequest): Promise<ReportSummary> {
  const record = await readExperiment(dir);
  const plan = parsePlan(await readText(experimentPaths.plan(dir)), experimentPaths.plan(dir));
  const splits = await readSplits(dir);
  const best = await readBest(nodeFiles, dir);
  const evaluation = await readEvaluation(dir);
  const trainings = await trainingsOf(dir);
  const page = buildReport({
    title: `${record.system} on ${record.data.name}`,
    system: record.system,
    createdAt: record.created,
    description: best?.sentence ?? "Nothing has been chosen yet: see gyrus find-best.",
    simulated: record.data.simulated,
    ...(evaluation === undefined ? {} : { evaluation: withoutLines(evaluation, best) }),
    tables: [
      ...(evaluation === undefined ? [] : [foldTable(evaluation, splits)]),
      ...(best === undefined ? [] : tablesOf(best)),
      planTable(plan),
    ],
    examples: evaluation === undefined ? [] : await examplesOf(dir, best, evaluation, [...trainings.keys()]),
    trainings: [...trainings.values()].flat(),
    ...dataParts(record, splits),
    configuration: { ...plan },
    warnings: [...record.notes, ...(best?.notes ?? [])],
  });
  await writeText(paths.report(dir), page);
  return { path: paths.report(dir) };
}

async function readText(path: string): Promise<string> {
  return new TextDecoder().decode(await nodeFiles.read(path));
}

/** The curves of every fold that was begun. */
async function trainingsOf(dir: string): Promise<Map<ConfigurationName, NamedTraining[]>> {
  const found = new Map<ConfigurationName, NamedTraining[]>();
  for (const [group, folds] of await trainedFolds(nodeFiles, dir)) {
    const own: NamedTraining[] = [];
    for (const fold of folds) {
      const history = await readHistory(experimentPaths.fold(dir, group, fold));
      own.push({ group, name: `fold ${fold}`, history });
    }
    found.set(group, own);
  }
  return found;
}

/** Each choice of the plan with its reason, as `gyrus plan` says it. */
function planTable(plan: Plan): PlainTable {
  return {
    heading: "Plan",
    caption: "What was planned from the data set, and why.",
    columns: [{ heading: "Choice" }, { heading: "Because" }],
    rows: explainPlan(plan).map(({ choice, because }) => [choice, because]),
  };
}

function dataParts(
  { data, folds, splitSeed }: Experiment,
  splits: Splits,
): Pick<RunReport, "data" | "split" | "splitNote"> {
  return {
    data: [
      {
        name: data.name,
        caseCount: data.cases,
        subjectCount: data.subjects,
        hash: `sha256:${data.sha256}`,
        properties: { layout: data.kind, "voxel size, mm": data.spacingsMm, "size, voxels": data.sizes },
      },
    ],
    split: splits.folds.map(({ subjects }, fold) => ({
      name: `held out in fold ${fold}`,
      subjects: subjects.validation,
    })),
    splitNote: `${folds} folds by ${splits.by}, seed ${splitSeed}`,
  };
}

/** What the page shows as tables and at its top need not be said under the table of cases once more. */
function withoutLines(evaluation: EvaluationReport, best: Best | undefined): EvaluationReport {
  const notes = evaluation.notes?.filter((note) => note !== best?.sentence && !/^Fold \d/.test(note));
  return { ...evaluation, notes };
}

/** The means of every fold by itself. */
function foldTable({ cases, labels, metrics }: EvaluationReport, { folds }: Splits): PlainTable {
  const numeric = true;
  const columns = labels.flatMap((label) =>
    metrics.map((metric) => ({
      label,
      metric,
      heading: `${label}, ${metric.name}${metric.unit === undefined ? "" : ` (${metric.unit})`}`,
      numeric,
    })),
  );
  const rows = folds.flatMap(({ validation }, fold) => {
    const own = cases.filter((one) => validation.includes(one.case));
    if (own.length === 0) return [];
    const means = columns.map(({ label, metric }) => {
      const values = own.flatMap(({ scores }) => scores[label]?.[metric.key] ?? []);
      if (values.length === 0) return "–";
      return (values.reduce((a, b) => a + b, 0) / values.length).toFixed(metric.unit === undefined ? 4 : 2);
    });
    return [[`${fold}`, `${own.length}`, ...means]];
  });
  return {
    heading: "Folds",
    caption: "Means over the held-out cases of every fold.",
    columns: [{ heading: "Fold", numeric }, { heading: "Cases", numeric }, ...columns],
    rows,
  };
}

function tablesOf({ candidates, decisions, ensemble, folds, cases }: Best): PlainTable[] {
  const labels = Object.keys(candidates[0]!.labels);
  const numeric = true;
  return [
    {
      heading: "Configurations",
      caption: `Dice in cross-validation over ${cases} held-out cases of folds ${folds.join(", ")}, before post-processing, best first.`,
      columns: [
        { heading: "Ensemble" },
        { heading: "Chosen" },
        { heading: "Mean", numeric },
        ...labels.map((heading) => ({ heading, numeric })),
      ],
      rows: candidates.map((one) => [
        one.ensemble.join(" + "),
        one.ensemble.join() === ensemble.join() ? "yes" : "",
        one.meanForegroundDice.toFixed(4),
        ...labels.map((label) => one.labels[label]?.toFixed(4) ?? "–"),
      ]),
    },
    {
      heading: "Post-processing",
      caption:
        "Whether keeping only the largest connected piece helps, decided on the same cases. A step stays where its Dice rises and no label falls.",
      columns: [
        { heading: "Largest piece of" },
        { heading: "Kept" },
        { heading: "Why" },
        { heading: "Before", numeric },
        { heading: "After", numeric },
      ],
      rows: decisions.map(({ name, before, after, kept, reason }) => [
        name,
        kept ? "yes" : "no",
        reason,
        before.toFixed(4),
        after.toFixed(4),
      ]),
    },
  ];
}

/** Pictures of the best, the median and the worst case by mean Dice over the labels. */
async function examplesOf(
  dir: string,
  best: Best | undefined,
  evaluation: EvaluationReport,
  trained: readonly ConfigurationName[],
): Promise<ExampleCase[]> {
  const ensemble = best?.ensemble ?? trained;
  const experiment = await openCompared(dir, ensemble).catch(() => undefined);
  if (experiment === undefined) return [];
  const steps = best?.postprocessing ?? [];
  const ranked = evaluation.cases
    .flatMap(({ case: id, scores }) => {
      const dice = evaluation.labels.flatMap((label) => scores[label]?.dice ?? []);
      return dice.length === 0 ? [] : [{ id, dice: dice.reduce((a, b) => a + b, 0) / dice.length }];
    })
    .sort((a, b) => b.dice - a.dice);
  const examples: ExampleCase[] = [];
  for (const [rank, pick] of picksOf(ranked)) {
    const figure = await figureOf(experiment, ensemble, steps, pick.id);
    if (figure !== undefined)
      examples.push({ rank, case: pick.id, score: `mean Dice ${pick.dice.toFixed(3)}`, figure });
  }
  return examples;
}

async function figureOf(
  experiment: Compared,
  ensemble: readonly ConfigurationName[],
  steps: Postprocessing,
  id: string,
) {
  const folds = experiment.splits.folds.map((_, fold) => fold);
  const held = heldOutCases(experiment, folds).find(({ one }) => one.id === id);
  if (held === undefined) return undefined;
  const prediction = await labelMapOf(experiment, held, { ensemble, steps });
  const { image, label } = await loadCase(experiment.dataset, held.one);
  const { classes, ignoredClass } = experiment.plans[ensemble[0]!]!.dataset;
  const names = ignoredClass === null ? classes : [...classes, "not labelled"];
  return overlayFigure({
    image,
    ...(label === undefined ? {} : { truth: label }),
    prediction,
    labels: names.slice(1).map((name, at) => ({ name, value: at + 1 })),
    rows: ["image", "overlay"],
    where: id,
  });
}
