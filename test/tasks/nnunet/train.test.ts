import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeVolume } from "../../../src/io/node.js";
import { configs } from "../../../src/systems/nnunet.js";
import { evaluateNnunet } from "../../../src/tasks/segmentation/nnunet/evaluate.node.js";
import type { Splits } from "../../../src/tasks/segmentation/nnunet/experiment.js";
import { evaluateExperiment } from "../../../src/tasks/segmentation/nnunet/experiment-evaluate.node.js";
import { trainNnunet } from "../../../src/tasks/segmentation/nnunet/train.node.js";
import type { EvaluateSummary, TrainProgress, TrainRequest, TrainSummary } from "../../../src/tasks/verbs.js";
import type { Size3 } from "../../../src/volume/volume.js";
import { ball, writeBalls } from "../data.js";

const system = { name: "nnunet", presets: configs };
const quick = {
  firstWidth: "4",
  epochs: "2",
  stepsPerEpoch: "5",
  validations: "2",
  validationPatches: "4",
};

let folder = "";
const at = (...parts: string[]): string => join(folder, ...parts);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyrus-nnunet-"));
  await writeBalls(at("data"), { cases: 5, size: [18, 20, 16] });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function train(out: string, changes: Partial<TrainRequest> = {}): Promise<TrainSummary> {
  return trainNnunet(system, {
    dataDir: at("data"),
    runDir: at(out),
    preset: "tiny",
    set: quick,
    seed: 1,
    resume: false,
    threads: 1,
    ...changes,
  });
}

const evaluationOf = async (...parts: string[]): Promise<EvaluateSummary> =>
  JSON.parse(await readFile(at(...parts), "utf8")) as EvaluateSummary;

const heldOutOf = async (out: string, fold: number): Promise<readonly string[]> => {
  const { folds } = JSON.parse(await readFile(at(out, "splits.json"), "utf8")) as Splits;
  return folds[fold]!.validation;
};

