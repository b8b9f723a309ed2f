import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadCaseFrom } from "../../src/io/case.js";
import { openDataSetFrom } from "../../src/io/dataset.js";
import {
  fingerprint,
  inspectPath,
  loadCase,
  openDataSet,
  readVolume,
  writeLabelLike,
  writeVolume,
} from "../../src/io/node.js";
import { foldOf } from "../../src/io/split.js";
import { webFiles } from "../../src/io/web.js";
import type { Affine, Size3, VoxelArray } from "../../src/volume/volume.js";

const size: Size3 = [4, 3, 2];
/** i runs to the left: the canonical frame is another than the file's. */
const las: Affine = [-1, 0, 0, 50, 0, 2, 0, -10, 0, 0, 3, 5, 0, 0, 0, 1];
const ramp = (channels = 1, first = 0) => Float32Array.from({ length: 24 * channels }, (_, at) => at + first);
const labelled = (...values: number[]) =>
  Uint8Array.from({ length: 24 }, (_, at) => values[at % values.length]!);

const fresh = () => mkdtempSync(join(tmpdir(), "gyrus-dataset-"));
function text(path: string, content: unknown): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
}
async function scan(
  path: string,
  data: VoxelArray,
  { channels = 1, affine = las, size: extents = size } = {},
) {
  mkdirSync(dirname(path), { recursive: true });
  await writeVolume(path, { data, size: extents, affine, channels }, { nonFinite: "keep" });
}

async function decathlon(change: object = {}): Promise<string> {
  const root = fresh();
  const ids = ["a_001", "a_002"];
  for (const id of ids) {
    await scan(join(root, `imagesTr/${id}.nii.gz`), ramp(2), { channels: 2 });
    await scan(join(root, `labelsTr/${id}.nii.gz`), labelled(0, 1, 2));
  }
  text(join(root, "dataset.json"), {
    name: "Two",
    tensorImageSize: "4D",
    modality: { "0": "FLAIR", "1": "T1w" },
    labels: { "0": "background", "1": "oedema", "2": "core" },
    training: ids.map((id) => ({ image: `./imagesTr/${id}.nii.gz`, label: `./labelsTr/${id}.nii.gz` })),
    ...change,
  });
  return root;
}

