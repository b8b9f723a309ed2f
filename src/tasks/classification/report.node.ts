import { writeText } from "../../io/node.js";
import { buildReport } from "../../report/run.js";
import { commonParts, readEvaluation } from "../report.node.js";
import { paths, readHistory } from "../run-folder.node.js";
import type { ReportRequest, ReportSummary } from "../verbs.js";
import { readRun } from "./folder.node.js";

/** Collect what a run folder holds and write `report.html`. */
export async function reportClassification({ runDir }: ReportRequest): Promise<ReportSummary> {
  const run = await readRun(runDir);
  const history = await readHistory(runDir);
  const evaluation = await readEvaluation(runDir);
  const page = buildReport({
    title: `${run.system} on ${run.data.name}`,
    ...commonParts(run, history),
    description: `${run.model.classes[1]} against ${run.model.classes[0]} from ${run.model.modality} images; ${(run.parameters / 1e6).toFixed(2)} M parameters`,
    simulated: run.model.simulated,
    ...(evaluation === undefined ? {} : { evaluation }),
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
