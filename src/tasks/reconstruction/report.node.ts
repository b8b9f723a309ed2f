import { readVolume, writeText } from "../../io/node.js";
import type { ExampleCase } from "../../report/data.js";
import { montage } from "../../report/montage.js";
import { buildReport } from "../../report/run.js";
import { parametersInWords } from "../../report/words.js";
import { commonParts, picksOf, readEvaluation } from "../report.node.js";
import { paths, readHistory } from "../run-folder.node.js";
import type { EvaluateSummary, ReportRequest, ReportSummary } from "../verbs.js";
import { loadTrainingScan, openPetFolder, type PetFolder } from "./data.node.js";
import { readRun } from "./folder.node.js";
import { networkInput } from "./input.js";
import { predictionName } from "./predict.node.js";
import type { Run } from "./run.js";

/** Collect what a run folder holds and write `report.html`. */
export async function reportReconstruction({ runDir }: ReportRequest): Promise<ReportSummary> {
  const run = await readRun(runDir);
  const { geometry, counts } = run.model;
  const history = await readHistory(runDir);
  const evaluation = await readEvaluation(runDir);
  const page = buildReport({
    title: `${run.system} on ${run.data.name}`,
    ...commonParts(run, history),
    description: `${parametersInWords(run.parameters)}, from ${geometry.views} views of ${geometry.bins} bins to ${geometry.imageSize} x ${geometry.imageSize} pixels of ${Number(geometry.pixelSizeMm.toPrecision(4))} mm, trained with ${counts.map((n) => n.toPrecision(2)).join(" to ")} prompts a slice`,
    simulated: run.model.simulated,
    ...(evaluation === undefined ? {} : { evaluation, examples: await examplesOf(runDir, evaluation) }),
    configuration: { ...run.config, parameters: run.parameters },
    data: [
      {
        name: run.data.name,
        caseCount: run.data.scans,
        subjectCount: run.data.phantoms,
        hash: `sha256:${run.data.sha256}`,
        properties: {
          "prompts a slice as recorded": run.data.counts.map((n) => n.toPrecision(3)).join(" to "),
        },
      },
    ],
    splitNote: splitNote(run),
  });
  await writeText(paths.report(runDir), page);
  return { path: paths.report(runDir) };
}

function splitNote({ split }: Run): string {
  return split.fold === undefined
    ? "By phantom, as the data set says"
    : `${split.folds}-fold by phantom, fold ${split.fold}, seed ${split.seed}`;
}

/** Pictures of the best, the median and the worst slice by rRMSE. */
async function examplesOf(dir: string, evaluation: EvaluateSummary): Promise<ExampleCase[]> {
  const ranked = evaluation.cases
    .map(({ case: id, scores }) => ({ id, rRMSE: scores.activity?.rRMSE ?? Number.POSITIVE_INFINITY }))
    .sort((a, b) => a.rRMSE - b.rRMSE);
  const folder = await openPetFolder(evaluation.dataDir).catch(() => undefined);
  if (folder === undefined) return [];
  const examples: ExampleCase[] = [];
  for (const [rank, pick] of picksOf(ranked)) {
    const row = folder.rows.find(({ scan }) => scan === pick.id);
    if (row === undefined) continue;
    const figure = await figureOf(dir, folder, row);
    examples.push({ rank, case: pick.id, score: `rRMSE ${pick.rRMSE.toFixed(3)}`, ...figure });
  }
  return examples;
}

async function figureOf(
  dir: string,
  folder: PetFolder,
  row: PetFolder["rows"][number],
): Promise<Pick<ExampleCase, "figure" | "caption">> {
  const { id, scan, truth } = await loadTrainingScan(folder, row);
  const { volume } = await readVolume(`${paths.predictions(dir)}/${predictionName(id)}`, { as: "float32" });
  const { views, bins, imageSize } = scan.geometry;
  const sinogram = networkInput(scan, ["precorrected"], id).data;
  const high = truth.reduce((a, b) => Math.max(a, b), 0);
  const image = { width: imageSize, height: imageSize, window: [0, high] as const, turned: true };
  const brightest = sinogram.reduce((a, b) => Math.max(a, b), 0);
  return {
    figure: montage({
      panelPixels: 192,
      rows: [
        [
          {
            data: sinogram,
            width: bins,
            height: views,
            window: [0, brightest],
            colors: "grey",
            name: "sinogram",
          },
          { data: truth, ...image, name: "truth" },
          { data: volume.data, ...image, name: "reconstruction" },
        ],
      ],
    }),
    caption: `From left to right: corrected sinogram (views downwards), truth, reconstruction; the bar goes from 0 to ${high.toPrecision(3)} kBq/ml for both images. The patient's right is on the left, the front at the top.`,
  };
}
