import { describe, expect, it } from "vitest";
import { rng } from "../../../src/core/rng.js";
import { parameterCount } from "../../../src/nn/scope.js";
import { configs } from "../../../src/systems/nnunet.js";
import {
  augmentationOf,
  configurationName,
  mirrorAxesOf,
  trainedPlan,
  withChanges,
} from "../../../src/tasks/segmentation/nnunet/config.js";
import { headStrides, nnunetStep } from "../../../src/tasks/segmentation/nnunet/step.js";
import { isExhausted, learningRateAt, optimizerOf } from "../../../src/tasks/settings.js";
import { freshProgress } from "../../../src/train/loop.js";
import { augmentations } from "../../../src/transforms/augmentation.js";
import { drawAugmentation } from "../../../src/transforms/pipeline.js";
import { scalingAffine } from "../../../src/volume/affine.js";
import { decathlon, planOf } from "./sets.js";

const { paper, small, v1 } = configs;
const hippocampus = planOf(decathlon.hippocampus);

describe("the preset of the paper", () => {
  it("is the schedule of v2: 1000 epochs of 250 steps, poly from 0.01, SGD that looks ahead", () => {
    const totalSteps = paper.epochs * (paper.stepsPerEpoch as number);
    expect(totalSteps).toBe(250_000);
    const plan = { totalSteps, stepsPerEpoch: 250, revisions: [{ step: 0, totalSteps }] };
    for (const epoch of [0, 1, 500, 999])
      for (const step of [0, 249]) {
        const rate = learningRateAt(paper, plan, epoch * 250 + step, freshProgress);
        expect(rate).toBeCloseTo(0.01 * (1 - epoch / 1000) ** 0.9, 12);
      }
    expect(paper.optimizer).toEqual({
      name: "sgd",
      learningRate: 0.01,
      weightDecay: 3e-5,
      momentum: 0.99,
      nesterov: true,
      clip: 12,
    });
    expect(paper).toMatchObject({ smoothing: 0.9, foreground: 0.33, average: null, overlap: 0.5 });
  });

  it("takes network, patch, batch and Dice from the plan", () => {
    expect(trainedPlan(hippocampus, "3d_fullres", paper)).toEqual(hippocampus);
    const full = hippocampus.configurations["3d_fullres"]!;
    expect(full).toMatchObject({ patch: [40, 56, 40], widths: [32, 64, 128, 256], batchDice: false });
    const step = nnunetStep(hippocampus, { ...full, batch: 1 }, { ...paper, optimizer: optimizerOf(paper) });
    // The count is checked against the sum of its layers in network.test.ts.
    expect(parameterCount(step.traced) / 1e6).toBeCloseTo(5.6, 1);
    expect(Object.keys(step.program.inputs)).toEqual(
      expect.arrayContaining(["batch/label0", "batch/label1"]),
    );
  });

  it("trains the cascade and 2-D with batch Dice, lone 3-D networks without", () => {
    const liver = planOf(decathlon.liver).configurations;
    expect(Object.entries(liver).map(([name, one]) => [name, one.batchDice])).toEqual([
      ["2d", true],
      ["3d_lowres", false],
      ["3d_fullres", true],
      ["3d_cascade_fullres", true],
    ]);
  });
});

