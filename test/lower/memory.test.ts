import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { scalar, sizeOf, type Tensor, tensor, zerosTensor } from "../../src/core/tensor.js";
import { program } from "../../src/graph/program.js";
import { crossEntropy } from "../../src/loss/segmentation.js";
import { cpu } from "../../src/lower/cpu.js";
import { estimateBytes } from "../../src/lower/estimate.js";
import { type Lowered, lower } from "../../src/lower/lower.js";
import { planMemory } from "../../src/lower/plan.js";
import { portable } from "../../src/lower/portable.js";
import { runOrder } from "../../src/lower/schedule.js";
import { typesOf } from "../../src/lower/shapes.js";
import { type UNetOptions, unet } from "../../src/models/unet.js";
import { add, exp, mul, sqrt, tanh } from "../../src/ops/elementwise.js";
import { input } from "../../src/ops/leaf.js";
import { reshape, transpose } from "../../src/ops/move.js";
import { sum } from "../../src/ops/reduce.js";
import { adamW, sgd } from "../../src/optim/optimizers.js";
import { nodeCpu } from "../../src/runtime/node.js";
import { buildStep, type MemoryUse } from "../../src/train/step.js";

/** What ONNX Runtime's own trace says of a run: which nodes ran, in their order, and the shapes that they gave. */
interface Traced {
  readonly node: string;
  readonly shapes: readonly (readonly number[])[];
}

async function traceOf(lowered: Lowered, feeds: Readonly<Record<string, Tensor>>): Promise<Traced[]> {
  const folder = mkdtempSync(join(tmpdir(), "gyrus-trace-"));
  const open = await nodeCpu.compile(lowered, { threads: 1, profilePrefix: join(folder, "trace") });
  await open.run(feeds);
  await open.dispose();
  const text = readFileSync(join(folder, readdirSync(folder)[0]!), "utf8");
  rmSync(folder, { recursive: true });
  const events = JSON.parse(text.trimEnd().endsWith("]") ? text : `${text.trimEnd().replace(/,$/, "")}]`) as {
    readonly cat: string;
    readonly name: string;
    readonly args: { readonly output_type_shape?: readonly Record<string, readonly number[]>[] };
  }[];
  return events
    .filter(({ cat, name }) => cat === "Node" && name.endsWith("_kernel_time"))
    .map(({ name, args }) => ({
      node: name.replace(/_kernel_time$/, ""),
      shapes: (args.output_type_shape ?? []).map((type) => Object.values(type)[0]!),
    }));
}

const networks: readonly (readonly [
  name: string,
  options: Omit<UNetOptions, "classes">,
  memory: MemoryUse,
])[] = [
  ["3-D, instance norm", { widths: [8, 16], dimensions: 3 }, "normal"],
  ["3-D, instance norm, lean", { widths: [8, 16], dimensions: 3 }, "lean"],
  ["2-D, batch norm", { widths: [16, 32], dimensions: 2, norm: "batch" }, "normal"],
  [
    "2-D, max pooling, dropout",
    { widths: [4, 8], dimensions: 2, norm: "none", down: "maxPool", dropout: 0.5 },
    "normal",
  ],
];

