import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeVolume } from "../../src/io/node.js";
import { findBest } from "../../src/tasks/segmentation/nnunet/find-best.node.js";
import {
  levels,
  modelFor,
  voxelPlan,
  writeFold,
  writeHeldOut,
  writeLevels,
  writeRecord,
} from "../tasks/nnunet/trained.js";
import { built, gyrus, starting } from "./bin.js";

let folder = "";
const at = (...parts: string[]): string => join(folder, ...parts);
const run = (...words: string[]) => gyrus(words, folder);
const scans = ["v", "w", "x", "y", "z"];

beforeAll(async () => {
  await built();
  folder = await mkdtemp(join(tmpdir(), "gyrus-nnunet-cli-"));
  const ids = ["a", "b", "c", "d"];
  await writeLevels(at("data"), ids);
  await writeRecord(at("out"), at("data"), voxelPlan(), ids);
  for (const configuration of ["2d", "3d_fullres"] as const)
    for (const fold of [0, 1]) {
      await writeFold(at("out"), modelFor(configuration), fold);
      await writeHeldOut(at("out"), configuration, fold);
    }
  await mkdir(at("scans"));
  for (const name of scans) await writeVolume(at(`scans/${name}.nii.gz`), levels(name, [22, 20, 18]).scan);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("an experiment of gyrus train nnunet", { timeout: 120_000 }, () => {
  it("is compared on threads as it is without, explained, and judged by cross-validation", async () => {
    const { code, out, err } = await run("find-best", "out", "--workers", "2");
    expect(code, err).toBe(0);
    expect(out).toMatch(/^ensemble +mean +grey +white$/m);
    expect(out).toMatch(/^2d \+ 3d_fullres +0\.\d{4}/m);
    expect(out).toMatch(/^Largest piece of all foreground: (not )?kept alone; /m);
    expect(out.replace(/\s+/g, " ")).toMatch(/Dice in cross-validation, over 4 cases of 2 folds/);
    const best = await readFile(at("out/best.json"), "utf8");
    await findBest({ dir: at("out"), workers: 1 });
    expect(await readFile(at("out/best.json"), "utf8")).toBe(best);
    const judged = await run("evaluate", "out", "--at-least", "0.99");
    expect(judged.code).toBe(1);
    expect(judged.out).toMatch(/every case by the networks that were not trained on it: 4 cases$/m);
    expect(judged.out).toMatch(/^Fold 1, 2 cases\. grey: Dice/m);
  });

  it("is read with its data set where that lies now; only some systems give runs another end", async () => {
    const other = await run("find-best", "out", "--data", "scans");
    expect([other.code, other.out]).toEqual([2, ""]);
    expect(other.err).toMatch(/scans: /);
    const words = ["--data", "data", "--out", "r", "--resume", "--extend", "--epochs", "3"];
    const kept = await run("train", "smore", ...words);
    expect(kept.err).toMatch(/--extend: a run of smore keeps to the length that it was begun with/);
    const missing = await run("train", "segment-unet", ...words);
    expect(missing.err).toMatch(/r: there is no such run folder/);
  });

  it("predicts a folder, killed and started again as if nothing had happened", async () => {
    const words = ["predict", "out/3d_fullres", "scans", "--out"];
    const whole = await run(...words, "whole", "--json");
    expect(whole.code, whole.err).toBe(0);
    expect(whole.err).toBe("");
    const { child, finished } = starting([...words, "killed"], folder);
    while (!existsSync(at("killed/v_seg.nii.gz"))) await new Promise((resolve) => setTimeout(resolve, 2));
    child.kill("SIGKILL");
    await finished;
    expect(await readdir(at("killed"))).not.toContain("z_seg.nii.gz");
    const again = await run(...words, "killed");
    expect(again.code, again.err).toBe(0);
    expect(again.out).toMatch(/^[1-4] predictions? written, [1-4] kept from before$/m);
    expect(again.err).toMatch(
      /^2 networks \(3d_fullres\); the largest scan \(v, 22x20x18 voxels\) takes about .* GiB free$/m,
    );
    const bytesOf = (dir: string) =>
      Promise.all(scans.map((name) => readFile(at(dir, `${name}_seg.nii.gz`), "base64")));
    expect(await bytesOf("killed")).toEqual(await bytesOf("whole"));
  });
});
