import { describe, expect, it } from "vitest";
import { rng } from "../../../src/core/rng.js";
import { scalar, tensor } from "../../../src/core/tensor.js";
import { lower } from "../../../src/lower/lower.js";
import { nodeCpu } from "../../../src/runtime/node.js";
import { trainingBytes } from "../../../src/tasks/segmentation/nnunet/memory.node.js";
import { plannedStep } from "../../../src/tasks/segmentation/nnunet/step.js";
import { decathlon, planOf } from "./sets.js";

describe("the training step of a plan", () => {
  it("has an estimate of its memory, smaller when activations are computed again", async () => {
    const plan = planOf(decathlon.hippocampus);
    const full = plan.configurations["3d_fullres"]!;
    const { bytes, leanBytes } = await trainingBytes(plan, full, 0);
    expect(bytes / 2 ** 30).toBeGreaterThan(1);
    expect(bytes / 2 ** 30).toBeLessThan(4);
    expect(leanBytes!).toBeLessThan(bytes);
  });

  it("learns on thick slices, with flat kernels, strides by axis and two heads", async () => {
    const plan = planOf({ size: [10, 24, 24], spacingMm: [3.6, 1, 1], cases: 12, classes: 2 });
    const full = { ...plan.configurations["3d_fullres"]!, batch: 2 };
    // The plan's own topology, narrow: 1x3x3 kernels and 1x2x2 strides come first.
    const narrow = { ...full, widths: full.widths.map((_, at) => 4 * (at + 1)) };
    expect(narrow.strides[1]).toEqual([1, 2, 2]);
    expect(narrow.kernels[0]).toEqual([1, 3, 3]);
    const step = plannedStep(plan, narrow);
    const executable = await nodeCpu.compile(lower(step.program, await nodeCpu.target()), { threads: 1 });
    const [depth, height, width] = full.patch as [number, number, number];
    const random = rng("noise");
    const inside = (k: number, j: number, i: number): number =>
      Number(k > 2 && k < 8 && j > 6 && j < 16 && i > 6 && i < 16);
    const labelAt = ([sk, sj, si]: readonly [number, number, number]) => {
      const shape = [2, depth / sk, height / sj, width / si];
      const data = Uint8Array.from({ length: shape.reduce((a, b) => a * b) }, (_, at) => {
        const [i, rest] = [at % shape[3]!, Math.floor(at / shape[3]!)];
        return inside((Math.floor(rest / shape[2]!) % shape[1]!) * sk, (rest % shape[2]!) * sj, i * si);
      });
      return tensor("uint8", shape, data);
    };
    const fine = labelAt([1, 1, 1]);
    const image = Float32Array.from(fine.data as Uint8Array, (value) => 2 * value + random.normal());
    const feeds = {
      "batch/image": tensor("float32", [2, 1, depth, height, width], image),
      "batch/label0": fine,
      ...("batch/label1" in step.program.inputs ? { "batch/label1": labelAt([1, 2, 2]) } : {}),
    };
    let state = step.initialize(rng("start"));
    const losses: number[] = [];
    for (let at = 1; at <= 12; at++) {
      const outputs = await executable.run({
        ...feeds,
        ...state,
        learningRate: scalar(1e-2),
        step: scalar(at),
      });
      losses.push(Number(outputs["metric:loss"]!.data[0]));
      state = Object.fromEntries(step.stateNames.map((name) => [name, outputs[`next:${name}`]!]));
    }
    await executable.dispose();
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(losses.at(-1)!).toBeLessThan(0.8 * losses[0]!);
  });
});
