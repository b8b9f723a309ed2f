import { describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { type CriticOptions, denoisingCritic, denoisingGenerator } from "../../src/models/red-wgan.js";
import { parameterCount, trace } from "../../src/nn/scope.js";
import { input } from "../../src/ops/leaf.js";
import { configs } from "../../src/systems/red-wgan.js";

/** Slabs of the paper: 6 slices of 32 x 32 voxels. */
const slabs = input("x", [2, 1, 6, 32, 32]);

describe("the generator", () => {
  const traced = trace(true, (scope) => denoisingGenerator(scope, slabs, { widths: [32, 64, 128, 256] }));

  it("has the sheet's eight convolutions of 3³, seven norms, and 2,326,273 parameters", () => {
    const weights = [...traced.parameters].filter(([path]) => path.endsWith(".weight"));
    expect(weights.map(([path, { value }]) => [path, ...value.shape.slice(0, 2)])).toEqual([
      ["encoder0.weight", 32, 1],
      ["encoder1.weight", 64, 32],
      ["encoder2.weight", 128, 64],
      ["encoder3.weight", 256, 128],
      ["decoder2.weight", 128, 256],
      ["decoder1.weight", 64, 128],
      ["decoder0.weight", 32, 64],
      ["head.weight", 1, 32],
    ]);
    expect([...traced.statistics.keys()].filter((path) => path.endsWith("runningMean"))).toHaveLength(7);
    const pairs = [1, 32, 64, 128, 256, 128, 64, 32, 1];
    const convolutions = pairs.slice(1).reduce((sum, to, n) => sum + 27 * pairs[n]! * to + to, 0);
    const norms = 2 * (32 + 64 + 128 + 256 + 128 + 64 + 32);
    expect(parameterCount(traced)).toBe(convolutions + norms);
    expect(parameterCount(traced)).toBe(2_326_273);
  });

  it("keeps any extents, and refuses what is no volume", () => {
    const odd = input("y", [1, 1, 5, 7, 9]);
    expect(traced.result.shape).toEqual(slabs.shape);
    expect(trace(false, (scope) => denoisingGenerator(scope, odd, { widths: [2, 3] })).result.shape).toEqual(
      odd.shape,
    );
    const flat = input("z", [1, 1, 8, 8]);
    expect(() => trace(true, (scope) => denoisingGenerator(scope, flat, { widths: [2] }))).toThrow(
      /denoising generator cannot take this input/,
    );
  });
});

describe("the generator without a norm", () => {
  it("has the convolutions alone, kernels without offset in the encoder, and is the identity at first", () => {
    const widths = [3, 5];
    const traced = trace(true, (scope) =>
      denoisingGenerator(scope, slabs, { widths, norm: "none", identityAtFirst: true }),
    );
    expect([
      traced.statistics.size,
      [...traced.parameters.keys()].some((path) => path.includes("norm")),
    ]).toEqual([0, false]);
    const first = (path: string): Float32Array => {
      const { value, initialize } = traced.parameters.get(path)!;
      return initialize(value.shape, rng(1));
    };
    const kernels = first("encoder1.weight");
    for (let from = 0; from < kernels.length; from += 27)
      expect(Math.abs(kernels.subarray(from, from + 27).reduce((a, b) => a + b))).toBeLessThan(1e-5);
    expect(Math.max(...kernels)).toBeGreaterThan(0.1);
    expect(first("head.weight").every((value) => value === 0)).toBe(true);
  });
});

describe("the critic", () => {
  const tracedAs = (head: CriticOptions["head"]) =>
    trace(true, (scope) => denoisingCritic(scope, slabs, { widths: [32, 64, 128], head }));

  it("has the sheet's 786,432 inputs to one linear layer, and 1,064,001 parameters", () => {
    const traced = tracedAs("full");
    expect(traced.result.shape).toEqual([2, 1]);
    expect(traced.parameters.get("head.weight")!.value.shape).toEqual([1, 786_432]);
    expect(parameterCount(traced)).toBe(27 * (32 + 32 * 64 + 64 * 128) + 224 + 786_433);
    expect(parameterCount(traced)).toBe(1_064_001);
    expect(traced.statistics.size).toBe(0);
  });

  it("pooled has one weight a channel instead", () => {
    const traced = tracedAs("pooled");
    expect(traced.parameters.get("head.weight")!.value.shape).toEqual([1, 128]);
    expect(parameterCount(traced)).toBe(1_064_001 - 786_432 + 128);
  });
});

describe("the preset paper", () => {
  it("balances its losses in units of 1 as the paper does in units of 4096", () => {
    const { mse, perceptual, adversarial } = configs.paper.loss;
    // An error of 80 of 4096, features that differ by 0.5, a critic's value of 3.
    const paper = 1 * 80 ** 2 + 0.1 * 0.5 - 1e-3 * 3;
    const ours = mse * (80 / 4096) ** 2 + perceptual * 0.5 - adversarial * 3;
    expect((ours * 4096 ** 2) / paper).toBeCloseTo(1, 12);
    expect((perceptual / mse) * 4096 ** 2).toBeCloseTo(0.1, 12);
    expect((adversarial / mse) * 4096 ** 2).toBeCloseTo(1e-3, 12);
  });
});
