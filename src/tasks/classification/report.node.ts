import { writeText } from "../../io/node.js";
import type { ExampleCase } from "../../report/data.js";
import { buildReport } from "../../report/run.js";
import { parametersInWords } from "../../report/words.js";
import { commonParts, readEvaluation } from "../report.node.js";
import { paths, readHistory } from "../run-folder.node.js";
import type { ReportRequest, ReportSummary } from "../verbs.js";
import { curvesOf } from "./curves.js";
import { datasetOptionsOf, loadImages, openTable, rowsOf } from "./data.node.js";
import type { ClassificationEvaluation } from "./evaluate.node.js";
import { readRun } from "./folder.node.js";
import type { Run } from "./run.js";
import { saliencyFigure, saliencyOf, writeSaliency } from "./saliency.node.js";

/** Collect what a run folder holds and write `report.html`. */
export async function reportClassification({ runDir }: ReportRequest): Promise<ReportSummary> {
  const run = await readRun(runDir);
  const history = await readHistory(runDir);
  const evaluation = (await readEvaluation(runDir)) as ClassificationEvaluation | undefined;
  const page = buildReport({
    title: `${run.system} on ${run.data.name}`,
    ...commonParts(run, history),
    description: `${run.model.classes[1]} against ${run.model.classes[0]} from ${run.model.modality} images; ${parametersInWords(run.parameters)}`,
    simulated: run.model.simulated,
    ...(evaluation === undefined
      ? {}
      : {
          evaluation,
          curves: curvesOf(evaluation.judgements, run.model.classes[1]),
          examples: await examplesOf(runDir, run, evaluation),
        }),
    configuration: { ...run.config, parameters: run.parameters },
    data: [
      {
        name: run.data.name,
        caseCount: run.data.cases,
        subjectCount: run.data.subjects,
        hash: `sha256:${run.data.sha256}`,
        properties: {
          "voxel size, mm": run.data.spacingsMm,
          "size, voxels": run.data.sizes,
        },
      },
    ],
    splitNote: `${run.split.folds}-fold by subject within diagnoses, fold ${run.split.fold} held out, seed ${run.split.seed}`,
  });
  await writeText(paths.report(runDir), page);
  return { path: paths.report(runDir) };
}

/** Subjects of each class whose maps are averaged. */
const lookedAt = 4;

/** Where the network looks in some of the subjects that it was judged on; nothing where their images are gone. */
async function examplesOf(
  dir: string,
  run: Run,
  evaluation: ClassificationEvaluation,
): Promise<ExampleCase[]> {
  const table = await openTable(evaluation.dataDir, run.config, datasetOptionsOf(run)).catch(() => undefined);
  if (table === undefined) return [];
  // Judgements stand in the order of the cases.
  const judged = evaluation.judgements.map(({ positive }, at) => ({
    positive,
    id: evaluation.cases[at]!.case,
  }));
  const chosen = [true, false].flatMap((positive) =>
    judged
      .filter((one) => one.positive === positive)
      .slice(0, lookedAt)
      .map(({ id }) => id),
  );
  const rows = rowsOf(table.rows, chosen, "first");
  if (rows.length === 0) return [];
  const images = await loadImages(rows, run.model.classes, run.config.input, run.model.grid);
  const saliency = await saliencyOf(dir, run, images);
  await writeSaliency(dir, saliency);
  return [saliencyFigure(saliency)];
}
