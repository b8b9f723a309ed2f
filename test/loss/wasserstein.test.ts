import { describe, expect, it } from "vitest";
import { gradients } from "../../src/autodiff/gradients.js";
import { rng } from "../../src/core/rng.js";
import { floats } from "../../src/core/tensor.js";
import type { Value } from "../../src/graph/node.js";
import { gradientPenalty, wassersteinDistance } from "../../src/loss/wasserstein.js";
import { mul } from "../../src/ops/elementwise.js";
import { input } from "../../src/ops/leaf.js";
import { matmul } from "../../src/ops/linalg.js";
import { reshape } from "../../src/ops/move.js";
import { sum } from "../../src/ops/reduce.js";
import { evaluate } from "../golden/golden.js";

const shape = [3, 2, 2, 3, 4];
const voxels = 48;
const random = rng(12);
const drawn = (...extents: number[]) =>
  floats(
    extents,
    Float32Array.from({ length: extents.reduce((a, b) => a * b, 1) }, () => random.normal()),
  );
const feeds = { real: drawn(...shape), fake: drawn(...shape), mix: drawn(3, 1, 1, 1, 1) };
const [real, fake, mix] = [input("real", shape), input("fake", shape), input("mix", [3, 1, 1, 1, 1])];

describe("the gradient penalty", () => {
  it("of a linear critic is (|w| - 1)², with the gradient 2 (|w| - 1) w / |w|, wherever it is taken", async () => {
    const w = input("w", [voxels, 1]);
    const critic = (x: Value): Value => matmul(reshape(x, [3, voxels]), w);
    const { penalty, norm } = gradientPenalty(critic, real, fake, mix);
    const weights = drawn(voxels, 1);
    const [gradient] = gradients(penalty, [w]);
    const found = await evaluate({ penalty, norm, gradient: gradient! }, { ...feeds, w: weights });
    const length = Math.hypot(...weights.data);
    expect(length).toBeGreaterThan(2);
    expect(found.norm!.data[0]).toBeCloseTo(length, 4);
    expect(found.penalty!.data[0]).toBeCloseTo((length - 1) ** 2, 3);
    weights.data.forEach((value, at) => {
      expect(found.gradient!.data[at]).toBeCloseTo((2 * (length - 1) * value) / length, 4);
    });
  });

  it("takes each sample's norm at its own point between real and made", async () => {
    // D = s |x|² / 2 has the gradient s x.
    const s = input("s", []);
    const critic = (x: Value): Value => mul(mul(sum(mul(x, x), [1, 2, 3, 4]), 0.5), s);
    const { penalty } = gradientPenalty(critic, real, fake, mix);
    const [gradient] = gradients(penalty, [s]);
    const factor = 0.3;
    const found = await evaluate({ penalty, gradient: gradient! }, { ...feeds, s: floats([], [factor]) });
    const lengths = [0, 1, 2].map((n) => {
      const a = feeds.mix.data[n]!;
      const at = (v: number): number => a * feeds.real.data[v]! + (1 - a) * feeds.fake.data[v]!;
      return Math.hypot(...Array.from({ length: voxels }, (_, v) => at(n * voxels + v)));
    });
    const mean = (of: (length: number) => number): number => lengths.reduce((t, one) => t + of(one), 0) / 3;
    expect(found.penalty!.data[0]).toBeCloseTo(
      mean((length) => (factor * length - 1) ** 2),
      4,
    );
    expect(found.gradient!.data[0]).toBeCloseTo(
      mean((length) => 2 * (factor * length - 1) * length),
      3,
    );
  });

  it("of a flat critic is 1, and pulls nowhere", async () => {
    const w = input("w", [voxels, 1]);
    const critic = (x: Value): Value => matmul(reshape(x, [3, voxels]), w);
    const { penalty } = gradientPenalty(critic, real, fake, mix);
    const [gradient] = gradients(penalty, [w]);
    const found = await evaluate(
      { penalty, gradient: gradient! },
      { ...feeds, w: floats([voxels, 1], new Float32Array(voxels)) },
    );
    expect(found.penalty!.data[0]).toBeCloseTo(1, 5);
    expect([...found.gradient!.data].every((value) => Math.abs(Number(value)) < 1e-5)).toBe(true);
  });

  it("refuses a critic that gives more than a number a sample", () => {
    expect(() => gradientPenalty((x) => x, real, fake, mix)).toThrow(
      /a critic gives one number for each sample/,
    );
  });
});

describe("the Wasserstein distance", () => {
  it("is the mean of the real ones less that of the made ones", async () => {
    const [a, b] = [input("a", [2, 1]), input("b", [2, 1])];
    const found = await evaluate(
      { distance: wassersteinDistance(a, b) },
      { a: floats([2, 1], [1, 2]), b: floats([2, 1], [-1, 0]) },
    );
    expect(found.distance!.data[0]).toBeCloseTo(2, 6);
  });
});
