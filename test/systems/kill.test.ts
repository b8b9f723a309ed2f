import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSafetensors } from "../../src/io/node.js";
import { petGeometries } from "../../src/sim/pet/geometry.js";
import { writePetScans } from "../../src/sim/pet/node.js";
import { built, type Finished, gyrus, starting } from "../cli/bin.js";
import { writeBalls } from "../tasks/data.js";
import { quickPet } from "../tasks/reconstruction/data.js";

let folder = "";
const at = (...parts: string[]): string => join(folder, ...parts);
const files = (path: string): string[] => (existsSync(path) ? readdirSync(path) : []);

/** 48 steps with dropout, an average of the weights and augmentation: what a resumed run could get wrong. */
const settings = [
  ["network.widths", "4,8"],
  ["network.dropout", "0.2"],
  ["network.norm", "batch"],
  ["patch", "16,16,16"],
  ["validations", "3"],
];
const words = (run: string, ...more: string[]): string[] => [
  ...["train", "segment-unet", "--data", at("data"), "--out", run, "--preset", "tiny", "--epochs", "12"],
  ...["--seed", "7", "--threads", "2", ...settings.flatMap(([key, value]) => ["--set", `${key}=${value}`])],
  ...more,
];

/** Digests of everything that a run leaves, for messages that a person can read. */
type Outcome = Readonly<Record<string, string | number>>;

