import { requireCheckpoint } from "../run-folder.node.js";
import type { ExportRequest, ExportSummary, Verbs } from "../verbs.js";
import { evaluateSegmentation } from "./evaluate.node.js";
import { readRun } from "./folder.node.js";
import { predictSegmentation } from "./predict.node.js";
import { reportSegmentation } from "./report.node.js";
import type { SegmentationSystem } from "./setup.node.js";
import { trainSegmentation, writeSegmentationModel } from "./train.node.js";

/** The verbs of a system that segments, in Node. */
export function segmentationVerbs(system: SegmentationSystem): Verbs {
  return {
    train: (request) => trainSegmentation(system, request),
    predict: predictSegmentation,
    evaluate: evaluateSegmentation,
    exportModel: exportSegmentation,
    report: reportSegmentation,
  };
}

/** Write the best weights of a run, finished or not, as an `.onnx` file. */
async function exportSegmentation({ runDir, out }: ExportRequest): Promise<ExportSummary> {
  const run = await readRun(runDir);
  await requireCheckpoint(runDir);
  return { path: out, bytes: await writeSegmentationModel(runDir, run, out) };
}