describe("Decathlon", () => {
  it("opens, loads into the canonical frame and writes back bit for bit", async () => {
    const root = await decathlon();
    const dataset = await openDataSet(root);
    expect(dataset).toMatchObject({
      kind: "msd",
      name: "Two",
      channels: ["FLAIR", "T1w"],
      labels: [
        { value: 1, name: "oedema" },
        { value: 2, name: "core" },
      ],
      labelValues: [0, 1, 2],
      dimensions: 3,
    });
    const { image, label, native } = await loadCase(dataset, dataset.cases[0]!);
    expect(image.channels).toBe(2);
    expect(image.affine.slice(0, 4)).toEqual([1, 0, 0, 47]);
    expect(Array.from(image.data.slice(0, 4))).toEqual([3, 2, 1, 0]);
    expect(image.data[24]).toBe(27);
    const out = join(root, "out.nii.gz");
    await writeLabelLike(out, label!, native, dataset.labelValues);
    const [written, original] = [await readVolume(out), await readVolume(dataset.cases[0]!.label!)];
    expect(written.volume).toEqual(original.volume);
    expect(written.header).toMatchObject({
      intentCode: 1002,
      sformCode: 1,
      qformCode: 1,
      dim: [3, 4, 3, 2, 1, 1, 1, 1],
    });
  });

  it("says which key of dataset.json is wrong, and what it should look like", async () => {
    await expect(openDataSet(await decathlon({ labels: undefined }))).rejects.toThrow(
      /dataset\.json: the entry "labels" is not what a dataset\.json holds\. Expected something like "labels": \{"0": "background", "1": "hippocampus"\}\. Found nothing\./,
    );
    await expect(openDataSet(await decathlon({ training: [{ label: "x" }] }))).rejects.toThrow(
      /the entry "training\.0\.image" .*Found nothing/,
    );
    await expect(openDataSet(await decathlon({ modality: { "1": "T1" } }))).rejects.toThrow(
      "the channels are not numbered from 0",
    );
    await expect(openDataSet(await decathlon({ labels: { x: "y" } }))).rejects.toThrow(
      "a label has no number",
    );
    const root = await decathlon();
    text(join(root, "dataset.json"), "{,}");
    await expect(openDataSet(root)).rejects.toThrow(/dataset\.json: the file is not JSON/);
  });

  it("opens nnU-Net's layout: one file per channel, names first, no list of cases", async () => {
    const root = fresh();
    for (const id of ["b_2", "b_10"]) {
      for (const channel of ["0000", "0001"])
        await scan(join(root, `imagesTr/${id}_${channel}.nii.gz`), ramp(1, Number(channel)));
      await scan(join(root, `labelsTr/${id}.nii.gz`), labelled(0, 4));
    }
    text(join(root, "dataset.json"), {
      channel_names: { "0": "T1", "1": "T2" },
      labels: { background: 0, lesion: 4, ignore: 5 },
      numTraining: 2,
      file_ending: ".nii.gz",
    });
    const dataset = await openDataSet(root);
    expect(dataset.cases.map(({ id }) => id)).toEqual(["b_2", "b_10"]);
    // The label for voxels that nobody labelled is a class of its own, after all others.
    expect(dataset.labelValues).toEqual([0, 4, 5]);
    expect(dataset.labels.map(({ name }) => name)).toEqual(["lesion"]);
    expect(dataset.ignoredClass).toBe(2);
    const { image, label } = await loadCase(dataset, dataset.cases[1]!);
    expect(image.channels).toBe(2);
    expect(image.data[24]! - image.data[0]!).toBe(1);
    expect(Math.max(...label!.data)).toBe(1);

    await scan(join(root, "labelsTr/b_2_0000.nii.gz"), labelled(0, 4));
    await expect(openDataSet(root)).rejects.toThrow(
      /b_2_0000\.nii\.gz: a label map has no image\. .*rename it to b_2\.nii\.gz/,
    );
    rmSync(join(root, "labelsTr/b_2_0000.nii.gz"));
    rmSync(join(root, "imagesTr/b_2_0000.nii.gz"));
    rmSync(join(root, "imagesTr/b_2_0001.nii.gz"));
    await expect(openDataSet(root)).rejects.toThrow(/b_2\.nii\.gz: a label map has no image/);
    rmSync(join(root, "labelsTr/b_2.nii.gz"));
    await expect(openDataSet(root)).rejects.toThrow(/numTraining says\. Expected 2 cases\. Found 1\./);
  });

  it("finds the files of channels that nnU-Net's first version lists without their numbers", async () => {
    const root = fresh();
    for (const id of ["a", "b"]) {
      for (const channel of ["0000", "0001"])
        await scan(join(root, `imagesTr/${id}_${channel}.nii.gz`), ramp(1, Number(channel)));
      await scan(join(root, `labelsTr/${id}.nii.gz`), labelled(0, 1));
    }
    text(join(root, "dataset.json"), {
      modality: { "0": "T1", "1": "T2" },
      labels: { "0": "background", "1": "lesion" },
      training: ["a", "b"].map((id) => ({
        image: `./imagesTr/${id}.nii.gz`,
        label: `./labelsTr/${id}.nii.gz`,
      })),
    });
    const { cases, ...dataset } = await openDataSet(root);
    expect(cases.map(({ id, images }) => [id, images])).toEqual(
      ["a", "b"].map((id) => [id, [0, 1].map((n) => join(root, `imagesTr/${id}_000${n}.nii.gz`))]),
    );
    const { image, label } = await loadCase(dataset, cases[1]!);
    expect([image.channels, Math.max(...label!.data)]).toEqual([2, 1]);
    rmSync(join(root, "imagesTr/b_0001.nii.gz"));
    await expect(openDataSet(root)).rejects.toThrow(
      /imagesTr\/b_0001\.nii\.gz: the case "b" has no file for channel 1/,
    );
  });

  it("knows whose scan it is where dataset.json says so", async () => {
    const root = fresh();
    text(join(root, "dataset.json"), {
      labels: { "0": "background", "1": "lesion" },
      training: [
        { image: "./imagesTr/a.nii.gz", label: "./labelsTr/a.nii.gz", subject: "sub-01" },
        { image: "./imagesTr/b.nii.gz", label: "./labelsTr/b.nii.gz" },
      ],
    });
    const { cases } = await openDataSet(root);
    expect(cases.map(({ subject }) => subject)).toEqual(["sub-01", "b"]);
  });
});

