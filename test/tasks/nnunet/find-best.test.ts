import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nodeFiles, readVolume, writeVolume } from "../../../src/io/node.js";
import { parseBest } from "../../../src/tasks/segmentation/nnunet/best.js";
import { findBest } from "../../../src/tasks/segmentation/nnunet/find-best.node.js";
import { predictNnunet } from "../../../src/tasks/segmentation/nnunet/predict.node.js";
import { findPredictor } from "../../../src/tasks/segmentation/nnunet/source.js";
import { modelFor, voxelPlan, writeFold, writeHeldOut, writeLevels, writeRecord } from "./trained.js";

let dir = "";
let data = "";
const ids = ["a", "b", "c", "d"];
const at = (...parts: string[]): string => join(dir, ...parts);

/** Configurations whose folds are trained and whose held-out cases are predicted. */
async function experiment(name: string, folds: Partial<Record<"2d" | "3d_lowres" | "3d_fullres", number[]>>) {
  await writeRecord(at(name), data, voxelPlan(), ids);
  for (const [configuration, chosen] of Object.entries(folds))
    for (const fold of chosen) {
      await writeFold(at(name), modelFor(configuration as keyof typeof folds), fold);
      await writeHeldOut(at(name), configuration as keyof typeof folds, fold);
    }
  return at(name);
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "nnunet-best-"));
  data = at("data");
  await writeLevels(data, ids);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe("gyrus find-best", () => {
  it("compares configurations and pairs, decides on post-processing that never harms, and predictions follow", async () => {
    const out = await experiment("three", { "2d": [0, 1], "3d_lowres": [0, 1], "3d_fullres": [0, 1] });
    const seen: string[] = [];
    const { best, evaluation, path } = await findBest({
      dir: out,
      onProgress: (done, total, name) => seen.push(`${name} ${done}/${total}`),
    });
    expect(best.candidates).toHaveLength(6);
    const dice = best.candidates.map((one) => one.meanForegroundDice);
    expect(dice).toEqual([...dice].sort((a, b) => b - a));
    expect(best.ensemble).toEqual(best.candidates[0]!.ensemble);
    expect(best.cases).toBe(4);
    expect(seen[0]).toBe("comparing a 1/4");
    // Noise leaves single voxels behind, so there is something to clean up; labels only ever gain.
    expect(best.postprocessing.length).toBeGreaterThan(0);
    expect(best.crossValidation.meanForegroundDice).toBeGreaterThan(best.candidates[0]!.meanForegroundDice);
    for (const [label, score] of Object.entries(best.crossValidation.labels))
      expect(score!).toBeGreaterThanOrEqual(best.candidates[0]!.labels[label]!);
    expect(best.decisions.map(({ name }) => name)).toEqual(["all foreground", "grey", "white"]);
    expect(best.decisions.filter(({ kept }) => kept)).toHaveLength(best.postprocessing.length);
    expect(parseBest(await readFile(path, "utf8"), path)).toEqual(best);
    // The evaluation is of what was chosen, cleaned up.
    const means = Object.entries(best.crossValidation.labels).map(
      ([label]) => evaluation.summary.find((one) => one.label === label && one.metric === "dice")!.mean,
    );
    Object.values(best.crossValidation.labels).forEach((score, n) => {
      expect(means[n]).toBeCloseTo(score!, 10);
    });
    expect(evaluation.notes).toContainEqual(
      expect.stringMatching(/^Fold 1, 2 cases\. grey: Dice 0\.\d+, NSD/),
    );
    expect(evaluation.notes).toContainEqual(expect.stringMatching(/has no Dice.*rather than counted as 1/));
    const { plan } = await findPredictor(nodeFiles, out);
    expect(plan.ensemble).toEqual(best.ensemble);
    expect(plan.postprocessing).toEqual(best.postprocessing);
    expect(plan.stages[best.ensemble[0]!]!.files).toHaveLength(2);
    const scan = join(data, "imagesTr/a.nii.gz");
    const made = await predictNnunet({ model: out, scans: [scan], outDir: at("predicted"), threads: 1 });
    const { volume } = await readVolume(made.files[0]!.prediction);
    expect([...new Set(volume.data)].sort()).toEqual([0, 3, 7]);
  });

  it("says the same twice", async () => {
    const out = await experiment("twice", { "2d": [0, 1], "3d_fullres": [0, 1] });
    const { path } = await findBest({ dir: out });
    const first = await readFile(path, "utf8");
    await findBest({ dir: out });
    expect(await readFile(path, "utf8")).toBe(first);
  });

  it("takes the only configuration there is, on the folds that are done", async () => {
    const out = await experiment("single", { "3d_fullres": [1] });
    const { best } = await findBest({ dir: out });
    expect(best.ensemble).toEqual(["3d_fullres"]);
    expect(best.notes).toEqual(["compared on 1 of 2 folds: those that are done are 3d_fullres: 1"]);
    expect(best.sentence).toMatch(/^3d_fullres is the only configuration that is trained: /);
    const { notes } = await findPredictor(nodeFiles, out);
    expect(notes).toEqual(["3d_fullres: 1 of 2 folds are trained; the prediction is theirs alone"]);
  });

  it("does not compare what was judged on other cases", async () => {
    const out = await experiment("apart", { "2d": [0], "3d_fullres": [1] });
    await expect(findBest({ dir: out })).rejects.toThrow(
      /have no fold in common.*Found 2d: 0; 3d_fullres: 1\. .*--configurations/,
    );
    const { best } = await findBest({ dir: out, configurations: ["2d"] });
    expect(best.ensemble).toEqual(["2d"]);
    await expect(findBest({ dir: out, configurations: ["2d", "3d_lowres"] })).rejects.toThrow(
      /3d_lowres: no fold is done/,
    );
  });

  it("wants an experiment with a fold that is done", async () => {
    await expect(findBest({ dir: data })).rejects.toThrow(/data: this folder is no experiment/);
    await writeRecord(at("untrained"), data, voxelPlan(), ids);
    await expect(findBest({ dir: at("untrained") })).rejects.toThrow(/no fold of this experiment is done/);
  });

  it("names the label map that is not of its image", async () => {
    const out = await experiment("labels", { "2d": [0] });
    const path = join(data, "labelsTr/a.nii.gz");
    const { volume } = await readVolume(path);
    await writeVolume(path, { ...volume, data: volume.data.map((x) => (x === 3 ? 4 : x)) as Uint8Array });
    await expect(findBest({ dir: out })).rejects.toThrow(
      /labelsTr\/a\.nii\.gz: the label 4 is not in the table/,
    );
    await writeVolume(path, volume);
  });
});
