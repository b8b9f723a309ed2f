import { fail } from "../../core/errors.js";
import { nodeFiles } from "../../io/node.js";
import type { ExportRequest, ExportSummary, Verbs } from "../verbs.js";
import { evaluateSegmentation } from "./evaluate.node.js";
import { paths, readRun } from "./folder.node.js";
import { predictSegmentation } from "./predict.node.js";
import { reportSegmentation } from "./report.node.js";
import type { SegmentationSystem } from "./setup.node.js";
import { trainSegmentation, writeModel } from "./train.node.js";

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
  const saved = await nodeFiles.list(`${runDir}/checkpoints`);
  if (saved === undefined || saved.length === 0)
    fail("not-found", {
      what: "the run has no checkpoint yet",
      where: paths.last(runDir),
      fix: "Train it first",
    });
  return { path: out, bytes: await writeModel(runDir, run, out) };
}
