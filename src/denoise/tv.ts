import type { Size3 } from "../volume/volume.js";
import type { Slab } from "./nlm.js";

/** The fields that the threads of a total-variation filter share; the dual fields have three components. */
export interface TvSetup {
  readonly source: Float32Array;
  /** The estimate of the image. */
  readonly out: Float32Array;
  readonly dual: Float32Array;
  /** The dual field, carried on by its momentum. */
  readonly ahead: Float32Array;
  readonly size: Size3;
  readonly strength: number;
  /** How much a difference along each axis counts: the smallest voxel spacing over this axis's. */
  readonly axisWeights: readonly [number, number, number];
}

/** Half an iteration on some planes: the image from the dual field, or the dual field from the image. */
export interface TvTask extends Slab {
  readonly half: "image" | "dual";
  /** Share of the last step that is gone on with: Nesterov's momentum. */
  readonly momentum: number;
}

/**
 * One part of an iteration towards `argmin ½‖u - source‖² + strength · Σ|∇u|`: fast gradient projection on the dual
 * (Beck & Teboulle 2009; the dual form is Chambolle's, 2004), with forward differences that are 0 at the far border.
 * Every voxel is written by one task only, from what the other half-iteration left: slabs do not change the result.
 */
export function tvKernel(setup: TvSetup): (task: TvTask) => void {
  return (task) => (task.half === "image" ? imageFromDual(setup, task) : dualFromImage(setup, task));
}

/** `u = source + strength · div(ahead)`. */
function imageFromDual(
  { source, out, ahead, size, strength, axisWeights }: TvSetup,
  { from, to }: Slab,
): void {
  const [ni, nj] = size;
  const plane = ni * nj;
  const count = source.length;
  const [wi, wj, wk] = axisWeights.map((weight) => weight * strength) as [number, number, number];
  for (let k = from; k < to; k++)
    for (let j = 0; j < nj; j++) {
      const row = k * plane + j * ni;
      for (let i = 0, v = row; i < ni; i++, v++) {
        // The dual field is 0 where its difference would leave the image, so only the near border is special.
        let sum = wi * (ahead[v]! - (i > 0 ? ahead[v - 1]! : 0));
        sum += wj * (ahead[count + v]! - (j > 0 ? ahead[count + v - ni]! : 0));
        sum += wk * (ahead[2 * count + v]! - (k > 0 ? ahead[2 * count + v - plane]! : 0));
        out[v] = source[v]! + sum;
      }
    }
}

/** `dual = project(ahead + ∇u / (12 · strength))`, and `ahead` beyond it by the momentum. */
function dualFromImage(
  { out, dual, ahead, size, strength, axisWeights }: TvSetup,
  { from, to, momentum }: TvTask,
): void {
  const [ni, nj, nk] = size;
  const plane = ni * nj;
  const count = out.length;
  // 12 bounds the squared norm of three forward differences.
  const [wi, wj, wk] = axisWeights.map((weight) => weight / (12 * strength)) as [number, number, number];
  for (let k = from; k < to; k++)
    for (let j = 0; j < nj; j++) {
      const row = k * plane + j * ni;
      for (let i = 0, v = row; i < ni; i++, v++) {
        const here = out[v]!;
        const x = ahead[v]! + (i < ni - 1 ? wi * (out[v + 1]! - here) : 0);
        const y = ahead[count + v]! + (j < nj - 1 ? wj * (out[v + ni]! - here) : 0);
        const z = ahead[2 * count + v]! + (k < nk - 1 ? wk * (out[v + plane]! - here) : 0);
        const norm = Math.sqrt(x * x + y * y + z * z);
        const shrink = norm > 1 ? 1 / norm : 1;
        const [a, b, c] = [x * shrink, y * shrink, z * shrink];
        ahead[v] = a + momentum * (a - dual[v]!);
        ahead[count + v] = b + momentum * (b - dual[count + v]!);
        ahead[2 * count + v] = c + momentum * (c - dual[2 * count + v]!);
        dual[v] = a;
        dual[count + v] = b;
        dual[2 * count + v] = c;
      }
    }
}

/** The momentum of each iteration: `(t - 1) / t'` with `t' = (1 + √(1 + 4t²)) / 2`. */
export function momenta(iterations: number): number[] {
  const found: number[] = [];
  for (let n = 0, t = 1; n < iterations; n++) {
    const next = (1 + Math.sqrt(1 + 4 * t * t)) / 2;
    found.push((t - 1) / next);
    t = next;
  }
  return found;
}
