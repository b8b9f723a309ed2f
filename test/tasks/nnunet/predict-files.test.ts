import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { readVolume, writeVolume } from "../../../src/io/node.js";
import { experimentPaths } from "../../../src/tasks/segmentation/nnunet/layout.js";
import { predictNnunet } from "../../../src/tasks/segmentation/nnunet/predict.node.js";
import type { PredictRequest } from "../../../src/tasks/verbs.js";
import { affineFromColumns, scalingAffine } from "../../../src/volume/affine.js";
import type { ImageVolume } from "../../../src/volume/volume.js";
import { levels, modelFor, voxelPlan, writeFold } from "./trained.js";

let dir = "";
let one = "";
let two = "";
const twoChannels = () => {
  const [channel] = voxelPlan().channels;
  return voxelPlan({ channels: [channel!, { ...channel!, name: "FLAIR" }] });
};
const at = (...parts: string[]): string => join(dir, ...parts);
const predict = (model: string, scans: string[], out: string, more: Partial<PredictRequest> = {}) =>
  predictNnunet({ model, scans, outDir: at(out), threads: 1, mirror: false, ...more });

async function writeChannels(folder: string, name: string, count = 2): Promise<ImageVolume> {
  await mkdir(folder, { recursive: true });
  const { scan } = levels(name);
  for (let c = 0; c < count; c++) await writeVolume(join(folder, `${name}_000${c}.nii.gz`), scan);
  return scan;
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "nnunet-files-"));
  one = await writeFold(at("one"), modelFor("3d_fullres"), 0);
  two = await writeFold(at("two"), modelFor("3d_fullres", twoChannels()), 0);
  await mkdir(at("scans"));
  for (const name of ["a", "b", "c"]) await writeVolume(at(`scans/${name}.nii.gz`), levels(name).scan);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe("scans to predict", () => {
  it("are channel files with numbers, a folder of them, a 4-D file, or a list", async () => {
    for (const name of ["x", "y"]) await writeChannels(at("numbered"), name);
    const { scan } = levels("x");
    const both = { ...scan, channels: 2, data: Float32Array.from([...scan.data, ...scan.data]) };
    await writeVolume(at("whole_2019.nii.gz"), both);
    const folder = await predict(two, [at("numbered")], "p1");
    expect(folder.files.map(({ prediction }) => prediction)).toEqual([
      at("p1/x_seg.nii.gz"),
      at("p1/y_seg.nii.gz"),
    ]);
    const names = ["x_0001", "y_0000", "x_0000", "y_0001"].map((name) => at(`numbered/${name}.nii.gz`));
    const listed = await predict(two, names, "p2");
    expect(listed.files.map(({ scan: first }) => first)).toEqual([names[2], names[1]]);
    const whole = await predict(two, [at("whole_2019.nii.gz")], "p3");
    expect(whole.files[0]!.prediction).toBe(at("p3/whole_2019_seg.nii.gz"));
    const joined = await predict(two, [`${names[2]},${names[0]}`], "p4");
    const maps = [folder, listed, whole, joined].map(({ files }) => readVolume(files[0]!.prediction));
    const [a, ...others] = (await Promise.all(maps)).map(({ volume }) => volume.data);
    for (const other of others) expect(other).toEqual(a);
  });

  it("may have a comma in their names, and may be pictures", async () => {
    await mkdir(at("a, b"));
    await copyFile(at("scans/a.nii.gz"), at("a, b/a,1.nii.gz"));
    const { files } = await predict(one, [at("a, b/a,1.nii.gz")], "comma");
    expect(files[0]!.prediction).toBe(at("comma/a,1_seg.nii.gz"));
    const flat = await writeFold(at("flat"), modelFor("2d"), 0);
    const { scan } = levels("flat", [20, 18, 1]);
    const grey = Uint8Array.from(scan.data, (x) => Math.max(0, Math.min(255, 60 * x)));
    await writeVolume(at("picture.png"), { ...scan, data: grey });
    const made = await predict(flat, [at("picture.png")], "pictures");
    const { volume } = await readVolume(at("pictures/picture_seg.png"));
    expect(made.files[0]!.prediction).toBe(at("pictures/picture_seg.png"));
    expect(volume.size).toEqual([20, 18, 1]);
    expect([...new Set(volume.data)].sort()).toEqual([0, 3, 7]);
    const bytes = await readFile(at("pictures/picture_seg.png"));
    const again = await predict(flat, [at("picture.png")], "pictures");
    expect(again.files[0]!.kept).toBe(true);
    await writeVolume(at("pictures/picture_seg.png"), { ...scan, data: grey });
    await expect(predict(flat, [at("picture.png")], "pictures")).rejects.toThrow(
      /picture_seg\.png: a file is in the way\..*Found another file/,
    );
    await writeFile(at("pictures/picture_seg.png"), "no picture");
    await expect(predict(flat, [at("picture.png")], "pictures")).rejects.toThrow(/Found another file/);
    await predict(flat, [at("picture.png")], "pictures", { overwrite: true });
    expect((await readFile(at("pictures/picture_seg.png"))).equals(bytes)).toBe(true);
  });

  it("miss a channel: the file that is wanted is named", async () => {
    await writeChannels(at("lacking"), "x", 1);
    await expect(predict(two, [at("lacking")], "no")).rejects.toThrow(
      /lacking\/x_0001\.nii\.gz: the scan has no file for channel 1 \(FLAIR\)\. Expected 2 files: T1, FLAIR\. Found x_0000/,
    );
  });

  it("have a channel too many, in files or in one", async () => {
    await writeChannels(at("many"), "x", 2);
    await expect(predict(one, [at("many")], "no")).rejects.toThrow(
      /x_0001\.nii\.gz: the scan has more channels than the network takes\. Expected 1: T1\. Found 2 files/,
    );
    await expect(predict(two, [at("scans/a.nii.gz")], "no")).rejects.toThrow(
      /a\.nii\.gz: the scan has 1 channel\. Expected 2: T1, FLAIR\. Found one file of 1 volume/,
    );
  });

  it("disagree in their grids: by how much is said in millimetres, before anything is predicted", async () => {
    const scan = await writeChannels(at("shifted"), "x");
    await writeChannels(at("shifted"), "a");
    await writeVolume(at("shifted/x_0001.nii.gz"), {
      ...scan,
      affine: scalingAffine([1, 1, 1], [-6, -6, -4.5]),
    });
    await expect(predict(two, [at("shifted")], "no")).rejects.toThrow(
      /x_0001\.nii\.gz: the grid is not that of .*1\.5.* mm/,
    );
    await expect(stat(at("no"))).rejects.toThrow();
  });

  it("are not there", async () => {
    await mkdir(at("empty"));
    await expect(predict(one, [at("empty")], "no")).rejects.toThrow(/empty: the folder holds no image/);
    await expect(predict(one, [at("nowhere.nii.gz")], "no")).rejects.toThrow(
      /nowhere\.nii\.gz: there is no such file/,
    );
    await expect(predict(one, [], "no")).rejects.toThrow(/no scan was given/);
    await mkdir(at("else"));
    await copyFile(at("scans/a.nii.gz"), at("else/a.nii.gz"));
    await expect(predict(one, [at("scans"), at("else")], "no")).rejects.toThrow(
      /a_seg\.nii\.gz: two scans would both be written to one file\. Found .*scans\/a\.nii\.gz, .*else\/a\.nii\.gz/,
    );
  });
});

