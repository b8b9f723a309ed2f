import { describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { floats, type Tensor } from "../../src/core/tensor.js";
import type { Value } from "../../src/graph/node.js";
import { program } from "../../src/graph/program.js";
import { blockedDomain } from "../../src/lower/blocked/channels.js";
import { lower } from "../../src/lower/lower.js";
import { portable } from "../../src/lower/portable.js";
import type { Target } from "../../src/lower/target.js";
import { type ConvGeometry, conv, convGeometry, convInputGrad, convWeightGrad } from "../../src/ops/conv.js";
import { add, leakyRelu, relu } from "../../src/ops/elementwise.js";
import { input } from "../../src/ops/leaf.js";
import { reshape } from "../../src/ops/move.js";
import { scaleShift } from "../../src/ops/norm.js";
import { nodeCpu } from "../../src/runtime/node.js";

interface Case {
  readonly name: string;
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly geometry: ConvGeometry;
  readonly blocked?: false;
}

const cases: readonly Case[] = [
  {
    name: "3-D same",
    x: [2, 16, 7, 9, 5],
    w: [32, 16, 3, 3, 3],
    geometry: convGeometry([3, 3, 3], { padding: "same" }),
  },
  {
    name: "3-D of one channel",
    x: [1, 1, 7, 9, 5],
    w: [16, 1, 3, 3, 3],
    geometry: convGeometry([3, 3, 3], { padding: 1 }),
  },
  {
    name: "3-D uneven in everything",
    x: [1, 32, 9, 8, 7],
    w: [16, 32, 2, 3, 4],
    geometry: { stride: [1, 1, 1], dilation: [2, 1, 2], before: [1, 2, 0], after: [2, 1, 3], groups: 1 },
  },
  {
    name: "3-D full",
    x: [1, 16, 6, 7, 5],
    w: [16, 16, 3, 3, 3],
    geometry: convGeometry([3, 3, 3], { padding: 2 }),
  },
  {
    name: "3-D dilated",
    x: [1, 16, 9, 9, 9],
    w: [16, 16, 3, 3, 3],
    geometry: convGeometry([3, 3, 3], { padding: 2, dilation: 2 }),
  },
  {
    name: "3-D flat kernel",
    x: [1, 16, 6, 9, 9],
    w: [16, 16, 3, 1, 3],
    geometry: convGeometry([3, 1, 3], { padding: "same" }),
  },
  {
    name: "2-D many images, in several parts",
    x: [33, 8, 7, 8],
    w: [48, 8, 3, 3],
    geometry: convGeometry([3, 3], { padding: 1 }),
  },
  {
    name: "2-D images with rows and columns that nothing reads",
    x: [16, 8, 21, 23],
    w: [32, 8, 2, 3],
    geometry: convGeometry([2, 3], { stride: [3, 4] }),
  },
  {
    name: "2-D images, dilated",
    x: [8, 16, 14, 15],
    w: [16, 16, 3, 3],
    geometry: { stride: [1, 2], dilation: [2, 1], before: [1, 0], after: [3, 2], groups: 1 },
  },
  {
    name: "2-D strided",
    x: [2, 16, 41, 37],
    w: [48, 16, 3, 3],
    geometry: convGeometry([3, 3], { padding: 1, stride: [2, 1] }),
  },
  {
    name: "2-D of three channels, valid",
    x: [2, 3, 33, 21],
    w: [16, 3, 5, 3],
    geometry: convGeometry([5, 3]),
  },
  {
    name: "3-D valid",
    x: [1, 16, 9, 10, 9],
    w: [16, 16, 3, 3, 3],
    geometry: convGeometry([3, 3, 3]),
  },
  {
    name: "3-D strided",
    x: [1, 16, 15, 15, 15],
    w: [16, 16, 3, 3, 3],
    geometry: convGeometry([3, 3, 3], { stride: 2, padding: 1 }),
    blocked: false,
  },
  {
    name: "3-D, wide enough to be blanked out",
    x: [2, 16, 5, 9, 18],
    w: [16, 16, 3, 3, 3],
    geometry: convGeometry([3, 3, 3], { padding: 1 }),
  },
  {
    name: "3-D, wide, 5 rows high, of 2 channels",
    x: [1, 2, 6, 9, 17],
    w: [16, 2, 3, 5, 1],
    geometry: convGeometry([3, 5, 1], { padding: "same" }),
  },
  {
    name: "8 channels",
    x: [1, 8, 6, 9, 17],
    w: [8, 8, 3, 3, 3],
    geometry: convGeometry([3, 3, 3], { padding: 1 }),
  },
  {
    name: "24 to 12 channels",
    x: [1, 24, 6, 9, 17],
    w: [12, 24, 3, 3, 3],
    geometry: convGeometry([3, 3, 3], { padding: 1 }),
  },
  {
    name: "2-D, narrow",
    x: [8, 16, 9, 7],
    w: [20, 16, 3, 3],
    geometry: convGeometry([3, 3], { padding: 1, stride: 1 }),
  },
  {
    name: "2-D, blockwise, one block of channels",
    x: [2, 8, 48, 40],
    w: [16, 8, 2, 2],
    geometry: convGeometry([2, 2], { stride: 2 }),
  },
  {
    name: "3-D, blockwise",
    x: [1, 16, 8, 10, 34],
    w: [32, 16, 2, 2, 2],
    geometry: convGeometry([2, 2, 2], { stride: 2 }),
    blocked: false,
  },
  {
    name: "odd channels",
    x: [1, 17, 9, 10, 9],
    w: [16, 17, 3, 3, 3],
    geometry: convGeometry([3, 3, 3], { padding: 1 }),
    blocked: false,
  },
  {
    name: "groups",
    x: [1, 32, 20, 20],
    w: [32, 16, 3, 3],
    geometry: convGeometry([3, 3], { padding: 1, groups: 2 }),
    blocked: false,
  },
];

const best = await nodeCpu.target();
/** Without blocked kernels on this processor there is one spelling, and it is compared with itself. */
const hasBlocks = blockedDomain in best.opsets;

describe("convolution in blocked channels", () => {
  it.each(cases)("$name: the values of the standard operator", async ({ x, w, geometry, blocked = true }) => {
    const [image, weights] = [input("x", x), input("w", w)];
    const y = conv(image, weights, geometry);
    const dx = convInputGrad(y, weights, x, geometry);
    const dw = convWeightGrad(image, y, w, geometry);
    const random = rng(1);
    const draw = (shape: readonly number[]) =>
      floats(
        shape,
        Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.normal()),
      );
    const feeds = { x: draw(x), w: draw(w) };
    const run = async (target: Target) => {
      const executable = await nodeCpu.compile(lower(program({ y, dx, dw }), target));
      const results = await executable.run(feeds);
      await executable.dispose();
      return [results.y!, results.dx!, results.dw!];
    };
    const domains = lower(program({ y }), best).model.nodes.map(({ domain }) => domain);
    expect(domains.includes("com.microsoft.nchwc")).toBe(blocked && hasBlocks);
    const [found, expected] = [await run(best), await run(portable)];
    for (const [i, tensor] of expected.entries()) {
      const [a, b] = [tensor, found[i]!].map(({ data }) => Array.from(data as Float32Array)) as [
        number[],
        number[],
      ];
      const apart = Math.max(...a.map((value, n) => Math.abs(value - b[n]!)));
      expect(apart / Math.max(...a.map(Math.abs))).toBeLessThan(2e-6);
    }
  });
});

