import { gradients } from "../../src/autodiff/gradients.js";
import { GyrusError } from "../../src/core/errors.js";
import { rng } from "../../src/core/rng.js";
import { floats, sizeOf } from "../../src/core/tensor.js";
import type { Value } from "../../src/graph/node.js";
import { program } from "../../src/graph/program.js";
import { lower } from "../../src/lower/lower.js";
import type { Target } from "../../src/lower/target.js";
import { conv, convGeometry, convInputGrad, convShape, convWeightGrad } from "../../src/ops/conv.js";
import { mul } from "../../src/ops/elementwise.js";
import { constant, input } from "../../src/ops/leaf.js";
import { sum } from "../../src/ops/reduce.js";
import type { Engine } from "../../src/runtime/engine.js";
import { interpret, type Numbers } from "../reference/interpreter.js";
import { type Sample, samples } from "../reference/samples.js";

/**
 * Shapes that this provider is known to be bad at: channels in threes (see lower/conv/channels.ts), groups of six, 3-D
 * in groups, with stride and dilation at once, between many channels and few, and more voxels than one product takes.
 */
function awkward(): Sample[] {
  const cases: [string, number[], number[], Parameters<typeof convGeometry>[1]][] = [
    ["6 channels to 4", [1, 6, 6, 5], [4, 6, 3, 3], { padding: 1 }],
    ["9 channels to 8, strided", [1, 9, 5, 6], [8, 9, 1, 1], { stride: 2 }],
    ["2-D in groups of six", [2, 4, 5, 4], [12, 2, 3, 3], { padding: 1, groups: 2 }],
    ["3-D, many channels", [1, 9, 5, 4, 6], [12, 9, 3, 3, 3], { padding: 1 }],
    ["3-D, many channels, strided", [2, 9, 5, 4, 6], [12, 9, 3, 3, 3], { padding: 1, stride: 2 }],
    ["3-D, few channels, uneven depth", [1, 3, 7, 4, 6], [2, 3, 3, 3, 3], { padding: 1 }],
    ["3-D, one channel to six, strided", [2, 1, 7, 4, 6], [6, 1, 3, 3, 3], { padding: 1, stride: 2 }],
    ["3-D, dilated to five", [2, 4, 7, 8, 6], [5, 4, 3, 3, 3], { dilation: 2, padding: 2 }],
    ["3-D blocks of few channels", [2, 3, 4, 6, 2], [5, 3, 2, 2, 2], { stride: 2 }],
    ["3-D blocks of many channels", [2, 3, 4, 6, 2], [16, 3, 2, 2, 2], { stride: 2 }],
    ["3-D in groups", [1, 4, 3, 4, 3], [4, 2, 3, 3, 3], { padding: 1, groups: 2 }],
    ["3-D strided and dilated", [1, 2, 7, 6, 7], [4, 2, 2, 3, 2], { stride: 2, dilation: 2, padding: 1 }],
    ["3-D strided in groups", [1, 2, 5, 4, 4], [4, 1, 3, 2, 3], { stride: [2, 1, 2], padding: 1, groups: 2 }],
    ["2-D of many voxels", [1, 2, 40, 36], [2, 2, 3, 3], { padding: 1 }],
  ];
  return cases.flatMap(([note, x, w, options]): Sample[] => {
    const geometry = convGeometry(w.slice(2), options);
    const y = convShape(x, w, geometry);
    const row = (op: string, shapes: Sample["shapes"], build: Sample["build"]): Sample => ({
      ...{ op, note, shapes, build },
      differentiable: false,
    });
    return [
      row("conv", [x, w], (a, b) => conv(a!, b!, geometry)),
      row("convInputGrad", [y, w], (a, b) => convInputGrad(a!, b!, x, geometry)),
      row("convWeightGrad", [x, y], (a, b) => convWeightGrad(a!, b!, w, geometry)),
    ];
  });
}

const titleOf = ({ op, note }: Sample): string => (note ? `${op}: ${note}` : op);

