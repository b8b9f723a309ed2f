import { describe, expect, it } from "vitest";
import { gradients } from "../../src/autodiff/gradients.js";
import { floats, sizeOf, type Tensor, tensor } from "../../src/core/tensor.js";
import type { Value } from "../../src/graph/node.js";
import {
  channelDropout,
  conv,
  dropout,
  linear,
  prelu,
  upConv,
  upsampleNearest,
} from "../../src/nn/layers.js";
import { batchNorm, groupNorm, instanceNorm, layerNorm } from "../../src/nn/norms.js";
import { type Scope, trace } from "../../src/nn/scope.js";
import { mul } from "../../src/ops/elementwise.js";
import { input } from "../../src/ops/leaf.js";
import { randomKey } from "../../src/ops/random.js";
import { sum } from "../../src/ops/reduce.js";
import {
  evaluate,
  expectClose,
  type Packed,
  type PackedByName,
  readGolden,
  unpack,
} from "../golden/golden.js";

interface LayerCase {
  readonly name: string;
  readonly layer: keyof typeof layers;
  readonly options: Readonly<Record<string, unknown>>;
  readonly inputs: PackedByName;
  readonly g: Packed;
  readonly y: Packed;
  readonly gradients: PackedByName;
}

interface BatchNormStep {
  readonly x: Packed;
  readonly g: Packed;
  readonly y: Packed;
  readonly gradients: PackedByName;
  readonly runningMean: Packed;
  readonly runningVariance: Packed;
}

interface Golden {
  readonly cases: readonly LayerCase[];
  readonly batchNorm: {
    readonly parameters: PackedByName;
    readonly steps: readonly BatchNormStep[];
    readonly prediction: { readonly x: Packed; readonly y: Packed };
  };
}

const layers = { conv, upConv, linear, instanceNorm, groupNorm, layerNorm } as const;
type AnyLayer = (scope: Scope, x: Value, options: Readonly<Record<string, unknown>>) => Value;

const golden = readGolden<Golden>("layers");

/** A layer with the gradients of Σ g y for its input and all its parameters. */
function withGradients(build: (scope: Scope, x: Value) => Value, x: Packed, g: Packed) {
  const image = input("x", x.shape);
  const traced = trace(true, (scope) => build(scope, image));
  const scalar = sum(mul(traced.result, input("g", g.shape)));
  const names = [...traced.parameters.keys()];
  const found = gradients(scalar, [image, ...names.map((name) => traced.parameters.get(name)!.value)]);
  const outputs: Record<string, Value> = { y: traced.result };
  ["x", ...names].forEach((name, at) => {
    outputs[`d ${name}`] = found[at]!;
  });
  return { outputs, names, traced };
}

const named = (kind: string, tensors: PackedByName): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(tensors).map(([name, value]) => [`${kind}/${name}`, unpack(value)]));

/** Σ g x is not centred first, which costs digits where the mean is 500 standard deviations from 0, as in this case. */
const gradientsWithin = (name: string): number => (name === "3-D, epsilon 1e-3" ? 2e-4 : 5e-5);

describe("layers agree with PyTorch", () => {
  it.each(golden.cases.map((one) => [`${one.layer}: ${one.name}`, one] as const))("%s", async (_, one) => {
    const build = layers[one.layer] as unknown as AnyLayer;
    const { x, ...parameters } = one.inputs;
    const { outputs, names } = withGradients((scope, value) => build(scope, value, one.options), x!, one.g);
    expect(names.sort()).toEqual(Object.keys(parameters).sort());
    const found = await evaluate(outputs, {
      x: unpack(x!),
      g: unpack(one.g),
      ...named("parameter", parameters),
    });
    expectClose(found.y!, one.y, 2e-5, "y");
    for (const [name, wanted] of Object.entries(one.gradients))
      expectClose(found[`d ${name}`]!, wanted, gradientsWithin(one.name), `gradient of ${name}`);
  });

  it("batchNorm, in training, in its running statistics, in prediction", async () => {
    const { parameters, steps, prediction } = golden.batchNorm;
    const weights = named("parameter", parameters);
    let statistics: Record<string, Tensor> = {
      "statistic/runningMean": floats([3], [0, 0, 0]),
      "statistic/runningVariance": floats([3], [1, 1, 1]),
    };
    for (const step of steps) {
      const { outputs, traced } = withGradients((scope, x) => batchNorm(scope, x), step.x, step.g);
      for (const [path, next] of traced.updates) outputs[`next ${path}`] = next;
      const found = await evaluate(outputs, {
        x: unpack(step.x),
        g: unpack(step.g),
        ...weights,
        ...statistics,
      });
      expectClose(found.y!, step.y, 2e-5, "y");
      for (const [name, wanted] of Object.entries(step.gradients))
        expectClose(found[`d ${name}`]!, wanted, 5e-5, `gradient of ${name}`);
      expectClose(found["next runningMean"]!, step.runningMean, 1e-5, "running mean");
      expectClose(found["next runningVariance"]!, step.runningVariance, 1e-5, "running variance");
      statistics = {
        "statistic/runningMean": found["next runningMean"]!,
        "statistic/runningVariance": found["next runningVariance"]!,
      };
    }
    const { result, updates } = trace(false, (scope) => batchNorm(scope, input("x", prediction.x.shape)));
    expect(updates.size).toBe(0);
    const { y } = await evaluate({ y: result }, { x: unpack(prediction.x), ...weights, ...statistics });
    expectClose(y!, prediction.y, 2e-5, "prediction");
  });
});