describe("gyrus train nnunet", () => {
  it("measures, plans, prepares, trains and judges a fold, in the folders that the layout says", async () => {
    const notes: string[] = [];
    const pieces = new Set<string>();
    const summary = await train("one", {
      onProgress: ({ note, piece }) => {
        if (note !== undefined) notes.push(note);
        if (piece !== undefined) pieces.add(piece.what);
      },
    });
    expect(summary).toMatchObject({ stopped: "done", steps: 10, bestStep: 10 });
    expect(Object.keys(summary.scores).sort()).toEqual(["dice ball", "hd95Mm ball", "mean dice", "nsd ball"]);
    expect((await readdir(at("one"))).sort()).toEqual([
      "3d_fullres",
      "experiment.json",
      "fingerprint.json",
      "plan.json",
      "prepared",
      "splits.json",
    ]);
    expect((await readdir(at("one/3d_fullres/fold-0"))).sort()).toEqual([
      "checkpoints",
      "evaluation.json",
      "metrics.jsonl",
      "model.onnx",
      "run.json",
      "validation",
    ]);
    expect((await evaluationOf("one/3d_fullres/fold-0/evaluation.json")).caseCount).toBe(1);
    expect(notes.join()).toMatch(/every case counts as a person of its own/);
    expect([...pieces]).toEqual([
      "measuring case",
      "3d_fullres: preparing case",
      "predicting held-out case",
      "judging held-out case",
    ]);
    const rows = (await readFile(at("one/3d_fullres/fold-0/metrics.jsonl"), "utf8")).trim().split("\n");
    const { metrics, trainMetrics } = JSON.parse(rows.at(-1)!) as Record<string, Record<string, number>>;
    expect(Object.keys(trainMetrics!)).toEqual(expect.arrayContaining(["crossEntropy", "softDice"]));
    expect(Object.keys(metrics!)).toEqual(
      expect.arrayContaining(["dice ball", "mean dice", "smoothed score"]),
    );
  });

  it("records whom the plan and the weights were made from", async () => {
    const { provenance, split } = JSON.parse(
      await readFile(at("one/3d_fullres/fold-0/run.json"), "utf8"),
    ) as { provenance: { kind: string; fittedOn: string[] }[]; split: { subjects: { train: string[] } } };
    expect(provenance.map(({ kind, fittedOn }) => [kind, fittedOn.length])).toEqual([
      ["hyperparameters", 5],
      ["weights", 4],
    ]);
    expect(provenance[1]!.fittedOn).toEqual([...split.subjects.train].sort());
  });

  it("smooths the pseudo-Dice that decides about the best weights", async () => {
    const rows = (await readFile(at("one/3d_fullres/fold-0/metrics.jsonl"), "utf8")).trim().split("\n");
    const judged = rows
      .map((row) => (JSON.parse(row) as { metrics?: Record<string, number> }).metrics ?? {})
      .filter((metrics) => "smoothed score" in metrics);
    expect(judged).toHaveLength(2);
    const [first, second] = judged as [Record<string, number>, Record<string, number>];
    expect(first["smoothed score"]).toBe(first["mean dice"]);
    expect(second["smoothed score"]).toBeCloseTo(0.5 * first["mean dice"]! + 0.5 * second["mean dice"]!, 12);
  });

  it("is judged without mirroring beside its own scores, which cross-validation is made of", async () => {
    const runDir = at("one/3d_fullres/fold-0");
    const before = await readFile(join(runDir, "evaluation.json"), "utf8");
    const found = await evaluateNnunet({ runDir, mirror: false, threads: 1 });
    expect(found.set).toBe("held-out cases of fold 0 of 5, predicted anew (no-mirror)");
    expect(await readFile(join(runDir, "evaluation.json"), "utf8")).toBe(before);
    const beside = await evaluationOf("one/3d_fullres/fold-0/predictions/no-mirror/evaluation.json");
    expect(beside.cases).toEqual(JSON.parse(JSON.stringify(found.cases)));
    await expect(evaluateNnunet({ runDir, final: true })).rejects.toThrow(/no sealed test set to look at/);
  });

  it("interrupted while it trains, then while it predicts, and resumed, gives the same bits", async () => {
    const until = async (moment: (progress: TrainProgress) => boolean, resume: boolean): Promise<void> => {
      const abort = new AbortController();
      const onProgress = (progress: TrainProgress): void => {
        if (moment(progress)) abort.abort();
      };
      expect((await train("twice", { signal: abort.signal, onProgress, resume })).stopped).toBe("asked");
    };
    await until(({ step }) => step === 4, false);
    await expect(train("twice")).rejects.toThrow(/there already.*--resume/);
    await until(({ piece }) => piece?.what === "predicting held-out case", true);
    expect((await train("twice", { resume: true })).stopped).toBe("done");
    const held = (await readdir(at("one/3d_fullres/fold-0/validation")))[0]!;
    for (const file of ["checkpoints/last.safetensors", "model.onnx", `validation/${held}`]) {
      const [once, again] = await Promise.all(
        ["one", "twice"].map((run) => readFile(at(run, "3d_fullres/fold-0", file))),
      );
      // A checkpoint also says how many seconds its training took.
      if (file.startsWith("checkpoints")) expect(tensorsOf(again!)).toEqual(tensorsOf(once!));
      else expect(again!.equals(once!), file).toBe(true);
    }
  });

  it("stopped while it prepares, says so and goes on from there", async () => {
    const abort = new AbortController();
    const onProgress = ({ piece }: TrainProgress): void => {
      if (piece?.what === "3d_fullres: preparing case" && piece.done === 2) abort.abort();
    };
    const stopped = await train("early", { signal: abort.signal, onProgress });
    expect(stopped).toMatchObject({ stopped: "asked", steps: 0, run: at("early") });
    const kept = await readdir(at("early/prepared/3d_fullres"));
    expect(kept.length).toBeGreaterThanOrEqual(2);
    expect(kept.length).toBeLessThan(5);
  });

  it("trains all folds in turn, says a line of each, and puts their scores together", async () => {
    const notes: string[] = [];
    const all = await train("all", {
      allFolds: true,
      folds: 2,
      onProgress: ({ note }) => note !== undefined && notes.push(note),
    });
    expect(all.folds!.map(({ fold }) => fold)).toEqual([0, 1]);
    expect(
      notes.filter((note) => /^fold [01]: 10 steps in .* held-out cases, dice ball 0\.\d{4}/.test(note)),
    ).toHaveLength(2);
    const whole = await evaluationOf("all/3d_fullres/cross-validation.json");
    expect(whole.cases.map((one) => one.case).sort()).toEqual([
      "ball-0",
      "ball-1",
      "ball-2",
      "ball-3",
      "ball-4",
    ]);
    const mean = whole.cases.reduce((sum, { scores }) => sum + scores.ball!.dice!, 0) / 5;
    expect(all.scores["mean dice"]).toBeCloseTo(mean, 12);
    const model = at("all/3d_fullres/fold-1/model.onnx");
    const before = await readFile(model);
    // What is done is left alone: nothing is trained again.
    await train("all", { allFolds: true, folds: 2, resume: true });
    expect((await readFile(model)).equals(before)).toBe(true);
  });

  it("does not take folds for done that nobody asked to go on with, or that were trained otherwise", async () => {
    const all = { allFolds: true, folds: 2 } as const;
    await expect(train("all", all)).rejects.toThrow(/fold-0: the run folder is there already.*--resume/);
    await expect(train("all", { ...all, resume: true, seed: 2 })).rejects.toThrow(
      /fold-0: the run was begun with another seed\. Expected 1\. Found 2/,
    );
    const set = { ...quick, overlap: "0.25" };
    await expect(train("all", { ...all, resume: true, set })).rejects.toThrow(
      /fold-0: the run was begun with another config\.overlap\. Expected 0\.5\. Found 0\.25/,
    );
    // What was lost of a fold that is done is predicted again.
    const lost = at("all/3d_fullres/fold-0/validation", `${(await heldOutOf("all", 0))[0]!}.safetensors`);
    const before = await readFile(lost);
    await rm(lost);
    await train("all", { ...all, resume: true });
    expect((await readFile(lost)).equals(before)).toBe(true);
  });

  it("gives folds another end, and predicts and judges their held-out cases anew", async () => {
    const all = { allFolds: true, folds: 2, resume: true } as const;
    const [held] = await heldOutOf("all", 0);
    const file = at(`all/3d_fullres/fold-0/validation/${held!}.safetensors`);
    const before = await readFile(file);
    await expect(train("all", { ...all, epochs: 3 })).rejects.toThrow(/another config\.epochs/);
    const abort = new AbortController();
    const onProgress = ({ part, step }: TrainProgress): void => {
      if (part === "fold 1" && step === 12) abort.abort();
    };
    const extended = { ...all, extend: true, epochs: 3 };
    const stopped = await train("all", { ...extended, signal: abort.signal, onProgress });
    expect(stopped.stopped).toBe("asked");
    expect((await readFile(file)).equals(before)).toBe(false);
    await expect(readFile(at("all/3d_fullres/cross-validation.json"))).rejects.toThrow(/ENOENT/);
    const model = await readFile(at("all/3d_fullres/fold-0/model.onnx"));
    const whole = await train("all", extended);
    expect(whole.folds!.map(({ steps }) => steps)).toEqual([15, 15]);
    expect((await evaluationOf("all/3d_fullres/cross-validation.json")).caseCount).toBe(5);
    // Fold 0 had its new end already.
    expect((await readFile(at("all/3d_fullres/fold-0/model.onnx"))).equals(model)).toBe(true);
  });

  it("divides minutes among the folds, and leaves some of them for predictions", async () => {
    const minutes = 0.08;
    await train("timed", { allFolds: true, folds: 2, minutes });
    const planned = await Promise.all(
      [0, 1].map(async (fold) => {
        const text = await readFile(at(`timed/3d_fullres/fold-${fold}/run.json`), "utf8");
        return (JSON.parse(text) as { plan: { minutes: number; totalSteps: number } }).plan;
      }),
    );
    // However slow the machine is: no fold gets more than its share, and each is trained a little.
    expect(planned[0]!.minutes).toBeLessThan(minutes / 2);
    expect(planned[1]!.minutes).toBeLessThan(minutes);
    // Training's half of what a fold gets at least, however late it is.
    for (const one of planned) expect(one.minutes).toBeGreaterThanOrEqual(0.005);
    for (const { totalSteps } of planned) expect(totalSteps).toBeGreaterThanOrEqual(1);
    await expect(train("timed", { fold: 1, folds: 2, minutes: 5, resume: true })).rejects.toThrow(
      /fold-1: the run was begun with another length\. Expected 0\.08 minutes\. Found 5 minutes/,
    );
  });

  it("uses a plan that lies there already, whatever the preset would have planned", async () => {
    await mkdir(at("given"));
    const plan = JSON.parse(await readFile(at("one/plan.json"), "utf8")) as {
      configurations: { "3d_fullres": { batchDice: boolean } };
    };
    plan.configurations["3d_fullres"].batchDice = true;
    await writeFile(at("given/plan.json"), JSON.stringify(plan));
    const set = { ...quick, epochs: "1", stepsPerEpoch: "1", memoryGb: "3" };
    await train("given", { set });
    const second = await train("given", { set: { ...set, memoryGb: "4" }, fold: 1 });
    expect(second.stopped).toBe("done");
    expect(JSON.parse(await readFile(at("given/plan.json"), "utf8"))).toEqual(plan);
  });

  it("is not judged on images that taught it, in another folder by other names", async () => {
    await writeBalls(at("copies"), { cases: 3, size: [18, 20, 16] });
    const json = (await readFile(at("copies/dataset.json"), "utf8")).replaceAll("ball-", "scan-");
    await writeFile(at("copies/dataset.json"), json);
    for (const part of ["imagesTr", "labelsTr"])
      for (const name of await readdir(at("copies", part)))
        await rename(at("copies", part, name), at("copies", part, name.replace("ball", "scan")));
    const words = /has learnt from 3 of 3 images of the data set\. .*scan-0\.nii\.gz \(ball-0\)/;
    const request = { dataDir: at("copies"), threads: 1 };
    await expect(evaluateNnunet({ ...request, runDir: at("one/3d_fullres/fold-0") })).rejects.toThrow(words);
    await expect(evaluateExperiment({ ...request, runDir: at("one/3d_fullres") })).rejects.toThrow(words);
  });

  it("refuses what does not belong to the experiment", async () => {
    await expect(train("one", { fold: 5 })).rejects.toThrow(/no such fold.*Expected 0 to 4, or all. Found 5/);
    await expect(train("one", { fold: 1, folds: 3 })).rejects.toThrow(
      /another number of folds.*Expected 5. Found 3/,
    );
    await expect(train("one", { fold: 1, preset: "v1" })).rejects.toThrow(
      /another plan.*Expected v2 rules for 0.1 GB. Found v1 rules for 12 GB/,
    );
    await expect(train("one", { set: { ...quick, configuration: "3d_lowres" }, fold: 1 })).rejects.toThrow(
      /no configuration "3d_lowres"/,
    );
    // Known before cases are prepared, which may take hours.
    await expect(train("no-such", { fold: 5 })).rejects.toThrow(/no such fold/);
    await expect(readdir(at("no-such/prepared"))).rejects.toThrow(/ENOENT/);
    await writeBalls(at("others"), { cases: 4, size: [18, 20, 16] });
    await expect(train("one", { dataDir: at("others"), fold: 1 })).rejects.toThrow(
      /another content of the data set/,
    );
    await mkdir(at("full"));
    await writeFile(at("full/notes.txt"), "mine");
    await expect(train("full")).rejects.toThrow(/holds something else already.*notes.txt/);
  });
});