describe("nnU-Net's augmentation", () => {
  it("has the numbers of the sheet", () => {
    const { mirror, rotation, scaling, elastic, noise, blur, brightness, contrast } = augmentations.nnunet;
    const { lowResolution, gamma, gammaInverted, bias, shear, translation, padding } = augmentations.nnunet;
    expect(rotation).toEqual({ probability: 0.2, degrees: [-30, 30] });
    expect(scaling).toEqual({ probability: 0.2, factor: [0.7, 1.4], anisotropic: false });
    expect([elastic, bias, shear, translation].map(({ probability }) => probability)).toEqual([0, 0, 0, 0]);
    expect(noise).toEqual({ probability: 0.1, share: [0, Math.sqrt(0.1)], even: "variance" });
    expect(blur).toEqual({ probability: 0.2, perChannel: 0.5, sigma: [0.5, 1], unit: "voxel" });
    expect(brightness).toEqual({ probability: 0.15, factor: [0.75, 1.25], shift: [0, 0] });
    expect(contrast).toEqual({ probability: 0.15, factor: [0.75, 1.25] });
    expect(lowResolution).toEqual({ probability: 0.25, perChannel: 0.5, zoom: [0.5, 1] });
    expect(gamma).toEqual({ probability: 0.3, range: [0.7, 1.5] });
    expect(gammaInverted).toEqual({ probability: 0.1, range: [0.7, 1.5] });
    expect(mirror).toEqual({ probability: 0.5, axes: [0, 1, 2] });
    expect(padding).toBe("zero");
  });

  it("happens as often, and as far, as it says", () => {
    const affine = scalingAffine([1, 1, 1], [0, 0, 0]);
    const image = { data: new Float32Array(2 * 512), size: [8, 8, 8] as const, channels: 2, affine };
    const draws = Array.from({ length: 2000 }, (_, at) =>
      drawAugmentation(augmentations.nnunet, rng("often").split(at), image, [8, 8, 8]),
    );
    const share = (happened: (one: (typeof draws)[0]) => boolean): number =>
      draws.filter(happened).length / draws.length;
    expect(Math.abs(share(({ lowResolution }) => lowResolution !== null) - 0.25)).toBeLessThan(0.03);
    expect(Math.abs(share(({ gamma }) => gamma !== null) - 0.3)).toBeLessThan(0.03);
    // Half of the channels of a blurred sample stay sharp.
    const sigmas = draws.flatMap(({ blur }) => blur?.sigma ?? []);
    expect(Math.abs(sigmas.filter((sigma) => sigma === 0).length / sigmas.length - 0.5)).toBeLessThan(0.06);
    // A variance that is even in 0 to 0.1 has a mean of 0.05.
    const variances = draws.flatMap(({ noise }) => noise?.share.map((one) => one * one) ?? []);
    expect(variances.reduce((a, b) => a + b, 0) / variances.length).toBeCloseTo(0.05, 2);
    expect(Math.max(...variances)).toBeLessThanOrEqual(0.1);
  });

  it("turns by 180 degrees in planes, by 15 where a flat patch is elongated", () => {
    const degrees = (plan: typeof hippocampus, name: "2d" | "3d_fullres"): readonly number[] =>
      augmentationOf(paper, plan, plan.configurations[name]!).rotation.degrees;
    expect(degrees(hippocampus, "3d_fullres")).toEqual([-30, 30]);
    const prostate = planOf(decathlon.prostate);
    expect(prostate.configurations["3d_fullres"]).toMatchObject({
      patch: [20, 320, 256],
      planarAugmentation: true,
    });
    expect(degrees(prostate, "3d_fullres")).toEqual([-180, 180]);
    expect(degrees(prostate, "2d")).toEqual([-180, 180]);
    const flat = hippocampus.configurations["2d"]!;
    const long = { ...flat, patch: [64, 40] };
    expect(augmentationOf(paper, hippocampus, long).rotation.degrees).toEqual([-15, 15]);
  });

  it("of a planar patch stays in its planes, whatever the spacing says", () => {
    const affine = scalingAffine([1, 1, 1], [0, 0, 0]);
    const image = { data: new Float32Array(512), size: [8, 8, 8] as const, channels: 1, affine };
    const thick = { ...image, affine: scalingAffine([1, 1, 9], [0, 0, 0]) };
    const turned = (of: typeof image, planar: boolean): number[] => {
      const spec = { ...augmentations.nnunet, rotation: { probability: 1, degrees: [-30, 30] as const } };
      return [...drawAugmentation(spec, rng(1), of, [8, 8, 8], { planar }).spatial.affine.rotationDegrees];
    };
    expect(turned(image, true).map((angle) => angle !== 0)).toEqual([false, false, true]);
    expect(turned(thick, false).map((angle) => angle !== 0)).toEqual([true, true, true]);
  });

  it("mirrors what is left and right of the scan, wherever the network has it", () => {
    const sideways = { ...hippocampus, axes: [0, 2, 1] as [number, number, number] };
    const full = hippocampus.configurations["3d_fullres"]!;
    const axesOf = (plan: typeof hippocampus): number[] => mirrorAxesOf(augmentationOf(small, plan, full), 3);
    expect(axesOf(hippocampus)).toEqual([2]);
    expect(augmentationOf(small, hippocampus, full).padding).toBe("zero");
    expect(axesOf(sideways)).toEqual([0]);
    expect(mirrorAxesOf(augmentations.nnunet, 3)).toEqual([0, 1, 2]);
    expect(mirrorAxesOf(augmentations.nnunet, 2)).toEqual([0, 1]);
    expect(mirrorAxesOf(augmentations.none, 3)).toEqual([]);
  });
});