describe("BIDS", () => {
  async function bids(): Promise<string> {
    const root = fresh();
    text(join(root, "dataset_description.json"), { Name: "Three", BIDSVersion: "1.10.0" });
    text(join(root, "participants.tsv"), "participant_id\tage\nsub-01\t70\nsub-02\tn/a\nsub-09\t50\n");
    text(
      join(root, "derivatives/manual/dseg.tsv"),
      "index\tname\n0\tbackground\n17\tleft hippocampus\n53\tright hippocampus\n",
    );
    for (const [sub, ses] of [
      ["01", "a"],
      ["01", "b"],
      ["02", "a"],
    ]) {
      const place = `sub-${sub}/ses-${ses}/anat/sub-${sub}_ses-${ses}`;
      await scan(join(root, `${place}_T1w.nii.gz`), ramp());
      await scan(join(root, `${place}_run-2_FLAIR.nii.gz`), ramp());
      await scan(join(root, `${place}_run-1_FLAIR.nii.gz`), ramp());
      if (sub === "01") await scan(join(root, `${place}_T2w.nii.gz`), ramp());
      await scan(join(root, `derivatives/manual/${place}_dseg.nii.gz`), labelled(0, 17, 53));
      await scan(join(root, `derivatives/manual/${place}_space-MNI_dseg.nii.gz`), labelled(0));
    }
    return root;
  }

  it("opens raw images with their segmentations, tables and participants", async () => {
    const dataset = await openDataSet(await bids());
    expect(dataset).toMatchObject({
      kind: "bids",
      name: "Three",
      channels: ["FLAIR", "T1w"],
      labelValues: [0, 17, 53],
      labels: [
        { value: 1, name: "left hippocampus" },
        { value: 2, name: "right hippocampus" },
      ],
    });
    expect(dataset.cases.map(({ id, subject, session }) => [id, subject, session])).toEqual([
      ["sub-01_ses-a", "sub-01", "ses-a"],
      ["sub-01_ses-b", "sub-01", "ses-b"],
      ["sub-02_ses-a", "sub-02", "ses-a"],
    ]);
    expect(dataset.cases[0]!.images[0]).toMatch(/run-1_FLAIR/);
    expect(dataset.participants?.[1]).toEqual({ participant_id: "sub-02", age: undefined });
    const { image, label } = await loadCase(dataset, dataset.cases[0]!);
    expect(image.channels).toBe(2);
    expect(new Set(label!.data)).toEqual(new Set([0, 1, 2]));
    const split = foldOf(dataset, 0, 2, 1);
    expect(split.train.length + split.validation.length).toBe(3);
    expect(split.subjects.train.filter((s) => split.subjects.validation.includes(s))).toEqual([]);
  });

  it("takes the channels asked for, and leaves out subjects that lack one", async () => {
    const root = await bids();
    const dataset = await openDataSet(root, { channels: ["T1w", "T2w"] });
    expect(dataset.cases.map(({ id }) => id)).toEqual(["sub-01_ses-a", "sub-01_ses-b"]);
    expect(() => foldOf(dataset, 0, 2, 1)).toThrow(
      "Three: a data set with one subject cannot be split. Expected at least two subjects, since images of one subject may not be on both sides. Found 2 case(s) of sub-01. Add scans of other subjects.",
    );
    await expect(openDataSet(root, { channels: ["T7w"] })).rejects.toThrow(
      "no subject has all the channels. Expected T7w. Found FLAIR, T1w, T2w. Name the channels that are there.",
    );
  });

  it("asks when it cannot know: several derivatives, no table of labels", async () => {
    const root = await bids();
    await scan(join(root, "derivatives/other/sub-01/ses-a/anat/sub-01_ses-a_dseg.nii.gz"), labelled(0, 1));
    await expect(openDataSet(root)).rejects.toThrow(
      "several derivatives hold segmentations. Expected one, or a choice. Found manual, other.",
    );
    await expect(openDataSet(root, { derivative: "other" })).rejects.toThrow(
      /derivatives\/other\/dseg\.tsv: the segmentations have no table that names their labels/,
    );
    const named = await openDataSet(root, { derivative: "other", labels: { 1: "all" } });
    expect(named.labels).toEqual([{ value: 1, name: "all" }]);
  });

  it("inspects a folder without a table of labels all the same, and says so", async () => {
    const root = await bids();
    rmSync(join(root, "derivatives/manual/dseg.tsv"));
    const found = await inspectPath(root);
    if (found.kind !== "dataset") throw new Error("not inspected as a data set");
    expect(found.problems[0]).toMatchObject({
      level: "error",
      what: expect.stringMatching(/^the segmentations have no table that names their labels/),
      where: expect.stringMatching(/dseg\.tsv$/),
    });
    expect(found.dataset.labels.map(({ name }) => name)).toEqual(["label 17", "label 53"]);
    expect(found.summary.labels.map(({ present }) => present)).toEqual([3, 3]);
    expect(found.problems.filter(({ where }) => /dseg\.nii/.test(where))).toEqual([]);
    await expect(inspectPath(root, { derivative: "none" })).rejects.toThrow("there is no such derivative");
  });

  it("opens a derivative by itself, and takes nothing from template space", async () => {
    const root = fresh();
    for (const sub of ["sub-1", "sub-2"]) {
      await scan(join(root, `${sub}/anat/${sub}_desc-preproc_T1w.nii.gz`), ramp());
      await scan(join(root, `${sub}/anat/${sub}_space-MNI_desc-preproc_T1w.nii.gz`), ramp());
      await scan(join(root, `${sub}/anat/${sub}_label-lesion_mask.nii.gz`), labelled(0, 1));
    }
    expect(await openDataSet(root)).toMatchObject({
      channels: ["desc-preproc_T1w"],
      labels: [{ value: 1, name: "lesion" }],
      cases: [{ id: "sub-1" }, { id: "sub-2" }],
    });
  });

  it("inspection compares folders, table and maps", async () => {
    const found = await inspectPath(await bids());
    expect(found).toMatchObject({ kind: "dataset", summary: { cases: 3, subjects: 2, labelled: 3 } });
    expect(found.problems.map(({ what }) => what)).toEqual([
      "1 subjects in participants.tsv have no images: sub-09",
    ]);
    if (found.kind !== "dataset") throw new Error("unreachable");
    expect(found.summary.labels[0]).toEqual({
      name: "left hippocampus",
      volumeMm3: [48, 48, 48],
      present: 3,
    });
    expect(found.summary.spacingMm).toEqual([
      [1, 1, 1],
      [2, 2, 2],
      [3, 3, 3],
    ]);
  });
});

