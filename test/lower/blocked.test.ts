import { describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { floats } from "../../src/core/tensor.js";
import { program } from "../../src/graph/program.js";
import { cpu } from "../../src/lower/cpu.js";
import { lower } from "../../src/lower/lower.js";
import { portable } from "../../src/lower/portable.js";
import type { Target } from "../../src/lower/target.js";
import { type ConvGeometry, conv, convGeometry, convInputGrad, convWeightGrad } from "../../src/ops/conv.js";
import { input } from "../../src/ops/leaf.js";
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
    blocked: false,
  },
  {
    name: "3-D strided",
    x: [1, 16, 15, 15, 15],
    w: [16, 16, 3, 3, 3],
    geometry: convGeometry([3, 3, 3], { stride: 2, padding: 1 }),
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
    const domains = lower(program({ y }), cpu).model.nodes.map(({ domain }) => domain);
    expect(domains.includes("com.microsoft.nchwc")).toBe(blocked);
    const [found, expected] = [await run(cpu), await run(portable)];
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
