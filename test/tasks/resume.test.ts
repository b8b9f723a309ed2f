import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { explainError } from "../../src/cli/exit.js";
import { readSafetensors } from "../../src/io/node.js";
import { segmentUnet } from "../../src/systems/segment-unet.js";
import { memoryShare } from "../../src/tasks/memory.node.js";
import { readRun } from "../../src/tasks/segmentation/folder.node.js";
import type { TrainRequest, Verbs } from "../../src/tasks/verbs.js";
import { quick, writeBalls } from "./data.js";

let folder = "";
let data = "";
let verbs: Verbs;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyrus-resume-"));
  data = await writeBalls(join(folder, "data"), { cases: 5 });
  verbs = await segmentUnet.verbs();
});
afterEach(() => vi.restoreAllMocks());
afterAll(() => rm(folder, { recursive: true, force: true }));

const request = (run: string, changes: Partial<TrainRequest> = {}): TrainRequest => ({
  dataDir: data,
  runDir: join(folder, run),
  preset: "tiny",
  set: quick,
  epochs: 6,
  seed: 1,
  threads: 1,
  resume: false,
  ...changes,
});

/** Ask to stop after so many steps, as Ctrl-C does. */
async function stopAfter(steps: number, run: string, changes: Partial<TrainRequest> = {}) {
  const controller = new AbortController();
  const onProgress: NonNullable<TrainRequest["onProgress"]> = ({ step }) => {
    if (step === steps) controller.abort();
  };
  return verbs.train(request(run, { ...changes, signal: controller.signal, onProgress }));
}

const lastOf = async (run: string): Promise<Buffer> => {
  const { tensors } = await readSafetensors(join(folder, run, "checkpoints", "last.safetensors"));
  return Buffer.concat(
    Object.values(tensors).map(({ data: d }) => Buffer.from(d.buffer, d.byteOffset, d.byteLength)),
  );
};

describe("a run that was asked to stop", () => {
  it("goes on to the end of one that was not, scores and all", async () => {
    const whole = await verbs.train(request("whole"));
    expect(whole).toMatchObject({ stopped: "done", steps: 12 });
    const first = await stopAfter(5, "parts");
    expect(first).toMatchObject({ stopped: "asked", steps: 5 });
    expect(existsSync(join(folder, "parts", "model.onnx"))).toBe(false);
    const second = await verbs.train(request("parts", { resume: true }));
    const timeless = { run: "", seconds: 0, memory: whole.memory };
    expect({ ...second, ...timeless }).toEqual({ ...whole, ...timeless });
    expect(second.memory.estimateBytes).toBe(whole.memory.estimateBytes);
    expect((await lastOf("parts")).equals(await lastOf("whole"))).toBe(true);
    const models = await Promise.all(
      ["parts", "whole"].map((run) => readFile(join(folder, run, "model.onnx"))),
    );
    expect(models[0]!.equals(models[1]!)).toBe(true);

    const again = await verbs.train(request("whole", { resume: true }));
    expect(again).toMatchObject({ stopped: "done", steps: 12, scores: whole.scores });
    expect(Object.keys(again.scores)).toEqual(["dice ball", "mean dice"]);
  });

  it("reports the scores of its best weights, not of a later validation", async () => {
    const set = { ...quick, validations: "6", "optimizer.learningRate": "0.05" };
    const { scores, bestScore, bestStep } = await verbs.train(request("best", { set }));
    const rows = (await readFile(join(folder, "best", "metrics.jsonl"), "utf8")).trim().split("\n");
    const best = rows
      .map((row) => JSON.parse(row) as { step: number; metrics: Record<string, number> })
      .find(({ step }) => step === bestStep)!;
    expect(scores["mean dice"]).toBe(bestScore);
    expect(best.metrics["mean dice"]).toBe(bestScore);
  });
});

