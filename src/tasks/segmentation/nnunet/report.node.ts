import { loadCase, nodeFiles, openDataSet, writeText } from "../../../io/node.js";
import type { ExampleCase } from "../../../report/data.js";
import { overlayFigure } from "../../../report/figure.js";
import { buildReport } from "../../../report/run.js";
import { parametersInWords } from "../../../report/words.js";
import { casesOf } from "../../dataset.node.js";
import { commonParts, picksOf, readEvaluation } from "../../report.node.js";
import { paths, readHistory, readRunAs } from "../../run-folder.node.js";
import type { EvaluateSummary, ReportRequest, ReportSummary } from "../../verbs.js";
import { exists } from "./folders.node.js";
import { readHeldOut } from "./held-out.js";
import { foldPaths } from "./layout.js";
import { trainedConfiguration } from "./model.js";
import { restoreClasses } from "./restore.js";
import { dataSetOptions, type Run, runSchema } from "./run.js";
import { targetNames } from "./score.js";

/** Collect what a fold's run folder holds and write `report.html`. */
export async function reportNnunet({ runDir }: ReportRequest): Promise<ReportSummary> {
  const run = await readRunAs(runDir, runSchema);
  const history = await readHistory(runDir);
  const evaluation = await readEvaluation(runDir);
  const { dimensions, patch, spacingMm, widths } = trainedConfiguration(run.model);
  const { channels } = run.model.plan;
  const page = buildReport({
    title: `${run.system} on ${run.data.name}, ${run.model.configuration}, fold ${run.split.fold}`,
    ...commonParts(run, history),
    description: `Planned U-Net with ${parametersInWords(run.parameters)}, ${dimensions}-D, ${widths.length} levels, patches of ${patch.join(" x ")} voxels of ${spacingMm.map((mm) => Number(mm.toFixed(3))).join(" x ")} mm`,
    simulated: run.model.simulated,
    ...(evaluation === undefined ? {} : { evaluation, examples: await examplesOf(runDir, run, evaluation) }),
    configuration: { ...run.config, parameters: run.parameters, trained: trainedConfiguration(run.model) },
    data: [
      {
        name: run.data.name,
        caseCount: run.data.cases,
        subjectCount: run.data.subjects,
        hash: `sha256:${run.data.sha256}`,
        properties: {
          layout: run.data.kind,
          channels: channels.map(({ name, scheme }) => `${name} (${scheme})`).join(", "),
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

/** Pictures of the best, the median and the worst held-out case by mean Dice, where its prediction is there. */
async function examplesOf(dir: string, run: Run, evaluation: EvaluateSummary): Promise<ExampleCase[]> {
  const names = targetNames(run.model.plan.dataset);
  const ranked = evaluation.cases
    .map(({ case: id, scores }) => {
      const values = names.map((name) => scores[name]?.dice).filter((value) => typeof value === "number");
      return { id, dice: values.reduce((a, b) => a + b, 0) / Math.max(1, values.length) };
    })
    .sort((a, b) => b.dice - a.dice);
  const dataset = await openDataSet(run.data.root, dataSetOptions(run)).catch(() => undefined);
  if (dataset === undefined) return [];
  const examples: ExampleCase[] = [];
  for (const [rank, pick] of picksOf(ranked)) {
    if (!(await exists(foldPaths.heldOutCase(dir, pick.id)))) continue;
    const [one] = casesOf(dataset, [pick.id]);
    const { image, label } = await loadCase(dataset, one!);
    const path = foldPaths.heldOutCase(dir, pick.id);
    const { probabilities, geometry } = await readHeldOut(nodeFiles, path);
    const figure = overlayFigure({
      image,
      truth: label!,
      prediction: restoreClasses(probabilities, geometry, run.model.plan),
      labels: run.model.plan.dataset.classes.slice(1).map((name, at) => ({ name, value: at + 1 })),
      rows: ["image", "overlay"],
      where: pick.id,
    });
    examples.push({ rank, case: pick.id, score: `mean Dice ${pick.dice.toFixed(3)}`, figure });
  }
  return examples;
}
