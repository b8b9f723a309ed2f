import { readRunAs, requireCheckpoint } from "../../run-folder.node.js";
import { writeModel } from "../../train.node.js";
import type { ExportRequest, ExportSummary, Verbs } from "../../verbs.js";
import { evaluateNnunet } from "./evaluate.node.js";
import { encodeNetwork } from "./network.node.js";
import { predictNnunet } from "./predict.node.js";
import { reportNnunet } from "./report.node.js";
import { runSchema } from "./run.js";
import { type NnunetSystem, trainNnunet } from "./train.node.js";

/** The verbs of a system that trains as nnU-Net does, in Node. */
export function nnunetVerbs(system: NnunetSystem): Verbs {
  return {
    train: (request) => trainNnunet(system, request),
    predict: predictNnunet,
    evaluate: evaluateNnunet,
    exportModel: exportFold,
    report: reportNnunet,
  };
}

/** Write the last weights of a fold, finished or not, as an `.onnx` file. */
async function exportFold({ runDir, out }: ExportRequest): Promise<ExportSummary> {
  const run = await readRunAs(runDir, runSchema);
  await requireCheckpoint(runDir);
  const bytes = await writeModel(runDir, (state) => encodeNetwork(run.model, state), out, "last");
  return { path: out, bytes };
}
