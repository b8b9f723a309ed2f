import { requireCheckpoint } from "../run-folder.node.js";
import { trainRun, writeModel } from "../train.node.js";
import type { ExportRequest, ExportSummary, TrainRequest, TrainSummary, Verbs } from "../verbs.js";
import { evaluateReconstruction } from "./evaluate.node.js";
import { readRun } from "./folder.node.js";
import { encodeNetwork } from "./network.node.js";
import { predictReconstruction } from "./predict.node.js";
import { reportReconstruction } from "./report.node.js";
import { type ReconstructionSystem, setUp } from "./setup.node.js";

/** The verbs of a system that reconstructs, in Node. */
export function reconstructionVerbs(system: ReconstructionSystem): Verbs {
  return {
    train: (request) => trainReconstruction(system, request),
    predict: predictReconstruction,
    evaluate: evaluateReconstruction,
    exportModel: exportReconstruction,
    report: reportReconstruction,
  };
}

/** Train a reconstructing system into a run folder, or go on with one. See `TrainRequest`. */
async function trainReconstruction(
  system: ReconstructionSystem,
  request: TrainRequest,
): Promise<TrainSummary> {
  const began = performance.now();
  return trainRun(await setUp(system, request), request, began);
}

/** Write the best weights of a run, finished or not, as an `.onnx` file. */
async function exportReconstruction({ runDir, out }: ExportRequest): Promise<ExportSummary> {
  const { config, model } = await readRun(runDir);
  await requireCheckpoint(runDir);
  return { path: out, bytes: await writeModel(runDir, (state) => encodeNetwork(config, model, state), out) };
}