describe("pairs of images and masks", () => {
  async function pairs(values: number[], count = 12): Promise<string> {
    const root = fresh();
    for (let n = 0; n < count; n++) {
      const data = Uint8Array.from({ length: 24 }, (_, at) => at + n);
      await scan(join(root, `train/image/${n}.png`), data, { size: [6, 4, 1] });
      await scan(join(root, `train/label/${n}.png`), labelled(...values), { size: [6, 4, 1] });
    }
    return root;
  }

  it("maps 0 and 255 to classes and back, and orders a stack by number", async () => {
    const root = await pairs([255, 0, 255]);
    const dataset = await openDataSet(root, { labels: { 0: "membrane", 255: "cell" } });
    expect(dataset).toMatchObject({
      kind: "pairs",
      dimensions: 2,
      stack: true,
      background: "membrane",
      labels: [{ value: 1, name: "cell" }],
      labelValues: [0, 255],
    });
    expect(dataset.cases.map(({ id }) => id)).toEqual(Array.from({ length: 12 }, (_, n) => `${n}`));
    expect((await openDataSet(root)).labels).toEqual([{ value: 1, name: "foreground" }]);
    const { label, native } = await loadCase(dataset, dataset.cases[11]!);
    expect(Array.from(label!.data.slice(0, 3))).toEqual([1, 0, 1]);
    const out = join(root, "out.png");
    await writeLabelLike(out, label!, native, dataset.labelValues);
    expect((await readVolume(out)).volume).toEqual((await readVolume(dataset.cases[11]!.label!)).volume);
  });

  it("refuses a mask of grey levels, a label without image, and a folder that is no data set", async () => {
    const root = await pairs([0, 1]);
    await scan(
      join(root, "train/label/3.png"),
      Uint8Array.from({ length: 200 }, (_, at) => at),
      { size: [20, 10, 1] },
    );
    await expect(openDataSet(root)).rejects.toThrow(/label\/3\.png: the label file holds grey levels/);
    await scan(join(root, "train/label/77.png"), labelled(0, 1), { size: [6, 4, 1] });
    await expect(openDataSet(root)).rejects.toThrow(/label\/77\.png: a label has no image of the same name/);
    await expect(openDataSet(tmpdir())).rejects.toThrow(
      "this is no data set that is known. Expected a dataset.json",
    );
    await expect(openDataSet(join(root, "nope"))).rejects.toThrow(/nope: there is no such folder/);
  });
});

