import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DataSetOptions } from "../../../src/io/dataset.js";
import { configs } from "../../../src/systems/nnunet.js";
import { openExperiment } from "../../../src/tasks/segmentation/nnunet/experiment.node.js";
import type { Plan } from "../../../src/tasks/segmentation/nnunet/plan.js";
import { shearWarnings } from "../../../src/tasks/segmentation/nnunet/shear.js";
import { writeSet } from "./files.js";

let dir = "";
const at = (...parts: string[]): string => join(dir, ...parts);
const open = (out: string, more: { readonly folds?: number; readonly dataset?: DataSetOptions } = {}) =>
  openExperiment("nnunet", { dataDir: at("set"), runDir: at(out), ...more }, configs.tiny, { workers: 1 });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "nnunet-open-"));
  await writeSet(at("set"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe("an experiment that is made", () => {
  it("has as many folds as are asked for, or as there are subjects up to five", async () => {
    await expect(open("many", { folds: 5 })).rejects.toThrow(
      /the number of folds is impossible\. Expected 2 to 4, the number of subjects\. Found 5/,
    );
    // Nothing was measured for it.
    expect(await readdir(at("many"))).toEqual([]);
    expect((await open("usual")).record.folds).toBe(4);
    expect((await open("usual")).splits.folds).toHaveLength(4);
  });

  it("never has one image in two folds under two names", async () => {
    await cp(at("set"), at("twins"), { recursive: true });
    await cp(at("set/imagesTr/a.nii.gz"), at("twins/imagesTr/b.nii.gz"));
    const twins = openExperiment("nnunet", { dataDir: at("twins"), runDir: at("refused") }, configs.tiny, {});
    await expect(twins).rejects.toThrow(
      /twins: the split leaks: 1 cases of different sides have the same images\. .*Found [ab] \(train\) and [ab] \(validation\)\. Remove one of each two/,
    );
    expect(await readdir(at("refused"))).toEqual([]);
  });

  it("says whose axes are not at right angles", async () => {
    const { record } = await open("usual");
    expect(record.notes.at(-1)).toMatch(/^d: its axes are 5\.7 degrees from right angles/);
    const sheared = Array.from({ length: 8 }, (_, n) => ({ id: `s${n}`, shearDegrees: n === 0 ? 0 : n }));
    const words = shearWarnings(sheared);
    expect(words).toHaveLength(6);
    expect(words.at(-1)).toBe(
      "The axes of 2 further scans are not at right angles either, up to 7.0 degrees.",
    );
  });

  it("uses a plan that lies there only where it is for these labels and channels", async () => {
    const plan = JSON.parse(await readFile(at("usual/plan.json"), "utf8")) as Plan;
    const given = async (name: string, changes: Partial<Plan>) => {
      await mkdir(at(name));
      await writeFile(at(name, "plan.json"), JSON.stringify({ ...plan, ...changes }));
      return open(name);
    };
    expect((await given("same", {})).record.notes).toHaveLength(2);
    await expect(
      given("labels", { dataset: { ...plan.dataset, classes: ["background", "left"], labelValues: [0, 3] } }),
    ).rejects.toThrow(
      /labels\/plan\.json: the plan is for other labels than the data set has\. Expected background 0, left 3\. Found background 0, left 3, right 7\. /,
    );
    await expect(given("channels", { channels: [...plan.channels].reverse() })).rejects.toThrow(
      /the plan is for other channels than the data set has\. Expected CT, FLAIR\. Found FLAIR, CT/,
    );
    const regions = [{ name: "both", classes: [1, 2], paintedAs: 1 }];
    await expect(given("regions", { dataset: { ...plan.dataset, regions } })).rejects.toThrow(
      /other regions than the data set has\. Expected both of classes 1, 2, painted as 1\. Found none/,
    );
  });

  it("is opened again with the labels that it was made with", async () => {
    await expect(open("usual", { dataset: { labels: { 3: "port", 7: "right" } } })).rejects.toThrow(
      /usual\/plan\.json: the plan is for other labels.*Expected background 0, left 3, right 7\. Found background 0, port 3, right 7/,
    );
  });
});
