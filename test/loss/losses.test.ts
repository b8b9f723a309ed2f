import { describe, expect, it } from "vitest";
import { gradients } from "../../src/autodiff/gradients.js";
import { type Tensor, tensor } from "../../src/core/tensor.js";
import type { Value } from "../../src/graph/node.js";
import { klBernoulli, klCategorical, klDiagonalNormal, klStandardNormal } from "../../src/loss/divergence.js";
import { binaryCrossEntropy, gradientDifference, l1, l2 } from "../../src/loss/regression.js";
import { crossEntropy, type SoftDiceOptions, softDice } from "../../src/loss/segmentation.js";
import { input } from "../../src/ops/leaf.js";
import {
  evaluate,
  expectClose,
  type Packed,
  type PackedByName,
  readGolden,
  unpack,
} from "../golden/golden.js";

interface LossCase {
  readonly name: string;
  readonly loss: "crossEntropy" | keyof typeof plain;
  readonly options: SoftDiceOptions & { readonly classWeights?: readonly number[] };
  readonly inputs: PackedByName;
  readonly wrt: string;
  readonly value: number;
  readonly gradient: Packed;
}

const { cases } = readGolden<{ cases: readonly LossCase[] }>("losses");

const typed = (name: string, packed: Packed): Tensor =>
  name === "labels" ? tensor("uint8", packed.shape, Uint8Array.from(packed.data)) : unpack(packed);

type Given = Readonly<
  Record<
    | "logits"
    | "labels"
    | "prediction"
    | "target"
    | "targets"
    | "others"
    | "mean"
    | "logVariance"
    | "otherMean"
    | "otherLogVariance",
    Value
  >
>;

const plain = {
  softDice: ({ logits, labels }: Given, options: SoftDiceOptions) => softDice(logits, labels, options),
  l1: ({ prediction, target }: Given) => l1(prediction, target),
  l2: ({ prediction, target }: Given) => l2(prediction, target),
  gradientDifference: ({ prediction, target }: Given) => gradientDifference(prediction, target),
  binaryCrossEntropy: ({ logits, targets }: Given) => binaryCrossEntropy(logits, targets),
  klStandardNormal: ({ mean, logVariance }: Given) => klStandardNormal({ mean, logVariance }),
  klDiagonalNormal: (given: Given) =>
    klDiagonalNormal(given, { mean: given.otherMean, logVariance: given.otherLogVariance }),
  klBernoulli: ({ logits, others }: Given) => klBernoulli(logits, others),
  klCategorical: ({ logits, others }: Given) => klCategorical(logits, others),
} as const;

function build({ loss, options }: LossCase, given: Readonly<Record<string, Value>>): Value {
  if (loss !== "crossEntropy") return plain[loss](given as Given, options);
  const { logits, labels, weights } = given;
  return crossEntropy(logits!, labels!, {
    ...options,
    ...(weights === undefined ? {} : { voxelWeights: weights }),
  });
}

describe("losses agree with PyTorch in value and gradient", () => {
  it.each(cases.map((one) => [`${one.loss}: ${one.name}`, one] as const))("%s", async (_, one) => {
    const feeds = Object.fromEntries(
      Object.entries(one.inputs).map(([name, packed]) => [name, typed(name, packed)]),
    );
    const given = Object.fromEntries(
      Object.entries(feeds).map(([name, { shape, dtype }]) => [name, input(name, shape, dtype)]),
    );
    const value = build(one, given);
    const [gradient] = gradients(value, [given[one.wrt]!]);
    const found = await evaluate({ value, gradient: gradient! }, feeds);
    expect(found.value!.shape).toEqual([]);
    expect(Math.abs(Number(found.value!.data[0]) - one.value)).toBeLessThan(2e-6 * Math.max(1, one.value));
    const largest = Math.max(...one.gradient.data.map(Math.abs));
    expect(largest).toBeGreaterThan(0);
    expectClose(found.gradient!, one.gradient, 2e-5 * largest, "gradient");
  });
});

describe("segmentation losses at their ends", () => {
  const labels = tensor("uint8", [1, 2, 2], Uint8Array.from([0, 1, 1, 2]));
  const logitsFor = (strength: number): Tensor => {
    const data = new Float32Array(12);
    labels.data.forEach((label, voxel) => {
      data[label * 4 + voxel] = strength;
    });
    return tensor("float32", [1, 3, 2, 2], data);
  };
  const run = (strength: number) => {
    const [x, y] = [input("x", [1, 3, 2, 2]), input("y", [1, 2, 2], "uint8")];
    return evaluate({ ce: crossEntropy(x, y), dice: softDice(x, y) }, { x: logitsFor(strength), y: labels });
  };

  it("are 0 for a perfect answer, and finite for logits that overflow exp", async () => {
    const { ce, dice } = await run(1000);
    expect(Math.abs(Number(ce!.data[0]))).toBe(0);
    expect(Number(dice!.data[0])).toBeCloseTo(0, 5);
  });

  it("are log K and 1 minus the overlap of a guess for equal logits", async () => {
    const { ce, dice } = await run(0);
    expect(Number(ce!.data[0])).toBeCloseTo(Math.log(3), 6);
    // p = 1/3 in 4 voxels; 2 and 1 voxels labelled: (4/3) / (4/3 + 2) and (2/3) / (4/3 + 1).
    expect(Number(dice!.data[0])).toBeCloseTo(1 - (0.4 + 2 / 7) / 2, 5);
  });
});
