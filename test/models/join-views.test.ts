import { describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { floats, type Tensor } from "../../src/core/tensor.js";
import { program } from "../../src/graph/program.js";
import { lower } from "../../src/lower/lower.js";
import { joinViews } from "../../src/models/join-views.js";
import { initialState, trace } from "../../src/nn/scope.js";
import { input } from "../../src/ops/leaf.js";
import { nodeCpu } from "../../src/runtime/node.js";

const [size, views, features, batch, reach] = [8, 5, 3, 2, 4];
const columns = 3 * size;
const options = {
  kernel: 5,
  channels: 2,
  reach,
  features,
  size,
};
const shape = [batch, 1, 2 * views, columns];
const traced = trace(false, (scope) => joinViews(scope, input("x", shape), options));
const state = initialState(traced, rng(3));

const run = async (data: Float32Array, weights: Readonly<Record<string, Tensor>> = state) => {
  const lowered = lower(program({ y: traced.result }), await nodeCpu.target());
  const executable = await nodeCpu.compile(lowered, { threads: 1 });
  const { y } = await executable.run({ ...weights, x: floats(shape, data) });
  await executable.dispose();
  return y!;
};

const random = (): Float32Array => {
  const draw = rng(5);
  return Float32Array.from({ length: batch * 2 * views * columns }, () => draw.normal());
};

describe("views joined to images", () => {
  it("are images of the features, and turn at the diagonal when the halves change places", async () => {
    const data = random();
    const half = views * columns;
    const swapped = data.map((_, n) => data[n % (2 * half) < half ? n + half : n - half]!);
    const [one, two] = [await run(data), await run(swapped)];
    expect(one.shape).toEqual([batch, features, size, size]);
    expect(Math.max(...(one.data as Float32Array))).toBeGreaterThan(0.1);
    for (let n = 0; n < one.data.length; n++) {
      const [plane, j, i] = [Math.floor(n / (size * size)), Math.floor((n % (size * size)) / size), n % size];
      expect(two.data[plane * size * size + i * size + j]).toBeCloseTo(Number(one.data[n]), 4);
    }
  });

  it("move along a row of the image by a pixel for two columns of the first half", async () => {
    const zero = await run(new Float32Array(batch * 2 * views * columns));
    const at = (column: number): Float32Array => {
      const data = new Float32Array(batch * 2 * views * columns);
      for (let row = 0; row < views; row++) data[row * columns + column] = 1 + row;
      return data;
    };
    const [one, two] = [await run(at(11)), await run(at(13))];
    let moved = 0;
    for (let plane = 0; plane < features * size; plane++)
      for (let i = 1; i < size; i++) {
        const n = plane * size + i;
        const change = Number(two.data[n]) - Number(zero.data[n]);
        expect(change).toBeCloseTo(Number(one.data[n - 1]) - Number(zero.data[n - 1]), 4);
        moved = Math.max(moved, Math.abs(change));
      }
    expect(moved).toBeGreaterThan(0.01);
  });

  it("sum what weights of 1 at the place of each line see: with those, a backprojection", async () => {
    const taps = size + reach + 1;
    const weight = new Float32Array(size * features * taps * views);
    for (let j = 0; j < size; j++)
      for (let view = 0; view < views; view++) {
        const slope = (view - (views - 1) / 2) / ((views - 1) / 2);
        const tap = Math.round((j - (size - 1) / 2) * slope + (taps - 1) / 2);
        weight[(j * features + 0) * taps * views + tap * views + view] = 1;
      }
    // One bright line in one view of the first half, upwards and to the right.
    const filter = trace(false, (scope) =>
      joinViews(scope, input("x", shape), { ...options, kernel: 1, channels: 1 }),
    );
    const plain = { ...initialState(filter, rng(1)) };
    for (const path of Object.keys(plain)) {
      if (/join.weight$/.test(path)) plain[path] = floats([size * features, taps * views], weight);
      else if (path.endsWith("weight")) plain[path] = floats(plain[path]!.shape, Float32Array.of(1));
    }
    const data = new Float32Array(batch * 2 * views * columns);
    data[(views - 1) * columns + columns / 2] = 1;
    const lowered = lower(program({ y: filter.result }), await nodeCpu.target());
    const executable = await nodeCpu.compile(lowered, { threads: 1 });
    const { y } = await executable.run({ ...plain, x: floats(shape, data) });
    await executable.dispose();
    const first = Array.from({ length: size }, (_, j) =>
      Array.from({ length: size }, (_, i) => Number(y!.data[j * size + i])),
    );
    // u = x + y at the last view: the line falls from left to right by a pixel a row.
    for (let j = 0; j < size; j++) {
      const bright = first[j]!.indexOf(1);
      expect(first[j]!.reduce((a, b) => a + b, 0)).toBe(1);
      if (j > 0) expect(bright).toBe(first[j - 1]!.indexOf(1) - 1);
    }
  });

  it("refuse what is no linogram", () => {
    expect(() => trace(false, (scope) => joinViews(scope, input("x", [1, 1, 10, 23]), options))).toThrow(
      /^views of this input cannot be joined\. Expected linograms of 24 columns and two halves of rows\. Found \[1, 1, 10, 23\]/,
    );
  });
});
