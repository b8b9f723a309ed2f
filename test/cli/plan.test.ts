import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DataFingerprint } from "../../src/tasks/segmentation/nnunet/fingerprint.js";
import type { Plan } from "../../src/tasks/segmentation/nnunet/plan.js";
import { writeSet } from "../tasks/nnunet/files.js";
import { built, gyrus, starting } from "./bin.js";

let folder = "";
const run = (...words: string[]) => gyrus(words, folder);
beforeAll(async () => {
  await built();
  folder = await mkdtemp(join(tmpdir(), "gyrus-plan-"));
  await writeSet(join(folder, "set"), { names: ["a", "b", "c", "d", "e", "f"], scale: 3 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Hashes of what was prepared. */
async function hashes(dir: string): Promise<string[]> {
  const names = (await readdir(join(folder, dir, "3d_fullres"))).sort();
  return Promise.all(
    names.map(async (name) => {
      const bytes = await readFile(join(folder, dir, "3d_fullres", name));
      return `${name} ${createHash("sha256").update(bytes).digest("hex")}`;
    }),
  );
}

describe("gyrus plan", () => {
  it("gives every choice with its reason, and a plan that can be read again", async () => {
    const { code, out, err } = await run("plan", "--data", "set", "--out", "plan.json", "--memory", "2");
    expect(code, err).toBe(0);
    expect(out).toMatch(/^thick: 6 labelled cases$/m);
    expect(out).toMatch(/^3d_fullres: patches of \d+x\d+x\d+: /m);
    expect(out).toMatch(/^Caution: d: its axes are 5\.7 degrees from right angles/m);
    const plan = JSON.parse(await readFile(join(folder, "plan.json"), "utf8")) as Plan;
    const again = await run("plan", "--data", "set", "--memory", "2", "--json");
    expect(again.err).toBe("");
    const { plan: same, fingerprint } = JSON.parse(again.out) as { plan: Plan; fingerprint: DataFingerprint };
    expect(same).toEqual(plan);
    expect(fingerprint.cases.map(({ id }) => id)).toEqual(["a", "b", "c", "d", "e", "f"]);
    expect(fingerprint.channels.map(({ name }) => name)).toEqual(["FLAIR", "CT"]);
    expect(plan.memoryGb).toBe(2);
  });

  it("prepares the same bytes with one thread, with three, and killed and started again", async () => {
    const words = (dir: string, workers: number) => [
      "plan",
      "--data",
      "set",
      "--prepare",
      dir,
      "--workers",
      `${workers}`,
    ];
    expect((await run(...words("one", 1))).code).toBe(0);
    const { code, out } = await run(...words("three", 3), "--json");
    expect(code).toBe(0);
    expect((JSON.parse(out) as { prepared: unknown[] }).prepared).toEqual([
      { folder: join("three", "3d_fullres"), made: 6, kept: 0 },
    ]);
    const expected = await hashes("one");
    expect(expected).toHaveLength(6);
    expect(await hashes("three")).toEqual(expected);

    const { child, finished } = starting(words("killed", 1), folder);
    const done = async (): Promise<number> =>
      (await readdir(join(folder, "killed/3d_fullres")).catch(() => [])).filter((name) =>
        name.endsWith(".safetensors"),
      ).length;
    while ((await done()) < 2 && child.exitCode === null) await new Promise((r) => setTimeout(r, 2));
    child.kill("SIGKILL");
    await finished;
    const resumed = await run(...words("killed", 2), "--json");
    const [{ made, kept }] = (JSON.parse(resumed.out) as { prepared: [{ made: number; kept: number }] })
      .prepared;
    expect(kept).toBeGreaterThanOrEqual(2);
    expect(made + kept).toBe(6);
    expect(await hashes("killed")).toEqual(expected);
  });

  it("says in one line what it cannot do", async () => {
    for (const [words, line] of [
      [["--memory", "0"], /--memory: .*a number from 0\.01 to 1024/],
      [["--rules", "v3"], /there are no rules "v3"\. Expected v2, v1/],
      [
        ["--prepare", "p", "--configuration", "3d_lowres"],
        /no configuration "3d_lowres"\. Expected one of 2d, 3d_fullres/,
      ],
      [
        ["--configuration", "2d"],
        /2d: --configuration says what to prepare.*Expected --prepare with a folder/,
      ],
      [["--prepare", "p", "--ram", "0.01"], /one case alone does not fit the memory/],
    ] as const) {
      const { code, out, err } = await run("plan", "--data", "set", "--quiet", ...words);
      expect(err).toMatch(line);
      expect(err.trimEnd().split("\n")).toHaveLength(1);
      expect([2, 3]).toContain(code);
      expect(out).toBe("");
    }
  });
});

describe("gyrus convert", () => {
  it("writes a data set that can be planned, and nothing where something is wrong", async () => {
    const { code, out } = await run("convert", "set", "--out", "copy", "--remap", "consecutive");
    expect(code).toBe(0);
    expect(out).toMatch(/^copy: 6 cases with labels, 0 without\nLabel values: 3=1,7=2\nCaution: d: /);
    const planned = await run("plan", "--data", "copy", "--json");
    expect((JSON.parse(planned.out) as { plan: Plan }).plan.dataset.labelValues).toEqual([0, 1, 2]);
    const json = JSON.parse(await readFile(join(folder, "set/dataset.json"), "utf8")) as Record<
      string,
      unknown
    >;
    await writeFile(
      join(folder, "set/dataset.json"),
      JSON.stringify({ ...json, labels: { "0": "background", "3": "left" } }),
    );
    const bad = await run("convert", "set", "--out", "bad");
    expect(bad.code).toBe(2);
    expect(bad.err).toMatch(/Expected 0, 3\. Found 7 \(6 files\)\. Say what they are with --remap OLD=NEW/);
    expect(existsSync(join(folder, "bad"))).toBe(false);
    await writeFile(join(folder, "set/dataset.json"), JSON.stringify(json));
  });
});
