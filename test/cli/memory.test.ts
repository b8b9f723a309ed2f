import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeBalls } from "../tasks/data.js";
import { built, type Finished, gyrus, gyrusBin } from "./bin.js";

const folder = mkdtempSync(join(tmpdir(), "gyrus-memory-"));

beforeAll(async () => {
  await built();
  await writeBalls(join(folder, "data"), { cases: 4 });
}, 120_000);
afterAll(() => rm(folder, { recursive: true }));

/** `gyrus` in a shell that grants so many kibibytes of address space. */
function within(kibibytes: number, words: readonly string[]): Promise<Finished> {
  const command = `ulimit -v ${kibibytes}; exec "$@"`;
  const child = spawn("bash", ["-c", command, "bash", process.execPath, gyrusBin, ...words], { cwd: folder });
  const texts = { out: "", err: "" };
  child.stdout.on("data", (text) => {
    texts.out += text;
  });
  child.stderr.on("data", (text) => {
    texts.err += text;
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, ...texts })));
}

const train = (run: string, ...more: readonly string[]): string[] =>
  `train segment-unet --data data --out ${run} --preset tiny --epochs 1 --set augmentation=none --threads 1`
    .split(" ")
    .concat(more);

describe("memory", () => {
  it("at the peak is printed, recorded and reported beside the estimate", async () => {
    const { code, out } = await gyrus(train("run", "--memory", "lean", "--set", "patch=16,16,16"), folder);
    expect(code).toBe(0);
    expect(out).toMatch(
      /Memory at the peak: [\d.]+ [MG]iB, images and validation included; estimated for the step: [\d.]+ [MG]iB/,
    );
    const { memory } = JSON.parse(readFileSync(join(folder, "run/run.json"), "utf8")) as {
      memory: Record<string, number | string>;
    };
    expect(memory).toMatchObject({ use: "lean" });
    expect(memory.peakBytes).toBeGreaterThan(60e6);
    expect(memory.peakBytes).toBeLessThan(2e9);
    expect((await gyrus(["report", "run"], folder)).code).toBe(0);
    const page = readFileSync(join(folder, "run/report.html"), "utf8");
    expect(page).toContain("memory estimated for a step");
    expect(page).toContain("memory at the peak of training");
  });

  // The guard before the start lowers the batch where the machine itself has too little.
  it.skipIf(process.platform !== "linux" || process.availableMemory() < 19e9)(
    "that runs out is one error with the estimate and what to lower (needs Linux for the limit, and 19 GB free)",
    async () => {
      const { code, out, err } = await within(
        3_700_000,
        train("large", "--set", "network.widths=512,8", "--set", "patch=48,48,48", "--set", "batch=8"),
      );
      expect(code).toBe(3);
      expect(out).toBe("");
      const last = err.trim().split("\n").at(-1)!;
      expect(last).toMatch(
        /^gyrus: .*the engine ran out of memory\. Expected about [\d.]+ GiB by the estimate\. Found .* Train with --memory lean, lower the batch or the patch \(--set batch=1, --set patch=32,32,32\), or close other programs\.$/,
      );
      expect(existsSync(join(folder, "large/model.onnx"))).toBe(false);
    },
    60_000,
  );
});
