import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSafetensors } from "../../src/io/node.js";
import { built, gyrus, starting } from "./bin.js";

let folder = "";
const run = (...words: string[]) => gyrus(words, folder);
const json = async <T>(...words: string[]): Promise<T> => {
  const { code, out, err } = await run(...words, "--json");
  expect(err).toBe("");
  expect(code).toBe(0);
  return JSON.parse(out) as T;
};

/** Small enough to be quick, and the same every time: one thread. */
const small = ["--preset", "tiny", "--set", "network.widths=4,8", "--threads", "1"];

beforeAll(async () => {
  await built();
  folder = await mkdtemp(join(tmpdir(), "gyrus-run-"));
  const words = [
    "simulate",
    "brain",
    "--preset",
    "tiny",
    "--spacing",
    "8",
    "--subjects",
    "4",
    "--out",
    "heads",
  ];
  expect((await run(...words)).code).toBe(0);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("a run", () => {
  const scan = "heads/sub-001/anat/sub-001_T1w.nii.gz";

  it("is trained, judged, applied, exported and reported", async () => {
    const words = ["train", "segment-unet", "--data", "heads", "--out", "run", "--set", "epochs=2", ...small];
    const trained = await json<{ run: string; steps: number; stopped: string }>(...words);
    expect(trained).toMatchObject({ stopped: "done" });
    expect(trained.steps).toBeGreaterThan(0);

    const judged = await json<{ overall: { mean: number }; cases: unknown[] }>("evaluate", "run");
    expect(judged.cases).toHaveLength(1);
    expect(judged.overall.mean).toBeGreaterThanOrEqual(0);
    expect((await run("evaluate", "run", "--at-least", "0.999")).code).toBe(1);
    expect((await run("evaluate", "run", "--at-least", "0")).code).toBe(0);
    // Scores have units of their own: 30 dB is no less possible than 0.9.
    expect((await run("evaluate", "run", "--at-least", "30")).out).toContain("is below 30.");
    const wrong = await run("evaluate", "run", "--at-most", "1");
    expect([wrong.code, wrong.out]).toEqual([2, ""]);
    expect(wrong.err).toContain("--at-most does not fit: of Dice higher values are better. Give --at-least.");

    await json("export", "run", "--out", "model.onnx");
    type Predicted = { files: { prediction: string }[] };
    const [fromRun, fromModel] = [
      await json<Predicted>("predict", "run", scan, "--out", "a"),
      await json<Predicted>("predict", "model.onnx", scan, "--out", "b"),
    ];
    const bytes = await Promise.all(
      [fromRun, fromModel].map(({ files }) => readFile(join(folder, files[0]!.prediction))),
    );
    expect(bytes[1]!.equals(bytes[0]!)).toBe(true);

    const { path } = await json<{ path: string }>("report", "run");
    expect(await readFile(join(folder, path), "utf8")).toMatch(/^<!doctype html>/i);
  });

  it("is not written over", async () => {
    const { code, out, err } = await run(
      "train",
      "segment-unet",
      "--data",
      "heads",
      "--out",
      "run",
      ...small,
    );
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(/^gyrus: run: .*--resume.*\n$/);
  });

  it("may not be resumed with other settings", async () => {
    const words = [
      "train",
      "segment-unet",
      "--data",
      "heads",
      "--out",
      "run",
      "--resume",
      "--preset",
      "tiny",
    ];
    const { code, err } = await run(...words, "--set", "batch=1");
    expect(code).toBe(2);
    expect(err).toMatch(/^gyrus: run: the run was begun with another .*--out\.$/m);
  });

  it.skipIf(process.platform === "win32")("stops at Ctrl-C with everything saved", async () => {
    const words = ["train", "segment-unet", "--data", "heads", "--out", "stopped", ...small];
    const { child, finished } = starting([...words, "--set", "epochs=100000"], folder);
    let asked = false;
    child.stderr.on("data", (text: string) => {
      if (asked || !text.includes("step ")) return;
      asked = child.kill("SIGINT");
    });
    const { code, out, err } = await finished;
    expect(code).toBe(3);
    expect(err).toContain("Press Ctrl-C again to stop at once.");
    expect(out).toContain("Interrupted and saved. To go on, give the same command with --resume.");
    const last = join(folder, "stopped/checkpoints/last.safetensors");
    expect(existsSync(last)).toBe(true);
    expect(Object.keys((await readSafetensors(last)).tensors).length).toBeGreaterThan(0);
  });
});
