import { floats, type Tensor } from "../../core/tensor.js";
import type { Value } from "../../graph/node.js";
import { type Program, program } from "../../graph/program.js";
import { crossEntropy, softDice } from "../../loss/segmentation.js";
import { type UNetOptions, unet, unetMargin } from "../../models/unet.js";
import { trace } from "../../nn/scope.js";
import { add, mul } from "../../ops/elementwise.js";
import { input } from "../../ops/leaf.js";
import { slice } from "../../ops/move.js";
import { softmax } from "../../ops/norm.js";
import { buildStep, type MemoryUse, type Step } from "../../train/step.js";
import type { Size3 } from "../../volume/volume.js";
import { optimizerOf } from "../settings.js";
import type { SegmentationConfig } from "./config.js";

/** What the data decide about a network. */
export interface SegmentationShape {
  readonly channels: number;
  /** Background included. */
  readonly classes: number;
  /** Voxels along i, j, k that go in. */
  readonly patch: Size3;
}

/** Tensor extents of a patch: `[D, H, W]`, or `[H, W]` for a 2-D network. */
export function tensorExtents([i, j, k]: Size3, dimensions: 2 | 3): number[] {
  return dimensions === 3 ? [k, j, i] : [j, i];
}

export function networkOptions(config: SegmentationConfig, classes: number): UNetOptions {
  return { ...config.network, classes, dimensions: config.dimensions };
}

/** Voxels that the network's output lacks on each side of its input, along i, j, k. */
export function marginOf(config: SegmentationConfig): Size3 {
  const margin = unetMargin(networkOptions(config, 2));
  return [margin, margin, config.dimensions === 3 ? margin : 0];
}

/** The middle of labels or weights `[N, …S]` that valid convolutions leave. */
function inner(x: Value, logits: Value): Value {
  const starts = x.shape.map((extent, axis) => (axis === 0 ? 0 : (extent - logits.shape[axis + 1]!) / 2));
  return slice(x, starts, [x.shape[0]!, ...logits.shape.slice(2)]);
}

/** The training step: batch entries `image`, `label` (uint8) and, with a border-weighted loss, `weight`. */
export function segmentationStep(
  config: SegmentationConfig,
  { channels, classes, patch }: SegmentationShape,
  classWeights?: readonly number[],
  memory: MemoryUse = "normal",
): Step {
  const extents = tensorExtents(patch, config.dimensions);
  const { crossEntropy: ceShare, dice: diceShare, border } = config.loss;
  const flat = [config.batch, ...extents];
  return buildStep({
    batch: {
      image: { dtype: "float32", shape: [config.batch, channels, ...extents] },
      label: { dtype: "uint8", shape: flat },
      ...(border === null ? {} : { weight: { dtype: "float32", shape: flat } as const }),
    },
    optimizer: optimizerOf(config),
    memory,
    ...(config.average === null ? {} : { average: config.average }),
    objective: (scope, { image, label, weight }) => {
      const logits = unet(scope, image!, networkOptions(config, classes));
      const labels = inner(label!, logits);
      const ce = crossEntropy(logits, labels, {
        // Border weights have the class weights in them already: see `batchMaker`.
        ...(weight !== undefined
          ? { voxelWeights: inner(weight, logits) }
          : classWeights === undefined
            ? {}
            : { classWeights }),
      });
      const dice = softDice(logits, labels);
      const loss =
        diceShare === 0
          ? mul(ce, ceShare)
          : ceShare === 0
            ? mul(dice, diceShare)
            : add(mul(ce, ceShare), mul(dice, diceShare));
      return { loss, metrics: { crossEntropy: ce, softDice: dice } };
    },
  });
}

/**
 * The predicting graph of one patch: `image` `[1, C, …S]` → `probabilities` `[1, K, …S']`, running statistics,
 * no dropout; weights are inputs, to be baked in at lowering.
 */
export function predictionProgram(
  config: SegmentationConfig,
  { channels, classes, patch }: SegmentationShape,
): Program {
  const image = input("image", [1, channels, ...tensorExtents(patch, config.dimensions)]);
  const { result } = trace(false, (scope) => softmax(unet(scope, image, networkOptions(config, classes)), 1));
  return program({ probabilities: result });
}

/** One image as the network's input. */
export function imageTensor(data: Float32Array, shape: SegmentationShape, dimensions: 2 | 3): Tensor {
  return floats([1, shape.channels, ...tensorExtents(shape.patch, dimensions)], data);
}
