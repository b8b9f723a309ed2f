import { type Rng, rng } from "../../core/rng.js";
import { floats } from "../../core/tensor.js";
import type { Batch } from "../../train/loop.js";
import { splineWeightsAt } from "../../volume/bspline.js";
import type { SuperresolutionConfig } from "./config.js";
import { type Degradation, degradationKernels, type Kernels, mirrored } from "./kernels.js";
import { edgeAt, type TrainingStack } from "./stack.js";

/** The networks: self anti-aliasing, of 2-D acquisitions only, and self super-resolution. */
export type Task = "saa" | "ssr";

export function tasksOf({ acquisition }: Pick<SuperresolutionConfig, "acquisition">): readonly Task[] {
  return acquisition === "2d" ? ["saa", "ssr"] : ["ssr"];
}

/** What decides a batch, besides the stacks and the step's number. */
export type BatchPlan = Pick<SuperresolutionConfig, "batch" | "patch" | "rotations" | "chain"> &
  Degradation & { readonly seed: number };

/** A patch before and after what a network has to undo: row-major, rows across the slices. */
export interface Pair {
  readonly input: Float32Array;
  readonly target: Float32Array;
}

/**
 * A function from a step's number to its batch: for each network's step as many pairs as the batch says, of the stacks
 * in turn; place, angle, mirroring and where the slices lie drawn from a generator of that step and place.
 */
export function batchMaker(stacks: readonly TrainingStack[], plan: BatchPlan): (step: number) => Batch {
  const root = rng(plan.seed).split("pairs");
  const tasks = tasksOf(plan);
  const count = plan.batch * tasks.length;
  const pixels = plan.patch * plan.patch;
  const draw = pairDrawer(plan);
  return (step) => {
    const input = new Float32Array(count * pixels);
    const target = new Float32Array(count * pixels);
    const names = new Set<string>();
    for (let b = 0; b < count; b++) {
      const stack = stacks[(step * count + b) % stacks.length]!;
      const task = tasks[Math.floor(b / plan.batch)]!;
      const pair = draw(stack, root.split(step, b), plan.chain && task === "ssr" ? "both" : task);
      input.set(pair.input, b * pixels);
      target.set(pair.target, b * pixels);
      names.add(stack.id);
    }
    const shape = [count, 1, plan.patch, plan.patch];
    return { tensors: { input: floats(shape, input), target: floats(shape, target) }, cases: [...names] };
  };
}

/**
 * A function that draws pairs from stacks. Where slices lie among the voxels repeats, so what they do is computed once
 * for each place.
 */
export function pairDrawer(
  plan: Omit<BatchPlan, "seed" | "batch" | "chain">,
): (stack: TrainingStack, random: Rng, task: Task | "both") => Pair {
  const { patch, ratio, rotations } = plan;
  const known = new Map<number, Kernels>();
  const kernelsAt = (phase: number): Kernels => {
    const key = Math.round(phase * 1e4);
    const found = known.get(key) ?? degradationKernels(plan, key / 1e4, patch);
    if (known.size > 64) known.clear();
    known.set(key, found);
    return found;
  };
  return (stack, random, task) => {
    const draw = random.split("place");
    const middle = drawEdge(stack, draw);
    const row = draw.integer(stack.rows);
    // Where the next slice lies, as seen from a row of the result that is drawn.
    const phase = (((-stack.first * ratio - row) % ratio) + ratio) % ratio;
    const { margin, aliased, blurred } = kernelsAt(phase);
    const turn = random.split("turn");
    const angle = (turn.integer(rotations) / rotations) * 2 + (turn.chance(0.5) ? 1 : 0);
    const signs = [turn.chance(0.5) ? 1 : -1, turn.chance(0.5) ? 1 : -1] as const;
    const sharp = cutPiece(stack, middle, angle, signs, patch, margin);
    const input = weighRows(task === "ssr" ? blurred : aliased, sharp, patch, margin);
    const target =
      task === "saa"
        ? weighRows(blurred, sharp, patch, margin)
        : sharp.slice(margin * patch, (margin + patch) * patch);
    return { input, target };
  };
}

