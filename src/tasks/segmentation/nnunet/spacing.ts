import { largestAt, percentileOf, percentilePerAxis, product, roundHalfEven } from "./numbers.js";
import type { PlannerRules } from "./rules.js";

/** Voxels and voxel size of one image, along the same axes. */
export interface Extent {
  readonly size: readonly number[];
  readonly spacingMm: readonly number[];
}

/** The voxel size that all images are resampled to, and how it came about. */
export interface TargetSpacing {
  readonly spacingMm: readonly number[];
  /** The axis that takes the 10th percentile instead of the median, if one does. */
  readonly thickAxis: number | null;
}

/**
 * Target spacing: the median of every axis. One axis that is thick (more than 3 times the next) and short (its median
 * size times 3 is below the smallest other size) takes the 10th percentile of its spacings, though no finer than the
 * other axes: the median would throw away slices of the better scans (v2, `determine_fullres_target_spacing`).
 */
export function targetSpacing(images: readonly Extent[], rules: PlannerRules): TargetSpacing {
  const spacings = images.map(({ spacingMm }) => spacingMm);
  const median = percentilePerAxis(spacings, 50);
  const size = percentilePerAxis(
    images.map((image) => image.size),
    50,
  );
  const worst = largestAt(median);
  const others = median.map((_, axis) => axis).filter((axis) => axis !== worst);
  const coarsestOther = Math.max(...others.map((axis) => median[axis]!));
  const thick = median[worst]! > rules.anisotropy * coarsestOther;
  const short = size[worst]! * rules.anisotropy < Math.min(...others.map((axis) => size[axis]!));
  if (!(rules.finerThickAxis && thick && short)) return { spacingMm: median, thickAxis: null };
  const tenth = percentileOf(
    spacings.map((mm) => mm[worst]!),
    10,
  );
  // The hundred-thousandth keeps this axis the coarsest, and with it the order of the axes.
  const spacingMm = median.map((mm, axis) =>
    axis !== worst ? mm : tenth < coarsestOther ? coarsestOther + 1e-5 : tenth,
  );
  return { spacingMm, thickAxis: worst };
}

/** Voxels of an image after resampling, the same millimetres as nearly as whole voxels allow. */
export function resampledSize({ size, spacingMm }: Extent, target: readonly number[]): number[] {
  return size.map((n, axis) => roundHalfEven((spacingMm[axis]! / target[axis]!) * n));
}

/**
 * Order of the axes for networks, by voxel axis (0 = i, 1 = j, 2 = k): the one of the largest voxels first, so that
 * 2-D networks see the planes of the best resolution; the others as they lie in memory, k before j before i.
 * A flat image's missing axis comes first, whatever its spacing says.
 */
export function axisOrder(
  targetMm: readonly number[],
  medianSize: readonly number[],
): [number, number, number] {
  const inMemory = [2, 1, 0];
  const flat = inMemory.find((axis) => medianSize[axis] === 1);
  const first = flat ?? inMemory[largestAt(inMemory.map((axis) => targetMm[axis]!))]!;
  return [first, ...inMemory.filter((axis) => axis !== first)] as [number, number, number];
}

/**
 * One step towards a coarser image: axes that lag, finer than the coarsest by more than 2, grow alone; when none lags,
 * all do.
 */
export function coarserSpacing(spacingMm: readonly number[], rules: PlannerRules): number[] {
  const coarsest = Math.max(...spacingMm);
  // A step of 2 would never start on an axis of exactly half the spacing if equality were left out.
  const lags = spacingMm.map((mm) => (rules.lowresStep < 2 ? coarsest / mm > 2 : coarsest / mm >= 2));
  const all = !lags.includes(true);
  return spacingMm.map((mm, axis) => (all || lags[axis] ? mm * rules.lowresStep : mm));
}

/** The median image of a target spacing as the coarser spacing sees it: not rounded. */
export function coarserSize(
  size: readonly number[],
  from: readonly number[],
  to: readonly number[],
): number[] {
  return size.map((n, axis) => (from[axis]! / to[axis]!) * n);
}

/** Share of the median image's voxels that one patch covers. */
export function coverage(patch: readonly number[], size: readonly number[]): number {
  return product(patch) / product(size);
}