/** What a checkpoint holds beside its header. */
function tensorsOf(bytes: Buffer): string {
  return bytes.subarray(8 + Number(bytes.readBigUInt64LE(0))).toString("base64");
}

describe("an nnU-Net of", () => {
  it("slices of volumes is trained and judged in 2-D, in the experiment of another configuration", async () => {
    const summary = await train("one", { set: { ...quick, configuration: "2d" } });
    expect(summary.run).toBe(at("one/2d/fold-0"));
    expect(Object.keys(summary.scores)).toContain("dice ball");
  });

  it("regions of two channels, with voxels that nobody labelled, learns each region", async () => {
    await writeRegions(at("regions"));
    const set = { ...quick, epochs: "6", "optimizer.learningRate": "0.02", average: "0.8" };
    const summary = await train("nested", { dataDir: at("regions"), folds: 2, set });
    expect(Object.keys(summary.scores)).toEqual(expect.arrayContaining(["dice whole", "dice core"]));
    const rows = (await readFile(join(summary.run, "metrics.jsonl"), "utf8")).trim().split("\n");
    const losses = rows.map((row) => (JSON.parse(row) as { trainLoss: number }).trainLoss);
    expect(losses.at(-1)!).toBeLessThan(0.8 * losses[0]!);
    expect(summary.scores["dice whole"]).toBeGreaterThan(0.3);
  });

  it("a cascade learns from what the coarser stage says of cases that it has not seen", async () => {
    await writeBalls(at("large"), { cases: 3, size: [36, 36, 36] });
    const changes = { dataDir: at("large"), folds: 3 };
    const set = (configuration: string) => ({
      ...quick,
      configuration,
      memoryGb: "0.01",
      stepsPerEpoch: "3",
    });
    await expect(train("cascade", { ...changes, set: set("3d_cascade_fullres") })).rejects.toThrow(
      /3d_cascade_fullres learns from what 3d_lowres says.*all 3 folds of 3d_lowres.*--configuration 3d_lowres --fold all/,
    );
    await train("cascade", { ...changes, set: set("3d_lowres"), allFolds: true });
    const summary = await train("cascade", { ...changes, set: set("3d_cascade_fullres"), fold: 1 });
    expect(summary.run).toBe(at("cascade/3d_cascade_fullres/fold-1"));
    expect((await readdir(at("cascade/prepared"))).sort()).toEqual(["3d_fullres", "3d_lowres"]);
    expect(summary.scores["dice ball"]).toBeGreaterThanOrEqual(0);
  });
});

