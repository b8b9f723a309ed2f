import { describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { floats } from "../../src/core/tensor.js";
import { program } from "../../src/graph/program.js";
import { lower } from "../../src/lower/lower.js";
import { deepPet } from "../../src/models/deeppet.js";
import { initialState, parameterCount, trace } from "../../src/nn/scope.js";
import { input } from "../../src/ops/leaf.js";
import { nodeCpu } from "../../src/runtime/node.js";
import { petGeometries } from "../../src/sim/pet/geometry.js";
import { configs } from "../../src/systems/deeppet.js";
import { inputExtents } from "../../src/tasks/reconstruction/input.js";

const tracedOf = (name: keyof typeof petGeometries & keyof typeof configs, batch = 1) => {
  const sinogram = input("sinogram", [batch, ...inputExtents(configs[name].inputs, petGeometries[name])]);
  return trace(false, (scope) => deepPet(scope, sinogram, configs[name].network));
};

describe("DeepPET", () => {
  it("has the paper's 62,821,473 parameters and 31 convolutions, and the extents of its table", () => {
    const traced = tracedOf("paper");
    expect(parameterCount(traced)).toBe(62_821_473);
    expect([...traced.parameters.keys()].filter((path) => path.endsWith("weight"))).toHaveLength(31);
    expect(traced.result.shape).toEqual([1, 1, 128, 128]);
    const kernels = [7, 5, 5].map((extent, n) => [extent, n] as const);
    const { network } = configs.paper;
    const larger = trace(false, (scope) =>
      deepPet(scope, input("x", [1, 1, 288, 269]), { ...network, kernels: kernels.map(([k]) => k) }),
    );
    // 7x7 from 1 to 32 channels, 5x5 from 32 to 32 and from 32 to 64.
    const more = (49 - 9) * 32 + (25 - 9) * (32 * 32 + 32 * 64);
    expect(parameterCount(larger)).toBe(62_821_473 + more);
  });

  it.each(["small", "tiny"] as const)("fits the geometry of the same name: %s", (name) => {
    const { imageSize } = petGeometries[name];
    expect(tracedOf(name).result.shape).toEqual([1, 1, imageSize, imageSize]);
  });

  it("shrunk as it is takes sinograms, and joined views take linograms", () => {
    const { inputs, network } = configs["small-plain"];
    const extents = inputExtents(inputs, petGeometries.small);
    expect(extents.slice(1)).toEqual([96, 95]);
    const plain = trace(false, (scope) => deepPet(scope, input("x", [2, ...extents]), network));
    expect(plain.result.shape).toEqual([2, 1, 64, 64]);
    expect(inputExtents(configs.small.inputs, petGeometries.small).slice(1)).toEqual([98, 192]);
  });

  it("runs at the paper's size", async () => {
    const traced = tracedOf("paper");
    const lowered = lower(program({ image: traced.result }), await nodeCpu.target());
    const executable = await nodeCpu.compile(lowered, { threads: 1 });
    const { views, bins } = petGeometries.paper;
    const data = Float32Array.from({ length: views * bins }, (_, n) => Math.sin(n / 50));
    const { image } = await executable.run({
      ...initialState(traced, rng(1)),
      sinogram: floats([1, 1, views, bins], data),
    });
    await executable.dispose();
    expect(image!.shape).toEqual([1, 1, 128, 128]);
    const values = Array.from(image!.data, Number);
    expect(values.every(Number.isFinite)).toBe(true);
    expect(Math.max(...values)).toBeGreaterThan(Math.min(...values));
  }, 120_000);

  it("with a residual gives the input's first channel at first, and refuses one of another size", async () => {
    const { network, inputs } = configs["tiny-backprojected"];
    const build = (size: number) =>
      trace(false, (scope) => deepPet(scope, input("x", [1, inputs.length, size, size]), network));
    const traced = build(32);
    const executable = await nodeCpu.compile(
      lower(program({ image: traced.result }), await nodeCpu.target()),
      { threads: 1 },
    );
    const data = Float32Array.from({ length: 2 * 32 * 32 }, (_, n) => Math.sin(n / 7));
    const x = floats([1, 2, 32, 32], data);
    const { image } = await executable.run({ ...initialState(traced, rng(1)), x });
    await executable.dispose();
    expect(image!.data).toEqual(data.slice(0, 32 * 32));
    expect(() => build(48)).toThrow(/cannot add its input to its output\. Expected images of 32x32/);
  });

  it("refuses volumes and kernels without a middle", () => {
    const { network } = configs.tiny;
    const build = (shape: readonly number[], kernels: readonly number[] = []) =>
      trace(false, (scope) => deepPet(scope, input("x", [...shape]), { ...network, kernels }));
    expect(() => build([1, 1, 8, 48, 47])).toThrow(
      /^DeepPET cannot take this input\. Expected \[N, C, views, bins\]\. Found \[1, 1, 8, 48, 47\]/,
    );
    expect(() => build([1, 1, 48, 47], [4])).toThrow(/a kernel of DeepPET has no middle.*Found 4/);
  });
});