describe("a case is checked when it is loaded", () => {
  const one = { channels: ["T1w"], labelValues: [0, 1] };
  async function files(image: VoxelArray, label: VoxelArray, where: Parameters<typeof scan>[2] = {}) {
    const root = fresh();
    await scan(join(root, "i.nii"), image);
    await scan(join(root, "l.nii"), label, where);
    return loadCase(one, {
      id: "x",
      subject: "x",
      images: [join(root, "i.nii")],
      label: join(root, "l.nii"),
    });
  }

  it("accepts another axis order and rounding noise, and nothing beyond", async () => {
    const noisy = las.map((x, at) => (at < 12 ? x + 1e-5 : x));
    await expect(files(ramp(), labelled(0, 1), { affine: noisy })).resolves.toBeDefined();
    const ras: Affine = [1, 0, 0, 47, ...las.slice(4)];
    const { label } = await files(ramp(), labelled(0, 0, 0, 1), { affine: ras });
    expect(Array.from(label!.data.slice(0, 4))).toEqual([0, 0, 0, 1]);
    const moved = las.map((x, at) => (at === 3 ? x + 2 : x));
    await expect(files(ramp(), labelled(0, 1), { affine: moved })).rejects.toThrow(
      /l\.nii: the grid is not that of .*i\.nii\. Expected 4x3x2 voxels of 1x2x3 mm at the same place \(within 0\.001 mm\)\. Found first voxels 2 mm \(2 voxels\) apart, corners up to 2 mm apart\. If both belong together and only a header is wrong, copy the geometry/,
    );
    await expect(files(ramp(), new Uint8Array(48), { size: [4, 3, 4] })).rejects.toThrow(
      /Found sizes 4x3x2 and 4x3x4 voxels\. Resample one onto the other \(a label map by nearest neighbour\), or choose/,
    );
  });

  it("refuses labels that are fractional, unknown or not finite", async () => {
    await expect(
      files(
        ramp(),
        Float32Array.from(labelled(0, 1), (x) => x / 2),
      ),
    ).rejects.toThrow(
      /l\.nii: the label map holds fractional values\. Expected 0, 1\. Found 0\.5 at voxel 0, 12 such voxel\(s\) in all\. Round it/,
    );
    await expect(files(ramp(), labelled(0, 1, 7))).rejects.toThrow(
      /l\.nii: the label 7 is not in the table of labels\. Expected 0, 1\. Found 7 at voxel \d+, 8 such voxel\(s\)/,
    );
    await expect(files(ramp(), labelled(0, 7))).rejects.toThrow(
      /If 7=1 is what is meant, gyrus convert DATA --out COPY --remap 7=1 makes a data set with these labels/,
    );
    await expect(
      files(
        ramp(),
        Float32Array.from(labelled(0, 1), (x) => 1.004 * x),
      ),
    ).rejects.toThrow(/--remap 1\.00399\d*=1 makes/);
    await expect(
      files(
        ramp(),
        Float32Array.from(labelled(0, 1), (x) => x / 0),
      ),
    ).rejects.toThrow("holds non-finite values");
    await expect(
      files(
        ramp(),
        Int16Array.from(labelled(0, 1), (x) => -x),
      ),
    ).rejects.toThrow("the label -1 is not in the table");
  });

  it("refuses images that are not finite, constant or of other channels", async () => {
    const broken = ramp();
    broken[5] = Number.NaN;
    await expect(files(broken, labelled(0, 1))).rejects.toThrow(/i\.nii: 1 of 24 voxels are not finite/);
    await expect(files(new Float32Array(24).fill(3), labelled(0, 1))).rejects.toThrow(
      /i\.nii: the image is constant\. Expected values that differ\. Found 3 in all voxels\./,
    );
    const root = fresh();
    await scan(join(root, "4d.nii"), ramp(5), { channels: 5 });
    await expect(loadCase(one, { id: "x", subject: "x", images: [join(root, "4d.nii")] })).rejects.toThrow(
      /4d\.nii: the image has 5 channel\(s\)\. Expected 1: T1w\. Found 5 in one file\. Extract the volume that is wanted/,
    );
  });
});

