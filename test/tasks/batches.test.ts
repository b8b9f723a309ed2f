import { beforeAll, describe, expect, it } from "vitest";
import { cpu } from "../../src/lower/cpu.js";
import { configs } from "../../src/systems/segment-unet.js";
import { fitMemory, memoryShare } from "../../src/tasks/memory.node.js";
import {
  type BatchPlan,
  balancedWeights,
  batchMaker,
  type TrainingCase,
} from "../../src/tasks/segmentation/batches.js";
import type { threadedBatches } from "../../src/tasks/segmentation/batches.node.js";
import { withChanges } from "../../src/tasks/segmentation/config.js";
import { segmentationStep } from "../../src/tasks/segmentation/model.js";
import type { Batch } from "../../src/train/loop.js";
import { augmentations } from "../../src/transforms/augmentation.js";
import type { Size3 } from "../../src/volume/volume.js";
import { built } from "../cli/bin.js";
import { ball } from "./data.js";

const caseOf = (id: string, size: Size3): TrainingCase => {
  const { image, label, grid } = ball(id, size);
  return { id, image: { data: image, channels: 1, ...grid }, label: { data: label, channels: 1, ...grid } };
};
const cases = ["a", "b", "c", "d", "e"].map((id) => caseOf(id, [18, 16, 15]));
const plan: BatchPlan = {
  seed: 3,
  batch: 2,
  patch: [12, 10, 8],
  dimensions: 3,
  augmentation: augmentations.strong,
  foreground: 0.5,
  border: null,
  classWeights: null,
};

describe("batches", () => {
  it("are a function of the step alone: in any order, by any maker", () => {
    const steps = [0, 1, 2, 7, 40];
    const forwards = batchMaker(cases, plan);
    const backwards = batchMaker(cases, plan);
    const wanted = steps.map(forwards);
    const found = [...steps].reverse().map(backwards).reverse();
    expect(found).toEqual(wanted);
    expect(wanted[0]!.tensors.image!.shape).toEqual([2, 1, 8, 10, 12]);
    expect(wanted[0]!.tensors.label!.dtype).toBe("uint8");
    expect(wanted[1]!.tensors.image!.data).not.toEqual(wanted[0]!.tensors.image!.data);
    expect(batchMaker(cases, { ...plan, seed: 4 })(0)).not.toEqual(wanted[0]);
  });

  it("show every case once an epoch, in an order that changes", () => {
    const make = batchMaker(cases, { ...plan, batch: 1, augmentation: augmentations.none });
    const epochs = [0, 1, 2, 3].map((epoch) => [0, 1, 2, 3, 4].map((at) => make(5 * epoch + at).cases[0]!));
    for (const epoch of epochs) expect([...epoch].sort()).toEqual(["a", "b", "c", "d", "e"]);
    expect(new Set(epochs.map(String)).size).toBeGreaterThan(1);
  });

  it("hold class weight plus border weight for every pixel of a border-weighted loss", () => {
    const flat = caseOf("flat", [20, 20, 1]);
    const label = { ...flat.label, data: flat.label.data.map((_, at) => ([4, 6].includes(at % 20) ? 1 : 0)) };
    const make = batchMaker([{ ...flat, label }], {
      ...plan,
      batch: 1,
      patch: [20, 20, 1],
      dimensions: 2,
      augmentation: augmentations.none,
      border: { weight: 10, sigmaPixels: 5 },
      classWeights: [0.5, 3],
    });
    const { weight, label: labels } = make(0).tensors;
    expect(weight!.shape).toEqual([1, 20, 20]);
    const row = [...(weight!.data as Float32Array).subarray(0, 20)];
    expect([...labels!.data].slice(0, 8)).toEqual([0, 0, 0, 0, 1, 0, 1, 0]);
    expect(row[4]).toBe(3);
    expect(row[5]).toBeCloseTo(0.5 + 10 * Math.exp(-4 / 50), 5);
    expect(row[19]).toBeCloseTo(0.5 + 10 * Math.exp(-(28 ** 2) / 50), 5);
  });

  it("balance classes by their share of the voxels", () => {
    const labels = [{ ...cases[0]!.label, data: Uint8Array.from([0, 0, 0, 0, 0, 1, 2, 2]) }];
    expect(balancedWeights(labels, 4)).toEqual([8 / (4 * 5), 8 / 4, 8 / (4 * 2), 0]);
  });
});

describe("batches made on a thread of the built package", () => {
  beforeAll(built);

  it("are those made here, bit for bit", async () => {
    const url = new URL("../../dist/tasks/segmentation/batches.node.js", import.meta.url).href;
    const module = (await import(/* @vite-ignore */ url)) as { threadedBatches: typeof threadedBatches };
    const source = await module.threadedBatches(cases, plan);
    const make = batchMaker(cases, plan);
    const found = await Promise.all([3, 0, 12].map((step) => source.batches(step)));
    const plainly = ({ cases: names, tensors }: Batch) => [
      names,
      Object.entries(tensors).map(([name, { shape, dtype, data }]) => [name, shape, dtype, [...data]]),
    ];
    expect(found.map(plainly)).toEqual([3, 0, 12].map(make).map(plainly));
    await source.close();
  });
});

describe("class weights under a border-weighted loss", () => {
  it("are in the weights of the pixels, not in the loss a second time", () => {
    const config = withChanges(configs.paper, { "network.widths": "2,3", patch: "20,20,1" });
    const shape = { channels: 1, classes: 2, patch: [20, 20, 1] } as const;
    const sizes = (weights?: number[]) => segmentationStep(config, shape, weights).program.nodes.length;
    expect(sizes([0.5, 3])).toBe(sizes());
    const unbordered = withChanges(configs.paper, {
      "network.widths": "2,3",
      patch: "20,20,1",
      "loss.border": "null",
    });
    const without = segmentationStep(unbordered, shape).program.nodes.length;
    expect(segmentationStep(unbordered, shape, [0.5, 3]).program.nodes.length).toBeGreaterThan(without);
  });
});

describe("memory", () => {
  const config = withChanges(configs.tiny, { "network.widths": "4,8", patch: "16,16,16", batch: "8" });
  const build = (candidate: typeof config) =>
    segmentationStep(candidate, { channels: 1, classes: 2, patch: [16, 16, 16] });
  const need = (batch: number): number => fitMemory({ ...config, batch }, build, cpu, 1e12).estimateBytes;
  /** What must be free for a step of this batch: a step may count on a share of it only. */
  const enough = (batch: number): number => Math.ceil(need(batch) / memoryShare);

  it("that is enough changes nothing", () => {
    const { config: fitted, warnings } = fitMemory(config, build, cpu, enough(8));
    expect(fitted).toEqual(config);
    expect(warnings).toEqual([]);
  });

  it("that is short lowers the batch, by halves, and says so", () => {
    expect(need(8)).toBeGreaterThan(need(2));
    const { config: fitted, warnings, estimateBytes } = fitMemory(config, build, cpu, enough(2));
    expect(fitted).toEqual({ ...config, batch: 2 });
    expect(estimateBytes).toBe(need(2));
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toMatch(/^batch 8 needs about \d\.\d GiB of \d\.\d GiB: lowered to 4$/);
    expect(warnings[1]).toMatch(/^batch 4 .* lowered to 2$/);
  });

  it("that does not hold one sample is refused with the estimate", () => {
    expect(() => fitMemory(config, build, cpu, 0.99 * enough(1))).toThrow(
      /a training step with one sample does not fit into memory\. Expected at most \d\.\d GiB\. Found an estimate of \d\.\d GiB\. Choose a smaller preset or patch/,
    );
  });
});
