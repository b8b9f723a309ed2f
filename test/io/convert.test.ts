import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { remapChoice } from "../../src/cli/commands/convert.js";
import { convertDataSet } from "../../src/io/convert.node.js";
import { loadCase, openDataSet, readVolume, writeVolume } from "../../src/io/node.js";
import { proposeRemap, remapFor } from "../../src/io/remap.js";
import { affineFromColumns, scalingAffine } from "../../src/volume/affine.js";
import type { Affine, Size3 } from "../../src/volume/volume.js";

let folder = "";
let count = 0;
const fresh = (): string => join(folder, `${++count}`);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyrus-convert-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const size: Size3 = [4, 5, 6];
const straight = scalingAffine([1, 1, 2], [-2, 0, 0]);

async function put(path: string, value: (at: number) => number, affine: Affine = straight, float = true) {
  await mkdir(dirname(path), { recursive: true });
  const data = Float32Array.from({ length: 120 }, (_, at) => value(at));
  await writeVolume(path, { size, affine, channels: 1, data: float ? data : Uint8Array.from(data) });
}

const json = async (path: string, value: unknown): Promise<void> => {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, typeof value === "string" ? value : JSON.stringify(value));
};

interface Raw {
  readonly cases?: readonly string[];
  readonly labels?: Record<string, unknown>;
  readonly label?: (name: string) => (at: number) => number;
  readonly float?: boolean;
  readonly labelAffine?: Affine;
  readonly secondAffine?: Affine;
  readonly more?: Record<string, unknown>;
}

/** nnU-Net's raw layout with two channels. */
async function raw(options: Raw = {}): Promise<string> {
  const root = fresh();
  const { cases = ["x_1", "x_2"], labels = { background: 0, lesion: 1 } } = options;
  for (const name of cases) {
    await put(join(root, `imagesTr/${name}_0000.nii.gz`), (at) => at);
    await put(join(root, `imagesTr/${name}_0001.nii.gz`), (at) => 1000 - at, options.secondAffine);
    const label = options.label?.(name) ?? ((at: number) => at % 2);
    await put(join(root, `labelsTr/${name}.nii.gz`), label, options.labelAffine, options.float ?? false);
  }
  await put(join(root, "imagesTs/x_9_0000.nii.gz"), (at) => at);
  await put(join(root, "imagesTs/x_9_0001.nii.gz"), (at) => 2 * at);
  await json(join(root, "dataset.json"), {
    channel_names: { "0": "T1", "1": "T2" },
    labels,
    numTraining: cases.length,
    file_ending: ".nii.gz",
    ...options.more,
  });
  return root;
}

