import { requireCheckpoint } from "../run-folder.node.js";
import { trainRun, writeModel } from "../train.node.js";
import type { ExportRequest, ExportSummary, TrainRequest, TrainSummary, Verbs } from "../verbs.js";
import { evaluateSuperresolution } from "./evaluate.node.js";
import { readRun } from "./folder.node.js";
import { encodeNetwork } from "./network.node.js";
import { predictSuperresolution } from "./predict.node.js";
import { reportSuperresolution } from "./report.node.js";
import { type SuperresolutionSystem, setUp } from "./setup.node.js";

/** The verbs of a system that makes thick slices sharper, in Node. */
export function superresolutionVerbs(system: SuperresolutionSystem): Verbs {
  return {
    train: (request) => trainSuperresolution(system, request),
    predict: predictSuperresolution,
    evaluate: evaluateSuperresolution,
    exportModel: exportSuperresolution,
    report: reportSuperresolution,
  };
}

/** Train on a scan, or on a folder of them, into a run folder, or go on with one. See `TrainRequest`. */
async function trainSuperresolution(
  system: SuperresolutionSystem,
  request: TrainRequest,
): Promise<TrainSummary> {
  const began = performance.now();
  return trainRun(await setUp(system, request), request, began);
}

/** Write the best weights of both networks, of a run that is finished or not, as an `.onnx` file. */
async function exportSuperresolution({ runDir, out }: ExportRequest): Promise<ExportSummary> {
  const { config, model } = await readRun(runDir);
  await requireCheckpoint(runDir);
  return { path: out, bytes: await writeModel(runDir, (state) => encodeNetwork(config, model, state), out) };
}
