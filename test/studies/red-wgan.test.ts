import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { readSafetensors } from "../../src/io/node.js";
import { conclude } from "../../src/studies/red-wgan/conclude.js";
import { levels, levelsOf, methods, realMethods, titles } from "../../src/studies/red-wgan/plan.js";
import type { Judged } from "../../src/studies/red-wgan/score.js";
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

describe("what was found on real scans", () => {
  /** A method's result whose PSNR says how many letters its name has, and the noise. */
  const made = (set: Judged["set"], head: string, level: number, method: string): Judged => {
    const psnrDb = 40 - level - (method === "noisy" ? 9 : 5) + method.length / 10;
    const score = { psnrDb, ssim: 0.9, edgeRatio: 1.1 };
    const cut = { edge: 8, values: Array.from({ length: 64 }, (_, n) => n) };
    const scores = { brain: score, field: score };
    return { set, head, level, noisePercent: level || 0.31, method, scores, cut };
  };
  const simulated = methods.flatMap((method) =>
    levelsOf(method).flatMap((level) => ["a", "b"].map((head) => made("simulated", head, level, method))),
  );
  const real = realMethods.flatMap((method) => [
    ...levels.map((level) => made("real", "head", level, method)),
    ...["1", "2", "3"].map((head) => made("repeat", head, 0, method)),
  ]);

  it("has claims, a table and pictures of its own, and says what it cannot show", () => {
    const { claims, notes, sections } = conclude([...simulated, ...real], rng(1));
    const ids = claims.map(({ id }) => id).filter((id) => /^(head|repeats)-/.test(id));
    expect(ids).toHaveLength(12);
    expect(claims.find(({ id }) => id === "head-mixed-over-nlm")).toMatchObject({ ours: 0.2, holds: true });
    expect(claims.find(({ id }) => id === "repeats-real-over-cnn3d")).toBeUndefined();
    expect(notes.join(" ")).toMatch(
      /noise of the repetitions is 0.31 % .* than they were are they by: Gaussian/,
    );
    const found = sections.find(({ id }) => id === "real")!;
    expect(found.blocks.map(({ kind }) => kind)).toEqual([
      ...Array.from({ length: 6 }, () => "table"),
      "picture",
      "picture",
    ]);
  });

  it("does without the network that has seen real scans, where there are none to learn from", () => {
    const { claims, notes } = conclude(
      [...simulated, ...real].filter(({ method }) => method !== "real"),
      rng(1),
    );
    expect(claims.filter(({ id }) => /^(head|repeats)-/.test(id))).toHaveLength(8);
    expect(notes.join(" ")).toContain("no real scan to learn from");
  });

  it("is left out, in words, where there are none", () => {
    const { claims, notes, sections } = conclude(simulated, rng(1));
    expect(claims.some(({ id }) => /^(head|repeats)-/.test(id))).toBe(false);
    expect(sections.some(({ id }) => id === "real")).toBe(false);
    expect(notes.join(" ")).toContain("No real scans were looked at");
  });
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
