import { paths, readRunAs, requireCheckpoint } from "../../run-folder.node.js";
import { writeModel } from "../../train.node.js";
import type { ExportRequest, ExportSummary, Verbs } from "../../verbs.js";
import { evaluateNnunet } from "./evaluate.node.js";
import { evaluateExperiment } from "./experiment-evaluate.node.js";
import { reportExperiment } from "./experiment-report.node.js";
import { exportPredictor } from "./export.node.js";
import { exists } from "./folders.node.js";
import { encodeNetwork } from "./network.node.js";
import { predictNnunet } from "./predict.node.js";
import { reportNnunet } from "./report.node.js";
import { runSchema } from "./run.js";
import { type NnunetSystem, trainNnunet } from "./train.node.js";

/**
 * The verbs of a system that trains as nnU-Net does, in Node. What they are given is a fold's run folder, or a whole
 * experiment: then evaluation is cross-validation, the report is about all folds, and the export is a folder.
 */
export function nnunetVerbs(system: NnunetSystem): Verbs {
  return {
    train: (request) => trainNnunet(system, request),
    predict: predictNnunet,
    evaluate: async (request) =>
      (await isFold(request.runDir)) ? evaluateNnunet(request) : evaluateExperiment(request),
    exportModel: async (request) =>
      (await isFold(request.runDir)) && /\.onnx$/i.test(request.out)
        ? exportFold(request)
        : exportPredictor(request),
    report: async (request) =>
      (await isFold(request.runDir)) ? reportNnunet(request) : reportExperiment(request),
  };
}

function isFold(dir: string): Promise<boolean> {
  return exists(paths.run(dir));
}

/** Write the last weights of a fold, finished or not, as an `.onnx` file. */
async function exportFold({ runDir, out }: ExportRequest): Promise<ExportSummary> {
  const run = await readRunAs(runDir, runSchema);
  await requireCheckpoint(runDir);
  const bytes = await writeModel(runDir, (state) => encodeNetwork(run.model, state), out, "last");
  return { path: out, bytes };
}