describe("what is known of a run beforehand", () => {
  it.each(networks)("%s: the order of the nodes, and every shape", async (_, options, memory) => {
    const extents = new Array<number>(options.dimensions).fill(16);
    const step = buildStep({
      batch: {
        image: { dtype: "float32", shape: [2, 1, ...extents] },
        label: { dtype: "uint8", shape: [2, ...extents] },
      },
      objective: (scope, { image, label }) => ({
        loss: crossEntropy(unet(scope, image!, { ...options, classes: 2 }), label!),
      }),
      optimizer: options.norm === "none" ? sgd({ momentum: 0.9 }) : adamW({ clip: 1 }),
      average: 0.9,
      memory,
    });
    const lowered = lower(step.program, await nodeCpu.target());
    const fed = Object.entries(step.program.inputs).map(([name, { dtype, shape }]) => [
      name,
      zerosTensor(dtype, shape),
    ]);
    const traced = await traceOf(lowered, {
      ...(Object.fromEntries(fed) as Record<string, Tensor>),
      ...step.initialize(rng(1)),
      learningRate: scalar(0.1),
      step: scalar(1),
    });
    const order = runOrder(lowered.model.nodes);
    expect(traced.map(({ node }) => node)).toEqual(order.map(({ name }) => name));
    const { types, guessed } = typesOf(lowered, order);
    order.forEach((node, at) => {
      node.outputs.forEach((output, i) => {
        if (!guessed.has(output))
          expect(types.get(output)?.shape, `${node.type} ${node.name}`).toEqual(traced[at]!.shapes[i]);
      });
    });
    // Only what is padded to whole blocks of channels, and what is made of that, may be guessed: of networks as narrow as
    // these up to 48 of 699 where blocks have 8 channels (AVX2), fewer where they have 16.
    expect(guessed.size).toBeLessThan(0.1 * types.size);
  });
});

describe("the plan of memory", () => {
  const x = input("x", [100]);
  const bytes = 400;
  const peak = (lowered: Lowered, reuse: boolean): number => planMemory(lowered, reuse).peakBytes;

  it("writes a chain of results over each other", () => {
    expect(peak(lower(program({ y: sum(exp(tanh(sqrt(x)))) }), cpu), false)).toBeLessThan(bytes + 20);
  });

  it("counts what is kept for later, and looks through views", () => {
    const a = exp(x);
    const b = reshape(tanh(transpose(reshape(a, [10, 10]), [1, 0])), [100]);
    const all = lower(program({ y: sum(mul(a, b)) }), cpu);
    expect(peak(all, false)).toBe(2 * bytes);
  });

  it("has buffers of one shape lie idle where the engine reuses them", () => {
    // The first transposed copy falls free early, the second comes late; in between lies something of another shape.
    const early = sum(transpose(reshape(exp(x), [10, 10]), [1, 0]));
    const wide = input("wide", [1000]);
    const between = sum(mul(exp(wide), early));
    const late = sum(transpose(reshape(exp(mul(x, between)), [10, 10]), [1, 0]));
    const lowered = lower(program({ y: late }), cpu);
    const idle = planMemory(lowered, true);
    const tight = planMemory(lowered, false);
    expect(idle.buffers.length).toBeLessThan(tight.buffers.length);
    expect(idle.peakBytes).toBeGreaterThan(tight.peakBytes);
  });

  it("gives one name to extents of values in one buffer, and to no others", () => {
    const a = exp(x);
    const turned = transpose(reshape(a, [10, 10]), [1, 0]);
    const lowered = lower(program({ y: sum(add(tanh(a), reshape(mul(turned, 2), [100]))) }), cpu);
    const { homes, types } = planMemory(lowered, false);
    const { extents } = lowered.model;
    expect(extents!.size).toBeGreaterThan(1);
    for (const [one, { names }] of extents!)
      for (const [other, { names: others }] of extents!) {
        const together = homes.get(one) === homes.get(other);
        names.forEach((name, axis) => {
          const equal = types.get(one)!.shape[axis] === types.get(other)!.shape[axis];
          if (others[axis] !== undefined) expect(name === others[axis]).toBe(together && equal);
        });
      }
  });
});

describe("the estimate of memory", () => {
  it("knows weights that are part of the model", () => {
    const w = input("w", [1000, 1000]);
    const y = sum(mul(w, input("x", [1000, 1000])));
    const weights: Tensor = tensor("float32", [1000, 1000], new Float32Array(sizeOf([1000, 1000])));
    const fed = estimateBytes(lower(program({ y }), portable));
    const baked = estimateBytes(lower(program({ y }), portable, { w: weights }));
    expect(baked - fed).toBeGreaterThan(4e6);
  });
});
