import { rng } from "../../core/rng.js";
import { floats } from "../../core/tensor.js";
import type { Batch } from "../../train/loop.js";
import type { ReconstructionConfig } from "./config.js";
import { drawScan, type TrainingScan } from "./draw.js";
import { networkInput } from "./input.js";
import { batchTypes } from "./model.js";

/** What decides a batch, besides the scans and the step's number. */
export type BatchPlan = Pick<ReconstructionConfig, "batch" | "inputs" | "noise" | "counts" | "mirror"> & {
  readonly seed: number;
};

/**
 * A function from a step's number to its batch: every slice once an epoch, in an order drawn anew for each; counts,
 * mirror and noise drawn from a generator of that step and place. Nothing is remembered between steps but the order.
 */
export function batchMaker(scans: readonly TrainingScan[], plan: BatchPlan): (step: number) => Batch {
  const root = rng(plan.seed);
  const types = batchTypes(plan, scans[0]!.scan.geometry, plan.batch);
  const sizes = { sinogram: lengthOf(types.sinogram.shape), image: lengthOf(types.image.shape) };
  let order: { readonly epoch: number; readonly places: readonly number[] } | undefined;
  const scanAt = (place: number): TrainingScan => {
    const epoch = Math.floor(place / scans.length);
    if (order?.epoch !== epoch)
      order = { epoch, places: root.split("order", epoch).shuffle(scans.map((_, n) => n)) };
    return scans[order.places[place % scans.length]!]!;
  };
  return (step) => {
    const sinogram = new Float32Array(sizes.sinogram);
    const image = new Float32Array(sizes.image);
    const names: string[] = [];
    for (let b = 0; b < plan.batch; b++) {
      const one = scanAt(step * plan.batch + b);
      const { scan, truth } =
        plan.noise === "fresh" ? drawScan(one, root.split("sample", step, b), plan) : one;
      const { data, scale } = networkInput(scan, plan.inputs, one.id);
      sinogram.set(data, b * data.length);
      for (let v = 0, at = b * truth.length; v < truth.length; v++, at++) image[at] = truth[v]! / scale;
      names.push(one.id);
    }
    return {
      tensors: {
        sinogram: floats(types.sinogram.shape, sinogram),
        image: floats(types.image.shape, image),
      },
      cases: names,
    };
  };
}

const lengthOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