describe("converting nnU-Net's raw layout", () => {
  it("makes one 4-D file a case, labels byte by byte, and the scans for testing", async () => {
    const source = await raw();
    const out = fresh();
    const done = await convertDataSet(source, out);
    expect(done).toEqual({ folder: out, kind: "msd", training: 2, test: 1, remap: new Map(), warnings: [] });
    expect((await readdir(out)).sort()).toEqual(["dataset.json", "imagesTr", "imagesTs", "labelsTr"]);
    const { volume } = await readVolume(join(out, "imagesTr/x_1.nii.gz"));
    expect([volume.channels, volume.data[3], volume.data[123]]).toEqual([2, 3, 997]);
    const bytes = (root: string) => readFile(join(root, "labelsTr/x_2.nii.gz"));
    expect(await bytes(out)).toEqual(await bytes(source));
    const [before, after] = await Promise.all([openDataSet(source), openDataSet(out)]);
    expect(after.channels).toEqual(["T1", "T2"]);
    expect(after.labels).toEqual(before.labels);
    const [a, b] = await Promise.all([loadCase(before, before.cases[1]!), loadCase(after, after.cases[1]!)]);
    expect([b.image, b.label]).toEqual([a.image, a.label]);
    expect(JSON.parse(await readFile(join(out, "dataset.json"), "utf8"))).toMatchObject({
      tensorImageSize: "4D",
      numTest: 1,
      test: ["./imagesTs/x_9.nii.gz"],
    });
  });

  it("keeps values of files that store integers with a slope of their own", async () => {
    const source = await raw();
    const scaled = join(source, "imagesTr/x_1_0001.nii.gz");
    const { volume } = await readVolume(scaled);
    const data = Float32Array.from({ length: 120 }, (_, at) => at / 7 - 3);
    await writeVolume(scaled, { ...volume, data }, { dtype: "int16", scaling: "fit" });
    await writeVolume(
      join(source, "imagesTr/x_1_0000.nii.gz"),
      { ...volume, data },
      { dtype: "int16", scaling: "fit" },
    );
    const out = fresh();
    await convertDataSet(source, out);
    const [before, after] = await Promise.all([openDataSet(source), openDataSet(out)]);
    const [a, b] = await Promise.all([loadCase(before, before.cases[0]!), loadCase(after, after.cases[0]!)]);
    expect(b.image).toEqual(a.image);
    expect(b.image.data[60]).toBeCloseTo(60 / 7 - 3, 3);
  });

  it("keeps regions and the ignore label", async () => {
    const source = await raw({
      labels: { background: 0, whole: [1, 2], core: 2, ignore: 3 },
      label: () => (at) => at % 4,
      more: { regions_class_order: [1, 2] },
    });
    const out = fresh();
    await convertDataSet(source, out);
    const [before, after] = await Promise.all([openDataSet(source), openDataSet(out)]);
    expect(after.regions).toEqual(before.regions);
    expect(after.regions).toHaveLength(2);
    expect([after.ignoredClass, after.labelValues]).toEqual([3, [0, 1, 2, 3]]);
  });

  it("renumbers without gaps when asked to", async () => {
    const source = await raw({
      labels: { background: 0, a: 17, b: 53 },
      label: () => (at) => [0, 17, 53][at % 3]!,
    });
    const out = fresh();
    const { remap } = await convertDataSet(source, out, { remap: "consecutive" });
    expect([...remap]).toEqual([
      [17, 1],
      [53, 2],
    ]);
    const after = await openDataSet(out);
    expect(after.labelValues).toEqual([0, 1, 2]);
    expect(after.labels.map(({ name }) => name)).toEqual(["a", "b"]);
    const { volume } = await readVolume(join(out, "labelsTr/x_1.nii.gz"));
    expect([...volume.data.slice(0, 3)]).toEqual([0, 1, 2]);
  });

  it("proposes what strange values mean and changes them on consent only", async () => {
    const source = await raw({ label: () => (at) => (at % 2) * 255 });
    const out = fresh();
    await expect(convertDataSet(source, out)).rejects.toThrow(
      /label maps hold values that are not in the table of labels\. Expected 0, 1\. Found 255 \(2 files\)\. If they mean 255=1, give --remap 255=1 or --remap proposed\./,
    );
    expect(existsSync(out)).toBe(false);
    const { remap } = await convertDataSet(source, out, { remap: "proposed" });
    expect([...remap]).toEqual([[255, 1]]);
    expect([...(await readVolume(join(out, "labelsTr/x_1.nii.gz"))).volume.data.slice(0, 2)]).toEqual([0, 1]);
    const other = fresh();
    await convertDataSet(source, other, { remap: remapChoice("255=1") });
    expect(await readFile(join(other, "labelsTr/x_2.nii.gz"))).toEqual(
      await readFile(join(out, "labelsTr/x_2.nii.gz")),
    );
  });

  it("rounds labels that an interpolation left beside whole numbers, on consent", async () => {
    const source = await raw({ label: () => (at) => (at % 2 ? 0.9999 : 0), float: true });
    const out = fresh();
    await expect(convertDataSet(source, out)).rejects.toThrow(/Found 0\.9999 \(2 files\)\. If they mean/);
    await convertDataSet(source, out, { remap: "proposed" });
    expect((await readVolume(join(out, "labelsTr/x_1.nii.gz"))).volume.data[1]).toBe(1);
  });

  it("accepts sheared axes with a warning, and grids within a tolerance that is asked for", async () => {
    const sheared = affineFromColumns([1, 0, 0], [0.1, 1, 0], [0, 0, 2], [0, 0, 0]);
    const source = fresh();
    await put(join(source, "imagesTr/s.nii.gz"), (at) => at, sheared);
    await put(join(source, "labelsTr/s.nii.gz"), (at) => at % 2, sheared, false);
    const training = [{ image: "./imagesTr/s.nii.gz", label: "./labelsTr/s.nii.gz" }];
    await json(join(source, "dataset.json"), { labels: { "0": "background", "1": "x" }, training });
    const { warnings } = await convertDataSet(source, fresh());
    expect(warnings).toEqual(["s: its axes are 5.7 degrees from right angles; kept as they are"]);

    const moved = await raw({ labelAffine: scalingAffine([1, 1, 2], [-2.05, 0, 0]) });
    await expect(convertDataSet(moved, fresh())).rejects.toThrow(
      /x_1\.nii\.gz: the grid is not that of .*x_1_0000\.nii\.gz\. .*within 0\.001 mm.* 0\.05 mm.*1 more case\(s\) have problems \(x_2\.nii\.gz\); gyrus inspect/,
    );
    const out = fresh();
    await convertDataSet(moved, out, { toleranceMm: 0.1, remap: "consecutive" });
    const after = await openDataSet(out);
    expect((await loadCase(after, after.cases[0]!)).label!.data[1]).toBe(1);
  });

  it("leaves nothing behind when it fails, is interrupted or the place is taken", async () => {
    const source = await raw({ secondAffine: scalingAffine([1, 1, 3], [-2, 0, 0]) });
    const out = fresh();
    const before = await readdir(folder);
    await expect(convertDataSet(source, out)).rejects.toThrow(/spacings 1x1x2 and 1x1x3 mm/);
    const good = await raw();
    const signal = AbortSignal.abort();
    await expect(convertDataSet(good, out, { signal })).rejects.toThrow(/interrupted; nothing was written/);
    const left = (await readdir(folder)).filter((name) => !before.includes(name));
    expect(left).toEqual([good.slice(folder.length + 1)]);
    await expect(convertDataSet(good, source)).rejects.toThrow(
      /is not empty\. Expected a new or an empty folder\. Found 4 entries, among them dataset\.json, imagesTr/,
    );
    await mkdir(out);
    await convertDataSet(good, out);
    expect(existsSync(join(out, "dataset.json"))).toBe(true);
  });

  it.each([
    [
      { labels: [] },
      /the entry "labels" is not what a dataset\.json holds\. Expected something like "labels"/,
    ],
    [{ channel_names: { "1": "T1" } }, /channels are not numbered from 0/],
    [{ file_ending: "nii.gz" }, /the entry "file_ending" .*"\.nii\.gz"/],
    [{ numTraining: 7 }, /numTraining says\. Expected 7 cases\. Found 2/],
    [{ labels: { background: 0, a: "one" } }, /dataset\.json, labels\.a: a label has no number/],
    [{ channel_names: { "0": "T1", "1": "T2", "2": "FLAIR" } }, /the case "x_1" has no file for channel 2/],
  ])("(%j) refuses by file and key what dataset.json gets wrong", async (more, words) => {
    await expect(convertDataSet(await raw({ more }), fresh())).rejects.toThrow(words);
  });
});

