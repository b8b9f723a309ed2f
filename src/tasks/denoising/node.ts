import { requireCheckpoint } from "../run-folder.node.js";
import { trainRun, writeModel } from "../train.node.js";
import type { ExportRequest, ExportSummary, TrainRequest, TrainSummary, Verbs } from "../verbs.js";
import { evaluateDenoising } from "./evaluate.node.js";
import { readRun } from "./folder.node.js";
import { encodeNetwork } from "./network.node.js";
import { predictDenoising } from "./predict.node.js";
import { reportDenoising } from "./report.node.js";
import { type DenoisingSystem, setUp } from "./setup.node.js";

/** The verbs of a system that denoises, in Node. */
export function denoisingVerbs(system: DenoisingSystem): Verbs {
  return {
    train: (request) => trainDenoising(system, request),
    predict: predictDenoising,
    evaluate: evaluateDenoising,
    exportModel: exportDenoising,
    report: reportDenoising,
  };
}

/** Train a denoising system into a run folder, or go on with one. See `TrainRequest`. */
async function trainDenoising(system: DenoisingSystem, request: TrainRequest): Promise<TrainSummary> {
  const began = performance.now();
  return trainRun(await setUp(system, request), request, began);
}

/** Write the generator's best weights, of a run that is finished or not, as an `.onnx` file. */
async function exportDenoising({ runDir, out }: ExportRequest): Promise<ExportSummary> {
  const { config, model } = await readRun(runDir);
  await requireCheckpoint(runDir);
  return { path: out, bytes: await writeModel(runDir, (state) => encodeNetwork(config, model, state), out) };
}
