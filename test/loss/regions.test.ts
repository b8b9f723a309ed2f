import { describe, expect, it } from "vitest";
import { gradients } from "../../src/autodiff/gradients.js";
import { floats, tensor } from "../../src/core/tensor.js";
import type { Value } from "../../src/graph/node.js";
import { crossEntropy, regionCrossEntropy, regionDice, softDice } from "../../src/loss/segmentation.js";
import { input } from "../../src/ops/leaf.js";
import { evaluate } from "../golden/golden.js";

const shape = [2, 2, 3, 4];
const voxels = [2, 3, 4];
const fed = {
  logits: floats(
    shape,
    Array.from({ length: 48 }, (_, n) => 3 * Math.sin(0.7 * n)),
  ),
  targets: floats(
    shape,
    Array.from({ length: 48 }, (_, n) => (n % 3 === 0 ? 1 : 0)),
  ),
  weights: floats(
    voxels,
    Array.from({ length: 24 }, (_, n) => (n % 5 === 0 ? 0 : 1)),
  ),
  labels: tensor(
    "uint8",
    voxels,
    Uint8Array.from({ length: 24 }, (_, n) => n % 2),
  ),
};
const logits = input("logits", shape);
const targets = input("targets", shape);
const voxelWeights = input("weights", voxels);
const labels = input("labels", voxels, "uint8");

async function lossOf(loss: Value): Promise<number> {
  const { loss: found } = await evaluate({ loss }, fed);
  return Number(found!.data[0]);
}

/** Values of PyTorch 2 in float64 for the same numbers. */
describe("losses of overlapping regions, as PyTorch has them:", () => {
  it.each([
    ["cross-entropy", () => regionCrossEntropy(logits, targets), 1.1981790393529659],
    [
      "weighted cross-entropy",
      () => regionCrossEntropy(logits, targets, { voxelWeights }),
      1.3637579135994993,
    ],
    ["Dice of the batch", () => regionDice(logits, targets), 0.6026324292172242],
    ["Dice of each sample", () => regionDice(logits, targets, { batch: false }), 0.602314128576066],
    ["weighted Dice of the batch", () => regionDice(logits, targets, { voxelWeights }), 0.6672284030158908],
    [
      "weighted Dice of each sample",
      () => regionDice(logits, targets, { batch: false, voxelWeights }),
      0.66611582731673,
    ],
    [
      "weighted Dice of classes",
      () => softDice(logits, labels, { batch: false, voxelWeights }),
      0.49213534800770264,
    ],
  ] as const)("%s", async (_, loss, wanted) => {
    expect(await lossOf(loss())).toBeCloseTo(wanted, 5);
  });

  it("send no gradient to voxels that do not count", async () => {
    const losses = [
      regionCrossEntropy(logits, targets, { voxelWeights }),
      regionDice(logits, targets, { voxelWeights }),
      softDice(logits, labels, { voxelWeights }),
      crossEntropy(logits, labels, { voxelWeights }),
    ];
    for (const loss of losses) {
      const [gradient] = gradients(loss, [logits]);
      const { g } = await evaluate({ g: gradient! }, fed);
      Array.from(g!.data as Float32Array).forEach((value, n) => {
        const sample = Math.floor(n / 24);
        const voxel = 12 * sample + (n % 12);
        if (voxel % 5 === 0) expect(Math.abs(value)).toBe(0);
        else expect(value).not.toBe(0);
      });
    }
  });
});
