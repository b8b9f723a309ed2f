import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GyrusError } from "../../src/core/errors.js";
import { readVolume } from "../../src/io/node.js";
import {
  type CohortOptions,
  cohortGrid,
  cohortPresets,
  simulateBrains,
  simulateSubject,
} from "../../src/sim/cohort.js";
import { coarseStructures, fullStructures } from "../../src/sim/labels.js";
import { writeCohort } from "../../src/sim/node.js";

const two: CohortOptions = { ...cohortPresets.tiny, subjects: 2 };
let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "gyrus-sim-"));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

describe("simulateBrains", () => {
  it("gives the same bits for the same seed, and a subject that does not depend on the others", async () => {
    const first = [];
    for await (const subject of simulateBrains(two)) first.push(subject);
    expect(first.map((s) => s.id)).toEqual(["sub-001", "sub-002"]);
    const alone = simulateSubject({ ...two, subjects: 50 }, 1);
    expect(Buffer.compare(Buffer.from(alone.t1.data.buffer), Buffer.from(first[1]!.t1.data.buffer))).toBe(0);
    expect(Buffer.compare(alone.fullLabels.data, first[1]!.fullLabels.data)).toBe(0);
    expect(first[0]!.person.foldingSeed).not.toBe(first[1]!.person.foldingSeed);
    const other = simulateSubject({ ...two, seed: 2 }, 1);
    expect(other.person).not.toEqual(alone.person);
  });

  it("makes whole numbers with white matter near 1000, grey between it and fluid", () => {
    const { t1, labels } = simulateSubject(two, 0);
    const mean = (label: number): number => {
      const values = Array.from(t1.data).filter((_, v) => labels.data[v] === label);
      return values.reduce((a, b) => a + b, 0) / values.length;
    };
    expect(t1.data.every((x) => Number.isInteger(x) && x >= 0 && x < 32767)).toBe(true);
    expect(mean(3)).toBeGreaterThan(850);
    expect(mean(3)).toBeLessThan(1150);
    expect(mean(2)).toBeLessThan(0.9 * mean(3));
    expect(mean(1)).toBeLessThan(0.75 * mean(2));
    expect(mean(6)).toBeLessThan(mean(3));
  });

  it("refuses bad options with their names", async () => {
    const first = async (options: CohortOptions): Promise<unknown> =>
      (await simulateBrains(options).next()).value;
    await expect(first({ ...two, subjects: 0 })).rejects.toThrow(
      "subjects: the number of subjects is not possible. Expected a whole number from 1 to 9999. Found 0.",
    );
    await expect(first({ ...two, noisePercent: 300 })).rejects.toThrow(
      "noisePercent: a percentage is out of range",
    );
    await expect(first({ ...two, ageYears: [50, 40] })).rejects.toThrow("the range of ages is not possible");
    await expect(first({ ...two, spacingMm: Number.NaN })).rejects.toThrow(
      "the voxel spacing is not possible",
    );
    await expect(first({ ...two, size: [0, 10, 10] })).rejects.toThrow("the size of the field of view");
    await expect(first({ ...two, seed: Number.NaN })).rejects.toThrow("the seed is not a number");
  });
});

describe("cohortGrid", () => {
  it.each(Object.keys(cohortPresets) as (keyof typeof cohortPresets)[])(
    "of %s is RAS+ with the anterior commissure well inside",
    (name) => {
      const { size, affine: m } = cohortGrid(cohortPresets[name]);
      const s = cohortPresets[name].spacingMm;
      expect([m[0], m[5], m[10]]).toEqual([s, s, s]);
      expect([m[1], m[2], m[4], m[6], m[8], m[9]].every((x) => x === 0)).toBe(true);
      for (let axis = 0; axis < 3; axis++) {
        const low = m[axis * 4 + 3]!;
        expect(low).toBeLessThan(-60);
        expect(low + s * (size[axis]! - 1)).toBeGreaterThan(70);
      }
    },
  );
});