describe("what follows a convolution", () => {
  const x = input("x", [1, 3, 6, 9, 17]);
  const w = input("w", [24, 3, 3, 3, 3]);
  const perChannel = (name: string): Value => reshape(input(name, [24]), [1, 24, 1, 1, 1]);
  const raw = conv(x, w, convGeometry([3, 3, 3], { padding: 1 }));
  const random = rng(2);
  const draw = (shape: readonly number[]): Tensor =>
    floats(
      shape,
      Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.normal()),
    );
  const feeds = { x: draw(x.shape), w: draw(w.shape), scale: draw([24]), shift: draw([24]) };

  it.each([
    { name: "a bias and a leaky ReLU", y: leakyRelu(add(raw, perChannel("shift")), 0.2), baked: [] },
    { name: "a bias and a ReLU", y: relu(add(raw, perChannel("shift"))), baked: [] },
    {
      name: "a norm with known statistics",
      y: relu(scaleShift(raw, perChannel("scale"), perChannel("shift"))),
      baked: ["w", "scale", "shift"],
    },
  ])("$name: part of it, with the same values", async ({ y, baked }) => {
    const known = Object.fromEntries(baked.map((name) => [name, feeds[name as keyof typeof feeds]]));
    const run = async (target: Target) => {
      const lowered = lower(program({ y }), target, known);
      const executable = await nodeCpu.compile(lowered);
      const fed = Object.fromEntries(Object.entries(feeds).filter(([name]) => name in executable.inputs));
      const results = await executable.run(fed);
      await executable.dispose();
      return { types: lowered.model.nodes.map(({ type }) => type), data: results.y!.data as Float32Array };
    };
    const [found, expected] = [await run(best), await run(portable)];
    expect(found.types.filter((type) => /Add|Relu|FusedConv/.test(type))).toEqual(
      hasBlocks ? [] : expect.anything(),
    );
    const apart = Math.max(...expected.data.map((value, n) => Math.abs(value - found.data[n]!)));
    expect(apart / Math.max(...expected.data.map(Math.abs))).toBeLessThan(2e-6);
  });

  it("is left as it is where there is little of it", () => {
    const few = input("few", [2, 4, 3]);
    const biased = leakyRelu(add(few, reshape(input("bias", [4]), [1, 4, 1])));
    expect(lower(program({ biased }), best).model.nodes.map(({ type }) => type)).toContain("LeakyRelu");
  });
});
