import type { SegmentationConfig } from "../tasks/segmentation/config.js";

/** A small U-Net with instance norm that learns tissues within a study's minutes; each study says the rest. */
export function tissueUnet(
  rest: Pick<
    SegmentationConfig,
    | "patch"
    | "patchVoxels"
    | "spacingMm"
    | "augmentation"
    | "foreground"
    | "epochs"
    | "stepsPerEpoch"
    | "overlap"
  >,
  tiny: boolean,
): SegmentationConfig {
  return {
    dimensions: 3,
    network: {
      widths: tiny ? [4, 8] : [8, 16, 32],
      depth: 2,
      norm: "instance",
      slope: 0.01,
      padding: "same",
      down: "stride",
      dropout: 0,
    },
    batch: 2,
    normalization: "zscore",
    loss: { crossEntropy: 1, dice: 1, border: null, balanceClasses: false },
    optimizer: {
      name: "adamw",
      learningRate: 8e-3,
      weightDecay: 1e-2,
      momentum: 0.9,
      nesterov: false,
      clip: 12,
    },
    schedule: { kind: "cosine", warmup: 20 },
    average: 0.99,
    validations: 1,
    patience: null,
    ...rest,
  };
}
