import { rng } from "../../core/rng.js";
import { type Tensor, tensor } from "../../core/tensor.js";
import { crossEntropy } from "../../loss/segmentation.js";
import { networkOfDepth, resNet } from "../../models/resnet.js";
import { cast, equal } from "../../ops/elementwise.js";
import { mean } from "../../ops/norm.js";
import { argMax } from "../../ops/reduce.js";
import { sgd } from "../../optim/optimizers.js";
import type { Engine } from "../../runtime/engine.js";
import { compileStep, lowerStep } from "../../train/compile.js";
import { train } from "../../train/loop.js";
import { buildStep } from "../../train/step.js";
import { type Patches, patchEdge, structures } from "../batch-norm/data.js";
import type { DeepTrial, Extent } from "./plan.js";

/** The error on the training batches of a deep network, over the last tenth of its steps and along the way. */
export interface DeepResult {
  readonly error: number;
  readonly steps: readonly number[];
  readonly errors: readonly number[];
}

/** Half of He et al.'s channels: patches are grey, and time is short. */
const widths = [8, 16, 32];
const batch = 32;

/**
 * Train one of He et al.'s networks to name the structure in the middle of a patch, at their momentum and weight decay;
 * the rate of 0.1 is reached after a tenth of the steps, as their deepest network's is. First weights differ between
 * repetitions, batches do not between networks.
 */
export async function runDeep(
  { shortcuts, layers, repeat }: DeepTrial,
  { patches, extent, seed }: { readonly patches: Patches; readonly extent: Extent; readonly seed: number },
  engine: Engine,
  stopped: () => boolean,
): Promise<DeepResult> {
  const options = { ...networkOfDepth(layers, shortcuts, structures.length), widths };
  const step = buildStep({
    batch: {
      image: { dtype: "float32", shape: [batch, 1, patchEdge, patchEdge] },
      label: { dtype: "int32", shape: [batch] },
    },
    objective: (scope, { image, label }) => {
      const logits = resNet(scope, image!, options);
      const right = mean(cast(equal(argMax(logits, 1), cast(label!, "int64")), "float32"));
      return { loss: crossEntropy(logits, label!), metrics: { right } };
    },
    optimizer: sgd({ momentum: 0.9, weightDecay: 1e-4 }),
  });
  const executable = await compileStep(engine, step, lowerStep(step, await engine.target()), { threads: 1 });
  const random = rng(seed).split("deep", repeat);
  const wrong: number[] = [];
  const { deepSteps } = extent;
  const { stopped: how } = await train({
    executable,
    step,
    state: step.initialize(random.split("weights")),
    totalSteps: deepSteps,
    stepsPerEpoch: deepSteps,
    seed: `${seed}/${repeat}`,
    batches: async (at) => {
      const draw = random.split("batch", at);
      const indices = Array.from({ length: batch }, () => draw.integer(patches.count));
      return { tensors: batchOf(patches, indices), cases: [] };
    },
    learningRate: (at) => 0.1 * Math.min(1, (at + 1) / (0.1 * deepSteps)),
    saveEvery: deepSteps + 1,
    save: async () => undefined,
    onRow: ({ trainMetrics }) => wrong.push(1 - trainMetrics!.right!),
    shouldStop: stopped,
  });
  await executable.dispose();
  if (how === "asked") throw new Error("the study was interrupted");
  const window = Math.max(1, Math.floor(deepSteps / 20));
  const steps = Array.from({ length: Math.floor(deepSteps / window) }, (_, n) => (n + 1) * window);
  const average = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  return {
    error: average(wrong.slice(-Math.max(1, Math.floor(deepSteps / 10)))),
    steps,
    errors: steps.map((end) => average(wrong.slice(end - window, end))),
  };
}

function batchOf({ images, labels }: Patches, indices: readonly number[]): Record<string, Tensor> {
  const size = patchEdge * patchEdge;
  const data = new Float32Array(indices.length * size);
  indices.forEach((index, n) => {
    data.set(images.subarray(index * size, (index + 1) * size), n * size);
  });
  return {
    image: tensor("float32", [indices.length, 1, patchEdge, patchEdge], data),
    label: tensor(
      "int32",
      [indices.length],
      Int32Array.from(indices, (index) => labels[index]!),
    ),
  };
}