describe("fingerprints and the browser", () => {
  it("change with a byte, and not with the folder", async () => {
    const [a, b] = [await decathlon(), await decathlon()];
    const first = await fingerprint(await openDataSet(a));
    expect(first.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(await fingerprint(await openDataSet(b))).toEqual(first);
    await scan(join(b, "labelsTr/a_002.nii.gz"), labelled(0, 1, 2, 2));
    const changed = await fingerprint(await openDataSet(b));
    expect(changed.sha256).not.toBe(first.sha256);
    expect(changed.cases[0]).toEqual(first.cases[0]);
  });

  it("the same readers work on dropped files", async () => {
    const root = await decathlon();
    const paths = ["dataset.json", "imagesTr/a_001.nii.gz", "labelsTr/a_001.nii.gz"];
    const chosen = paths.map((path) => {
      const file = new File([readFileSync(join(root, path))], path.split("/").at(-1)!);
      Object.defineProperty(file, "webkitRelativePath", { value: `set/${path}` });
      return file;
    });
    const files = webFiles(chosen);
    const dataset = await openDataSetFrom(files, "set");
    const there = await loadCaseFrom(files, dataset, dataset.cases[0]!);
    const disk = await openDataSet(root);
    expect(there.image).toEqual((await loadCase(disk, disk.cases[0]!)).image);
    await expect(loadCaseFrom(files, dataset, dataset.cases[1]!)).rejects.toThrow(
      "set/imagesTr/a_002.nii.gz: this file is not among those that were chosen.",
    );
    const packed = await files.gzip.compress(new Uint8Array(1000));
    expect(await files.gzip.expand(packed, "x")).toEqual(new Uint8Array(1000));
    await expect(files.gzip.expand(packed.subarray(0, 20), "x.gz")).rejects.toThrow(/x\.gz: the gzip stream/);
  });
});

const real = join(import.meta.dirname, "../../../shared/data");
if (!existsSync(real)) console.warn("SKIPPED: the folder ../shared/data is not there");
describe.skipIf(!existsSync(real))("real data sets", () => {
  it("hippocampus: every case loads, folds part all cases", async () => {
    const dataset = await openDataSet(join(real, "msd-hippocampus"));
    expect(dataset.cases).toHaveLength(191);
    for (const one of dataset.cases.slice(0, 20)) {
      const { image, label } = await loadCase(dataset, one);
      expect(label!.size).toEqual(image.size);
    }
    const folds = Array.from({ length: 5 }, (_, fold) => foldOf(dataset, fold, 5, 1).validation);
    expect(folds.map((ids) => ids.length)).toEqual([39, 38, 38, 38, 38]);
    expect(new Set(folds.flat()).size).toBe(191);
  });

  it("electron microscopy: a stack, held out in blocks of neighbours", async () => {
    const dataset = await openDataSet(join(real, "isbi2012-em"));
    expect(dataset).toMatchObject({ stack: true, dimensions: 2, labelValues: [0, 255] });
    expect(foldOf(dataset, 1, 4, 1)).toMatchObject({ by: "block", validation: ["6", "7", "8", "9", "10"] });
  });
});
