import type { TensorType, Value } from "../../../graph/node.js";
import { crossEntropy, regionCrossEntropy, regionDice, softDice } from "../../../loss/segmentation.js";
import { unetHeads } from "../../../models/unet.js";
import { add, cast, mul } from "../../../ops/elementwise.js";
import { sgd } from "../../../optim/optimizers.js";
import type { Transform } from "../../../optim/transform.js";
import { buildStep, type MemoryUse, type Step } from "../../../train/step.js";
import { headWeights, networkOf } from "./network.js";
import { product } from "./numbers.js";
import type { Configuration, Plan } from "./plan.js";

/** How a configuration is trained, as far as the graph of a step goes. */
export interface StepSettings {
  readonly optimizer: Transform;
  readonly loss: { readonly crossEntropy: number; readonly dice: number };
  readonly deepSupervision: boolean;
  /** Decay of the moving average of the weights; null: none. */
  readonly average: number | null;
}

/** As in the paper: SGD with Nesterov momentum 0.99, weight decay 3e-5, gradients clipped at 12. */
const paper: StepSettings = {
  optimizer: sgd({ momentum: 0.99, nesterov: true, weightDecay: 3e-5, clip: 12 }),
  loss: { crossEntropy: 1, dice: 1 },
  deepSupervision: true,
  average: null,
};

/** The paper's training step of a configuration: see `nnunetStep`. */
export function plannedStep(plan: Plan, configuration: Configuration, memory: MemoryUse = "normal"): Step {
  return nnunetStep(plan, configuration, paper, memory);
}

/** How much finer than a head's output the patch is along every axis, head by head. */
export function headStrides({ strides, patch }: Configuration, heads: number): number[][] {
  return Array.from({ length: heads }, (_, head) =>
    patch.map((_extent, axis) => product(strides.slice(1, head + 1).map((stride) => stride[axis]!))),
  );
}

/**
 * A training step: cross-entropy and soft Dice at every head, weights halved with the resolution. Batch entries: `image`
 * `[N, C, …S]`; for every head at its resolution `label0`, `label1`, … as uint8, classes `[N, …S]` or, with regions,
 * zeros and ones `[N, R, …S]`; where the data set has an ignore label also `weight0`, … `[N, …S]`, 0 where nobody
 * labelled.
 */
export function nnunetStep(
  plan: Plan,
  configuration: Configuration,
  { optimizer, loss, deepSupervision, average }: StepSettings,
  memory: MemoryUse = "normal",
): Step {
  const { options, channels, patch, heads: all, regions } = networkOf(plan, configuration);
  const { batch, batchDice } = configuration;
  const heads = deepSupervision ? all : 1;
  const weights = headWeights(heads);
  const entries: Record<string, TensorType> = {
    image: { dtype: "float32", shape: [batch, channels, ...patch] },
  };
  for (const [head, strides] of headStrides(configuration, heads).entries()) {
    const extents = patch.map((n, axis) => n / strides[axis]!);
    const shape = regions ? [batch, options.classes, ...extents] : [batch, ...extents];
    entries[`label${head}`] = { dtype: "uint8", shape };
    if (plan.dataset.ignoredClass !== null)
      entries[`weight${head}`] = { dtype: "float32", shape: [batch, ...extents] };
  }
  return buildStep({
    batch: entries,
    optimizer,
    memory,
    ...(average === null ? {} : { average }),
    objective: (scope, fed) => {
      const logits = unetHeads(scope, fed.image!, options, heads);
      const parts = logits.map((one, head) => {
        const voxelWeights = fed[`weight${head}`];
        const common = voxelWeights === undefined ? {} : { voxelWeights };
        const label = fed[`label${head}`]!;
        const target = regions ? cast(label, "float32") : label;
        return {
          ce: regions ? regionCrossEntropy(one, target, common) : crossEntropy(one, target, common),
          dice: (regions ? regionDice : softDice)(one, target, { ...common, batch: batchDice }),
        };
      });
      const terms = parts.flatMap(({ ce, dice }, head): Value[] => [
        ...(loss.crossEntropy === 0 ? [] : [mul(ce, loss.crossEntropy * weights[head]!)]),
        ...(loss.dice === 0 ? [] : [mul(dice, loss.dice * weights[head]!)]),
      ]);
      const [{ ce, dice }] = parts as [(typeof parts)[0]];
      return {
        loss: terms.reduce((a, b) => add(a, b)),
        metrics: { crossEntropy: ce, softDice: dice },
      };
    },
  });
}
