import type { Size3 } from "../../volume/volume.js";
import { copyCube, cubeMatcher, type Matching } from "./match.js";
import {
  cosineCube,
  cubeSide,
  cubeVoxels,
  haarStack,
  inverseCosineCube,
  inverseHaarStack,
} from "./transform.js";

/** What the threads of one stage share; values in units of the noise. */
export interface StageSetup {
  readonly noisy: Float32Array;
  /** The estimate of the first stage; absent in the first stage itself. */
  readonly basic?: Float32Array;
  readonly size: Size3;
  readonly matching: Matching;
  /** Coefficients below this many noise deviations are dropped in the first stage. */
  readonly threshold: number;
}

/** The planes `k` at which this task's cubes begin. */
export interface StageTask {
  readonly starts: readonly number[];
}

/** Weighted sums of estimates and of weights for planes `from` to below `to`. */
export interface StageResult {
  readonly from: number;
  readonly to: number;
  readonly sums: Float32Array;
  readonly weights: Float32Array;
}

/** Cubes begin at every third voxel along each axis, and at the last that fits. */
export function cubeStarts(extent: number): number[] {
  const last = extent - cubeSide;
  return Array.from({ length: Math.ceil(last / 3) + 1 }, (_, n) => Math.min(3 * n, last));
}

/**
 * One of the two stages of block matching in 3-D (Dabov et al. 2007; in volumes, Maggioni et al. 2013): similar cubes
 * are stacked, transformed together, shrunk and put back, where they are averaged with the weights of the sources.
 * The first stage drops coefficients below `threshold`; the second is Wiener's filter with the first's estimate as
 * the true spectrum. The mean of a stack is always kept.
 */
export function stageKernel(setup: StageSetup): (task: StageTask) => StageResult {
  const { noisy, basic, size, matching, threshold } = setup;
  const [ni, nj, nk] = size;
  const plane = ni * nj;
  const matcher = cubeMatcher(basic ?? noisy, size, matching);
  const length = matching.largest * cubeVoxels;
  const [stack, truth, spare] = [
    new Float32Array(length),
    new Float32Array(basic === undefined ? 0 : length),
    new Float32Array(length),
  ];
  const load = (from: Float32Array, to: Float32Array, count: number): void => {
    for (let n = 0; n < count; n++) {
      copyCube(from, matcher.found[n]!, ni, plane, spare);
      to.set(spare.subarray(0, cubeVoxels), n * cubeVoxels);
      cosineCube(to, n * cubeVoxels);
    }
    haarStack(to, count, spare);
  };
  const [startsI, startsJ] = [cubeStarts(ni), cubeStarts(nj)];
  return ({ starts }) => {
    const from = Math.max(0, Math.min(...starts) - matching.searchRadius[2]);
    const to = Math.min(nk, Math.max(...starts) + matching.searchRadius[2] + cubeSide);
    const sums = new Float32Array((to - from) * plane);
    const weights = new Float32Array(sums.length);
    for (const k of starts)
      for (const j of startsJ)
        for (const i of startsI) {
          const count = matcher.find(i, j, k);
          load(noisy, stack, count);
          let weight: number;
          if (basic === undefined) weight = dropSmall(stack, count, threshold);
          else {
            load(basic, truth, count);
            weight = wiener(stack, truth, count);
          }
          inverseHaarStack(stack, count, spare);
          for (let n = 0; n < count; n++) {
            inverseCosineCube(stack, n * cubeVoxels);
            const at = matcher.found[n]! - from * plane;
            addCube(stack, n * cubeVoxels, weight, sums, weights, at, ni, plane);
          }
        }
    return { from, to, sums, weights };
  };
}

/** Drop coefficients below the threshold, except the mean; the weight is one over the number of those kept. */
function dropSmall(stack: Float32Array, count: number, threshold: number): number {
  let kept = 1;
  for (let v = 1; v < count * cubeVoxels; v++) {
    const value = stack[v]!;
    if (value < threshold && value > -threshold) stack[v] = 0;
    else kept++;
  }
  return 1 / kept;
}

/** Shrink by `s² / (s² + 1)`, s the estimated coefficient; the weight is one over the sum of squared factors. */
function wiener(stack: Float32Array, truth: Float32Array, count: number): number {
  let squares = 1;
  for (let v = 1; v < count * cubeVoxels; v++) {
    const power = truth[v]! * truth[v]!;
    const factor = power / (power + 1);
    stack[v] = stack[v]! * factor;
    squares += factor * factor;
  }
  return 1 / squares;
}

function addCube(
  stack: Float32Array,
  base: number,
  weight: number,
  sums: Float32Array,
  weights: Float32Array,
  at: number,
  ni: number,
  plane: number,
): void {
  for (let c = 0, n = base; c < cubeSide; c++)
    for (let b = 0; b < cubeSide; b++) {
      const row = at + c * plane + b * ni;
      for (let v = row; v < row + cubeSide; v++, n++) {
        sums[v] = sums[v]! + weight * stack[n]!;
        weights[v] = weights[v]! + weight;
      }
    }
}
