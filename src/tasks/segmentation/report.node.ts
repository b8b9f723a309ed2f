import { toClasses } from "../../io/case.js";
import type { DataSet } from "../../io/dataset.js";
import { nodeFiles, openDataSet, readVolume, writeText } from "../../io/node.js";
import type { ExampleCase } from "../../report/data.js";
import { overlayFigure } from "../../report/figure.js";
import { buildReport } from "../../report/run.js";
import { toCanonical } from "../../volume/orient.js";
import { gib } from "../memory.node.js";
import { paths, readHistory } from "../run-folder.node.js";
import type { EvaluateSummary, ReportRequest, ReportSummary } from "../verbs.js";
import { casesOf, loadLabelled } from "./data.node.js";
import { readRun } from "./folder.node.js";
import { predictionName } from "./predict.node.js";
import { dataSetOptions, type Run } from "./run.js";

/** Collect what a run folder holds and write `report.html`. */
export async function reportSegmentation({ runDir }: ReportRequest): Promise<ReportSummary> {
  const run = await readRun(runDir);
  const history = await readHistory(runDir);
  const evaluation = await readEvaluation(runDir);
  const last = history.at(-1);
  const page = buildReport({
    title: `${run.system} on ${run.data.name}`,
    system: run.system,
    preset: run.preset,
    description: `U-Net with ${(run.parameters / 1e6).toFixed(2)} M parameters, ${run.model.dimensions}-D, patches of ${run.model.patch.join(" x ")} voxels`,
    createdAt: run.created,
    simulated: run.model.simulated,
    ...(evaluation === undefined ? {} : { evaluation, examples: await examplesOf(runDir, run, evaluation) }),
    history,
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
    split: (["train", "validation", "test"] as const)
      .filter((part) => run.split[part].length > 0)
      .map((part) => ({
        name: part === "train" ? "training" : part,
        subjects: run.split.by === "block" ? run.split[part] : run.split.subjects[part],
      })),
    splitNote: `${run.split.folds}-fold by ${run.split.by}, fold ${run.split.fold}, seed ${run.split.seed}`,
    versions: run.versions,
    machine: {
      ...run.machine,
      "memory estimated for a step": gib(run.memory.estimateBytes),
      ...(run.memory.peakBytes === null
        ? {}
        : { "memory at the peak of training": gib(run.memory.peakBytes) }),
      ...(run.memory.use === "lean" ? { activations: "computed again (--memory lean)" } : {}),
    },
    ...(last === undefined
      ? {}
      : { timings: [{ what: `training, ${last.step} steps`, seconds: last.seconds }] }),
    warnings: run.warnings,
  });
  await writeText(paths.report(runDir), page);
  return { path: paths.report(runDir) };
}

async function readEvaluation(dir: string): Promise<EvaluateSummary | undefined> {
  const bytes = await nodeFiles.read(paths.evaluation(dir)).catch(() => undefined);
  return bytes === undefined ? undefined : (JSON.parse(new TextDecoder().decode(bytes)) as EvaluateSummary);
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
  const picks = new Map([
    ["best", ranked[0]],
    ["median", ranked[ranked.length >> 1]],
    ["worst", ranked.at(-1)],
  ]);
  const examples: ExampleCase[] = [];
  for (const [rank, pick] of picks)
    if (pick !== undefined) {
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