/** Two channels; a bright core inside a ball, and a slab that nobody labelled. */
async function writeRegions(root: string): Promise<void> {
  const size: Size3 = [16, 16, 16];
  for (const name of ["imagesTr", "labelsTr"]) await mkdir(join(root, name), { recursive: true });
  const training: object[] = [];
  for (let one = 0; one < 4; one++) {
    const { image, label, grid } = ball(`region ${one}`, size);
    const count = image.length;
    const both = new Float32Array(2 * count);
    both.set(image);
    for (let voxel = 0; voxel < count; voxel++) {
      const core = label[voxel] === 1 && voxel % 16 > 7;
      both[count + voxel] = (image[voxel]! % 7) + (core ? 60 : 0);
      if (core) label[voxel] = 2;
      if (Math.floor(voxel / 256) === 15) label[voxel] = 3;
    }
    const name = `case-${one}.nii.gz`;
    await writeVolume(join(root, "imagesTr", name), { ...grid, channels: 2, data: both });
    await writeVolume(join(root, "labelsTr", name), { ...grid, channels: 1, data: label });
    training.push({ image: `./imagesTr/${name}`, label: `./labelsTr/${name}` });
  }
  const described = {
    name: "nested",
    channel_names: { 0: "T1", 1: "FLAIR" },
    labels: { background: 0, whole: [1, 2], core: [2], ignore: 3 },
    regions_class_order: [1, 2],
    numTraining: 4,
    file_ending: ".nii.gz",
    training,
  };
  await writeFile(join(root, "dataset.json"), JSON.stringify(described));
}
