import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DataSet } from "../../../src/io/dataset.js";
import { loadCase, openDataSet, writeVolume } from "../../../src/io/node.js";
import { measureDataSet } from "../../../src/tasks/segmentation/nnunet/facts.node.js";
import type { Plan } from "../../../src/tasks/segmentation/nnunet/plan.js";
import { planDataSet } from "../../../src/tasks/segmentation/nnunet/planner.js";
import { prepareDataSet, readPrepared } from "../../../src/tasks/segmentation/nnunet/prepare.node.js";
import { restoreClasses } from "../../../src/tasks/segmentation/nnunet/restore.js";
import { runWithin } from "../../../src/tasks/segmentation/nnunet/schedule.js";
import { explainPlan } from "../../../src/tasks/segmentation/nnunet/words.js";
import { writeSet } from "./files.js";

let folder = "";
let dataset: DataSet;
let plan: Plan;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyrus-prepare-"));
  await writeSet(join(folder, "set"));
  dataset = await openDataSet(join(folder, "set"));
  const { fingerprint } = await measureDataSet(dataset, { workers: 2 });
  expect(fingerprint.cases.map(({ shearDegrees }) => shearDegrees > 5)).toEqual([false, false, false, true]);
  plan = planDataSet(fingerprint, dataset);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const contents = async (dir: string): Promise<Record<string, string>> => {
  const found: Record<string, string> = {};
  for (const name of (await readdir(join(dir, "3d_fullres"))).sort())
    found[name] = (await readFile(join(dir, "3d_fullres", name))).toString("base64");
  return found;
};

describe("a data set prepared by its plan", () => {
  it("holds every case, put back onto its own grid with the files' values at hand", async () => {
    const dir = join(folder, "one");
    const done: string[] = [];
    const found = await prepareDataSet(dataset, plan, "3d_fullres", dir, {
      workers: 1,
      onProgress: (n, total, name) => void done.push(`${n}/${total} ${name}`),
    });
    expect(done).toEqual(["1/4 a", "2/4 b", "3/4 c", "4/4 d"]);
    expect(found.every(({ made }) => made)).toBe(true);
    expect(plan.axes).toEqual([2, 1, 0]);
    expect(plan.channels.map(({ scheme }) => scheme)).toEqual(["zscore", "ct"]);
    for (const [at, { path }] of found.entries()) {
      const prepared = await readPrepared(path);
      expect(prepared.image.channels).toBe(2);
      expect(prepared.locations!.every((one) => one.length > 0)).toBe(true);
      const { label, image } = await loadCase(dataset, dataset.cases[at]!);
      const voxels = prepared.label!.data.length;
      const probabilities = new Float32Array(3 * voxels);
      prepared.label!.data.forEach((value, v) => {
        probabilities[value * voxels + v] = 1;
      });
      const back = restoreClasses(probabilities, prepared.geometry, plan);
      expect([back.size, back.affine]).toEqual([image.size, image.affine]);
      const wrong = back.data.filter((value, v) => value !== label!.data[v]).length;
      expect(wrong / back.data.length).toBeLessThan(0.1);
    }
  });

  it("is kept when it is there, and only what changed or broke is made again, to the same bytes", async () => {
    const dir = join(folder, "two");
    await prepareDataSet(dataset, plan, "3d_fullres", dir);
    const first = await contents(dir);
    const again = await prepareDataSet(dataset, plan, "3d_fullres", dir);
    expect(again.map(({ made }) => made)).toEqual([false, false, false, false]);
    const file = join(dir, "3d_fullres", "b.safetensors");
    const bytes = await readFile(file);
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(file, bytes);
    await expect(readPrepared(file)).rejects.toThrow(
      /b\.safetensors: the prepared case was changed or damaged/,
    );
    await rm(join(dir, "3d_fullres", "c.safetensors"));
    await writeFile(join(dir, "3d_fullres", "c.safetensors.0123456789ab.part"), "half");
    const repaired = await prepareDataSet(dataset, plan, "3d_fullres", dir);
    expect(repaired.map(({ made }) => made)).toEqual([false, true, true, false]);
    expect(await contents(dir)).toEqual(first);
    const batch = { ...plan.configurations["3d_fullres"]!, batch: 17 };
    const other = { ...plan, configurations: { ...plan.configurations, "3d_fullres": batch } };
    const kept = await prepareDataSet(dataset, other, "3d_fullres", dir);
    expect(kept.some(({ made }) => made)).toBe(false);
    const coarse = { ...batch, spacingMm: [3.5, 2, 2] };
    const changed = { ...plan, configurations: { ...plan.configurations, "3d_fullres": coarse } };
    const remade = await prepareDataSet(dataset, changed, "3d_fullres", dir);
    expect(remade.every(({ made }) => made)).toBe(true);
  });

  it("goes on after it was interrupted, to the same bytes", async () => {
    const dir = join(folder, "three");
    const stopping = new AbortController();
    const interrupted = prepareDataSet(dataset, plan, "3d_fullres", dir, {
      workers: 1,
      signal: stopping.signal,
      onProgress: (done) => {
        if (done === 2) stopping.abort();
      },
    });
    await expect(interrupted).rejects.toThrow(/aborted/);
    expect(Object.keys(await contents(dir))).toHaveLength(2);
    const rest = await prepareDataSet(dataset, plan, "3d_fullres", dir);
    expect(rest.map(({ made }) => made)).toEqual([false, false, true, true]);
    expect(await contents(dir)).toEqual(await contents(join(folder, "one")));
  });

  it("is refused before the start where one case does not fit into memory", async () => {
    const dir = join(folder, "four");
    await expect(prepareDataSet(dataset, plan, "3d_fullres", dir, { memoryBytes: 1e6 })).rejects.toThrow(
      /^d: one case alone does not fit the memory that there is\. Expected at most 0\.00 GiB\. Found an estimate of 0\.03 GiB/,
    );
    expect(existsSync(join(dir, "3d_fullres", "a.safetensors"))).toBe(false);
  });

  it("stops at a bad case, naming its file, with the good ones kept", async () => {
    const root = join(folder, "bad");
    await writeSet(root);
    await rm(join(root, "labelsTr/c.nii.gz"));
    const { size, affine } = (await loadCase(dataset, dataset.cases[2]!)).native;
    const data = new Uint8Array(size[0] * size[1] * size[2]).fill(255);
    await writeVolume(join(root, "labelsTr/c.nii.gz"), { size, affine, channels: 1, data });
    const bad = await openDataSet(root);
    await expect(
      prepareDataSet(bad, plan, "3d_fullres", join(folder, "five"), { workers: 1 }),
    ).rejects.toThrow(/labelsTr\/c\.nii\.gz: the label 255 is not in the table of labels/);
    expect((await stat(join(folder, "five/3d_fullres/b.safetensors"))).size).toBeGreaterThan(0);
  });
});

