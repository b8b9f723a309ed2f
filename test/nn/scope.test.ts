import { describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { constantly, glorotUniform, heNormal, type Initializer, normal } from "../../src/nn/initialize.js";
import { conv, linear } from "../../src/nn/layers.js";
import { batchNorm } from "../../src/nn/norms.js";
import { initialState, parameterCount, type Scope, trace } from "../../src/nn/scope.js";
import { input } from "../../src/ops/leaf.js";

const moments = (values: Float32Array): { mean: number; std: number; low: number; high: number } => {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
  return { mean, std: Math.sqrt(variance), low: Math.min(...values), high: Math.max(...values) };
};

describe("initialisers", () => {
  const shape = [64, 32, 3, 3];
  const count = 64 * 32 * 9;
  /** Mean within five standard errors of 0, standard deviation within 3 %. */
  const expectMoments = (initialize: Initializer, std: number) => {
    const found = moments(initialize(shape, rng(1)));
    expect(Math.abs(found.mean)).toBeLessThan((5 * std) / Math.sqrt(count));
    expect(Math.abs(found.std / std - 1)).toBeLessThan(0.03);
    return found;
  };

  it("heNormal has variance 2 / fan-in, less with a slope", () => {
    expectMoments(heNormal(), Math.sqrt(2 / (32 * 9)));
    expectMoments(heNormal(0.5), Math.sqrt(2 / (1.25 * 32 * 9)));
  });

  it("glorotUniform stays within its bound and fills it", () => {
    const bound = Math.sqrt(6 / (32 * 9 + 64 * 9));
    const { low, high } = expectMoments(glorotUniform(), bound / Math.sqrt(3));
    expect(low).toBeGreaterThanOrEqual(-bound);
    expect(high).toBeLessThanOrEqual(bound);
    expect(high - low).toBeGreaterThan(1.99 * bound);
  });

  it("normal and constantly are what they say", () => {
    expectMoments(normal(0.02), 0.02);
    expect(moments(normal(0.02, 1)(shape, rng(2))).mean).toBeCloseTo(1, 3);
    expect([...constantly(0.25)([3], rng(1))]).toEqual([0.25, 0.25, 0.25]);
  });
});

describe("trace", () => {
  const net = (scope: Scope): void => {
    const y = conv(scope.child("first"), input("x", [1, 2, 4, 4]), { channels: 3, kernel: [3, 3] });
    batchNorm(scope.child("norm"), y);
  };

  it("collects what layers declare, by path, in order", () => {
    const { parameters, statistics, updates, decayed } = trace(true, net);
    expect([...parameters.keys()]).toEqual(["first.weight", "first.bias", "norm.scale", "norm.shift"]);
    expect([...statistics.keys()]).toEqual(["norm.runningMean", "norm.runningVariance"]);
    expect([...updates.keys()]).toEqual(["norm.runningMean", "norm.runningVariance"]);
    expect([...decayed]).toEqual(["first.weight"]);
    expect(parameterCount(trace(true, net))).toBe(3 * 2 * 9 + 3 + 3 + 3);
  });

  it("draws each parameter from its own name: a new layer leaves the others' first weights as they were", () => {
    const before = initialState(trace(true, net), rng(7));
    const after = initialState(
      trace(true, (scope) => {
        linear(scope.child("added"), input("y", [1, 3]), { channels: 2 });
        net(scope);
      }),
      rng(7),
    );
    for (const [name, value] of Object.entries(before)) expect(after[name]).toEqual(value);
    expect(Object.keys(after).length).toBe(Object.keys(before).length + 2);
    expect(initialState(trace(true, net), rng(8))["parameter/first.weight"]).not.toEqual(
      before["parameter/first.weight"],
    );
  });

  it("refuses two layers of one name", () => {
    expect(() =>
      trace(true, (scope) => {
        net(scope);
        net(scope);
      }),
    ).toThrow('two layers are called "first.weight". Give each its own child scope.');
  });
});
