import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fingerprint, nodeFiles, openDataSet, readVolume, writeVolume } from "../../../src/io/node.js";
import { parseBest } from "../../../src/tasks/segmentation/nnunet/best.js";
import type { Experiment } from "../../../src/tasks/segmentation/nnunet/experiment.js";
import { evaluateExperiment } from "../../../src/tasks/segmentation/nnunet/experiment-evaluate.node.js";
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
    // Cases are compared side by side: any may be the first done.
    expect(seen[0]).toMatch(/^comparing [abcd] 1\/4$/);
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
    for (const path of [out, join(out, "3d_fullres")]) {
      const { notes } = await findPredictor(nodeFiles, path);
      expect(notes).toEqual(["3d_fullres: 1 of 2 folds are trained; the prediction is theirs alone"]);
    }
    await writeFold(out, modelFor("2d"), 0);
    expect((await findPredictor(nodeFiles, out)).notes.slice(1)).toEqual([
      `2d is trained and was not compared: gyrus find-best ${out} again`,
    ]);
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

  it("reads the data set where it lies now, and no other", async () => {
    await writeLevels(at("before"), ids);
    await writeRecord(at("moved"), at("before"), voxelPlan(), ids);
    for (const fold of [0, 1]) {
      await writeFold(at("moved"), modelFor("3d_fullres"), fold);
      await writeHeldOut(at("moved"), "3d_fullres", fold);
    }
    const { sha256 } = await fingerprint(await openDataSet(at("before")));
    const record = join(at("moved"), "experiment.json");
    const json = JSON.parse(await readFile(record, "utf8")) as Experiment;
    await writeFile(record, JSON.stringify({ ...json, data: { ...json.data, sha256 } }));
    await rename(at("before"), at("after"));
    await expect(findBest({ dir: at("moved") })).rejects.toThrow(
      /before: the experiment's data set is not where it was\. Say where it lies now with --data/,
    );
    const { evaluation } = await findBest({ dir: at("moved"), dataDir: at("after") });
    expect(evaluation.dataDir).toBe(at("after"));
    const judged = await evaluateExperiment({ runDir: at("moved"), dataDir: at("after") });
    expect(judged.summary).toEqual(evaluation.summary);
    await writeLevels(at("another"), ["a", "b", "c", "e"]);
    await expect(findBest({ dir: at("moved"), dataDir: at("another") })).rejects.toThrow(
      /another: this is not the data set of the experiment.* Expected the content of .*before/,
    );
  });

  it("judges regions, tries their steps one after the other, and leaves out what nobody labelled", async () => {
    const base = voxelPlan();
    const dataset = {
      ...base.dataset,
      regions: [
        { name: "whole", classes: [1, 2], paintedAs: 1 },
        { name: "core", classes: [2], paintedAs: 2 },
      ],
      ignoredClass: 3,
      labelValues: [0, 3, 7, 9],
    };
    const plan = voxelPlan({ dataset });
    const own = at("regions-data");
    await writeLevels(own, ids);
    for (const id of ids) {
      const path = join(own, `labelsTr/${id}.nii.gz`);
      const { volume } = await readVolume(path);
      const [ni] = volume.size;
      // A quarter of every slice is left to nobody's judgement.
      const data = volume.data.map((x, v) => (v % ni < 3 ? 9 : x)) as Uint8Array;
      await writeVolume(path, { ...volume, data });
    }
    const json = JSON.parse(await readFile(join(own, "dataset.json"), "utf8")) as object;
    await writeFile(
      join(own, "dataset.json"),
      JSON.stringify({
        ...json,
        labels: { background: 0, whole: [3, 7], core: 7, ignore: 9 },
        regions_class_order: [3, 7],
      }),
    );
    await writeRecord(at("regions"), own, plan, ids);
    for (const fold of [0, 1]) {
      await writeFold(at("regions"), modelFor("3d_fullres", plan), fold);
      await writeHeldOut(at("regions"), "3d_fullres", fold);
    }
    const { best, evaluation } = await findBest({ dir: at("regions") });
    expect(Object.keys(best.crossValidation.labels)).toEqual(["whole", "core"]);
    expect(best.decisions.map(({ name, keepLargest }) => `${name} ${keepLargest}`)).toEqual([
      "all foreground 1,2",
      "whole 1,2",
      "core 2",
    ]);
    // The first step has done what the second would do.
    if (best.decisions[0]!.kept) expect(best.decisions[1]!.kept).toBe(false);
    expect(best.crossValidation.meanForegroundDice).toBeGreaterThan(0.6);
    expect(evaluation.labels).toEqual(["whole", "core"]);
    const scan = join(own, "imagesTr/a.nii.gz");
    const { files } = await predictNnunet({
      model: at("regions"),
      scans: [scan],
      outDir: at("regions-out"),
      threads: 1,
    });
    const { volume } = await readVolume(files[0]!.prediction);
    expect([...new Set(volume.data)].sort()).toEqual([0, 3, 7]);
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