describe("predictions", () => {
  it("are kept where they are of this scan by this model, and made where they are missing", async () => {
    const first = await predict(one, [at("scans")], "kept");
    const bytes = await Promise.all(first.files.map(({ prediction }) => readFile(prediction)));
    const when = (await stat(first.files[0]!.prediction)).mtimeMs;
    // As after a kill: one is missing, and of another half was written.
    await rm(first.files[1]!.prediction);
    await writeFile(`${first.files[1]!.prediction}.0123456789ab.part`, "half");
    const again = await predict(one, [at("scans")], "kept");
    expect(again.files.map(({ kept }) => kept ?? false)).toEqual([true, false, true]);
    expect((await stat(first.files[0]!.prediction)).mtimeMs).toBe(when);
    const now = await Promise.all(again.files.map(({ prediction }) => readFile(prediction)));
    expect(now.map((one, at) => one.equals(bytes[at]!))).toEqual([true, true, true]);
    expect((await readdir(at("kept"))).filter((name) => name.endsWith(".part"))).toEqual([]);
    const anew = await predict(one, [at("scans")], "kept", { overwrite: true });
    expect(anew.files.some(({ kept }) => kept)).toBe(false);
    expect((await readFile(anew.files[0]!.prediction)).equals(bytes[0]!)).toBe(true);
  });

  it("of another model, of a changed scan, or other files are not overwritten unless told", async () => {
    await predict(one, [at("scans/a.nii.gz")], "way");
    const other = await writeFold(at("other"), modelFor("3d_fullres"), 0, 99);
    await expect(predict(other, [at("scans/a.nii.gz")], "way")).rejects.toThrow(
      /a_seg\.nii\.gz: a file is in the way\..*Found what another model made, or other settings\. .*--overwrite/,
    );
    await expect(predict(one, [at("scans/a.nii.gz")], "way", { mirror: true })).rejects.toThrow(
      /other settings/,
    );
    await mkdir(at("changed"));
    await copyFile(at("scans/b.nii.gz"), at("changed/a.nii.gz"));
    await expect(predict(one, [at("changed/a.nii.gz")], "way")).rejects.toThrow(
      /Found what it made of a scan with other content/,
    );
    await writeVolume(at("way/b_seg.nii.gz"), levels("b").scan);
    await expect(predict(one, [at("scans/b.nii.gz")], "way")).rejects.toThrow(/Found another file/);
    const replaced = await predict(one, [at("scans/b.nii.gz")], "way", { overwrite: true });
    expect(replaced.files).toHaveLength(1);
  });

  it("of other scans go on when one is bad, whose error comes at the end", async () => {
    await mkdir(at("mixed"));
    for (const name of ["a", "c"]) await copyFile(at(`scans/${name}.nii.gz`), at(`mixed/${name}.nii.gz`));
    const { scan } = levels("b");
    const holes = { ...scan, data: scan.data.map((x, n) => (n === 7 ? Number.NaN : x)) };
    await writeVolume(at("mixed/b.nii.gz"), holes, { nonFinite: "keep" });
    await expect(predict(one, [at("mixed")], "rest")).rejects.toThrow(
      /mixed\/b\.nii\.gz: .*2 other scans are done and kept/,
    );
    expect(await readdir(at("rest"))).toEqual(["a_seg.nii.gz", "c_seg.nii.gz"]);
  });

  it("stop after the scan in hand when asked", async () => {
    const stop = new AbortController();
    const made = await predict(one, [at("scans")], "asked", {
      signal: stop.signal,
      onProgress: (done) => done === 1 && stop.abort(),
    });
    expect(made.files.map(({ prediction }) => prediction)).toEqual(
      ["a", "b"].map((n) => at(`asked/${n}_seg.nii.gz`)),
    );
  });

  it("say beforehand what memory they take, and refuse what does not fit", async () => {
    const notes: string[] = [];
    await predict(one, [at("scans")], "memory", { onNote: (text) => notes.push(text) });
    expect(notes).toEqual([
      expect.stringMatching(
        /^1 network \(3d_fullres\); the largest scan \(a, 13x12x11 voxels\) takes about 0\.\d GiB of \d+\.\d GiB free$/,
      ),
    ]);
    const affine = affineFromColumns([1, 0, 0], [0.1, 1, 0], [0, 0, 1], [0, 0, 0]);
    await writeVolume(at("sheared.nii.gz"), { ...levels("a").scan, affine });
    await predict(one, [at("sheared.nii.gz")], "memory", { onNote: (text) => notes.push(text) });
    expect(notes.slice(1)).toContainEqual(
      expect.stringMatching(/^sheared: its axes are 5\.7 degrees from right angles/),
    );
    const free = vi.spyOn(process, "availableMemory").mockReturnValue(50e6);
    await expect(predict(one, [at("scans")], "no")).rejects.toThrow(
      /a\.nii\.gz: predicting this scan does not fit into memory\. Expected at most 0\.0 GiB\. Found an estimate of/,
    );
    free.mockRestore();
  });

  it("come from networks opened one at a time where all together do not fit", async () => {
    const all = at("folds");
    const { configurations } = voxelPlan();
    const wide = { ...configurations["3d_fullres"]!, widths: [32], patch: [24, 24, 24] };
    const model = modelFor("3d_fullres", voxelPlan({ configurations: { "3d_fullres": wide } }));
    for (const fold of [0, 1, 2]) await writeFold(all, model, fold);
    const path = experimentPaths.configuration(all, "3d_fullres");
    const plain = await predict(path, [at("scans/a.nii.gz")], "together");
    const notes: string[] = [];
    const free = vi.spyOn(process, "availableMemory").mockReturnValue(138e6);
    const turns = await predict(path, [at("scans/a.nii.gz")], "turns", {
      onNote: (text) => notes.push(text),
    });
    free.mockRestore();
    expect(notes[0]).toMatch(/^3 networks \(3d_fullres\), opened one at a time; /);
    const [a, b] = await Promise.all([plain, turns].map(({ files }) => readFile(files[0]!.prediction)));
    expect(a!.equals(b!)).toBe(true);
  });
});