function prepare(sample: Sample, prefix: string) {
  const random = rng(titleOf(sample));
  const { low = 0.2, high = 1.5, positive = false } = sample;
  const inputs = sample.shapes.map((shape, i) => input(`${prefix}x${i}`, shape));
  const feeds: Record<string, Numbers> = {};
  sample.shapes.forEach((shape, i) => {
    feeds[`${prefix}x${i}`] = Float64Array.from({ length: sizeOf(shape) }, () =>
      Math.fround(random.between(low, high) * (positive || random.chance(0.5) ? 1 : -1)),
    );
  });
  const y = sample.build(...inputs);
  const outputs: Record<string, Value> = { value: y };
  if (sample.differentiable !== false) {
    const weights = Float32Array.from({ length: sizeOf(y.shape) }, () => random.between(-1, 1));
    const scalar = sum(mul(mul(y, y), constant(floats(y.shape, weights))));
    gradients(scalar, inputs).forEach((gradient, i) => {
      outputs[`gradient ${i}`] = gradient;
    });
  }
  return { op: sample.op, feeds, outputs };
}

export interface Sweep {
  /** Largest difference from the interpreter, relative to the largest value (or 1), by result. */
  readonly errors: Readonly<Record<string, number>>;
  /** What the target refuses while lowering, in its own words, by result. */
  readonly refused: Readonly<Record<string, string>>;
  /** What the engine refuses, though the target does not. */
  readonly broken: Readonly<Record<string, string>>;
}

/** Value and gradients of every sample on one back end, in one graph, against the plain loops in float64. */
export async function sweep(engine: Engine, target: Target, threads: number): Promise<Sweep> {
  const outputs: Record<string, Value> = {};
  const feeds: Record<string, Numbers> = {};
  const refused: Record<string, string> = {};
  [...samples, ...awkward()].forEach((sample, s) => {
    const prepared = prepare(sample, `s${s}`);
    for (const [part, value] of Object.entries(prepared.outputs)) {
      const name = `${s} ${titleOf(sample)}, ${part}`;
      try {
        lower(program({ [name]: value }), target);
        outputs[name] = value;
        Object.assign(feeds, prepared.feeds);
      } catch (error) {
        if (!(error instanceof GyrusError) || error.kind !== "unsupported") throw error;
        refused[name] = error.message;
      }
    }
  });
  const errors: Record<string, number> = {};
  const broken: Record<string, string> = {};
  await attempt(Object.keys(outputs));
  return { errors, refused, broken };

  /** All at once; where that fails, in halves, down to the results that fail. */
  async function attempt(names: readonly string[]): Promise<void> {
    try {
      Object.assign(errors, await differences(names));
    } catch (error) {
      if (names.length === 1) broken[names[0]!] = error instanceof Error ? error.message : String(error);
      else {
        const half = names.length >> 1;
        await attempt(names.slice(0, half));
        await attempt(names.slice(half));
      }
    }
  }

  async function differences(names: readonly string[]): Promise<Record<string, number>> {
    const graph = program(Object.fromEntries(names.map((name) => [name, outputs[name]!])));
    const executable = await engine.compile(lower(graph, target), { threads });
    try {
      const fed = Object.entries(graph.inputs).map(([name, { shape }]) => [
        name,
        floats(shape, feeds[name]!),
      ]);
      const found = await executable.run(Object.fromEntries(fed));
      const expected = interpret(
        names.map((name) => outputs[name]!),
        feeds,
      );
      return Object.fromEntries(
        names.map((name, i) => {
          const wanted = Array.from(expected[i]!, Number);
          const scale = Math.max(1, ...wanted.map(Math.abs));
          const worst = Math.max(
            ...wanted.map((value, k) => {
              const gap = Math.abs(value - Number(found[name]!.data[k]));
              return Number.isNaN(gap) ? Number.POSITIVE_INFINITY : gap;
            }),
          );
          return [name, worst / scale];
        }),
      );
    } finally {
      await executable.dispose();
    }
  }
}
