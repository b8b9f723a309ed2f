import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSafetensors } from "../../src/io/node.js";
import { methods, titles } from "../../src/studies/red-wgan/plan.js";
import { reproduce } from "../../src/studies/run.node.js";
import { claimsSchema } from "../../src/studies/study.js";
import { redWgan } from "../../src/systems/red-wgan.js";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyrus-red-wgan-study-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = async (name: string, signal?: AbortSignal, resume = false) =>
  reproduce(redWgan, await redWgan.study!(), {
    outDir: join(folder, name),
    seed: 1,
    minutes: 0.1,
    threads: 2,
    resume,
    ...(signal === undefined ? {} : { signal }),
  });

describe("the study of RED-WGAN", () => {
  it("judges every claim, shows every method, and ends the same after an interruption", async () => {
    const whole = await run("whole");
    expect(whole.finished).toBe(true);
    const claims = claimsSchema.parse(JSON.parse(await readFile(join(folder, "whole/claims.json"), "utf8")));
    expect(claims.map(({ id }) => id)).toEqual([
      "gaussian-over-noisy",
      "nlm-over-gaussian",
      "bm4d-over-nlm",
      "cnn3d-over-bm4d",
      "red-wgan-over-bm4d",
      "red-wgan-near-cnn3d",
      "red-wgan-ssim",
      "red-wgan-edges",
      "perceptual-edges",
      "critic-edges",
      "mixed-near-single",
      "single-oversmooths",
      "mixed-over-bm4d-3",
      "mixed-over-bm4d-5",
      "mixed-over-bm4d-7",
      "mixed-over-bm4d-9",
      "mixed-over-bm4d-11",
      "mixed-over-bm4d-13",
      "mixed-over-bm4d-15",
    ]);
    const page = await readFile(join(folder, "whole/report.html"), "utf8");
    for (const method of methods) expect(page).toContain(titles[method]);
    expect(page).toContain("in the brain");
    expect(page).toContain("No real scans were looked at");
    const judge = await readFile(join(folder, "whole/run-red-wgan/run.json"), "utf8");
    expect(judge).toContain("trained by Gyrus to label");
    const weights = async (name: string) =>
      (await readSafetensors(join(folder, `whole/run-${name}/checkpoints/last.safetensors`))).tensors;
    const [own, critic] = [await weights("cnn3d"), await weights("red-wgan")];
    expect(Object.keys(own).some((name) => name.includes("critic"))).toBe(false);
    expect(Object.keys(critic).some((name) => name.includes("critic"))).toBe(true);

    const controller = new AbortController();
    setTimeout(() => controller.abort(), 2500);
    const first = await run("parts", controller.signal);
    const second = first.finished ? first : await run("parts", undefined, true);
    expect(second.claims).toEqual(whole.claims);
  }, 420_000);
});