/** A voxel, drawn in proportion to the edge that is there. */
function drawEdge(
  { edges, data, size, mask }: TrainingStack,
  random: Rng,
): readonly [number, number, number] {
  const wanted = random.uniform() * edges.at(-1)!;
  let [low, high] = [0, edges.length - 1];
  while (low < high) {
    const half = (low + high) >> 1;
    if (edges[half]! > wanted) high = half;
    else low = half + 1;
  }
  let sum = low === 0 ? 0 : edges[low - 1]!;
  let i = 0;
  for (; i + 1 < size[0]; i++) {
    sum += edgeAt(data, size, mask, low, i);
    if (sum > wanted) break;
  }
  return [i, low % size[1], Math.floor(low / size[1])];
}

/**
 * A piece of a slice about a voxel, `[patch + 2 · margin, patch]`: rows run along the angle (in right angles), columns
 * across. Beyond the slice its mirror image goes on.
 */
export function cutPiece(
  { data, coefficients, size: [ni, nj] }: TrainingStack,
  [ci, cj, k]: readonly [number, number, number],
  angle: number,
  [su, sv]: readonly [1 | -1, 1 | -1],
  patch: number,
  margin: number,
): Float32Array {
  const rows = patch + 2 * margin;
  const out = new Float32Array(rows * patch);
  const slice = k * ni * nj;
  const straight = Number.isInteger(angle);
  const [cos, sin] = [Math.cos((angle * Math.PI) / 2), Math.sin((angle * Math.PI) / 2)];
  const [ux, uy] = straight ? [Math.round(cos) * su, Math.round(sin) * su] : [cos * su, sin * su];
  const [vx, vy] = straight ? [Math.round(-sin) * sv, Math.round(cos) * sv] : [-sin * sv, cos * sv];
  const half = Math.floor(patch / 2);
  const [wx, wy] = [new Float64Array(4), new Float64Array(4)];
  const [at4, to4] = [new Int32Array(4), new Int32Array(4)];
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < patch; c++) {
      const [u, v] = [r - margin - half, c - half];
      const x = ci + u * ux + v * vx;
      const y = cj + u * uy + v * vy;
      if (straight) {
        out[r * patch + c] = data[slice + mirrored(y, nj) * ni + mirrored(x, ni)]!;
        continue;
      }
      splineWeightsAt(reflected(x, ni), ni, wx, at4);
      splineWeightsAt(reflected(y, nj), nj, wy, to4);
      let sum = 0;
      for (let b = 0; b < 4; b++) {
        const line = slice + to4[b]! * ni;
        for (let a = 0; a < 4; a++) sum += wy[b]! * wx[a]! * coefficients![line + at4[a]!]!;
      }
      out[r * patch + c] = sum;
    }
  return out;
}

/** A position beyond the ends, mirrored about the first and the last voxel. */
function reflected(x: number, length: number): number {
  const period = Math.max(1, 2 * (length - 1));
  const at = ((x % period) + period) % period;
  return at <= length - 1 ? at : period - at;
}

/** Every row of weights times the columns of a piece. */
function weighRows(weights: Float64Array, piece: Float32Array, patch: number, margin: number): Float32Array {
  const extent = patch + 2 * margin;
  const out = new Float32Array(patch * patch);
  const sum = new Float64Array(patch);
  for (let row = 0; row < patch; row++) {
    sum.fill(0);
    for (let n = 0; n < extent; n++) {
      const weight = weights[row * extent + n]!;
      if (weight === 0) continue;
      for (let c = 0; c < patch; c++) sum[c]! += weight * piece[n * patch + c]!;
    }
    out.set(sum, row * patch);
  }
  return out;
}
