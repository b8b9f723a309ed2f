import { gradients } from "../../autodiff/gradients.js";
import type { Shape } from "../../core/tensor.js";
import type { TensorType, Value } from "../../graph/node.js";
import { type Program, program } from "../../graph/program.js";
import { crossEntropy } from "../../loss/segmentation.js";
import { convFc } from "../../models/conv-fc.js";
import { resNet } from "../../models/resnet.js";
import { voxCnn } from "../../models/vox-cnn.js";
import { voxResNet } from "../../models/vox-resnet.js";
import { type Scope, trace } from "../../nn/scope.js";
import { add, cast, equal, mul } from "../../ops/elementwise.js";
import { input } from "../../ops/leaf.js";
import { concat, slice } from "../../ops/move.js";
import { mean, softmax } from "../../ops/norm.js";
import { argMax, sum } from "../../ops/reduce.js";
import { buildStep, type MemoryUse, type Step } from "../../train/step.js";
import { optimizerOf } from "../settings.js";
import type { ClassificationConfig, NetworkConfig } from "./config.js";

/** The network of a configuration: what it sees `[N, …]` → logits `[N, 2]`. */
export function classifier(scope: Scope, x: Value, network: NetworkConfig): Value {
  const classes = 2;
  switch (network.kind) {
    case "vox-cnn":
      return voxCnn(scope, x, { ...network, classes });
    case "vox-resnet":
      return voxResNet(scope, x, { ...network, classes });
    case "conv-fc":
      return convFc(scope, x, { ...network, classes });
    case "resnet":
      return resNet(scope, x, { ...network, classes });
  }
}

/** What decides the graph of a step, besides the configuration. */
export interface StepPlan {
  /** Of one position. */
  readonly shape: Shape;
  /** Networks, each with a position of its own. */
  readonly networks: number;
  /** Weights of the two classes in the loss. */
  readonly classWeights?: readonly number[];
}

/** Shape of a batch: `image` `[networks · batch, …shape]`, `label` `[networks · batch]`. */
function batchTypes(batch: number, { shape, networks }: StepPlan): Record<string, TensorType> {
  return {
    image: { dtype: "float32", shape: [networks * batch, ...shape] },
    label: { dtype: "int32", shape: [networks * batch] },
  };
}

/**
 * The training step: cross-entropy, of several networks the mean of theirs. They share nothing, so with Adam (and no
 * clipping of the norm of all gradients) each is trained as it would be by itself.
 */
export function classificationStep(
  config: ClassificationConfig,
  plan: StepPlan,
  memory: MemoryUse = "normal",
): Step {
  const { batch, average, freeze } = config;
  return buildStep({
    batch: batchTypes(batch, plan),
    objective: (scope, { image, label }) => {
      const logits = allLogits(scope, image!, config.network, plan.networks);
      const weights = plan.classWeights === undefined ? {} : { classWeights: plan.classWeights };
      const hit = cast(equal(argMax(logits, 1), cast(label!, "int64")), "float32");
      return { loss: crossEntropy(logits, label!, weights), metrics: { accuracy: mean(hit) } };
    },
    optimizer: optimizerOf(config),
    ...(average === null ? {} : { average }),
    ...(freeze.length === 0
      ? {}
      : { frozen: (path: string) => freeze.some((name) => path.startsWith(name)) }),
    memory,
  });
}

/** Logits of all networks, each of its part of the first axis. Scopes are called `position<n>` where there are several. */
function allLogits(scope: Scope, x: Value, network: NetworkConfig, networks: number): Value {
  if (networks === 1) return classifier(scope, x, network);
  const each = x.shape[0]! / networks;
  const parts = Array.from({ length: networks }, (_, n) => {
    const own = slice(x, [n * each, ...x.shape.slice(1).map(() => 0)], [each, ...x.shape.slice(1)]);
    return classifier(scope.child(`position${n}`), own, network);
  });
  return concat(parts, 0);
}

/** The predicting graph: `image` `[samples, …shape]` → `probabilities` `[samples, 2]`; weights are inputs. */
export function predictionProgram(
  network: NetworkConfig,
  shape: Shape,
  samples: number,
  networks: number,
): Program {
  const image = input("image", [samples, ...shape]);
  const { result } = trace(false, (scope) => softmax(allLogits(scope, image, network, networks), 1));
  return program({ probabilities: result });
}

/** The graph of `predictionProgram` with `gradient`, that of the positive logit less the negative one, on the voxels. */
export function saliencyProgram(
  network: NetworkConfig,
  shape: Shape,
  samples: number,
  networks: number,
): Program {
  const image = input("image", [samples, ...shape]);
  const { result } = trace(false, (scope) => allLogits(scope, image, network, networks));
  const positive = slice(result, [0, 1], [samples, 1]);
  const negative = slice(result, [0, 0], [samples, 1]);
  const [gradient] = gradients(sum(add(positive, mul(negative, -1))), [image]);
  return program({ probabilities: softmax(result, 1), gradient: gradient! });
}