describe("label maps that hold nothing", () => {
  it("are no data set to plan for, and not a training that ends with a Dice of 0", async () => {
    const [one] = dataset.cases;
    const { label } = await loadCase(dataset, one!);
    const path = join(folder, "nothing.nii.gz");
    await writeVolume(path, { ...label!, data: new Uint8Array(label!.data.length) });
    const nothing = { ...dataset, cases: [{ ...one!, label: path }] };
    await expect(measureDataSet(nothing, { workers: 1 })).rejects.toThrow(
      /set: no case has a voxel with a label\. Expected label maps that hold .*\. Found only background in all 1, as in .*nothing\.nii\.gz/,
    );
    // A case without lesions is fine beside others.
    const { facts } = await measureDataSet({ ...nothing, cases: [...nothing.cases, dataset.cases[1]!] });
    expect(facts.map(({ foreground }) => foreground === null)).toEqual([true, false]);
  });
});

describe("the reasons of a plan", () => {
  it("are sentences with the data set's numbers, one for each choice", () => {
    const reasons = explainPlan(plan);
    expect(reasons.every(({ because }) => /^[^.].*\.$/s.test(because))).toBe(true);
    const text = reasons.map(({ choice, because }) => `${choice}: ${because}`).join("\n");
    expect(text).toMatch(/voxels of 3\.5x1\.1x1 mm \(v2 rules\)/);
    expect(text).toMatch(/CT: CT scale: CT has one scale for all scans: clipped to/);
    expect(text).toMatch(/along the thick axis the nearest slice is taken/);
    expect(text).toMatch(/label values 0, 3, 7 become classes 0 to 2/);
    expect(text).toMatch(/no cascade: a patch covers/);
  });
});

describe("work within memory", () => {
  it("runs no more at a time than fits, in order, and gives results in order", async () => {
    const log: string[] = [];
    let together = 0;
    let most = 0;
    const pieces = [3, 3, 3, 5, 1].map((bytes, task) => ({ task, bytes, name: `${task}` }));
    const results = await runWithin(
      pieces,
      async (task) => {
        log.push(`${task}`);
        together += pieces[task]!.bytes;
        most = Math.max(most, together);
        await new Promise((resolve) => setTimeout(resolve, 5 * (3 - (task % 3))));
        together -= pieces[task]!.bytes;
        return task * 10;
      },
      { most: 3, bytes: 7 },
    );
    expect(results).toEqual([0, 10, 20, 30, 40]);
    expect(log).toEqual(["0", "1", "2", "3", "4"]);
    expect(most).toBeLessThanOrEqual(7);
    expect(most).toBeGreaterThan(5);
  });

  it("says which case a thread had when it stopped, and why", async () => {
    const pieces = [{ task: 0, bytes: 2 ** 30, name: "sub-07" }];
    const work = runWithin(
      pieces,
      async () => {
        throw new RangeError("Array buffer allocation failed");
      },
      { most: 1, bytes: 2 ** 31, peakBytes: () => 3 * 2 ** 30 },
    );
    await expect(work).rejects.toThrow(
      /^sub-07: the work on a case stopped\. Expected about 1\.0 GiB for it, by the estimate\. Found Array buffer allocation failed; the process had held 3\.0 GiB at its peak\. .*--workers 1/,
    );
  });
});
