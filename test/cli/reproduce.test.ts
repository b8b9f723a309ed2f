import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { claimsSchema } from "../../src/studies/study.js";
import { built, gyrus, starting } from "./bin.js";

let folder = "";
beforeAll(async () => {
  await built();
  folder = await mkdtemp(join(tmpdir(), "gyrus-reproduce-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const words = ["reproduce", "batch-norm", "--minutes", "0.05", "--seed", "3"];
const read = (path: string): Promise<string> => readFile(join(folder, path), "utf8");

describe("gyrus reproduce", () => {
  it("runs a study to the end, again with the same result, and resumed with the same result", async () => {
    const { code, out, err } = await gyrus([...words, "--out", "a", "--json"], folder);
    expect([code, err]).toEqual([0, ""]);
    const result = JSON.parse(out) as { study: string; finished: boolean; report: string; claims: unknown };
    expect(result).toMatchObject({ study: "batch-norm", finished: true, report: "a/report.html" });
    const claims = claimsSchema.parse(JSON.parse(await read("a/claims.json")));
    expect(result.claims).toEqual(claims);
    expect(new Set(claims.map(({ id }) => id)).size).toBe(claims.length);
    expect(claims.map(({ id }) => id)).toEqual(
      expect.arrayContaining(["sigmoid-steps", "conv-x5", "conv-x30"]),
    );

    const page = await read("a/report.html");
    for (const { statement } of claims) expect(page).toContain(statement);
    expect(page).toContain("A shortened study");
    expect(page.match(/<svg/g)!.length).toBeGreaterThanOrEqual(6);
    expect(page).not.toMatch(/<script|NaN|undefined|(src|href)="https?:/);

    // As a kill leaves it: some parts missing, nothing concluded. On one thread this time.
    const parts = (await readdir(join(folder, "a/parts"))).sort();
    const before = await read("a/claims.json");
    const one = await read(`a/parts/${parts[0]}`);
    for (const name of [...parts.slice(0, 4).map((part) => `parts/${part}`), "claims.json", "report.html"])
      await rm(join(folder, "a", name));
    const again = await gyrus([...words, "--out", "a", "--resume", "--threads", "1"], folder);
    expect(again.code).toBe(0);
    expect(await read("a/claims.json")).toBe(before);
    const timeless = (text: string): unknown => ({ ...(JSON.parse(text) as object), seconds: 0 });
    expect(timeless(await read(`a/parts/${parts[0]}`))).toEqual(timeless(one));
    expect(again.out).toMatch(/^claim +paper +here +95 % interval +holds\n/);
    expect(again.out.trimEnd().split("\n").at(-1)).toBe("a/report.html");
  }, 300_000);

  it.each([
    [
      ["reproduce", "batch-nrm", "--out", "b"],
      /^gyrus: batch-nrm: there is no such .*Did you mean "batch-norm"\?\n$/,
    ],
    [
      ["reproduce", "segment-unet", "--out", "b"],
      /^gyrus: segment-unet: this system has no study yet\. Expected .*batch-norm/,
    ],
    [["reproduce", "batch-norm"], /^gyrus: required option "--out <folder>" not specified/],
    [
      [...words, "--out", "."],
      /^gyrus: \.: the folder for the study is not empty\. .*--resume to go on with this study\.\n$/,
    ],
    [[...words, "--out", "c", "--resume"], /^gyrus: c: there is no study to resume\./],
    [["reproduce", "batch-norm", "--out", "b", "--minutes", "0"], /^gyrus: --minutes: /],
    [
      ["reproduce", "batch-norm", "--out", "b", "--data", "."],
      /^gyrus: --data: .*means nothing to batch-norm/,
    ],
  ])("(%j) is one clear error", async (line, error) => {
    const { code, out, err } = await gyrus(line, folder);
    expect(err).toMatch(error);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
    expect([code, out]).toEqual([2, ""]);
    expect(existsSync(join(folder, "b"))).toBe(false);
  });

  it.skipIf(process.platform === "win32")(
    "stops at Ctrl-C in the middle of parts and keeps what is finished",
    async () => {
      const { child, finished } = starting([...words, "--out", "stopped"], folder);
      const parts = join(folder, "stopped/parts");
      let asked = false;
      const watch = setInterval(() => {
        if (asked || !existsSync(parts) || readdirSync(parts).length === 0) return;
        asked = child.kill("SIGINT");
      }, 50);
      const { code, out } = await finished;
      clearInterval(watch);
      expect([asked, code]).toEqual([true, 3]);
      expect(out).toBe(
        "Interrupted; what was finished is in stopped. To go on, give the same command with --resume.\n",
      );
      expect(existsSync(join(folder, "stopped/claims.json"))).toBe(false);
    },
    300_000,
  );

  it("is what gyrus list points to", async () => {
    const { out } = await gyrus(["list"], folder);
    expect(out).toMatch(/^batch-norm {2}\(study\)$/m);
    const { out: json } = await gyrus(["list", "--json"], folder);
    const all = JSON.parse(json) as { name: string; study: boolean }[];
    expect(all.find(({ name }) => name === "batch-norm")).toMatchObject({ task: "study", study: true });
    expect(all.find(({ name }) => name === "segment-unet")).toMatchObject({ study: false });
  });
});
