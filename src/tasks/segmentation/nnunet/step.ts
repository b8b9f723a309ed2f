import type { Value } from "../../../graph/node.js";
import { crossEntropy, softDice } from "../../../loss/segmentation.js";
import { unetHeads } from "../../../models/unet.js";
import { add, mul } from "../../../ops/elementwise.js";
import { sgd } from "../../../optim/optimizers.js";
import { buildStep, type MemoryUse, type Step } from "../../../train/step.js";
import { headWeights, networkOf } from "./network.js";
import type { Configuration, Plan } from "./plan.js";

/**
 * The training step of a configuration as it stands in the paper: cross-entropy and soft Dice at every head, weights
 * halved with the resolution, SGD with Nesterov momentum 0.99, weight decay 3e-5, gradients clipped at 12. Batch
 * entries `image` `[N, C, …S]` and, for every head, `label0`, `label1`, … `[N, …S]` at its resolution. Classes only:
 * regions want another loss.
 */
export function plannedStep(plan: Plan, configuration: Configuration, memory: MemoryUse = "normal"): Step {
  const { options, channels, patch, heads } = networkOf(plan, configuration);
  const { batch, strides } = configuration;
  const weights = headWeights(heads);
  const extentsAt = (head: number): number[] =>
    patch.map((n, axis) => n / strides.slice(1, head + 1).reduce((total, s) => total * s[axis]!, 1));
  const labels = weights.map((_, head) => [
    `label${head}`,
    { dtype: "uint8", shape: [batch, ...extentsAt(head)] } as const,
  ]);
  return buildStep({
    batch: {
      image: { dtype: "float32", shape: [batch, channels, ...patch] },
      ...Object.fromEntries(labels),
    },
    optimizer: sgd({ momentum: 0.99, nesterov: true, weightDecay: 3e-5, clip: 12 }),
    memory,
    objective: (scope, entries) => {
      const logits = unetHeads(scope, entries.image!, options, heads);
      const losses = logits.map((one, head): Value => {
        const label = entries[`label${head}`]!;
        return mul(add(crossEntropy(one, label), softDice(one, label)), weights[head]!);
      });
      return { loss: losses.reduce((a, b) => add(a, b)) };
    },
  });
}
