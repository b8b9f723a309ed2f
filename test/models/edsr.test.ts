import { describe, expect, it } from "vitest";
import { type EdsrOptions, edsr } from "../../src/models/edsr.js";
import { parameterCount, trace } from "../../src/nn/scope.js";
import { input } from "../../src/ops/leaf.js";

const patches = input("x", [2, 1, 32, 32]);
const tracedAs = (options: EdsrOptions) => trace(true, (scope) => edsr(scope, patches, options));

/** By hand: a convolution of 3² with biases. */
const convolution = (from: number, to: number): number => 9 * from * to + to;

describe("EDSR", () => {
  it("in full has 32 blocks of 256 channels and 38,360,065 parameters", () => {
    const traced = tracedAs({ width: 256, blocks: 32 });
    const all = convolution(1, 256) + 65 * convolution(256, 256) + convolution(256, 1);
    expect(parameterCount(traced)).toBe(all);
    expect(all).toBe(38_360_065);
    const weights = [...traced.parameters.keys()].filter((path) => path.endsWith(".weight"));
    expect(weights).toHaveLength(67);
    expect(weights).toContain("block31b.weight");
    expect(traced.statistics.size).toBe(0);
  });

  it("as its baseline has 16 blocks of 64 channels and 1,219,841 parameters", () => {
    const traced = tracedAs({ width: 64, blocks: 16, scaling: 1 });
    expect(parameterCount(traced)).toBe(convolution(1, 64) + 33 * convolution(64, 64) + convolution(64, 1));
    expect(parameterCount(traced)).toBe(1_219_841);
  });

  it("keeps any extents, and refuses what is no picture", () => {
    expect(tracedAs({ width: 4, blocks: 1 }).result.shape).toEqual([2, 1, 32, 32]);
    const odd = trace(false, (scope) => edsr(scope, input("y", [1, 1, 5, 7]), { width: 4, blocks: 0 }));
    expect(odd.result.shape).toEqual([1, 1, 5, 7]);
    const cube = input("z", [1, 1, 8, 8, 8]);
    expect(() => trace(true, (scope) => edsr(scope, cube, { width: 4, blocks: 1 }))).toThrow(
      /EDSR cannot take this input.*\[N, 1, H, W\].*\[1, 1, 8, 8, 8\]/,
    );
  });
});