describe("the preset of 2018", () => {
  it("falls to a fifth when its smoothed loss stands still for 30 epochs, and ends below 1e-6", () => {
    const progress = (losses: readonly number[]) => ({ ...freshProgress, losses, scores: losses });
    const totalSteps = 250_000;
    const plan = { totalSteps, stepsPerEpoch: 250, revisions: [{ step: 0, totalSteps }] };
    const rate = (losses: readonly number[]): number => learningRateAt(v1, plan, 0, progress(losses));
    const still = (epochs: number): number[] => new Array<number>(epochs).fill(1);
    expect(rate(still(30))).toBeCloseTo(3e-4, 12);
    expect(rate(still(31))).toBeCloseTo(6e-5, 12);
    const falling = Array.from({ length: 100 }, (_, at) => 1 - at / 100);
    expect(rate(falling)).toBeCloseTo(3e-4, 12);
    // One better epoch is not enough for a mean over 14 of them, and a worse one does no harm.
    expect(isExhausted(v1, plan, progress(still(120)))).toBe(false);
    expect(isExhausted(v1, plan, progress(still(121)))).toBe(true);
    expect(isExhausted(paper, plan, progress(still(500)))).toBe(false);
  });

  it("has 30 channels at first, its own planner and elastic deformation", () => {
    const plan = planOf(decathlon.hippocampus, { rules: "v1" });
    expect(plan.configurations["3d_fullres"]!.widths[0]).toBe(30);
    expect(augmentationOf(v1, plan, plan.configurations["3d_fullres"]!).elastic.probability).toBeGreaterThan(
      0,
    );
    expect(v1.rules).toBe("v1");
  });
});

describe("the preset for minutes", () => {
  it("is half as wide as planned, with the same shape", () => {
    const trained = trainedPlan(hippocampus, "3d_fullres", small).configurations["3d_fullres"]!;
    expect(trained.widths).toEqual([16, 32, 64, 128]);
    expect(trained).toMatchObject({ batch: 2, patch: [32, 48, 32] });
    expect(trainedPlan(hippocampus, "2d", small).configurations["2d"]!.batch).toBe(16);
    const brain = planOf(decathlon.brainTumour);
    const narrow = trainedPlan(brain, "3d_fullres", small).configurations["3d_fullres"]!;
    expect(narrow.widths).toEqual([16, 32, 64, 128, 160, 160]);
    expect(narrow.cost).toBeLessThan(0.6 * brain.configurations["3d_fullres"]!.cost);
  });

  it("can have the planned patch and batch", () => {
    const planned = { ...small, patch: "planned", batch: "planned" } as const;
    const trained = trainedPlan(hippocampus, "3d_fullres", planned).configurations["3d_fullres"]!;
    expect(trained).toMatchObject({
      patch: [40, 56, 40],
      batch: hippocampus.configurations["3d_fullres"]!.batch,
    });
  });
});

describe("settings", () => {
  it("say what they are not", () => {
    expect(() => withChanges(small, { firstWidth: "wide" })).toThrow(/firstWidth/);
    expect(() => withChanges(small, { "loss.dice": "0", "loss.crossEntropy": "0" })).toThrow(
      /nothing would be learned/,
    );
    expect(withChanges(small, { batch: "planned" }).batch).toBe("planned");
    expect(withChanges(paper, { epochs: "50" }).validations).toBe(50);
  });

  it("choose 2d where images are flat", () => {
    expect(configurationName(hippocampus, small)).toBe("3d_fullres");
    const { "2d": flat } = hippocampus.configurations;
    expect(configurationName({ ...hippocampus, configurations: { "2d": flat! } }, small)).toBe("2d");
  });

  it("put heads where strides lead", () => {
    const prostate = planOf(decathlon.prostate).configurations["3d_fullres"]!;
    expect(headStrides(prostate, 3)).toEqual([
      [1, 1, 1],
      [1, 2, 2],
      [1, 4, 4],
    ]);
  });
});
