import { describe, expect, it } from "vitest";
import { scoreCase } from "../../../src/tasks/segmentation/nnunet/score.js";
import {
  diceOfCase,
  foregroundMean,
  targetMeans,
  targetsOf,
} from "../../../src/tasks/segmentation/nnunet/scores.js";
import { identityAffine } from "../../../src/volume/affine.js";
import type { LabelVolume } from "../../../src/volume/volume.js";
import { voxelPlan } from "./trained.js";

const who = { case: "a", subject: "a" };
const map = (values: readonly number[]): LabelVolume => ({
  data: Uint8Array.from(values),
  size: [values.length, 1, 1],
  channels: 1,
  affine: identityAffine,
});
const labels = {
  ...voxelPlan().dataset,
  classes: ["background", "edema", "core"],
  regions: null,
  ignoredClass: null,
};
const regions = {
  ...labels,
  regions: [
    { name: "whole", classes: [1, 2], paintedAs: 1 },
    { name: "core", classes: [2], paintedAs: 2 },
  ],
};
const dices = (one: ReturnType<typeof scoreCase>) =>
  Object.fromEntries(Object.entries(one.scores).map(([name, { dice }]) => [name, dice]));

describe("scores of a case", () => {
  it("judge labels", () => {
    const [truth, prediction] = [map([0, 1, 1, 2, 2, 0]), map([0, 1, 2, 2, 2, 0])];
    expect(dices(scoreCase(who, truth, prediction, labels))).toEqual({ edema: 2 / 3, core: 4 / 5 });
    expect(diceOfCase(truth, prediction, labels)).toEqual([2 / 3, 4 / 5]);
  });

  it("judge regions as the union of their classes", () => {
    const [truth, prediction] = [map([0, 1, 1, 2, 2, 0]), map([0, 1, 2, 2, 2, 0])];
    expect(dices(scoreCase(who, truth, prediction, regions))).toEqual({ whole: 1, core: 4 / 5 });
    expect(diceOfCase(truth, prediction, regions)).toEqual([1, 4 / 5]);
    expect(targetsOf(regions)).toEqual([
      { name: "whole", classes: [1, 2] },
      { name: "core", classes: [2] },
    ]);
  });

  it("give a structure that is in neither map no Dice, and one that is in one map 0", () => {
    const absent = scoreCase(who, map([0, 1, 0]), map([0, 1, 0]), labels);
    expect(dices(absent)).toEqual({ edema: 1, core: null });
    expect(absent.scores.core).toMatchObject({ nsd: null, hd95Mm: null });
    const invented = scoreCase(who, map([0, 1, 0]), map([0, 1, 2]), labels);
    expect(dices(invented)).toEqual({ edema: 1, core: 0 });
    expect(invented.scores.core).toMatchObject({ nsd: 0, hd95Mm: null });
    expect(diceOfCase(map([0, 1, 0]), map([0, 1, 2]), labels)).toEqual([1, 0]);
  });

  it("leave voxels out that nobody labelled", () => {
    const ignoring = { ...labels, ignoredClass: 3 };
    const [truth, prediction] = [map([0, 1, 3, 3, 2, 0]), map([0, 1, 1, 2, 2, 0])];
    expect(dices(scoreCase(who, truth, prediction, ignoring))).toEqual({ edema: 1, core: 1 });
    expect(diceOfCase(truth, prediction, ignoring)).toEqual([1, 1]);
  });

  it("are averaged over cases first, over labels then, without those that are not defined", () => {
    const means = targetMeans([
      [1, null],
      [0.5, null],
      [null, 0.25],
    ]);
    expect(means).toEqual([0.75, 0.25]);
    expect(foregroundMean(means)).toBe(0.5);
    expect(foregroundMean(targetMeans([[null]]))).toBeNull();
  });
});
