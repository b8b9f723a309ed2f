import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { built, gyrus } from "./bin.js";

const folder = mkdtempSync(join(tmpdir(), "gyrus-device-"));
let works: Readonly<Record<string, boolean>> = {};

beforeAll(async () => {
  await built();
  const { out } = await gyrus(["doctor", "--json"], folder);
  const { backends } = JSON.parse(out) as { backends: { name: string; works: boolean }[] };
  works = Object.fromEntries(backends.map(({ name, works }) => [name, works]));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Every command that computes, on things that are not there: the device is looked at before them. */
const commands = {
  train: ["train", "segment-unet", "--data", "none", "--out", "run"],
} as const;

describe("--device", () => {
  it("is known to doctor", () =>
    expect(Object.keys(works)).toEqual(expect.arrayContaining(["cpu", "webgpu", "cuda"])));

  it.each(["webgpu", "cuda"])(
    "%s is an error where it does not work, and nothing is written",
    async (device) => {
      if (works[device]) return;
      const { code, out, err } = await gyrus([...commands.train, "--device", device], folder);
      expect(code).toBe(2);
      expect(out).toBe("");
      expect(err).toContain(`--device: the device "${device}" was asked for and does not work here. Found `);
      expect(err).toContain("Or use --device cpu; gyrus doctor shows what there is.");
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  it("refuses a word that is no device, with the list", async () => {
    for (const words of [commands.train, ["predict", "run", "scan", "--out", "o"], ["evaluate", "run"]]) {
      const { code, err } = await gyrus([...words, "--device", "tpu"], folder);
      expect(code).toBe(2);
      expect(err).toContain("Allowed choices are cpu, webgpu, cuda.");
    }
  });
});