describe("writeCohort", () => {
  it("writes a BIDS data set that reads back, and says how far it is", async () => {
    const folder = join(root, "study", "data");
    const progress: string[] = [];
    const written = await writeCohort(folder, {
      ...two,
      onProgress: (done, total) => progress.push(`${done}/${total}`),
    });
    expect(progress).toEqual(["1/2", "2/2"]);
    expect(written.subjects).toEqual(["sub-001", "sub-002"]);
    expect(await readdir(join(root, "study"))).toEqual(["data"]);
    expect((await readdir(folder)).sort()).toEqual([
      "README",
      "dataset_description.json",
      "derivatives",
      "participants.json",
      "participants.tsv",
      "sub-001",
      "sub-002",
    ]);
    const description = JSON.parse(await readFile(join(folder, "dataset_description.json"), "utf8"));
    expect(description.BIDSVersion).toBe("1.9.0");
    expect(description.GeneratedBy[0].Name).toBe("Gyrus");
    expect(description.GeneratedBy[0].Description).toContain("Simulated");
    const derived = JSON.parse(await readFile(join(written.truth, "dataset_description.json"), "utf8"));
    expect(derived.DatasetType).toBe("derivative");

    const rows = (await readFile(join(folder, "participants.tsv"), "utf8")).trimEnd().split("\n");
    const header = rows[0]!.split("\t");
    expect(rows).toHaveLength(3);
    expect(rows.every((row) => row.split("\t").length === header.length)).toBe(true);
    const about = JSON.parse(await readFile(join(folder, "participants.json"), "utf8"));
    expect(Object.keys(about)).toEqual(header);

    const expected = simulateSubject(two, 1);
    const t1 = await readVolume(join(folder, "sub-002/anat/sub-002_T1w.nii.gz"), { as: "float32" });
    expect(Array.from(t1.volume.affine)).toEqual(Array.from(expected.t1.affine));
    expect(Buffer.compare(Buffer.from(t1.volume.data.buffer), Buffer.from(expected.t1.data.buffer))).toBe(0);
    const coarse = await readVolume(join(written.truth, "sub-002/anat/sub-002_dseg.nii.gz"));
    expect(Array.from(coarse.volume.data)).toEqual(Array.from(expected.labels.data));
    const full = await readVolume(join(written.truth, "sub-002/anat/sub-002_desc-full_dseg.nii.gz"));
    expect(Array.from(full.volume.data)).toEqual(Array.from(expected.fullLabels.data));
    const sidecar = JSON.parse(await readFile(join(folder, "sub-002/anat/sub-002_T1w.json"), "utf8"));
    expect(sidecar).toMatchObject({ Simulated: true, RepetitionTime: 2.3, Person: expected.person });

    const table = async (name: string): Promise<string[]> =>
      (await readFile(join(written.truth, name), "utf8")).trimEnd().split("\n");
    expect((await table("dseg.tsv"))[7]).toBe("6\thippocampus, anterior\tHIPA");
    expect(await table("dseg.tsv")).toHaveLength(coarseStructures.length + 1);
    expect(await table("desc-full_dseg.tsv")).toHaveLength(fullStructures.length + 1);
  });

  it("refuses a folder that holds anything and leaves it as it was", async () => {
    const folder = join(root, "taken");
    await mkdir(folder);
    await writeFile(join(folder, "precious.txt"), "mine");
    const error = await writeCohort(folder, two).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(GyrusError);
    expect((error as GyrusError).kind).toBe("exists");
    expect((error as GyrusError).message).toBe(
      `${folder}: the folder for the data set is not empty. Expected a new or an empty folder. Found 1 entries, among them precious.txt. Choose another folder, or remove this one yourself if it is no longer needed.`,
    );
    expect(await readdir(folder)).toEqual(["precious.txt"]);
    await expect(writeCohort(join(folder, "precious.txt"), two)).rejects.toMatchObject({ kind: "exists" });
  });

  it("leaves nothing behind when it fails on the way", async () => {
    const before = await readdir(root);
    const options = {
      ...two,
      onProgress: () => {
        throw new Error("interrupted");
      },
    };
    await expect(writeCohort(join(root, "half"), options)).rejects.toThrow("interrupted");
    await expect(writeCohort(join(root, "half"), { ...two, subjects: -1 })).rejects.toMatchObject({
      kind: "bad-argument",
    });
    expect(await readdir(root)).toEqual(before);
  });

  it("fills an empty folder", async () => {
    const folder = join(root, "empty");
    await mkdir(folder);
    await writeCohort(folder, { ...two, subjects: 1 });
    expect(await readdir(folder)).toContain("sub-001");
  });
});