async function outcomeOf(run: string): Promise<Outcome> {
  const outcome: Record<string, string | number> = {};
  for (const name of ["last", "best"]) {
    const { tensors } = await readSafetensors(join(run, "checkpoints", `${name}.safetensors`));
    for (const [key, { data }] of Object.entries(tensors))
      outcome[`${name} ${key}`] = digest(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  outcome["model.onnx"] = digest(await readFile(join(run, "model.onnx")));
  const rows = (await readFile(join(run, "metrics.jsonl"), "utf8")).trim().split("\n");
  outcome["rows of history"] = rows.length;
  for (const [at, row] of rows.entries()) {
    const { seconds: _, ...rest } = JSON.parse(row) as { seconds: number };
    outcome[`row ${at + 1}`] = JSON.stringify(rest);
  }
  return outcome;
}

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

let whole: Outcome;
beforeAll(async () => {
  await built();
  folder = await mkdtemp(join(tmpdir(), "gyrus-kill-"));
  await writeBalls(at("data"), { cases: 10 });
  const done = await gyrus(words(at("whole")), folder);
  expect(done.err).not.toContain("gyrus:");
  expect(done.code).toBe(0);
  whole = await outcomeOf(at("whole"));
  expect(whole["rows of history"]).toBe(48);
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Start the command, and kill it without a word as soon as the moment has come. */
async function killed(command: readonly string[], moment: () => boolean): Promise<Finished> {
  const { child, finished } = starting(command, folder);
  while (child.exitCode === null && !moment()) await sleep(1);
  child.kill("SIGKILL");
  const end = await finished;
  expect(child.signalCode, `it ended by itself before the moment came: ${end.err}`).toBe("SIGKILL");
  return end;
}

describe("a training run killed by SIGKILL and resumed ends as if nothing had happened:", () => {
  const checkpoints = (run: string): string[] => files(join(run, "checkpoints"));
  const part = (run: string): boolean => checkpoints(run).some((name) => name.endsWith(".part"));
  const moments: Readonly<Record<string, (run: string) => () => boolean>> = {
    "before the first checkpoint": (run) => () => existsSync(join(run, "run.json")),
    "between two checkpoints": (run) => {
      let seen = 0;
      return () => {
        if (checkpoints(run).includes("last.safetensors") && !part(run)) seen++;
        return seen > 30;
      };
    },
    "while a checkpoint is written over the last one": (run) => () =>
      checkpoints(run).includes("last.safetensors") && part(run),
  };

  it.each(Object.keys(moments))("%s", async (name) => {
    const run = at(name.replaceAll(" ", "-"));
    await killed(words(run), moments[name]!(run));
    expect(existsSync(join(run, "model.onnx"))).toBe(false);
    const resumed = await gyrus(words(run, "--resume"), folder);
    expect(resumed.code, resumed.err).toBe(0);
    expect(await outcomeOf(run)).toEqual(whole);
  });

  it("several times in one run", async () => {
    const run = at("often");
    await killed(words(run), moments["before the first checkpoint"]!(run));
    await killed(words(run, "--resume"), moments["between two checkpoints"]!(run));
    await killed(words(run, "--resume"), moments["while a checkpoint is written over the last one"]!(run));
    expect((await gyrus(words(run, "--resume"), folder)).code).toBe(0);
    expect(await outcomeOf(run)).toEqual(whole);
  });
});

describe("a reconstructing run, whose noise is drawn at every step, killed and resumed,", () => {
  const reconstruct = (run: string, ...more: string[]): string[] => [
    ...["train", "deeppet", "--data", at("scans"), "--out", run, "--preset", "tiny", "--epochs", "16"],
    ...["--seed", "7", "--threads", "2"],
    ...Object.entries({ ...quickPet, noise: "fresh" }).flatMap(([key, value]) => [
      "--set",
      `${key}=${value}`,
    ]),
    ...more,
  ];

  it("ends as if nothing had happened", async () => {
    const options = { geometry: petGeometries.tiny, phantoms: 5, slicesPerPhantom: 2, seed: 3, counts: 1e6 };
    await writePetScans(at("scans"), options);
    const [undisturbed, run] = [at("counted"), at("counted-twice")];
    const done = await gyrus(reconstruct(undisturbed), folder);
    expect(done.code, done.err).toBe(0);
    const saved = join(run, "checkpoints", "last.safetensors");
    await killed(reconstruct(run), () => existsSync(saved));
    expect(existsSync(join(run, "model.onnx"))).toBe(false);
    const resumed = await gyrus(reconstruct(run, "--resume"), folder);
    expect(resumed.code, resumed.err).toBe(0);
    expect(await outcomeOf(run)).toEqual(await outcomeOf(undisturbed));
  });
});

describe("an experiment of nnU-Net, killed while it is prepared, trained and predicted, and resumed,", () => {
  const options = { firstWidth: 4, stepsPerEpoch: 12, validations: 2, validationPatches: 4 };
  const nnunet = (out: string, ...more: string[]): string[] => [
    ...["train", "nnunet", "--data", at("data"), "--out", out, "--preset", "tiny", "--epochs", "2"],
    ...["--seed", "7", "--threads", "2"],
    ...Object.entries(options).flatMap(([key, value]) => ["--set", `${key}=${value}`]),
    ...more,
  ];

  /** What is left of a fold and of the prepared cases. */
  async function foldOf(out: string): Promise<Outcome> {
    const fold = join(out, "3d_fullres", "fold-0");
    const found: Record<string, string | number> = { ...(await outcomeOf(fold)) };
    for (const folder of [join(out, "prepared", "3d_fullres"), join(fold, "validation")])
      for (const name of files(folder))
        found[`${folder.slice(out.length)} ${name}`] = digest(await readFile(join(folder, name)));
    const { summary } = JSON.parse(await readFile(join(fold, "evaluation.json"), "utf8")) as {
      summary: unknown;
    };
    found.evaluation = JSON.stringify(summary);
    return found;
  }

  it("ends as if nothing had happened", async () => {
    const [undisturbed, out] = [at("experiment"), at("experiment-killed")];
    const done = await gyrus(nnunet(undisturbed), folder);
    expect(done.code, done.err).toBe(0);
    const fold = join(out, "3d_fullres", "fold-0");
    await killed(nnunet(out), () => files(join(out, "prepared", "3d_fullres")).length > 2);
    expect(existsSync(fold)).toBe(false);
    await killed(nnunet(out), () => existsSync(join(fold, "checkpoints", "last.safetensors")));
    expect(existsSync(join(fold, "model.onnx"))).toBe(false);
    await killed(nnunet(out, "--resume"), () => existsSync(join(fold, "validation")));
    expect(existsSync(join(fold, "evaluation.json"))).toBe(false);
    const resumed = await gyrus(nnunet(out, "--resume"), folder);
    expect(resumed.code, resumed.err).toBe(0);
    expect(await foldOf(out)).toEqual(await foldOf(undisturbed));
  });
});

/** A disk of this size (and number of files), mounted for the time of `work`; undefined where one may not be mounted. */
async function onSmallDisk<T>(size: string, work: (disk: string) => Promise<T>): Promise<T | undefined> {
  const disk = at(`disk-${size.replace(/\W/g, "-")}`);
  mkdirSync(disk);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", disk], { stdio: "ignore" });
  } catch {
    console.warn("NOT TESTED: a full disk, because no small disk may be mounted here (root on Linux only)");
    return undefined;
  }
  try {
    return await work(disk);
  } finally {
    execFileSync("umount", [disk]);
  }
}

describe("a full disk", () => {
  it("before the first step leaves no run folder behind", async () => {
    await onSmallDisk("64k,nr_inodes=3", async (disk) => {
      const run = join(disk, "run");
      const { code, err } = await gyrus(words(run), folder);
      expect(err).toMatch(/gyrus: \S*run\.json: the disk is full\..*Free some space/);
      expect(code).toBe(3);
      expect(readdirSync(disk)).toEqual([]);
    });
  });

  it("at a checkpoint stops the run, which goes on to the same end when there is room", async () => {
    await onSmallDisk("256k", async (disk) => {
      const run = join(disk, "run");
      const { code, err } = await gyrus(words(run), folder);
      expect(err).toMatch(/gyrus: \S*(safetensors|metrics\.jsonl|model\.onnx): .*\. .*Free some space/);
      expect(code).toBe(3);
      expect(files(join(run, "checkpoints")).filter((name) => name.endsWith(".part"))).toEqual([]);
      execFileSync("mount", ["-o", "remount,size=16m", disk], { stdio: "ignore" });
      const resumed = await gyrus(words(run, "--resume"), folder);
      expect(resumed.code, resumed.err).toBe(0);
      expect(await outcomeOf(run)).toEqual(whole);
    });
  });
});
