import { describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { floats, scalar, sizeOf, type Tensor, tensor } from "../../src/core/tensor.js";
import { crossEntropy, softDice } from "../../src/loss/segmentation.js";
import { cpu } from "../../src/lower/cpu.js";
import { lower } from "../../src/lower/lower.js";
import { planMemory } from "../../src/lower/plan.js";
import { type UNetOptions, unet } from "../../src/models/unet.js";
import { conv } from "../../src/nn/layers.js";
import { randomKeyName } from "../../src/nn/scope.js";
import { add, exp, mul, tanh } from "../../src/ops/elementwise.js";
import { mean } from "../../src/ops/norm.js";
import { randomKey } from "../../src/ops/random.js";
import { adamW } from "../../src/optim/optimizers.js";
import { nodeCpu } from "../../src/runtime/node.js";
import { buildStep, type MemoryUse, type Step } from "../../src/train/step.js";

interface Case {
  readonly name: string;
  readonly options: Omit<UNetOptions, "classes">;
  readonly extents: readonly number[];
  /** What must go at least, of the peak of live tensors. */
  readonly saved: number;
}

const cases: readonly Case[] = [
  {
    name: "3-D U-Net, instance norm",
    options: { widths: [8, 16, 32], dimensions: 3 },
    extents: [24, 24, 24],
    saved: 0.25,
  },
  {
    name: "2-D U-Net, batch norm, ReLU",
    options: { widths: [8, 16, 32], dimensions: 2, norm: "batch", slope: 0 },
    extents: [96, 96],
    saved: 0.25,
  },
  {
    name: "2-D U-Net, no norm, max pooling, dropout",
    options: { widths: [8, 16, 32], dimensions: 2, norm: "none", down: "maxPool", dropout: 0.5 },
    extents: [96, 96],
    saved: 0.05,
  },
];

const stepOf = ({ options, extents }: Case, memory: MemoryUse): Step =>
  buildStep({
    batch: {
      image: { dtype: "float32", shape: [2, 1, ...extents] },
      label: { dtype: "uint8", shape: [2, ...extents] },
    },
    objective: (scope, { image, label }) => {
      const logits = unet(scope, image!, { ...options, classes: 3 });
      return { loss: add(crossEntropy(logits, label!), softDice(logits, label!)) };
    },
    optimizer: adamW({ clip: 12 }),
    memory,
  });

async function twoSteps(step: Step, { extents }: Case): Promise<Record<string, Tensor>> {
  const random = rng(3);
  const count = 2 * sizeOf(extents);
  const image = floats(
    [2, 1, ...extents],
    Float32Array.from({ length: count }, () => random.normal()),
  );
  const label = tensor(
    "uint8",
    [2, ...extents],
    Uint8Array.from({ length: count }, () => random.integer(3)),
  );
  const open = await nodeCpu.compile(lower(step.program, await nodeCpu.target()), { threads: 1 });
  let state = step.initialize(rng(1));
  let outputs: Record<string, Tensor> = {};
  for (const at of [1, 2]) {
    outputs = await open.run({
      ...state,
      "batch/image": image,
      "batch/label": label,
      ...(randomKeyName in step.program.inputs ? { [randomKeyName]: key(at) } : {}),
      learningRate: scalar(1e-2),
      step: scalar(at),
    });
    state = Object.fromEntries(step.stateNames.map((name) => [name, outputs[`next:${name}`]!]));
  }
  await open.dispose();
  return outputs;
}

const key = (at: number): Tensor => tensor("int32", [2], randomKey(1, "random", at));

const bytesOf = ({ buffer, byteOffset, byteLength }: Tensor["data"]): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

const peakOf = (step: Step): number => planMemory(lower(step.program, cpu), false).peakBytes;

describe("activations computed again", () => {
  it.each(cases)("$name: the same bits, with less live at once", async (one) => {
    const [normal, lean] = [stepOf(one, "normal"), stepOf(one, "lean")];
    expect(lean.stateNames).toEqual(normal.stateNames);
    expect(Object.keys(lean.program.inputs).sort()).toEqual(Object.keys(normal.program.inputs).sort());
    const [a, b] = [await twoSteps(normal, one), await twoSteps(lean, one)];
    expect(Object.keys(b).sort()).toEqual(Object.keys(a).sort());
    for (const [name, { data }] of Object.entries(a))
      expect(bytesOf(b[name]!.data).equals(bytesOf(data)), name).toBe(true);
    expect(peakOf(lean)).toBeLessThan((1 - one.saved) * peakOf(normal));
  });

  it("is no more than once for what is read soon after, and never merged with the first time", () => {
    const make = (memory: MemoryUse): Step =>
      buildStep({
        batch: { image: { dtype: "float32", shape: [1, 8, 64, 64] } },
        objective: (scope, { image }) => {
          const y = conv(scope, image!, { channels: 8, kernel: [3, 3], padding: 1, bias: false });
          const bent = tanh(y);
          return { loss: mean(mul(bent, exp(bent))) };
        },
        optimizer: adamW(),
        memory,
      });
    const count = (step: Step): number =>
      lower(step.program, cpu).model.nodes.filter(({ type }) => type === "Tanh").length;
    expect(count(make("normal"))).toBe(1);
    expect(count(make("lean"))).toBe(2);
  });
});
