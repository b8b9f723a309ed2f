import { describe, expect, it } from "vitest";
import { gradients } from "../../src/autodiff/gradients.js";
import { rng } from "../../src/core/rng.js";
import { floats, type Tensor } from "../../src/core/tensor.js";
import type { Value } from "../../src/graph/node.js";
import { program } from "../../src/graph/program.js";
import { poissonLoss } from "../../src/loss/poisson.js";
import { cpu } from "../../src/lower/cpu.js";
import { lower } from "../../src/lower/lower.js";
import { add, maximum, mul, sub } from "../../src/ops/elementwise.js";
import { input } from "../../src/ops/leaf.js";
import { sum } from "../../src/ops/reduce.js";
import { projectorOps } from "../../src/reconstruct/operator.js";
import { nodeCpu } from "../../src/runtime/node.js";
import { fieldOfView, type PetGeometry, petGeometries } from "../../src/sim/pet/geometry.js";
import { slicesOfPhantom } from "../../src/sim/pet/phantoms.js";
import { buildProjector } from "../../src/sim/pet/projector.js";
import { buildScanner } from "../../src/sim/pet/scan.js";

const tiny = petGeometries.tiny;
const odd: PetGeometry = { ...tiny, views: 9, bins: 24, axisBin: 10, startDegrees: 20, imageSize: 17 };

