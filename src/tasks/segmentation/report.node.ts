import { toClasses } from "../../io/case.js";
import type { DataSet } from "../../io/dataset.js";
import { openDataSet, readVolume, writeText } from "../../io/node.js";
import type { ExampleCase } from "../../report/data.js";
import { overlayFigure } from "../../report/figure.js";
import { buildReport } from "../../report/run.js";
import { parametersInWords } from "../../report/words.js";
import { toCanonical } from "../../volume/orient.js";
import { casesOf } from "../dataset.node.js";
import { commonParts, picksOf, readEvaluation } from "../report.node.js";
import { paths, readHistory } from "../run-folder.node.js";
import type { EvaluateSummary, ReportRequest, ReportSummary } from "../verbs.js";
import { loadLabelled } from "./data.node.js";
import { readRun } from "./folder.node.js";
import { predictionName } from "./predict.node.js";
import { dataSetOptions, type Run } from "./run.js";

/** Collect what a run folder holds and write `report.html`. */
export async function reportSegmentation({ runDir }: ReportRequest): Promise<ReportSummary> {
  const run = await readRun(runDir);
  const history = await readHistory(runDir);
  const evaluation = await readEvaluation(runDir);
  const page = buildReport({
    title: `${run.system} on ${run.data.name}`,
    ...commonParts(run, history),
    description: `U-Net with ${parametersInWords(run.parameters)}, ${run.model.dimensions}-D, patches of ${run.model.patch.join(" x ")} voxels`,
    simulated: run.model.simulated,
    ...(evaluation === undefined ? {} : { evaluation, examples: await examplesOf(runDir, run, evaluation) }),
    configuration: { ...run.config, parameters: run.parameters, preparation: run.model.preparation },
    data: [
      {
        name: run.data.name,
        caseCount: run.data.cases,
        subjectCount: run.data.subjects,
        hash: `sha256:${run.data.sha256}`,
        properties: {
          layout: run.data.kind,
          channels: run.model.channels.join(", "),
          "voxel size, mm": run.data.spacingsMm,
          "size, voxels": run.data.sizes,
        },
      },
    ],
    splitNote: `${run.split.folds}-fold by ${run.split.by}, fold ${run.split.fold}, seed ${run.split.seed}`,
  });
  await writeText(paths.report(runDir), page);
  return { path: paths.report(runDir) };
}

/** Pictures of the best, the median and the worst case by mean Dice over the structures. */
async function examplesOf(dir: string, run: Run, evaluation: EvaluateSummary): Promise<ExampleCase[]> {
  const ranked = evaluation.cases
    .map(({ case: id, scores }) => {
      const values = run.model.labels
        .map(({ name }) => scores[name]?.dice)
        .filter((value) => typeof value === "number");
      return { id, dice: values.reduce((a, b) => a + b, 0) / Math.max(1, values.length) };
    })
    .sort((a, b) => b.dice - a.dice);
  const dataset = await openDataSet(evaluation.dataDir, dataSetOptions(run)).catch(() => undefined);
  const known = new Set(dataset?.cases.map(({ id }) => id));
  if (dataset === undefined || !ranked.every(({ id }) => known.has(id))) return [];
  const examples: ExampleCase[] = [];
  for (const [rank, pick] of picksOf(ranked)) {
    const figure = await figureOf(dir, run, dataset, pick.id);
    examples.push({ rank, case: pick.id, score: `mean Dice ${pick.dice.toFixed(3)}`, figure });
  }
  return examples;
}

async function figureOf(dir: string, run: Run, dataset: DataSet, id: string) {
  const [one] = casesOf(dataset, [id]);
  const { image, label } = await loadLabelled(dataset, one!);
  const file = `${paths.predictions(dir)}/${predictionName(one!.images[0]!)}`;
  const stored = toCanonical((await readVolume(file)).volume).volume;
  return overlayFigure({
    image,
    truth: label,
    prediction: toClasses(stored, run.model.labelValues, file),
    labels: run.model.labels.map(({ name }, at) => ({ name, value: at + 1 })),
    rows: ["image", "overlay"],
    where: id,
  });
}
