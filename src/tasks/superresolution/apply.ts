import { fail } from "../../core/errors.js";
import { swapAxes } from "../../volume/axes.js";
import { rangeOf } from "../../volume/intensity.js";
import type { ImageVolume } from "../../volume/volume.js";
import { planScan, type ScanPlan } from "./acquisition.js";
import { type Task, tasksOf } from "./batches.js";
import { accumulateBurst, meanOf } from "./burst.js";
import { alongSlices, type SliceRunner } from "./directions.js";
import type { SuperresolutionModel } from "./run.js";
import { interpolateSlices, scaleOf, slicesOf } from "./stack.js";

/** The networks, ready to run on slices of any extents. */
export interface SuperresolutionNetwork {
  readonly model: SuperresolutionModel;
  /** A network on slices of these extents; `close` lets go of it. */
  open(task: Task, height: number, width: number): Promise<SliceRunner>;
  close(): Promise<void>;
}

export interface ApplyOptions {
  /** Go on where the voxels are cubes already. */
  readonly force?: boolean;
  /** File or case, for messages. */
  readonly where?: string | undefined;
  /** Default: both for a 2-D acquisition, self super-resolution alone for a 3-D one. */
  readonly tasks?: readonly Task[] | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((fraction: number) => void) | undefined;
}

/** Slices may be this much nearer or farther than those that were learnt, as a share. */
const tolerance = 0.02;

/**
 * A scan with cubes for voxels. The slices are interpolated; the networks are then applied to every plane across them,
 * along several directions: self anti-aliasing, of which the mean is taken, then self super-resolution, put together by
 * Fourier burst accumulation. Zhao et al., IEEE Transactions on Medical Imaging 40, 2021. The result has the scan's axes
 * and lies over it in the world; no voxel is darker or brighter than any of the scan.
 *
 * Throws `bad-data` for slices other than those that were learnt and for an empty scan, `non-finite`, and what
 * `planScan` throws.
 */
export async function superresolve(
  network: SuperresolutionNetwork,
  scan: ImageVolume,
  { force = false, where, tasks, signal, onProgress }: ApplyOptions = {},
): Promise<ImageVolume> {
  const { model } = network;
  const plan = planScan(scan, {
    targetMm: model.targetMm,
    thicknessMm: model.thicknessMm,
    force,
    where,
  });
  requireLearnt(plan, model, where);
  const slices = slicesOf(scan, plan);
  const { zero, one } = scaleOf(slices, where);
  const first = interpolateSlices(slices, plan, model.acquisition);
  let current: ImageVolume = { ...first, data: first.data.map((value) => (value - zero) / (one - zero)) };
  const stages = tasks ?? tasksOf(model);
  for (const [n, task] of stages.entries()) {
    const found = await alongSlices(network, task, current, model.directions, {
      signal,
      onProgress: (share) => onProgress?.((n + share) / stages.length),
    });
    const data = task === "saa" ? meanOf(found) : accumulateBurst(found, current.size, model.burst);
    current = { ...current, data };
  }
  const [low, high] = rangeOf(scan.data);
  const data = current.data;
  for (let v = 0; v < data.length; v++) {
    const value = data[v]! * (one - zero) + zero;
    if (!Number.isFinite(value))
      fail("non-finite", {
        what: "the result holds values that are not numbers",
        where,
        fix: "Train the networks anew",
      });
    data[v] = Math.min(high, Math.max(low, value));
  }
  onProgress?.(1);
  return swapAxes(current, plan.axis, 2);
}

/** The networks know one distance between slices, in voxels of the result. */
function requireLearnt(plan: ScanPlan, model: SuperresolutionModel, where: string | undefined): void {
  if (Math.abs(plan.sliceMm / model.sliceMm - 1) <= tolerance) return;
  const show = (mm: number): string => `${Number(mm.toPrecision(4))} mm`;
  fail("bad-data", {
    what: "the networks have learnt other slices than those of the scan",
    where,
    expected: `slices every ${show(model.sliceMm)}`,
    found: `every ${show(plan.sliceMm)}`,
    fix: "Train on this scan: gyrus superres SCAN --method smore",
  });
}