describe("what is missing or strange in nnU-Net's raw layout", () => {
  const refusal = (root: string) => expect(convertDataSet(root, fresh())).rejects;
  it("is a value outside the table: one of the files that hold it is named", async () => {
    const source = await raw({ label: (name) => (at) => (at % 2) * (name === "x_2" ? 7 : 1) });
    await refusal(source).toThrow(/labelsTr\/x_2\.nii\.gz: label maps hold values .* Found 7 \(1 file\)/);
  });
  it("is a case without its label map", async () => {
    const source = await raw();
    await rm(join(source, "labelsTr/x_2.nii.gz"));
    await refusal(source).toThrow(
      /labelsTr\/x_2\.nii\.gz: the case "x_2" has no label map\. Add it, or move the case's images to imagesTs/,
    );
  });
  it("is an ending that no file has", async () => {
    const source = await raw({ more: { file_ending: ".nrrd" } });
    await refusal(source).toThrow(
      /dataset\.json, file_ending: imagesTr holds no file with this ending\. Expected the ending of x_1_0000\.nii\.gz\. Found \.nrrd/,
    );
  });
  it("is dataset.json itself", async () => {
    const source = await raw();
    await rm(join(source, "dataset.json"));
    await refusal(source).toThrow(
      /dataset\.json: a folder in nnU-Net's layout needs a dataset\.json, and there is none\. Expected \{"channel_names"/,
    );
  });
});

