import { describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { type Shape, tensor } from "../../src/core/tensor.js";
import { program } from "../../src/graph/program.js";
import { lower } from "../../src/lower/lower.js";
import { portable } from "../../src/lower/portable.js";
import { input } from "../../src/ops/leaf.js";
import { randomKey, randomNormal, randomUniform } from "../../src/ops/random.js";
import { nodeCpu } from "../../src/runtime/node.js";
import { uniformAt } from "../reference/interpreter.js";

type Draw = typeof randomUniform;

async function draw(from: Draw, key: Int32Array, name: string, shape: Shape): Promise<Float32Array> {
  const executable = await nodeCpu.compile(
    lower(program({ y: from(input("key", [2], "int32"), name, shape) }), portable),
  );
  const { y } = await executable.run({ key: tensor("int32", [2], key) });
  await executable.dispose();
  return y!.data as Float32Array;
}

const mean = (values: ArrayLike<number>): number => {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i]!;
  return total / values.length;
};
const correlation = (a: Float32Array, b: Float32Array): number => {
  const [ma, mb] = [mean(a), mean(b)];
  const product = (x: Float32Array, mx: number, y: Float32Array, my: number): number =>
    mean(x.map((value, i) => (value - mx) * (y[i]! - my)));
  return product(a, ma, b, mb) / Math.sqrt(product(a, ma, a, ma) * product(b, mb, b, mb));
};

/** Largest distance between the empirical and the true distribution, times √n: above 1.95 once in a thousand times. */
function kolmogorov(values: Float32Array, distribution: (x: number) => number): number {
  const sorted = Float64Array.from(values).sort();
  let worst = 0;
  sorted.forEach((x, i) => {
    const p = distribution(x);
    worst = Math.max(worst, (i + 1) / sorted.length - p, p - i / sorted.length);
  });
  return worst * Math.sqrt(sorted.length);
}

/** Φ by Simpson's rule from 0. */
function normal(x: number): number {
  const steps = 200;
  const f = (t: number): number => Math.exp((-t * t) / 2);
  let total = f(0) + f(x);
  for (let i = 1; i < steps; i++) total += (i % 2 === 1 ? 4 : 2) * f((x * i) / steps);
  return 0.5 + (total * x) / steps / 3 / Math.sqrt(2 * Math.PI);
}

describe("random numbers in the graph", () => {
  const size = 100_000;

  it("are, bit for bit, what the definition gives in JavaScript's integers", async () => {
    for (const key of [Int32Array.of(0, 0), Int32Array.of(-1, 2 ** 31 - 1), randomKey(1, "step", 5)]) {
      const [a, b] = [...randomKey("mask")].map((word, i) => (word + key[i]!) | 0);
      const expected = Float32Array.from({ length: size }, (_, i) => uniformAt(i, a!, b!));
      expect(await draw(randomUniform, key, "mask", [size])).toEqual(expected);
    }
  });

  it("uniform: in [0, 1), mean, variance, distribution, neighbours, bits", async () => {
    const u = await draw(randomUniform, randomKey(11), "u", [size]);
    expect(u.every((value) => value >= 0 && value < 1)).toBe(true);
    // Five standard errors.
    expect(Math.abs(mean(u) - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / size));
    expect(Math.abs(mean(u.map((v) => (v - 0.5) ** 2)) - 1 / 12)).toBeLessThan(5 * Math.sqrt(1 / 180 / size));
    expect(kolmogorov(u, (x) => x)).toBeLessThan(1.95);
    for (const lag of [1, 2, 16, 256])
      expect(Math.abs(correlation(u.slice(lag), u.slice(0, -lag)))).toBeLessThan(5 / Math.sqrt(size));
    for (let bit = 0; bit < 24; bit++) {
      const share = mean(u.map((v) => (Math.round(v * 2 ** 24) >>> bit) & 1));
      expect(Math.abs(share - 0.5)).toBeLessThan(2.5 / Math.sqrt(size));
    }
  });

  it("uniform: every bit of counter and key changes every bit of the number half of the time", () => {
    const random = rng(4);
    const word = (): number => Math.floor(random.uniform() * 2 ** 32) | 0;
    const trials = 4096;
    let worst = 0;
    for (let which = 0; which < 3; which++)
      for (let flip = 0; flip < 32; flip++) {
        const changed = new Float64Array(24);
        for (let n = 0; n < trials; n++) {
          const given: [number, number, number] = [word(), word(), word()];
          const other: [number, number, number] = [...given];
          other[which]! ^= 1 << flip;
          const difference = (uniformAt(...given) * 2 ** 24) ^ (uniformAt(...other) * 2 ** 24);
          for (let bit = 0; bit < 24; bit++) changed[bit]! += (difference >>> bit) & 1;
        }
        for (const count of changed) worst = Math.max(worst, Math.abs(count / trials - 0.5));
      }
    // 2,304 shares: five standard errors.
    expect(worst).toBeLessThan(2.5 / Math.sqrt(trials));
  });

  it("normal: mean, variance, skewness, kurtosis, distribution, odd sizes", async () => {
    const z = await draw(randomNormal, randomKey(12), "z", [size - 1]);
    expect(z).toHaveLength(size - 1);
    expect(Math.abs(mean(z))).toBeLessThan(5 / Math.sqrt(size));
    expect(Math.abs(mean(z.map((v) => v * v)) - 1)).toBeLessThan(5 * Math.sqrt(2 / size));
    expect(Math.abs(mean(z.map((v) => v ** 3)))).toBeLessThan(5 * Math.sqrt(15 / size));
    expect(Math.abs(mean(z.map((v) => v ** 4)) - 3)).toBeLessThan(5 * Math.sqrt(96 / size));
    expect(kolmogorov(z, normal)).toBeLessThan(1.95);
  });

  it("of other keys and other names have nothing in common, however near they are", async () => {
    const key = Int32Array.of(5, 9);
    const base = await draw(randomUniform, key, "a", [size]);
    expect(await draw(randomUniform, key, "a", [10, size / 10])).toEqual(base);
    const others = await Promise.all([
      draw(randomUniform, Int32Array.of(5, 10), "a", [size]),
      draw(randomUniform, Int32Array.of(4, 9), "a", [size]),
      draw(randomUniform, key, "b", [size]),
    ]);
    for (const other of others) {
      expect(Math.abs(correlation(base, other))).toBeLessThan(5 / Math.sqrt(size));
      const same = base.reduce((count, value, i) => count + Number(value === other[i]), 0);
      expect(same).toBeLessThan(5);
    }
  });

  it("want a key of the right kind", () => {
    expect(() => randomUniform(input("key", [2]), "a", [3])).toThrow(
      /random\.test\.ts:\d+:\d+: randomUniform: a key is int32\[2\], not float32\[2\]\. Expected int32\[2\]\./,
    );
  });
});