describe("a run that is extended", () => {
  const longer = { resume: true, extend: true } as const;

  it("goes on to its new end, also when that is interrupted, with the same bits", async () => {
    for (const run of ["longer", "parted"]) await verbs.train(request(run, { epochs: 3 }));
    const whole = await verbs.train(request("longer", { ...longer, epochs: 6 }));
    expect(whole).toMatchObject({ stopped: "done", steps: 12 });
    const { plan, config } = await readRun(join(folder, "longer"));
    expect(config.epochs).toBe(6);
    expect(plan.revisions).toEqual([
      { step: 0, totalSteps: 6 },
      { step: 6, totalSteps: 12, extended: true },
    ]);
    expect(await stopAfter(9, "parted", { ...longer, epochs: 6 })).toMatchObject({ stopped: "asked" });
    // The same request goes on with it, and so does one that does not say that it is an extension.
    expect(await verbs.train(request("parted", { resume: true, epochs: 6 }))).toMatchObject({ steps: 12 });
    expect((await lastOf("parted")).equals(await lastOf("longer"))).toBe(true);
    expect((await readRun(join(folder, "parted"))).plan.revisions).toHaveLength(2);
  });

  it("by minutes gets as many steps as they allow, from its beginning", async () => {
    await expect(verbs.train(request("longer", { resume: true, minutes: 5 }))).rejects.toThrow(
      /the run was begun with another length\. Expected 6 epochs\. Found 5 minutes\. .*--extend/,
    );
    const { steps } = await verbs.train(request("longer", { ...longer, minutes: 0.1 }));
    expect(steps).toBeGreaterThan(12);
    expect((await readRun(join(folder, "longer"))).plan).toMatchObject({ minutes: 0.1, totalSteps: steps });
    await expect(verbs.train(request("longer", { ...longer, minutes: 0.05 }))).rejects.toThrow(
      /begun for longer than this.*Expected more than 0\.1 minutes\. Found 0\.05 minutes/,
    );
  });

  it("says what it is refused for", async () => {
    await expect(verbs.train(request("parted", { resume: true, epochs: 8 }))).rejects.toThrow(
      /begun with another config\.epochs\. Expected 6\. Found 8/,
    );
    await expect(verbs.train(request("parted", { ...longer, epochs: 5 }))).rejects.toThrow(
      /begun for longer than this: there is nothing to extend\. Expected more than 6 epochs\. Found 5 epochs/,
    );
    await expect(verbs.train(request("parted", { ...longer, epochs: 8, seed: 2 }))).rejects.toThrow(
      /another seed/,
    );
    await expect(verbs.train(request("new", { extend: true }))).rejects.toThrow(/only a run that is there/);
    const { epochs: _, ...lengthless } = request("parted", longer);
    await expect(verbs.train(lengthless)).rejects.toThrow(/not said how long the training is to be/);
  });
});

describe("a batch that was lowered to fit into memory", () => {
  /** So much may be counted on. */
  const available = (bytes: number): void =>
    void vi.spyOn(process, "availableMemory").mockReturnValue(bytes / memoryShare);

  it("is announced and recorded, stays lowered with more memory, and is not lowered further on the way", async () => {
    const set = { ...quick, batch: "4" };
    const { memory } = await verbs
      .train(request("probe", { set, epochs: 1 }))
      .then(() => readRun(join(folder, "probe")));
    available(memory.estimateBytes - 1);
    const first = await stopAfter(2, "lowered", { set });
    expect(first.warnings).toHaveLength(1);
    expect(first.warnings[0]).toMatch(/^batch 4 needs about .*: lowered to 2$/);
    const run = await readRun(join(folder, "lowered"));
    expect(run.config.batch).toBe(2);

    available(run.memory.estimateBytes - 1);
    const refused: unknown = await verbs
      .train(request("lowered", { set, resume: true }))
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ kind: "memory" });
    expect((refused as Error).message).toMatch(
      /the run was begun with batch 2, which does not fit into memory now/,
    );
    expect(explainError(refused).code).toBe(3);

    available(1e12);
    const second = await verbs.train(request("lowered", { set, resume: true }));
    expect(second).toMatchObject({ stopped: "done", steps: 12 });
  });

  it("is refused with the estimate, before anything is written, when one sample does not fit", async () => {
    available(1e6);
    await expect(verbs.train(request("refused"))).rejects.toThrow(
      /one sample does not fit into memory\. Expected at most 0\.0 GiB\. Found an estimate of 0\.1 GiB/,
    );
    expect(existsSync(join(folder, "refused"))).toBe(false);
  });
});