describe("converting BIDS", () => {
  it("keeps whose scan it is, so that a subject is never on both sides of a split", async () => {
    const root = fresh();
    await json(join(root, "dataset_description.json"), { Name: "study", BIDSVersion: "1.9.0" });
    for (const [sub, ses] of [
      ["01", "a"],
      ["01", "b"],
      ["02", "a"],
    ]) {
      const name = `sub-${sub}/ses-${ses}/anat/sub-${sub}_ses-${ses}`;
      await put(join(root, `${name}_T1w.nii.gz`), (at) => at);
      if (sub !== "02" || ses !== "b")
        await put(
          join(root, `derivatives/manual/${name}_dseg.nii.gz`),
          (at) => (at % 2) * 17,
          straight,
          false,
        );
    }
    await json(join(root, "derivatives/manual/dseg.tsv"), "index\tname\n17\tleft hippocampus\n");
    const out = fresh();
    const { kind, training } = await convertDataSet(root, out);
    expect([kind, training]).toEqual(["bids", 3]);
    const after = await openDataSet(out);
    expect(after.cases.map(({ id, subject, session }) => [id, subject, session])).toEqual([
      ["sub-01_ses-a", "sub-01", "ses-a"],
      ["sub-01_ses-b", "sub-01", "ses-b"],
      ["sub-02_ses-a", "sub-02", "ses-a"],
    ]);
    expect(after.labelValues).toEqual([0, 17]);
    expect(after.channels).toEqual(["T1w"]);
  });
});

describe("a proposal", () => {
  const table = { labelValues: [0, 1, 2] };
  const counts = (...values: number[]) => new Map(values.map((value) => [value, 1]));
  it.each([
    [counts(0, 1, 2), undefined],
    [
      counts(0, 85, 170),
      [
        [85, 1],
        [170, 2],
      ],
    ],
    [counts(0, 1, 255), [[255, 2]]],
    [counts(0, 1.0001, 2), [[1.0001, 1]]],
    [counts(0, 1, 2, 3), undefined],
    [counts(0, 1, -1), undefined],
  ] as const)("(%#) is made only where one suggests itself", (found, pairs) => {
    const proposal = proposeRemap(found, table);
    expect(proposal === undefined ? undefined : [...proposal]).toEqual(pairs);
  });

  it("is asked for in vain where nothing suggests itself, and maps lead to labels only", () => {
    expect(() => remapFor("proposed", counts(0, 1, 2, 9), table, () => "set")).toThrow(
      /Found 9 \(1 file\)\. Say what they are with --remap OLD=NEW/,
    );
    expect(() => remapFor(new Map([[9, 5]]), counts(9), table, () => "set")).toThrow(
      /9 is to become 5, which is no label/,
    );
    expect(() => remapChoice("255:1")).toThrow(/--remap: .*Expected OLD=NEW by commas/);
  });
});
