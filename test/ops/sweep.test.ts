import { describe, expect, it } from "vitest";
import { gradients } from "../../src/autodiff/gradients.js";
import { rng } from "../../src/core/rng.js";
import { floats, sizeOf } from "../../src/core/tensor.js";
import type { Value } from "../../src/graph/node.js";
import { program } from "../../src/graph/program.js";
import { cpu } from "../../src/lower/cpu.js";
import { cuda } from "../../src/lower/cuda.js";
import { lower } from "../../src/lower/lower.js";
import { portable } from "../../src/lower/portable.js";
import { add, mul } from "../../src/ops/elementwise.js";
import { constant, input } from "../../src/ops/leaf.js";
import { sum } from "../../src/ops/reduce.js";
import { table } from "../../src/ops/table.js";
import { nodeCpu } from "../../src/runtime/node.js";
import { interpret, type Numbers } from "../reference/interpreter.js";
import { type Sample, samples } from "../reference/samples.js";

const titleOf = ({ op, note }: Sample): string => (note ? `${op}: ${note}` : op);

function prepare(sample: Sample, prefix = "") {
  const random = rng(titleOf(sample));
  const { low = 0.2, high = 1.5, positive = false } = sample;
  const inputs = sample.shapes.map((shape, i) => input(`${prefix}x${i}`, shape));
  const feeds: Record<string, Numbers> = {};
  sample.shapes.forEach((shape, i) => {
    feeds[`${prefix}x${i}`] = Float64Array.from({ length: sizeOf(shape) }, () =>
      Math.fround(random.between(low, high) * (positive || random.chance(0.5) ? 1 : -1)),
    );
  });
  const weigh = (y: Value): Value => {
    const weights = Float32Array.from({ length: sizeOf(y.shape) }, () => random.between(-1, 1));
    return sum(mul(y, constant(floats(y.shape, weights))));
  };
  return { inputs, feeds, weigh, y: sample.build(...inputs) };
}

/** Largest difference between analytic gradients and central differences, relative to the largest gradient. */
function gradientError(scalar: Value, inputs: readonly Value[], feeds: Record<string, Numbers>): number {
  const analytic = interpret(gradients(scalar, inputs), feeds);
  const step = 1e-5;
  let worst = 0;
  let scale = 1e-3;
  inputs.forEach((_, i) => {
    const name = `x${i}`;
    feeds[name]!.forEach((_, k) => {
      const shifted = (by: number): number => {
        const moved = Float64Array.from(feeds[name]!);
        moved[k]! += by;
        return interpret([scalar], { ...feeds, [name]: moved })[0]![0]!;
      };
      const numeric = (shifted(step) - shifted(-step)) / (2 * step);
      worst = Math.max(worst, Math.abs(numeric - analytic[i]![k]!));
      scale = Math.max(scale, Math.abs(numeric));
    });
  });
  return worst / scale;
}

const targets = [
  ["portable", portable],
  ["cuda, run here", cuda],
  ["cpu", cpu],
  ["cpu of this machine", await nodeCpu.target()],
] as const;

describe("every op of the table", () => {
  it("has a sample", () => {
    const sampled = new Set(samples.map((sample) => sample.op));
    expect([...table.keys()].filter((op) => !sampled.has(op)).sort()).toEqual(["constant", "input"]);
  });

  const smooth = samples.filter((sample) => sample.differentiable !== false);

  it.each(smooth.map((sample) => [titleOf(sample), sample] as const))(
    "first derivative of %s",
    (_, sample) => {
      const { inputs, feeds, weigh, y } = prepare(sample);
      expect(gradientError(weigh(y), inputs, feeds)).toBeLessThan(1e-7);
    },
  );

  it.each(smooth.map((sample) => [titleOf(sample), sample] as const))(
    "second derivative of %s",
    (_, sample) => {
      const { inputs, feeds, weigh, y } = prepare(sample);
      const first = gradients(weigh(mul(y, y)), inputs);
      const scalar = first.map((gradient) => weigh(mul(gradient, gradient))).reduce(add);
      expect(gradientError(scalar, inputs, feeds)).toBeLessThan(1e-6);
    },
  );

  it.each(samples.filter((sample) => sample.differentiable === false).map((s) => [titleOf(s), s] as const))(
    "%s lets no gradient through",
    (_, sample) => {
      const { inputs, feeds, weigh, y } = prepare(sample);
      for (const gradient of interpret(gradients(weigh(y), inputs), feeds))
        expect(gradient.every((value) => value === 0)).toBe(true);
    },
  );

  for (const [name, target] of targets)
    it(`value and gradients on onnxruntime agree with the interpreter, target ${name}`, async () => {
      const outputs: Record<string, Value> = {};
      const feeds: Record<string, Numbers> = {};
      samples.forEach((sample, s) => {
        const prepared = prepare(sample, `s${s}`);
        Object.assign(feeds, prepared.feeds);
        outputs[`${s} ${titleOf(sample)}`] = prepared.y;
        if (sample.differentiable === false) return;
        gradients(prepared.weigh(mul(prepared.y, prepared.y)), prepared.inputs).forEach((gradient, i) => {
          outputs[`${s} ${titleOf(sample)} d${i}`] = gradient;
        });
      });
      const graph = program(outputs);
      const executable = await nodeCpu.compile(lower(graph, target));
      const found = await executable.run(
        Object.fromEntries(
          Object.entries(graph.inputs).map(([name, value]) => [name, floats(value.shape, feeds[name]!)]),
        ),
      );
      const expected = interpret(Object.values(outputs), feeds);
      Object.keys(outputs).forEach((name, i) => {
        const scale = Math.max(1, ...expected[i]!.map(Math.abs));
        const worst = Math.max(
          ...expected[i]!.map((value, k) => Math.abs(value - Number(found[name]!.data[k]))),
        );
        expect(worst / scale, name).toBeLessThan(2e-5);
      });
      await executable.dispose();
    });
});