async function run(
  outputs: Readonly<Record<string, Value>>,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Record<string, Float32Array>> {
  const executable = await nodeCpu.compile(lower(program(outputs), cpu), { threads: 1 });
  const results = await executable.run(feeds);
  await executable.dispose();
  return Object.fromEntries(
    Object.entries(results).map(([name, { data }]) => [name, Float32Array.from(data, Number)]),
  );
}

const noise = (length: number, seed: number): Float32Array => {
  const draw = rng(seed);
  return Float32Array.from({ length }, () => draw.normal());
};
const dot = (a: Float32Array, b: Float32Array): number =>
  a.reduce((total, value, n) => total + value * b[n]!, 0);
const largest = (a: Float32Array): number => a.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

describe("the projector as ops", () => {
  it.each([
    ["tiny", tiny],
    ["an axis and a start of its own", odd],
  ] as const)("has the numbers of the plain one, forward and back, for a batch: %s", async (_, geometry) => {
    const { imageSize: n, views, bins } = geometry;
    const ops = projectorOps(geometry);
    const [x, y] = [noise(2 * n * n, 1), noise(2 * views * bins, 2)];
    const { forward, back } = await run(
      { forward: ops.forward(input("x", [2, 1, n, n])), back: ops.back(input("y", [2, 1, views, bins])) },
      { x: floats([2, 1, n, n], x), y: floats([2, 1, views, bins], y) },
    );
    const plain = buildProjector(geometry);
    for (const k of [0, 1]) {
      const lines = plain.forward(x.subarray(k * n * n, (k + 1) * n * n));
      const ours = forward!.subarray(k * views * bins, (k + 1) * views * bins);
      const image = plain.back(y.subarray(k * views * bins, (k + 1) * views * bins));
      const ourImage = back!.subarray(k * n * n, (k + 1) * n * n);
      const [scale, imageScale] = [largest(lines), largest(image)];
      for (let m = 0; m < lines.length; m++)
        expect(Math.abs(ours[m]! - lines[m]!) / scale).toBeLessThan(2e-6);
      for (let m = 0; m < image.length; m++)
        expect(Math.abs(ourImage[m]! - image[m]!) / imageScale).toBeLessThan(2e-6);
    }
    // < A x, y > = < x, Aᵀ y >
    const scale = Math.sqrt(dot(forward!, forward!) * dot(y, y));
    expect(Math.abs(dot(forward!, y) - dot(x, back!)) / scale).toBeLessThan(1e-6);
  });

  it("has its adjoint as its gradient, and the gradient of that is the projector again", async () => {
    const ops = projectorOps(odd);
    const [n, views, bins] = [17, 9, 24];
    const x = input("x", [1, 1, n, n]);
    const y = input("y", [1, 1, views, bins]);
    const [gradient] = gradients(sum(mul(ops.forward(x), y)), [x]);
    const [twice] = gradients(sum(mul(ops.back(y), x)), [y]);
    const feeds = {
      x: floats([1, 1, n, n], noise(n * n, 3)),
      y: floats([1, 1, views, bins], noise(views * bins, 4)),
    };
    const found = await run({ gradient: gradient!, twice: twice! }, feeds);
    const plain = buildProjector(odd);
    const back = plain.back(feeds.y.data);
    const lines = plain.forward(feeds.x.data);
    for (let m = 0; m < back.length; m++)
      expect(Math.abs(found.gradient![m]! - back[m]!) / largest(back)).toBeLessThan(2e-6);
    for (let m = 0; m < lines.length; m++)
      expect(Math.abs(found.twice![m]! - lines[m]!) / largest(lines)).toBeLessThan(2e-6);
  });

  it("names what does not fit", () => {
    const ops = projectorOps(tiny);
    expect(() => ops.forward(input("x", [1, 1, 31, 32]))).toThrow(
      "the projector's images are of another size. Expected [N, 1, 32, 32]. Found [1, 1, 31, 32].",
    );
    expect(() => ops.back(input("y", [1, 48, 47]))).toThrow(
      "the projector's sinograms are of another size. Expected [N, 1, 48, 47].",
    );
  });
});

describe("the Poisson log-likelihood over the projector", () => {
  const { views, bins, imageSize: n } = tiny;
  const slice = slicesOfPhantom(
    { geometry: tiny, phantoms: 1, slicesPerPhantom: 1, seed: 3, kinds: ["body"] },
    0,
  )[0]!;
  const scan = buildScanner(tiny).simulate(slice, rng(9), { counts: 2e5 });
  const ops = projectorOps(tiny);
  const factors = scan.attenuation.map((value) => value * scan.calibration);
  const background = scan.scatter.map((value, m) => value + scan.randoms[m]!);
  const sino = [1, 1, views, bins] as const;
  const x = input("x", [1, 1, n, n]);
  const expected = add(mul(ops.forward(x), input("factors", sino)), input("background", sino));
  const loss = poissonLoss(expected, input("counts", sino));
  const [gradient] = gradients(loss, [x]);
  const feeds = {
    factors: floats(sino, factors),
    background: floats(sino, background),
    counts: floats(sino, scan.prompts),
  };
  const start = Float32Array.from(fieldOfView(tiny), (inside) => 4 * inside);

  it("has the gradient Aᵀ (1 - y / (A x + b))", async () => {
    const found = (await run({ gradient: gradient! }, { ...feeds, x: floats([1, 1, n, n], start) }))
      .gradient!;
    const plain = buildProjector(tiny);
    const ratio = plain.forward(start).map((line, m) => {
      const mean = line * factors[m]! + background[m]!;
      return (factors[m]! * (1 - scan.prompts[m]! / mean)) / (views * bins);
    });
    const truth = plain.back(ratio);
    for (let m = 0; m < truth.length; m++)
      expect(Math.abs(found[m]! - truth[m]!) / largest(truth)).toBeLessThan(1e-5);
  });

  it("rises at every step of gradient descent, preconditioned as ML-EM's", async () => {
    const plain = buildProjector(tiny);
    const sensitivity = plain.back(factors).map((value) => value / (views * bins));
    const step = input("step", [1, 1, n, n]);
    // x - x / s · ∇ is ML-EM's update; half of it is gradient descent in that metric.
    const next = maximum(sub(x, mul(mul(x, step), gradient!)), 0);
    const executable = await nodeCpu.compile(lower(program({ loss, next }), cpu), { threads: 1 });
    const half = floats(
      [1, 1, n, n],
      sensitivity.map((s) => (s > 0 ? 0.5 / s : 0)),
    );
    let image = floats([1, 1, n, n], start);
    const losses: number[] = [];
    for (let k = 0; k < 25; k++) {
      const results = await executable.run({ ...feeds, x: image, step: half });
      losses.push(Number(results.loss!.data[0]));
      image = floats([1, 1, n, n], Float32Array.from(results.next!.data, Number));
    }
    await executable.dispose();
    for (let k = 1; k < losses.length; k++) expect(losses[k]!).toBeLessThan(losses[k - 1]!);
    const error = (a: Float32Array): number =>
      a.reduce((total, value, m) => total + (value - slice.truth[m]!) ** 2, 0);
    expect(error(image.data)).toBeLessThan(0.5 * error(start));
  });
});
