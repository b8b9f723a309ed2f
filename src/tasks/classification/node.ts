import { trainEveryFold } from "../folds.node.js";
import { placeOf } from "../run.js";
import { bestCheckpoint, requireCheckpoint, writeRun } from "../run-folder.node.js";
import { trainRun, writeModel } from "../train.node.js";
import type { ExportRequest, ExportSummary, TrainRequest, TrainSummary, Verbs } from "../verbs.js";
import { evaluateClassification } from "./evaluate.node.js";
import { readRun } from "./folder.node.js";
import { encodeNetwork, networkOfState } from "./network.node.js";
import { predictClassification } from "./predict.node.js";
import { reportClassification } from "./report.node.js";
import { type ClassificationSystem, type Prepared, setUp } from "./setup.node.js";
import { opinionsOn, thresholdOf } from "./validate.js";
import { votesBy } from "./vote.js";

/** The verbs of a system that classifies, in Node. */
export function classificationVerbs(system: ClassificationSystem): Verbs {
  const train = async (request: TrainRequest): Promise<TrainSummary> => {
    const began = performance.now();
    return trainClassification(await setUp(system, request), request, began);
  };
  return {
    train: (request) => (request.allFolds ? trainEveryFold(train, request) : train(request)),
    predict: predictClassification,
    evaluate: evaluateClassification,
    exportModel: exportClassification,
    report: reportClassification,
  };
}

/** Train a classifier to its end, then let the subjects that chose its weights give its positions their votes. */
export async function trainClassification(
  prepared: Prepared,
  request: Pick<TrainRequest, "runDir" | "signal" | "onProgress">,
  began: number,
): Promise<TrainSummary> {
  const summary = await trainRun(prepared, request, began);
  if (summary.stopped !== "asked" && prepared.selection.length > 0)
    await fitVotes(request.runDir, prepared.selection);
  return summary;
}

async function fitVotes(dir: string, images: Prepared["selection"]): Promise<void> {
  const run = await readRun(dir);
  if (run.model.positions.length === 1) return;
  const { state } = await bestCheckpoint(dir);
  const open = await networkOfState(run.config, run.model, state, placeOf(run));
  const { weights, accuracies, kept } = votesBy(await opinionsOn(open, images), thresholdOf(run.config));
  await open.executable.dispose();
  const model = { ...run.model, votes: [...weights] };
  const below = kept === 1 && accuracies.every((accuracy) => accuracy < thresholdOf(run.config));
  const warnings = below
    ? [...run.warnings, "no position reached the threshold: the best one alone has the vote"]
    : run.warnings;
  await writeRun(dir, { ...run, model, warnings, positionAccuracies: [...accuracies] });
  await writeModel(dir, (now) => encodeNetwork(run.config, model, now));
}

/** Write the best weights, of a run that is finished or not, as an `.onnx` file. */
async function exportClassification({ runDir, out }: ExportRequest): Promise<ExportSummary> {
  const { config, model } = await readRun(runDir);
  await requireCheckpoint(runDir);
  return { path: out, bytes: await writeModel(runDir, (state) => encodeNetwork(config, model, state), out) };
}
