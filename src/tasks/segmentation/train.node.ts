import { placeOf } from "../run.js";
import { trainRun, writeModel } from "../train.node.js";
import type { Trainable } from "../trainable.js";
import type { TrainRequest, TrainSummary } from "../verbs.js";
import { threadedBatches } from "./batches.node.js";
import { encodeNetwork, networkOfState } from "./network.node.js";
import type { Run } from "./run.js";
import { batchPlan, type Prepared, type SegmentationSystem, setUp } from "./setup.node.js";
import { validate } from "./validate.node.js";

/** Train a segmenting system into a run folder, or go on with one. See `TrainRequest`. */
export async function trainSegmentation(
  system: SegmentationSystem,
  request: TrainRequest,
): Promise<TrainSummary> {
  const began = performance.now();
  return trainRun(trainable(await setUp(system, request)), request, began);
}

function trainable({ training, validation, ...prepared }: Prepared): Trainable<Run> {
  const { model } = prepared.run;
  return {
    ...prepared,
    openBatches: (run) => threadedBatches(training, batchPlan(run)),
    ...(validation.length === 0
      ? {}
      : {
          validation: {
            cases: validation.length,
            scores: [...model.labels.map(({ name }) => `dice ${name}`), "mean dice"],
            open: async (run, state) => {
              const open = await networkOfState(run.config, run.model, state, placeOf(run));
              return {
                judge: (cases) => validate(open, validation.slice(0, cases)),
                close: () => open.network.executable.dispose(),
              };
            },
          },
        }),
    encode: (run, state) => encodeNetwork(run.config, run.model, state),
    sample: `patch ${model.patch.join(", ")}`,
  };
}

/** Write a run's best weights, or the last ones where nothing was validated, as an `.onnx` file. */
export function writeSegmentationModel(dir: string, run: Run, out: string): Promise<number> {
  return writeModel(dir, (state) => encodeNetwork(run.config, run.model, state), out);
}
