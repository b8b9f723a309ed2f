import { existsSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSafetensors, readTable, writeVolume } from "../../../src/io/node.js";
import { adSvm } from "../../../src/systems/ad-svm.js";
import { adcnn } from "../../../src/systems/adcnn.js";
import { compareClassifiers, judgementsAt } from "../../../src/tasks/classification/compare.node.js";
import type { ClassificationEvaluation } from "../../../src/tasks/classification/evaluate.node.js";
import { readRun } from "../../../src/tasks/classification/folder.node.js";
import { idOfScan } from "../../../src/tasks/classification/predict.node.js";
import type { TrainRequest, Verbs } from "../../../src/tasks/verbs.js";
import { scalingAffine } from "../../../src/volume/affine.js";
import { head, type People, quickDiagnosis, writePeople } from "./data.js";

let folder = "";
let data = "";
let verbs: Verbs;
let count = 0;
const fresh = (name: string): string => join(folder, `${name}-${count++}`);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyrus-diagnosis-"));
  verbs = await adcnn.verbs();
  data = await writePeople(fresh("data"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const learning = { ...quickDiagnosis, "network.dropout": "0", "optimizer.learningRate": "0.003" };
const request = (runDir: string, changes: Partial<TrainRequest> = {}): TrainRequest => ({
  dataDir: data,
  runDir,
  preset: "subject-small",
  set: learning,
  folds: 3,
  epochs: 12,
  seed: 1,
  threads: 1,
  resume: false,
  ...changes,
});

async function trained(changes: Partial<TrainRequest> = {}): Promise<string> {
  const runDir = fresh("run");
  await verbs.train(request(runDir, changes));
  return runDir;
}

describe("predictions", () => {
  it("are one table of probabilities, the same from a run and from its exported model", async () => {
    const run = await trained();
    const [well, ill] = await Promise.all(
      [false, true].map(async (patient) => {
        const scan = join(folder, `sub-${patient ? "ill" : "well"}_T1w.nii.gz`);
        const grid = { size: [12, 12, 12] as const, affine: scalingAffine([2, 2, 2], [-11, -11, -11]) };
        await writeVolume(scan, { data: head("new", patient), ...grid, channels: 1 });
        return scan;
      }),
    );
    const out = fresh("out");
    const made = await verbs.predict({ model: run, scans: [well!, ill!], outDir: out, threads: 1 });
    const table = await readTable(made.files[0]!.prediction);
    expect(table.columns).toEqual(["id", "probability_AD", "prediction", "scan"]);
    expect(table.rows.map(({ id, prediction }) => [id, prediction])).toEqual([
      ["sub-well", "CN"],
      ["sub-ill", "AD"],
    ]);
    const model = join(folder, "exported.onnx");
    await verbs.exportModel({ runDir: run, out: model });
    const again = fresh("again");
    await verbs.predict({ model, scans: [well!, ill!], outDir: again, threads: 1 });
    const same = await readTable(`${again}/predictions.tsv`);
    same.rows.forEach((row, n) => {
      expect(Number(row.probability_AD)).toBeCloseTo(Number(table.rows[n]!.probability_AD), 4);
    });
    const all = fresh("all");
    expect((await verbs.predict({ model: run, scans: [data], outDir: all, threads: 1 })).files).toHaveLength(
      12,
    );
  });

  it("are of whom the scan's name says, numbers included", () => {
    expect(
      ["a/sub-01_ses-M12_T1w.nii.gz", "patient_12.nii", "patient_12_T1w.nii", "x_13.hdr"].map(idOfScan),
    ).toEqual(["sub-01_ses-M12", "patient_12", "patient_12", "x_13"]);
  });

  it("of a scan on another grid are refused with both grids", async () => {
    const run = await trained({ epochs: 1 });
    const scan = join(folder, "other_T1w.nii.gz");
    const grid = { size: [12, 14, 12] as const, affine: scalingAffine([2, 2, 2]) };
    await writeVolume(scan, { data: head("other", true, [12, 14, 12]), ...grid, channels: 1 });
    const work = verbs.predict({ model: run, scans: [scan], outDir: fresh("out"), threads: 1 });
    await expect(work).rejects.toThrow(/other_T1w.*does not lie on the grid.*12x12x12.*gyrus prepare/s);
  });
});

const small = {
  kind: "conv-fc",
  widths: [4, 8],
  padding: "same",
  hidden: [8],
  dropout: 0,
  momentum: 0.1,
  average: false,
};

describe("frameworks", () => {
  const cases: Readonly<Record<string, Partial<TrainRequest>>> = {
    "a region": {
      preset: "roi-small",
      set: {
        ...quickDiagnosis,
        "framework.size": "8,8,8",
        "framework.unit": "share",
        "framework.centres": "[[0.5,0.5,0.3],[0.5,0.5,0.5]]",
        network: JSON.stringify(small),
        "optimizer.learningRate": "0.003",
      },
    },
    "patches with a network each": {
      preset: "patch-small",
      set: {
        ...quickDiagnosis,
        "framework.size": "6,12,6",
        "framework.stride": "6,12,6",
        network: JSON.stringify(small),
        "optimizer.learningRate": "0.003",
      },
    },
    slices: {
      preset: "slice-small",
      set: {
        ...quickDiagnosis,
        "framework.axis": "1",
        "framework.skip": "4",
        "network.widths": "4,8",
        "selection.share": "0.2",
        "optimizer.learningRate": "0.003",
      },
      epochs: 6,
    },
  };

  it.each(Object.entries(cases))("%s: learns, votes, is judged", async (name, changes) => {
    const runDir = await trained(changes);
    const run = await readRun(runDir);
    const { positions, votes, several } = run.model;
    expect(positions).toHaveLength({ "a region": 2, "patches with a network each": 4, slices: 4 }[name]!);
    expect(several).toBe(name.startsWith("patches"));
    expect(votes.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 10);
    expect(run.positionAccuracies).toHaveLength(positions.length);
    // Patients lack the lower half: upper patches know nothing.
    if (several) expect(votes[0]! + votes[1]!).toBeGreaterThan(0.7);
    const judged = await verbs.evaluate({ runDir, threads: 1 });
    expect(judged.overall!.mean).toBeGreaterThan(0.7);
    expect(existsSync((await verbs.report({ runDir })).path)).toBe(true);
  });
});

describe("images that do not agree on where they are", () => {
  it("are said in the run's record, and refused where regions are in millimetres", async () => {
    const originOf = (subject: string) => (subject === "sub-03" ? ([-9, -11, -11] as const) : undefined);
    const dataDir = await writePeople(fresh("moved"), { originOf });
    const run = await readRun(await trained({ dataDir, epochs: 1 }));
    expect(run.model.grid.aligned).toBe(false);
    expect(run.warnings).toEqual([expect.stringMatching(/^the images' affines differ/)]);
    const set = { ...quickDiagnosis, "framework.size": "8,8,8", "framework.centres": "[[0,0,0]]" };
    await expect(trained({ dataDir, preset: "roi-small", set })).rejects.toThrow(
      /participants\.tsv: regions are asked for by millimetres.*gyrus prepare.*framework\.unit=share/s,
    );
    expect((await readRun(await trained({ epochs: 1 }))).warnings).toEqual([]);
  });
});

describe("what a run has learnt, and from whom", () => {
  it("nobody who is judged: pre-training and weights are of training subjects, selection is of those set aside", async () => {
    const set = { ...learning, pretraining: '{"epochs":2,"learningRate":0.003}' };
    const runDir = await trained({ set, epochs: 2 });
    const { split, provenance } = await readRun(runDir);
    expect(provenance.map(({ kind }) => kind)).toEqual(["pre-training", "weights", "selection"]);
    expect(provenance[0]!.fittedOn).toEqual([...split.subjects.train].sort());
    expect(provenance[2]!.fittedOn).toEqual([...split.subjects.validation].sort());
    const known = new Set(provenance.flatMap(({ fittedOn }) => fittedOn));
    expect(split.subjects.test.filter((subject) => known.has(subject))).toEqual([]);
    expect(split.subjects.test.length).toBeGreaterThan(0);
    const { tensors } = await readSafetensors(`${runDir}/checkpoints/pretrained.safetensors`);
    expect(Object.keys(tensors)).toContain("parameter/stage0.weight");
    expect(Object.keys(tensors).some((name) => name.includes("hidden"))).toBe(false);
  });

  it("pre-training has a weight decay and a batch of its own", async () => {
    const weightsOf = async (own: string, set: Readonly<Record<string, string>> = {}) => {
      const pretraining = `{"epochs":2,"learningRate":0.003${own}}`;
      const network = JSON.stringify(small);
      const run = await trained({ set: { ...quickDiagnosis, network, pretraining, ...set }, epochs: 1 });
      const { tensors } = await readSafetensors(`${run}/checkpoints/pretrained.safetensors`);
      return tensors["parameter/stage1.weight"]!.data;
    };
    const plain = await weightsOf("");
    const same = `,"batch":${quickDiagnosis.batch}`;
    expect(await weightsOf(same, { "optimizer.weightDecay": "0.5" })).toEqual(plain);
    expect(await weightsOf(',"weightDecay":0.5')).not.toEqual(plain);
    expect(await weightsOf(',"batch":3')).not.toEqual(plain);
  });

  it("networks of their own positions begin with one autoencoder of all patches", async () => {
    const patches = { "framework.size": "6,12,6", "framework.stride": "6,12,6" };
    const set = {
      ...quickDiagnosis,
      ...patches,
      network: JSON.stringify(small),
      pretraining: '{"epochs":2,"learningRate":0.003}',
      freeze: '["position0"]',
      average: "null",
    };
    const init = await trained({ preset: "patch-small", set: { ...set, freeze: "[]" }, epochs: 1 });
    const known = (await readSafetensors(`${init}/checkpoints/pretrained.safetensors`)).tensors;
    const names = [0, 1, 2, 3].map((n) => `parameter/position${n}.stage1.weight`);
    expect(Object.keys(known).filter((name) => name.endsWith("stage1.weight"))).toEqual(names);
    for (const name of names) expect(known[name]!.data).toEqual(known[names[0]!]!.data);
    // Frozen from the start, the first network still has what the autoencoder learnt.
    const run = await trained({ preset: "patch-small", set, init, epochs: 1 });
    const last = (await readSafetensors(`${run}/checkpoints/last.safetensors`)).tensors;
    expect(last[names[0]!]!.data).toEqual(known[names[0]!]!.data);
    expect(last[names[1]!]!.data).not.toEqual(known[names[0]!]!.data);
  });

  it("weights of another run: recorded with their subjects, and kept where they are frozen", async () => {
    const first = await trained({ epochs: 2 });
    const runDir = fresh("run");
    const set = { ...learning, freeze: '["stage0","stage1"]', average: "null" };
    await verbs.train(request(runDir, { init: first, set, epochs: 2 }));
    const [before, after] = await Promise.all([first, runDir].map(readRun));
    expect(after!.init).toMatchObject({ classes: ["CN", "AD"], taken: 20 });
    expect(after!.provenance.filter(({ run }) => run !== undefined).map(({ fittedOn }) => fittedOn)).toEqual([
      [...before!.split.subjects.train].sort(),
      [...before!.split.subjects.validation].sort(),
    ]);
    const weights = async (run: string, name: string) =>
      (await readSafetensors(`${run}/checkpoints/${name}.safetensors`)).tensors;
    const [taken, kept] = [await weights(first, "best"), await weights(runDir, "last")];
    expect(kept["parameter/stage1.weight"]!.data).toEqual(taken["average/stage1.weight"]!.data);
    expect(kept["parameter/stage2.weight"]!.data).not.toEqual(taken["average/stage2.weight"]!.data);
  });

  it("weights that know held-out subjects are refused", async () => {
    const first = await trained({ epochs: 1, fold: 0 });
    const work = verbs.train(request(fresh("run"), { init: first, fold: 1, epochs: 1 }));
    await expect(work).rejects.toThrow(/has learnt from subjects that this one holds out.*sub-/s);
    const copy = fresh("copy");
    await cp(data, copy, { recursive: true });
    const moved = verbs.train(request(fresh("run"), { dataDir: copy, init: first, fold: 1, epochs: 1 }));
    await expect(moved).rejects.toThrow(
      /has learnt from subjects that this one holds out.*Found \d+ of their images: sub-/s,
    );
    await verbs.train(request(fresh("run"), { dataDir: copy, init: first, fold: 0, epochs: 1 }));
    const slices = verbs.train(
      request(fresh("run"), { init: first, preset: "slice-small", set: quickDiagnosis }),
    );
    await expect(slices).rejects.toThrow(/no weights of the other run fit/);
    const other = fresh("svm");
    const { threads: _, epochs: __, ...plain } = request(other, { preset: "logistic", set: {} });
    await (await adSvm.verbs()).train(plain);
    await expect(verbs.train(request(fresh("run"), { init: other }))).rejects.toThrow(
      "the other run has no network that tells diagnoses apart. Expected a run of the same system and preset. Found a run of ad-svm.",
    );
    const frozen = { ...learning, freeze: '["stage0"]' };
    await expect(verbs.train(request(fresh("run"), { set: frozen }))).rejects.toThrow(/--init/);
  });
});

describe("a split in a file", () => {
  it("of everybody serves two of three diagnoses; its fold chooses the weights, or nobody does", async () => {
    const lines = (all: string[]) => all.map((line) => line.replace(/(sub-(09|1[0-9])\t)\w+/, "$1EMCI"));
    const dataDir = await writePeople(fresh("three"), { each: 8, lines });
    const people = Array.from({ length: 16 }, (_, n) => `sub-${String(n + 1).padStart(2, "0")}`);
    const part = (from: number): string[] => people.filter((_, n) => Math.floor(n / 2) % 4 === from);
    const file = join(folder, "split.json");
    const written = {
      gyrusSplit: 1,
      gyrus: "0",
      data: { name: "three", subjects: 16, cases: 16 },
      seed: 1,
      stratify: [],
      match: [],
      test: part(0),
      folds: [part(1), part(2), part(3)],
      balance: [],
    };
    await writeFile(file, JSON.stringify(written));
    const onFile = async (changes: Partial<TrainRequest> = {}): Promise<string> => {
      const { folds: _, ...own } = request(fresh("run"), {
        dataDir,
        split: file,
        fold: 0,
        epochs: 2,
        ...changes,
      });
      await verbs.train(own);
      return own.runDir;
    };
    const runDir = await onFile();
    const run = await readRun(runDir);
    expect(run.split.subjects).toEqual({
      train: ["sub-05", "sub-06", "sub-07", "sub-08"],
      validation: ["sub-03", "sub-04"],
      test: ["sub-01", "sub-02"],
    });
    expect(run.provenance.find(({ kind }) => kind === "selection")!.fittedOn).toEqual(["sub-03", "sub-04"]);
    await expect(
      verbs.predict({ model: runDir, scans: [dataDir], outDir: fresh("out"), threads: 1 }),
    ).rejects.toThrow(/sub-01_T1w\.nii\.gz: the scan belongs to the run's sealed test set/);
    const last = { ...learning, "selection.share": "0" };
    const other = await onFile({ set: last });
    expect((await readRun(other)).provenance.map(({ kind }) => kind)).toEqual(["weights"]);
    await expect(trained({ dataDir, split: file, folds: 2 })).rejects.toThrow(
      /^--folds: the split has folds already/,
    );
  });
});

describe("a split that leaks", () => {
  it("is trained on as a leakage study alone, which judges the other visits, and says so for ever", async () => {
    const dataDir = await writePeople(fresh("visits"), { each: 3, sessions: 2 });
    const people = Array.from({ length: 6 }, (_, n) => `sub-0${n + 1}`);
    const [first, second] = ["ses-M0", "ses-M12"].map((visit) => people.map((one) => `${one}_${visit}`));
    const split = join(folder, "by-case.json");
    const written = {
      gyrusSplit: 1,
      gyrus: "0",
      data: { name: "visits", subjects: 6, cases: 12 },
      by: "case",
      seed: 1,
      stratify: [],
      match: [],
      test: [],
      folds: [second, first],
      balance: [],
    };
    await writeFile(split, JSON.stringify(written));
    const { folds: _, ...asked } = request(fresh("run"), { dataDir, split, fold: 0, epochs: 2 });
    await expect(verbs.train(asked)).rejects.toThrow(
      /the split leaks: 6 subjects are in train and in validation.*--leakage-study/s,
    );
    await verbs.train({ ...asked, leakageStudy: true });
    const run = await readRun(asked.runDir);
    expect(run).toMatchObject({
      leakageStudy: true,
      split: { by: "case", train: first, validation: second },
    });
    const judged = await verbs.evaluate({ runDir: asked.runDir, threads: 1 });
    expect(judged.cases.map((one) => one.case)).toEqual(second);
    expect(judged.notes![0]).toMatch(/^LEAKAGE STUDY/);
    expect(judged.set).toBe("held-out images of fold 0 of 2 of a split that leaks");
  });

  it("leaves one class to learn from: refused with the counts", async () => {
    const split = join(folder, "one-class.json");
    const people = Array.from({ length: 12 }, (_, n) => `sub-${String(n + 1).padStart(2, "0")}`);
    const [healthy, ill] = [0, 1].map((side) => people.filter((_, n) => n % 2 === side));
    const data12 = { name: "d", subjects: 12, cases: 12 };
    const rest = { seed: 1, stratify: [], match: [], test: [], folds: [ill, healthy], balance: [] };
    await writeFile(split, JSON.stringify({ gyrusSplit: 1, gyrus: "0", data: data12, ...rest }));
    const { folds: _, ...asked } = request(fresh("run"), { split, fold: 0 });
    await expect(verbs.train(asked)).rejects.toThrow(
      /one-class\.json: the training part lacks a class.*Found CN: 6 subjects, 6 images; AD: 0 subjects, 0 images/,
    );
    expect(existsSync(asked.runDir)).toBe(false);
  });
});

describe("comparing classifiers", () => {
  const table = async (name: string, probabilities: readonly number[], extra = ""): Promise<string> => {
    const path = join(folder, `${name}.tsv`);
    const rows = probabilities.map((p, n) => `s${n}\t${n % 2 === 0 ? "AD" : "CN"}\t${p}`);
    await writeFile(path, `subject\tdiagnosis\tprobability_AD\n${rows.join("\n")}\n${extra}`);
    return path;
  };

  it("takes runs and tables, puts folds together, averages repeats, and tests against the first", async () => {
    const good = await table("good", [0.9, 0.2, 0.8, 0.1, 0.7, 0.3, 0.6, 0.4]);
    const poor = await table("poor", [0.4, 0.6, 0.8, 0.9, 0.3, 0.2, 0.5, 0.7]);
    const { models, pairs } = await compareClassifiers([poor, good, `${good},${poor}`], 1);
    expect(models[1]!.auc.value).toBe(1);
    expect(pairs[0]!.aucDifference).toBeCloseTo(1 - models[0]!.auc.value, 12);
    expect(pairs[0]!.aucP).toBeLessThan(0.05);
    expect(models[0]).toMatchObject({ parts: [{ name: poor, subjects: 8 }], overParts: null });
    const [whole, lesser] = [models[1]!.auc.value, models[0]!.auc.value];
    expect(models[2]!.parts.map(({ name, auc }) => [name, auc])).toEqual([
      [good, whole],
      [poor, lesser],
    ]);
    expect(models[2]!.overParts!.auc).toEqual({
      mean: expect.closeTo((whole + lesser) / 2, 12),
      sd: expect.closeTo((whole - lesser) / Math.SQRT2, 12),
      parts: 2,
    });
    const averaged = await judgementsAt(`${good},${poor}`);
    expect(averaged.map(({ probability }) => probability)[0]).toBeCloseTo(0.65, 12);
    expect(averaged).toHaveLength(8);
    const runDir = await trained({ epochs: 2 });
    await expect(judgementsAt(runDir)).rejects.toThrow(/has not been judged.*gyrus evaluate/s);
    const { judgements } = (await verbs.evaluate({ runDir, threads: 1 })) as ClassificationEvaluation;
    expect(await judgementsAt(runDir)).toEqual(judgements);
  });

  it("shows folds by themselves, and no figure of one that has one class", async () => {
    const path = async (name: string, rows: readonly string[]): Promise<string> => {
      const file = join(folder, `${name}.tsv`);
      await writeFile(file, `subject\tdiagnosis\tprobability_AD\n${rows.join("\n")}\n`);
      return file;
    };
    const folds = [
      await path("fold0", ["a\tAD\t0.9", "b\tCN\t0.2"]),
      await path("fold1", ["c\tAD\t0.3", "d\tCN\t0.4"]),
      await path("fold2", ["e\tAD\t0.8", "f\tAD\t0.7"]),
    ].join(",");
    const [found] = (await compareClassifiers([folds, folds], 1)).models;
    expect(found!.parts.map(({ auc, balancedAccuracy }) => [auc, balancedAccuracy])).toEqual([
      [1, 1],
      [0, 0.5],
      [null, null],
    ]);
    expect(found!.overParts!.auc).toMatchObject({ mean: 0.5, parts: 2 });
    expect(found!.overParts!.balancedAccuracy).toMatchObject({ mean: 0.75, parts: 2 });
  });

  it("refuses other subjects, incomplete tables and a single classifier", async () => {
    const good = await table("eight", [0.9, 0.2, 0.8, 0.1, 0.7, 0.3, 0.6, 0.4]);
    const fewer = await table("six", [0.9, 0.2, 0.8, 0.1, 0.7, 0.3]);
    const gap = await table("gap", [0.9, 0.2], "s9\tAD\tn/a\n");
    await expect(compareClassifiers([good, fewer], 1)).rejects.toThrow(/on the same subjects/);
    await expect(judgementsAt(gap)).rejects.toThrow(/gap\.tsv, line 4: a row of the table is not complete/);
    await expect(compareClassifiers([good], 1)).rejects.toThrow(/nothing to compare with/);
    await expect(judgementsAt(join(folder, "nowhere.tsv"))).rejects.toThrow(/no such table/);
  });
});

describe("all folds", () => {
  it("are runs of their own, go on where they were broken off, and hold everybody out once", async () => {
    const runDir = fresh("folds");
    const stop = new AbortController();
    const parts = new Set<string | undefined>();
    const onProgress = ({ step, part }: { readonly step: number; readonly part?: string }): void => {
      parts.add(part);
      if (part === "fold 1" && step === 2) stop.abort();
    };
    const set = { ...quickDiagnosis, network: JSON.stringify(small) };
    const asked = request(runDir, { allFolds: true, epochs: 2, set });
    const first = await verbs.train({ ...asked, signal: stop.signal, onProgress });
    expect(first).toMatchObject({ stopped: "asked", folds: [{ fold: 0 }] });
    expect([...parts]).toEqual(["fold 0", "fold 1"]);
    await expect(verbs.train(asked)).rejects.toThrow(/fold0: the run folder is there already/);
    const all = await verbs.train({ ...asked, resume: true });
    expect(all).toMatchObject({ run: runDir, stopped: "done", bestScore: null });
    expect(all.folds!.map(({ run }) => run)).toEqual([0, 1, 2].map((fold) => `${runDir}/fold${fold}`));
    const aucs = all.folds!.map(({ scores }) => scores.AUC!);
    expect(all.scores.AUC).toBeCloseTo(aucs.reduce((a, b) => a + b, 0) / 3, 12);
    const held = await Promise.all(
      all.folds!.map(async ({ run }) => (await readRun(run)).split.subjects.test),
    );
    expect(new Set(held.flat()).size).toBe(12);
    expect(held.flat()).toHaveLength(12);
    for (const { run } of all.folds!) await verbs.evaluate({ runDir: run, threads: 1 });
    const runs = all.folds!.map(({ run }) => run).join(",");
    const { models } = await compareClassifiers([runs, runs], 1);
    expect(models[0]).toMatchObject({
      subjects: 12,
      parts: [{ subjects: 4 }, { subjects: 4 }, { subjects: 4 }],
    });
  });
});

describe("a run that was broken off", () => {
  it("goes on to the same weights, votes and predictions", async () => {
    const set = { ...learning, pretraining: '{"epochs":1,"learningRate":0.003}', augmentation: "light" };
    const whole = await trained({ set, epochs: 4 });
    const parts = fresh("run");
    const stop = new AbortController();
    const onProgress = ({ step }: { readonly step: number }): void => {
      if (step === 3) stop.abort();
    };
    const first = await verbs.train(request(parts, { set, epochs: 4, signal: stop.signal, onProgress }));
    expect(first.stopped).toBe("asked");
    await verbs.train(request(parts, { set, epochs: 4, resume: true }));
    const models = await Promise.all([whole, parts].map((run) => readFile(`${run}/model.onnx`)));
    expect(models[1]!.equals(models[0]!)).toBe(true);
  });
});

describe("bad input is one error that lists the rows, and leaves no run behind", () => {
  const cases: readonly (readonly [string, People, Partial<TrainRequest>, RegExp])[] = [
    [
      "no column",
      { lines: (lines) => lines.map((line) => line.replace("diagnosis", "kind")) },
      {},
      /diagnosis/,
    ],
    [
      "unknown diagnoses",
      { lines: (lines) => lines.map((line) => line.replace("\tAD", "\tdemented")) },
      {},
      /diagnoses whose meaning is not known.*sub-02 \(demented\)/,
    ],
    ["no image", { lines: (lines) => [...lines, "sub-99\tAD\t70\tF"] }, {}, /without an image.*sub-99/],
    [
      "several grids",
      { sizeOf: (name) => (name === "sub-03" ? [12, 12, 10] : undefined) },
      {},
      /different grids.*sub-03 \(12x12x10/,
    ],
    ["one class", { classes: ["CN", "CN"] }, {}, /all subjects are of one class/],
    ["too few for the folds", { each: 2 }, { folds: 3 }, /fewer subjects than there are folds.*2 subjects/],
    ["a subject twice", { lines: (lines) => [...lines, lines[1]!] }, {}, /more than once.*sub-01/],
    [
      "missing values",
      { lines: (lines) => lines.map((line) => line.replace("sub-04\tAD", "sub-04\tn/a")) },
      {},
      /missing.*sub-04/,
    ],
  ];

  it.each(cases)("%s", async (_, people, changes, words) => {
    const [dataDir, runDir] = [await writePeople(fresh("bad"), { each: 3, ...people }), fresh("run")];
    await expect(verbs.train(request(runDir, { dataDir, ...changes }))).rejects.toThrow(words);
    expect(existsSync(runDir)).toBe(false);
  });

  it("missing values are left out when that is asked for, and counted", async () => {
    const lines = (all: string[]) => all.map((line) => line.replace("sub-04\tAD", "sub-04\tn/a"));
    const dataDir = await writePeople(fresh("gaps"), { each: 5, lines });
    const set = { ...learning, "table.missing": "omit" };
    const { data: record } = await readRun(await trained({ dataDir, set, epochs: 1 }));
    expect(record).toMatchObject({
      subjects: 9,
      omitted: 1,
      classes: { CN: { subjects: 5 }, AD: { subjects: 4 } },
    });
  });
});