describe("layers", () => {
  const x = input("x", [1, 5, 4, 4]);
  const inScope = <R>(build: (scope: Scope) => R): R => trace(true, build).result;

  it("refuse channels that do not fall into the groups", () => {
    const words = /5 channels do not fall into 2 groups/;
    expect(() => inScope((scope) => groupNorm(scope, x, { groups: 2 }))).toThrow(words);
    expect(() => inScope((scope) => conv(scope, x, { channels: 4, kernel: [3, 3], groups: 2 }))).toThrow(
      words,
    );
  });

  it("refuse a kernel that reaches past the image, with both shapes", () => {
    expect(() => inScope((scope) => conv(scope, x, { channels: 2, kernel: [5, 3] }))).toThrow(
      "conv of [1, 5, 4, 4] with weights [2, 5, 5, 3]: the kernel reaches 5 voxels, axis 0 has 4 with padding.",
    );
  });

  it("repeat voxels when upsampling", async () => {
    const y = upsampleNearest(input("x", [1, 1, 1, 2]), [2, 2]);
    const found = await evaluate({ y }, { x: floats([1, 1, 1, 2], [3, 7]) });
    expect([...found.y!.data]).toEqual([3, 3, 7, 7, 3, 3, 7, 7]);
  });
});

describe("prelu", () => {
  it("has a slope per channel for what is negative", async () => {
    const { result } = trace(true, (scope) => prelu(scope, input("x", [1, 2, 2])));
    const feeds = { x: floats([1, 2, 2], [-1, 2, -4, 8]), "parameter/slope": floats([2], [0.25, 0.5]) };
    expect([...(await evaluate({ y: result }, feeds)).y!.data]).toEqual([-0.25, 2, -2, 8]);
  });
});

describe("dropout", () => {
  const shape = [4, 8, 16, 16];
  const draw = async (seed: number, rate = 0.3): Promise<Float32Array> => {
    const { result, randoms } = trace(true, (scope) => dropout(scope.child("drop"), input("x", shape), rate));
    expect([...randoms.keys()]).toEqual(["drop.mask"]);
    const feeds = {
      x: floats(shape, new Float32Array(sizeOf(shape)).fill(2)),
      "random/key": tensor("int32", [2], randomKey(seed)),
    };
    return (await evaluate({ y: result }, feeds)).y!.data as Float32Array;
  };

  it("drops that share, scales the rest, keeps the mean", async () => {
    const y = await draw(1);
    const kept = y.filter((value) => value !== 0);
    // 8192 draws: the standard error of the share is 0.005.
    expect(Math.abs(kept.length / y.length - 0.7)).toBeLessThan(0.02);
    expect(kept.every((value) => Math.abs(value - 2 / 0.7) < 1e-5)).toBe(true);
    expect(Math.abs(y.reduce((a, b) => a + b, 0) / y.length - 2)).toBeLessThan(0.06);
  });

  it("is decided by the random numbers that are fed", async () => {
    const [a, b, c] = [await draw(5), await draw(5), await draw(6)];
    expect(b).toEqual(a);
    expect(c).not.toEqual(a);
  });

  it("is nothing in prediction, and at rate 0", () => {
    const x = input("x", shape);
    expect(trace(false, (scope) => dropout(scope, x, 0.5)).result).toBe(x);
    const { result, randoms } = trace(true, (scope) => dropout(scope, x, 0));
    expect(result).toBe(x);
    expect(randoms.size).toBe(0);
  });

  it("of channels drops whole channels, each sample its own", async () => {
    const { result } = trace(true, (scope) => channelDropout(scope, input("x", shape), 0.4));
    const feeds = {
      x: floats(shape, new Float32Array(sizeOf(shape)).fill(1)),
      "random/key": tensor("int32", [2], randomKey(3)),
    };
    const y = (await evaluate({ y: result }, feeds)).y!.data as Float32Array;
    const first = Array.from({ length: 32 }, (_, channel) => y[channel * 256]!);
    expect(y.every((value, i) => value === first[Math.floor(i / 256)])).toBe(true);
    expect(new Set(first.map((value) => value.toFixed(4)))).toEqual(new Set(["0.0000", "1.6667"]));
  });

  it("refuses two draws of one name, which would be the same numbers", () => {
    const x = input("x", shape);
    expect(() => trace(true, (scope) => dropout(scope, dropout(scope, x, 0.5), 0.5))).toThrow(
      'random numbers called "mask" are drawn twice. Give each layer its own child scope.',
    );
  });

  it("refuses a rate that leaves nothing", () => {
    const x = input("x", shape);
    expect(() => trace(true, (scope) => dropout(scope, x, 1))).toThrow(/at least 0 and below 1. Found 1/);
  });
});
