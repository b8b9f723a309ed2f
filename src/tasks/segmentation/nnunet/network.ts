import type { UNetOptions } from "../../../models/unet.js";
import type { Configuration, Plan } from "./plan.js";

/** What a network of a plan takes in and puts out. */
export interface PlannedNetwork {
  readonly options: UNetOptions;
  /** Input channels: the images, and for a cascade one more for every label of the stage before. */
  readonly channels: number;
  /** Extents of the input, along the network's axes. */
  readonly patch: readonly number[];
  /** Heads for deep supervision, finest first: one for every resolution but the lowest two. */
  readonly heads: number;
  /** Whether outputs are overlapping regions (sigmoid) instead of classes (softmax). */
  readonly regions: boolean;
}

/** The U-Net that a configuration asks for. */
export function networkOf(plan: Plan, configuration: Configuration): PlannedNetwork {
  const { dimensions, widths, strides, kernels, convolutionsPerStage, patch, previous } = configuration;
  const { classes, regions } = plan.dataset;
  return {
    options: {
      dimensions,
      widths,
      strides,
      kernels,
      classes: regions?.length ?? classes.length,
      depth: convolutionsPerStage,
      norm: "instance",
      slope: 0.01,
      padding: "same",
      down: "stride",
    },
    channels: plan.channels.length + (previous === undefined ? 0 : classes.length - 1),
    patch,
    heads: Math.max(1, widths.length - 2),
    regions: regions !== null,
  };
}

/** Weights of the losses at `heads` resolutions, finest first: halved with every one, together 1. */
export function headWeights(heads: number): number[] {
  const raw = Array.from({ length: heads }, (_, at) => 0.5 ** at);
  const sum = raw.reduce((a, b) => a + b, 0);
  return raw.map((weight) => weight / sum);
}
