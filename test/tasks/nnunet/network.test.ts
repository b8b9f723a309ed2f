import { describe, expect, it } from "vitest";
import { unetHeads } from "../../../src/models/unet.js";
import { parameterCount, trace } from "../../../src/nn/scope.js";
import { input } from "../../../src/ops/leaf.js";
import { headWeights, networkOf } from "../../../src/tasks/segmentation/nnunet/network.js";
import { type ConfigurationName, configurationOf } from "../../../src/tasks/segmentation/nnunet/plan.js";
import { decathlon, planOf } from "./sets.js";

function built(task: keyof typeof decathlon, name: ConfigurationName) {
  const plan = planOf(decathlon[task]);
  const { options, channels, patch, heads } = networkOf(plan, configurationOf(plan, name));
  const traced = trace(true, (scope) =>
    unetHeads(scope, input("x", [2, channels, ...patch]), options, heads),
  );
  return { traced, options, channels, patch, heads };
}

describe("the network of a plan", () => {
  it("for the hippocampus has 4 levels, 2 heads and 5.6 million weights", () => {
    const { traced, heads } = built("hippocampus", "3d_fullres");
    expect(heads).toBe(2);
    expect(traced.result.map(({ shape }) => shape)).toEqual([
      [2, 3, 40, 56, 40],
      [2, 3, 20, 28, 20],
    ]);
    const widths = [32, 64, 128, 256];
    const conv = (into: number, out: number): number => into * out * 27 + 2 * out;
    const down = widths.map((w, at) => conv(at === 0 ? 1 : widths[at - 1]!, w) + conv(w, w));
    const up = [0, 1, 2].map((at) => {
      const [w, below] = [widths[at]!, widths[at + 1]!];
      return below * w * 8 + w + conv(2 * w, w) + conv(w, w);
    });
    const head = (w: number): number => 3 * w + 3;
    const total = [...down, ...up, head(32), head(64)].reduce((a, b) => a + b);
    expect(parameterCount(traced)).toBe(total);
    expect(total / 1e6).toBeCloseTo(5.6, 1);
  });

  it("for brain tumours has 31.2 million weights, as published", () => {
    // 31.2 million is from memory of papers that list nnU-Net's size; they count biases before norms as well.
    const { traced, channels } = built("brainTumour", "3d_fullres");
    expect(channels).toBe(4);
    expect(parameterCount(traced) / 1e6).toBeCloseTo(31.2, 1);
  });

  it("for prostates has flat kernels and strides first", () => {
    const { traced, patch } = built("prostate", "3d_fullres");
    expect(patch).toEqual([20, 320, 256]);
    expect(traced.parameters.get("encoder0.conv0.weight")!.value.shape).toEqual([32, 1, 1, 3, 3]);
    expect(traced.parameters.get("up0.weight")!.value.shape).toEqual([64, 32, 1, 2, 2]);
  });

  it("of a cascade takes the labels of the stage before as channels", () => {
    expect(built("liver", "3d_cascade_fullres").channels).toBe(3);
    expect(built("liver", "3d_fullres").channels).toBe(1);
  });

  it("weighs its heads by halves that add up to 1", () => {
    expect(headWeights(3)).toEqual([4 / 7, 2 / 7, 1 / 7]);
  });

  it("is asked for by a name that is in the plan", () => {
    expect(() => configurationOf(planOf(decathlon.heart), "3d_lowres")).toThrow(
      /no configuration "3d_lowres"\. Expected one of 2d, 3d_fullres/,
    );
  });
});
