import type { PlannerRules } from "./rules.js";

/** Stages of a U-Net for a patch. */
export interface Topology {
  /** Stride into every stage, along the network's axes; the first is all ones. */
  readonly strides: readonly (readonly number[])[];
  /** Kernel of every stage. */
  readonly kernels: readonly (readonly number[])[];
  /** Halvings of every axis. */
  readonly poolings: readonly number[];
  /** The patch must be a multiple of this, 2 to the power of the halvings. */
  readonly divisor: readonly number[];
}

/**
 * Poolings and kernels: an axis is halved while it has at least twice the shortest edge (8 voxels) and its spacing is
 * below twice the finest of those that can be halved; an axis left alone needs 12 voxels. Kernels are 1 along an
 * axis until its spacing is within twice the finest, 3 from there on, and 3 in the lowest stage (v2,
 * `get_pool_and_conv_props`). The reference looks spacings up by a list that shrinks when an axis is too short to be
 * halved; here, as its comment says, every axis is compared by its own spacing.
 */
export function topologyOf(
  spacingMm: readonly number[],
  patch: readonly number[],
  rules: PlannerRules,
): Topology {
  const axes = patch.map((_, axis) => axis);
  const most = rules.mostPoolings[axes.length as 2 | 3];
  const spacing = [...spacingMm];
  const size = [...patch];
  const poolings = axes.map(() => 0);
  const kernel = axes.map(() => (rules.followSpacing ? 1 : 3));
  const strides = [axes.map(() => 1)];
  const kernels: number[][] = [];
  for (;;) {
    const long = axes.filter((axis) => size[axis]! >= 2 * rules.shortestEdge);
    const finest = Math.min(...long.map((axis) => spacing[axis]!));
    const halved = long.filter(
      (axis) => (!rules.followSpacing || spacing[axis]! / finest < 2) && poolings[axis]! < most,
    );
    if (halved.length === 0) break;
    if (halved.length === 1 && size[halved[0]!]! < rules.loneAxis * rules.shortestEdge) break;
    const finestOfAll = Math.min(...spacing);
    for (const axis of axes) if (spacing[axis]! / finestOfAll < 2) kernel[axis] = 3;
    kernels.push([...kernel]);
    for (const axis of halved) {
      poolings[axis]!++;
      spacing[axis]! *= 2;
      size[axis] = Math.ceil(size[axis]! / 2);
    }
    strides.push(axes.map((axis) => (halved.includes(axis) ? 2 : 1)));
  }
  kernels.push(axes.map(() => 3));
  return { strides, kernels, poolings, divisor: poolings.map((count) => 2 ** count) };
}

/** The patch made larger until every axis is a multiple of what the network halves it by. */
export function paddedPatch(patch: readonly number[], divisor: readonly number[]): number[] {
  return patch.map((n, axis) => Math.ceil(n / divisor[axis]!) * divisor[axis]!);
}

/** Channels of every stage: doubled from the first on, up to the most. */
export function stageWidths(stages: number, dimensions: 2 | 3, rules: PlannerRules): number[] {
  return Array.from({ length: stages }, (_, stage) =>
    Math.min(rules.mostWidth[dimensions], rules.firstWidth * 2 ** stage),
  );
}

/**
 * Numbers that all convolutions of a network put out for one patch: two per stage on the way down, the transposed
 * convolution and two more per stage on the way up, and the head at full resolution. That is what memory in training
 * grows with (v2, `compute_conv_feature_map_size`).
 */
export function activationsOf(
  patch: readonly number[],
  strides: Topology["strides"],
  widths: readonly number[],
  classes: number,
): number {
  let extents = patch;
  let total = 0;
  widths.forEach((width, stage) => {
    extents = extents.map((n, axis) => Math.floor(n / strides[stage]![axis]!));
    const voxels = extents.reduce((a, b) => a * b, 1);
    const up = stage < widths.length - 1 ? 3 : 0;
    total += (2 + up) * width * voxels + (stage === 0 ? classes * voxels : 0);
  });
  return total;
}
