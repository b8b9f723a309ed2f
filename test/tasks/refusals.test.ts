import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { explainError } from "../../src/cli/exit.js";
import type { DataSet } from "../../src/io/dataset.js";
import { writeVolume } from "../../src/io/node.js";
import { segmentUnet } from "../../src/systems/segment-unet.js";
import { loadLabelled } from "../../src/tasks/segmentation/data.node.js";
import type { TrainRequest, Verbs } from "../../src/tasks/verbs.js";
import { scalingAffine } from "../../src/volume/affine.js";
import { ball, type DataSetChanges, quick, thresholdModel, writeBalls } from "./data.js";

let folder = "";
let data = "";
let verbs: Verbs;
let count = 0;
const fresh = (name: string): string => join(folder, `${name}-${count++}`);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyrus-refusals-"));
  verbs = await segmentUnet.verbs();
  data = await writeBalls(fresh("data"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const request = (dataDir: string, runDir: string, changes: Partial<TrainRequest> = {}): TrainRequest => ({
  dataDir,
  runDir,
  preset: "tiny",
  set: quick,
  epochs: 1,
  seed: 1,
  threads: 1,
  resume: false,
  ...changes,
});

/** The work fails with one paragraph that fits `words`, and what the command line would exit with is `code`. */
async function expectRefusal(work: Promise<unknown>, words: RegExp, code = 2): Promise<void> {
  const thrown: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown, "nothing was thrown").toBeInstanceOf(Error);
  const shown = explainError(thrown);
  expect((thrown as Error).message).toMatch(words);
  expect((thrown as Error).message).not.toContain("\n");
  expect(shown.error.fix, "nothing to do about it").toBeTruthy();
  expect(shown.code).toBe(code);
}

/** `gyrus train` on a data set with this change. */
async function refuseTraining(changes: DataSetChanges, words: RegExp): Promise<void> {
  const [dataDir, runDir] = [await writeBalls(fresh("bad"), changes), fresh("run")];
  await expectRefusal(verbs.train(request(dataDir, runDir)), words);
  expect(existsSync(runDir)).toBe(false);
}

const only =
  (at: number, change: NonNullable<DataSetChanges["change"]>): NonNullable<DataSetChanges["change"]> =>
  (sample, n) =>
    n === at ? change(sample, n) : {};

describe("training refuses, before anything is written,", () => {
  it("voxels that are not numbers", () =>
    refuseTraining(
      { change: only(2, ({ image }) => ({ image: image.with(5, Number.NaN).with(9, Infinity) })) },
      /^\S*imagesTr\/ball-2\.nii\.gz: .*not finite|^\S*ball-2\.nii\.gz: /,
    ));

  it("an image that is constant", () =>
    refuseTraining(
      { change: only(1, ({ image }) => ({ image: image.map(() => 7) })) },
      /^\S*imagesTr\/ball-1\.nii\.gz: the image is constant\. Expected values that differ\. Found 7 in all voxels\./,
    ));

  it("a label on another grid, by how much, and what to do", () =>
    refuseTraining(
      {
        change: only(3, ({ grid }) => ({
          labelGrid: { ...grid, affine: scalingAffine([1, 1, 1], [-8, -5, -8]) },
        })),
      },
      /^\S*labelsTr\/ball-3\.nii\.gz: the grid is not that of \S*imagesTr\/ball-3\.nii\.gz\. .*3.*mm/,
    ));

  it("a label of another size", () =>
    refuseTraining(
      {
        change: only(0, ({ label, grid }) => ({
          label: label.subarray(0, 16 * 16 * 15),
          labelGrid: { ...grid, size: [16, 16, 15] },
        })),
      },
      /^\S*labelsTr\/ball-0\.nii\.gz: the grid is not that of .*16x16x16.*16x16x15.*Resample one onto the other/,
    ));

  it("labels that are fractional", () =>
    refuseTraining(
      { change: only(2, ({ label }) => ({ label: Float32Array.from(label, (x) => 0.7 * x) })) },
      /^\S*labelsTr\/ball-2\.nii\.gz: the label map holds fractional values\. Expected 0, 1\. Found 0\.69/,
    ));

  it("labels that are missing from the table", () =>
    refuseTraining(
      { change: only(2, ({ label }) => ({ label: label.map((x) => 7 * x) })) },
      /^\S*labelsTr\/ball-2\.nii\.gz: the label 7 is not in the table of labels\. Expected 0, 1\./,
    ));

  it("regions and an ignore label, which only an nnU-Net knows", async () => {
    const dataset = { root: "set", regions: [], cases: [] } as unknown as DataSet;
    const one = { id: "a", subject: "a", images: ["a.nii.gz"] };
    await expect(loadLabelled(dataset, one)).rejects.toThrow(
      /^set: the data set has regions, which this system does not know\. Expected one number a label/,
    );
    const { regions: _, ...plain } = dataset;
    await expect(loadLabelled({ ...plain, ignoredClass: 2 }, one)).rejects.toThrow(/has an ignore label/);
  });

  it("a 4-D image where a 3-D one is wanted", () =>
    refuseTraining(
      {
        change: only(1, ({ image }) => ({
          image: Float32Array.from([...image, ...image.map((x) => x + 1)]),
          imageChannels: 2,
        })),
      },
      /^\S*ball-1\.nii\.gz: the image has 2 channel\(s\)\. Expected 1: T1\. .*Extract the volume that is wanted/,
    ));

  it("a data set with one subject", () =>
    refuseTraining(
      { cases: 1 },
      /^Balls: a data set with one subject cannot be split\. .*Add scans of other subjects/,
    ));

  it("a file that is missing, and one that is cut short", async () => {
    const [missing, short] = [await writeBalls(fresh("bad")), await writeBalls(fresh("bad"))];
    await rm(`${missing}/labelsTr/ball-1.nii.gz`);
    const path = `${short}/imagesTr/ball-1.nii.gz`;
    await writeFile(path, (await readFile(path)).subarray(0, 2000));
    for (const [dataDir, words] of [
      [missing, /^\S*labelsTr\/ball-1\.nii\.gz: there is no such file/],
      [short, /^\S*imagesTr\/ball-1\.nii\.gz: /],
    ] as const) {
      const runDir = fresh("run");
      await expectRefusal(verbs.train(request(dataDir, runDir)), words);
      expect(existsSync(runDir)).toBe(false);
    }
  });

  it.each([
    [{ preset: "smal" }, /has no preset "smal"\. .*small/],
    [{ fold: 9 }, /there is no such fold.*0 to 3.*9/],
    [
      { set: { ...quick, batchSize: "2" } },
      /the configuration does not fit\. Found .*batchSize.*Keys: .*batch/,
    ],
    [{ set: { ...quick, "network.width": "2" } }, /the configuration does not fit.*width/],
    [
      { set: { ...quick, "optimizer.learningRate": "-1" } },
      /^optimizer\.learningRate: the configuration does not fit/,
    ],
    [
      { set: { ...quick, patch: "15,16,16" } },
      /^patch: .*15x16x16; the network wants extents that are multiples of 2/,
    ],
    [{ set: { ...quick, dimensions: "2" } }, /^patch: .*1 voxel along the third axis, not 16/],
    [
      { set: { ...quick, "network.padding": "valid", patch: "auto" } },
      /^patch: .*valid convolutions need the patch/,
    ],
    [{ set: { ...quick, "loss.border": '{"weight":10,"sigmaPixels":5}' } }, /^loss\.border: .*2-D only/],
    [{ set: { ...quick, "loss.crossEntropy": "0", "loss.dice": "0" } }, /^loss: .*nothing would be learned/],
  ] as const)("%j", async (changes, words) => {
    const runDir = fresh("run");
    await expectRefusal(verbs.train(request(data, runDir, changes)), words);
    expect(existsSync(runDir)).toBe(false);
  });
});

describe("a run folder", () => {
  let run = "";
  const contents = async (): Promise<Record<string, string>> => {
    const names = (await readdir(run, { recursive: true, withFileTypes: true })).filter((one) =>
      one.isFile(),
    );
    return Object.fromEntries(
      await Promise.all(
        names.map(async (one) => {
          const path = join(one.parentPath, one.name);
          return [path, (await readFile(path)).toString("base64")] as const;
        }),
      ),
    );
  };
  beforeAll(async () => {
    run = fresh("run");
    await verbs.train(request(data, run));
  });

  it("that exists is left alone", async () => {
    const before = await contents();
    await expectRefusal(
      verbs.train(request(data, run)),
      /: the run folder is there already\. Found checkpoints, metrics\.jsonl, model\.onnx, run\.json\. Give another --out, or --resume/,
    );
    expect(await contents()).toEqual(before);
  });

  it.each([
    [{ set: { ...quick, batch: "1" } }, /begun with another config\.batch\. Expected 2\. Found 1\./],
    [{ seed: 2 }, /begun with another seed\. Expected 1\. Found 2\./],
    [{ epochs: 2 }, /begun with another config\.epochs\. Expected 1\. Found 2\./],
    [{ preset: "small" }, /begun with another preset\. Expected "tiny"\. Found "small"\./],
    [{ fold: 1 }, /begun with another split/],
  ] as const)("is not resumed with %j", async (changes, words) => {
    const before = await contents();
    await expectRefusal(verbs.train(request(data, run, { ...changes, resume: true })), words);
    expect(await contents()).toEqual(before);
  });

  it("is not resumed when the data have changed", async () => {
    const [copy, runDir] = [await writeBalls(fresh("data")), fresh("run")];
    await verbs.train(request(copy, runDir));
    const { image, grid } = ball("ball 0");
    await writeVolume(`${copy}/imagesTr/ball-0.nii.gz`, {
      data: image.map((x) => x + 1),
      channels: 1,
      ...grid,
    });
    await expectRefusal(
      verbs.train(request(copy, runDir, { resume: true })),
      /begun with another content of the data set/,
    );
  });

  it("that is not there cannot be resumed, judged, exported or reported on", async () => {
    const nowhere = fresh("nowhere");
    const words = /: there is no such run folder\. Check the path/;
    await expectRefusal(verbs.train(request(data, nowhere, { resume: true })), words);
    await expectRefusal(verbs.evaluate({ runDir: nowhere }), words);
    await expectRefusal(verbs.exportModel({ runDir: nowhere, out: fresh("model") }), words);
    await expectRefusal(verbs.report({ runDir: nowhere }), words);
    expect(existsSync(nowhere)).toBe(false);
  });

  it("whose run.json was edited by hand says which key is wrong", async () => {
    const broken = fresh("run");
    await mkdir(broken);
    const record = JSON.parse(await readFile(`${run}/run.json`, "utf8")) as Record<string, unknown>;
    await writeFile(`${broken}/run.json`, JSON.stringify({ ...record, seed: "one" }));
    await expectRefusal(
      verbs.evaluate({ runDir: broken }),
      /run\.json: the file's entry "seed" does not fit/,
    );
    await writeFile(`${broken}/run.json`, "{");
    await expectRefusal(verbs.evaluate({ runDir: broken }), /run\.json: the file is not JSON/);
  });

  it("is not judged on labels that do not fit their scans", async () => {
    const dataDir = await writeBalls(fresh("bad"), {
      change: ({ grid, image }) => ({
        image: image.map((x) => 2 * x),
        labelGrid: { ...grid, affine: scalingAffine([1, 1, 2], [0, 0, 0]) },
      }),
    });
    await expectRefusal(
      verbs.evaluate({ runDir: run, dataDir, threads: 1 }),
      /^\S*labelsTr\/ball-0\.nii\.gz: the grid is not that of /,
    );
    expect(existsSync(`${run}/evaluation.json`)).toBe(false);
  });
});

describe("prediction refuses", () => {
  let model = "";
  beforeAll(async () => {
    model = fresh("model.onnx");
    await writeFile(model, thresholdModel());
  });
  const scanOf = async (data: Float32Array, channels = 1): Promise<string> => {
    const path = `${fresh("scan")}.nii.gz`;
    await writeVolume(path, { data, channels, ...ball(1).grid }, { nonFinite: "keep" });
    return path;
  };

  it.each([
    ["NaN voxels", () => scanOf(ball(1).image.with(7, Number.NaN)), /scan-\d+\.nii\.gz: /],
    ["a constant scan", () => scanOf(ball(1).image.fill(3)), /scan-\d+\.nii\.gz: the image is constant/],
    [
      "a 4-D scan where a 3-D one is wanted",
      () => scanOf(Float32Array.from([...ball(1).image, ...ball(2).image]), 2),
      /scan-\d+\.nii\.gz: the image has 2 channel\(s\)\. Expected 1: T1\./,
    ],
    [
      "a scan that is not there",
      async () => fresh("none.nii.gz"),
      /none\.nii\.gz-\d+: there is no such file/,
    ],
  ] as const)("%s", async (_, make, words) => {
    const outDir = fresh("out");
    await expectRefusal(verbs.predict({ model, scans: [await make()], outDir }), words);
    expect(existsSync(outDir) ? await readdir(outDir) : []).toEqual([]);
  });

  it("a model that is none, and an ONNX model that says nothing of itself", async () => {
    const bytes = fresh("bytes.onnx");
    await writeFile(bytes, "no model");
    const scans = [await scanOf(ball(1).image)];
    const outDir = fresh("out");
    await expectRefusal(verbs.predict({ model: bytes, scans, outDir }), /these bytes are no ONNX model/);
    await expectRefusal(verbs.predict({ model: fresh("no.onnx"), scans, outDir }), /there is no such file/);
    expect(existsSync(outDir)).toBe(false);
  });
});

describe("evaluation", () => {
  it("takes data of the same names and other content for what they are: another data set", async () => {
    const run = fresh("run");
    await verbs.train(request(data, run));
    const own = await verbs.evaluate({ runDir: run, threads: 1 });
    expect([own.set, own.caseCount]).toEqual(["held-out cases of fold 0 of 4 (whole subjects)", 1]);
    const moved = await verbs.evaluate({ runDir: run, dataDir: await writeBalls(fresh("data")), threads: 1 });
    expect([moved.set, moved.caseCount]).toEqual([own.set, 1]);
    const other = await writeBalls(fresh("data"), {
      change: ({ image }) => ({ image: image.map((x) => 2 * x) }),
    });
    const judged = await verbs.evaluate({ runDir: run, dataDir: other, threads: 1 });
    expect(judged.caseCount).toBe(4);
    expect(judged.set).toBe("all cases of Balls, another data set than that of the run (4 names in common)");
  });

  it("says how far it came when it is interrupted", async () => {
    const run = fresh("run");
    await verbs.train(request(data, run));
    const signal = AbortSignal.abort();
    await expectRefusal(
      verbs.evaluate({ runDir: run, signal }),
      /: the evaluation was interrupted\. Found 0 of 1 cases judged\./,
      3,
    );
    expect(existsSync(`${run}/evaluation.json`)).toBe(false);
  });
});
