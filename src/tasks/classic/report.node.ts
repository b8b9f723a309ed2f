import { writeText } from "../../io/node.js";
import { buildReport } from "../../report/run.js";
import { curvesOf } from "../classification/curves.js";
import type { ClassificationEvaluation } from "../classification/evaluate.node.js";
import { readEvaluation } from "../report.node.js";
import { paths, readRunAs } from "../run-folder.node.js";
import { honestyNotes } from "../split.node.js";
import type { ReportRequest, ReportSummary } from "../verbs.js";
import { type ClassicRun, classicRunSchema } from "./run.js";

/** The record of a run of a classifier by features. Throws `not-found` and `bad-file`. */
export function readRun(dir: string): Promise<ClassicRun> {
  return readRunAs(dir, classicRunSchema);
}

/** Collect what a run folder holds and write `report.html`. */
export async function reportClassic({ runDir }: ReportRequest): Promise<ReportSummary> {
  const run = await readRun(runDir);
  const evaluation = (await readEvaluation(runDir)) as ClassificationEvaluation | undefined;
  const [negative, positive] = run.model.classes;
  const page = buildReport({
    title: `${run.system} on ${run.data.name}`,
    system: run.system,
    preset: run.preset,
    createdAt: run.created,
    description: `${positive} against ${negative} from ${run.model.count} features of ${run.model.modality} images`,
    simulated: run.model.simulated,
    ...(evaluation === undefined ? {} : { evaluation, curves: curvesOf(evaluation.judgements, positive) }),
    configuration: { ...run.config, ...(run.search === null ? {} : { search: run.search }) },
    data: [
      {
        name: run.data.name,
        caseCount: run.data.cases,
        subjectCount: run.data.subjects,
        hash: `sha256:${run.data.sha256}`,
        properties: { "voxel size, mm": run.data.spacingsMm, "size, voxels": run.data.sizes },
      },
    ],
    split: (["train", "validation", "test"] as const)
      .filter((part) => run.split[part].length > 0)
      .map((part) => ({ name: part === "train" ? "training" : part, subjects: run.split.subjects[part] })),
    splitNote: `${run.split.folds}-fold by subject within diagnoses, fold ${run.split.fold} held out, seed ${run.split.seed}`,
    versions: run.versions,
    machine: run.machine,
    timings: [{ what: "training", seconds: run.seconds }],
    warnings: [...honestyNotes(run), ...run.warnings],
  });
  await writeText(paths.report(runDir), page);
  return { path: paths.report(runDir) };
}
