import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FileSystem } from "../../../src/io/files.js";
import { fingerprint, nodeFiles, openDataSet, readVolume } from "../../../src/io/node.js";
import { nodeCpu, openModel } from "../../../src/runtime/node.js";
import type { Experiment } from "../../../src/tasks/segmentation/nnunet/experiment.js";
import { evaluateExperiment } from "../../../src/tasks/segmentation/nnunet/experiment-evaluate.node.js";
import { reportExperiment } from "../../../src/tasks/segmentation/nnunet/experiment-report.node.js";
import { exportPredictor } from "../../../src/tasks/segmentation/nnunet/export.node.js";
import { findBest } from "../../../src/tasks/segmentation/nnunet/find-best.node.js";
import { openPredictor } from "../../../src/tasks/segmentation/nnunet/open.js";
import { predictVolume } from "../../../src/tasks/segmentation/nnunet/predict.js";
import { predictNnunet } from "../../../src/tasks/segmentation/nnunet/predict.node.js";
import type { PredictorPlan } from "../../../src/tasks/segmentation/nnunet/predictor.js";
import type { ImageVolume } from "../../../src/volume/volume.js";
import { modelFor, voxelPlan, writeFold, writeHeldOut, writeLevels, writeRecord } from "./trained.js";

let dir = "";
let out = "";
const ids = ["a", "b", "c", "d"];
const at = (...parts: string[]): string => join(dir, ...parts);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "nnunet-experiment-"));
  await writeLevels(at("data"), ids);
  out = at("out");
  await writeRecord(out, at("data"), voxelPlan(), ids);
  for (const configuration of ["2d", "3d_lowres", "3d_fullres"] as const)
    for (const fold of [0, 1]) {
      const run = await writeFold(out, modelFor(configuration), fold);
      await writeHeldOut(out, configuration, fold);
      const rows = [1, 2, 3].map((step) => ({
        step,
        trainLoss: 1 / step,
        metrics: { "mean dice": 0.2 * step },
      }));
      await writeFile(join(run, "metrics.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    }
  await findBest({ dir: out });
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const folder = async (path: string): Promise<Map<string, Uint8Array>> =>
  new Map(
    await Promise.all(
      (await readdir(path)).map(
        async (name) => [name, new Uint8Array(await readFile(join(path, name)))] as const,
      ),
    ),
  );

/** Files in memory, as a page has them. */
function memory(files: ReadonlyMap<string, Uint8Array>): FileSystem {
  return {
    read: async (path) => files.get(path.replace("predictor/", ""))!,
    list: async (path) =>
      path === "predictor" ? [...files.keys()].map((name) => ({ name, folder: false })) : undefined,
    write: async () => undefined,
    gzip: nodeFiles.gzip,
  };
}

describe("an exported predictor", () => {
  it("gives the experiment's label maps, bit for bit, from files of standard operators", async () => {
    const made = await exportPredictor({ runDir: out, out: at("exported") });
    const files = await folder(at("exported"));
    const plan = JSON.parse(new TextDecoder().decode(files.get("predictor.json"))) as PredictorPlan;
    const named = Object.values(plan.stages).flatMap((stage) => stage!.files);
    expect([...files.keys()].sort()).toEqual(["predictor.json", ...named].sort());
    expect(named).toContain(`${plan.ensemble[0]}-fold-1.onnx`);
    expect(made.bytes).toBe([...files.values()].reduce((sum, bytes) => sum + bytes.length, 0));
    expect(plan.labels).toEqual([
      { name: "grey", value: 3 },
      { name: "white", value: 7 },
    ]);
    for (const name of named) await (await openModel(files.get(name)!)).dispose();
    const scan = at("data/imagesTr/b.nii.gz");
    const predict = (model: string, outDir: string) =>
      predictNnunet({ model, scans: [scan], outDir, threads: 1 });
    const [ours, theirs] = [await predict(out, at("p1")), await predict(at("exported"), at("p2"))];
    const bytes = await Promise.all([ours, theirs].map(({ files: [one] }) => readFile(one!.prediction)));
    expect(bytes[0]!.equals(bytes[1]!)).toBe(true);
    // The one is the other, so that what the experiment made is kept.
    expect((await predict(at("exported"), at("p1"))).files[0]!.kept).toBe(true);
  });

  it("runs on decoded volumes from files in memory, as in a browser", async () => {
    await exportPredictor({ runDir: out, out: at("page") });
    const predictor = await openPredictor(memory(await folder(at("page"))), "predictor", nodeCpu, {
      threads: 1,
    });
    const path = at("data/imagesTr/c.nii.gz");
    const { volume } = await readVolume(path, { as: "float32" });
    const found = await predictVolume(predictor, volume as ImageVolume);
    await predictor.close();
    const { files } = await predictNnunet({ model: out, scans: [path], outDir: at("p3"), threads: 1 });
    const { volume: written } = await readVolume(files[0]!.prediction);
    expect(found.data).toEqual(written.data);
    expect(found.size).toEqual(written.size);
  });

  it("can be exported again, and says in words what it does", async () => {
    await exportPredictor({ runDir: out, out: at("first") });
    await exportPredictor({ runDir: at("first"), out: at("second") });
    expect(await folder(at("second"))).toEqual(await folder(at("first")));
    const { how, ensemble } = JSON.parse(await readFile(at("first/predictor.json"), "utf8")) as PredictorPlan;
    expect(how[1]).toBe(
      "Order the axes bottom-top, back-front, left-right: what follows names them in this order.",
    );
    expect(how.join("\n")).toMatch(/windows of 8 x 8( x 8)? that overlap by 50 %/);
    expect(how.join("\n")).toContain(
      ensemble.length === 1
        ? `Take the outputs of ${ensemble[0]}`
        : `Average the outputs of ${ensemble.join(" and ")}`,
    );
    expect(how.at(-1)).toBe("Store grey as 3, white as 7.");
  });

  it("is whole or not there, and refuses what is damaged", async () => {
    await expect(exportPredictor({ runDir: out, out: at("one.onnx") })).rejects.toThrow(
      /do not go into one file/,
    );
    await expect(exportPredictor({ runDir: out, out: at("data") })).rejects.toThrow(
      /the folder for the predictor is not empty/,
    );
    const open = (path: string) => openPredictor(nodeFiles, path, nodeCpu, { threads: 1 });
    await exportPredictor({ runDir: out, out: at("damaged") });
    const record = at("damaged/predictor.json");
    const plan = JSON.parse(await readFile(record, "utf8")) as PredictorPlan;
    const file = plan.stages[plan.ensemble[0]!]!.files[0]!;
    await writeFile(record, JSON.stringify({ ...plan, ensemble: ["3d_cascade_fullres"] }));
    await expect(open(at("damaged"))).rejects.toThrow(
      /predictor\.json: the file's entry "ensemble" does not fit: there is no stage "3d_cascade/,
    );
    await writeFile(record, JSON.stringify({ ...plan, labels: [{ name: "grey" }] }));
    await expect(open(at("damaged"))).rejects.toThrow(
      /predictor\.json: the file's entry "labels\.0\.value" does not fit/,
    );
    await writeFile(record, JSON.stringify(plan));
    await rm(at("damaged", file));
    await expect(open(at("damaged"))).rejects.toThrow(
      new RegExp(`${file}: a network of the predictor is missing`),
    );
    await writeFile(at("damaged", file), "no model");
    const predictor = await open(at("damaged"));
    const { volume } = await readVolume(at("data/imagesTr/a.nii.gz"), { as: "float32" });
    await expect(predictVolume(predictor, volume as ImageVolume)).rejects.toThrow(
      /these bytes are no ONNX model/,
    );
  });
});

describe("evaluating an experiment", () => {
  it("judges what was chosen, by the networks that had not seen a case", async () => {
    await expect(evaluateExperiment({ runDir: out, mirror: false })).rejects.toThrow(
      /--no-mirror means nothing to cross-validation/,
    );
    await expect(evaluateExperiment({ runDir: out, device: "webgpu" })).rejects.toThrow(
      /--device means nothing to cross-validation/,
    );
    for (const dataDir of [undefined, at("data")])
      await expect(
        evaluateExperiment({ runDir: out, final: true, ...(dataDir === undefined ? {} : { dataDir }) }),
      ).rejects.toThrow(/have no sealed test set to look at.*Leave --final out/);
    const found = await evaluateExperiment({ runDir: out });
    expect(found.caseCount).toBe(4);
    expect(found.metrics.map(({ name }) => name)).toEqual(["Dice", "NSD", "HD95"]);
    expect(found.summary.map(({ label, metric }) => `${metric} ${label}`)).toEqual(
      ["grey", "white"].flatMap((label) => ["dice", "hd95Mm", "nsd"].map((metric) => `${metric} ${label}`)),
    );
    for (const { mean, low, high } of found.summary) {
      expect(low).toBeLessThanOrEqual(mean);
      expect(high).toBeGreaterThanOrEqual(mean);
    }
    expect(JSON.parse(await readFile(at("out/evaluation.json"), "utf8"))).toEqual(
      JSON.parse(JSON.stringify(found)),
    );
  });

  it("judges one configuration's folds, plainly", async () => {
    const found = await evaluateExperiment({ runDir: at("out/3d_lowres") });
    expect(found.set).toBe(
      "cross-validation of 3d_lowres: every case by the networks that were not trained on it",
    );
    expect(found.notes).toContainEqual(expect.stringMatching(/^Fold 0, 2 cases\./));
  });

  it("predicts and judges another data set, and keeps what it predicted", async () => {
    await writeLevels(at("other"), ["x", "y"]);
    const first = await evaluateExperiment({ runDir: out, dataDir: at("other"), threads: 1 });
    expect(first.set).toBe(
      "all labelled cases of Levels, another data set than that of the experiment (no name in common)",
    );
    expect(first.overall!.mean).toBeGreaterThan(0.4);
    expect(await readdir(at("out/predictions/other"))).toEqual([
      "evaluation.json",
      "x_seg.nii.gz",
      "y_seg.nii.gz",
    ]);
    const second = await evaluateExperiment({ runDir: out, dataDir: at("other"), threads: 1 });
    expect(second).toEqual(first);
    const json = await readFile(at("other/dataset.json"), "utf8");
    await writeFile(at("other/dataset.json"), json.replace('"7":"white"', '"8":"white"'));
    await expect(evaluateExperiment({ runDir: out, dataDir: at("other") })).rejects.toThrow(
      /the data set does not fit the networks\. Expected channels T1; label values 0, 3, 7\. Found channels T1; label values 0, 3, 8/,
    );
  });
});

describe("evaluating what was exported", () => {
  it("needs a data set", async () => {
    await exportPredictor({ runDir: out, out: at("judged") });
    await expect(evaluateExperiment({ runDir: at("judged") })).rejects.toThrow(
      /an exported predictor has no held-out cases of its own/,
    );
    await writeLevels(at("third"), ["a", "z"]);
    const { set } = await evaluateExperiment({ runDir: at("judged"), dataDir: at("third"), threads: 1 });
    expect(set).toBe("all labelled cases of Levels, by an exported predictor");
    const shared = await evaluateExperiment({ runDir: out, dataDir: at("third"), threads: 1 });
    expect(shared.set).toMatch(/\(1 name in common\)$/);
  });

  it("never judges networks on the cases that they were trained on", async () => {
    const record = at("out/experiment.json");
    const json = JSON.parse(await readFile(record, "utf8")) as Experiment;
    const { sha256 } = await fingerprint(await openDataSet(at("data")));
    await writeFile(record, JSON.stringify({ ...json, data: { ...json.data, sha256 } }));
    const found = await evaluateExperiment({ runDir: out, dataDir: at("data") });
    expect(found.set).toMatch(/^cross-validation of /);
  });
});

describe("the report of an experiment", () => {
  it("has curves of every fold, the comparison, the decisions, cases in pictures and the plan", async () => {
    await evaluateExperiment({ runDir: out });
    const { path } = await reportExperiment({ runDir: out });
    const page = await readFile(path, "utf8");
    for (const text of ["2d", "3d_lowres", "3d_fullres"]) expect(page).toContain(`${text}: training loss`);
    expect(page).toContain("mean dice on the validation cases");
    for (const heading of ["Folds", "Configurations", "Post-processing", "Plan", "Held", "Best", "Worst"])
      expect(page).toMatch(new RegExp(heading, "i"));
    expect(page.match(/<img /g)!.length).toBe(3);
    expect(page).toContain("all foreground");
  });
});
