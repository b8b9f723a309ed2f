import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configs } from "../../../src/systems/nnunet.js";
import { trainNnunet } from "../../../src/tasks/segmentation/nnunet/train.node.js";
import type { EvaluateSummary, TrainRequest } from "../../../src/tasks/verbs.js";
import { writeBalls } from "../data.js";

const system = { name: "nnunet", presets: configs };
const quick = {
  firstWidth: "4",
  epochs: "2",
  stepsPerEpoch: "6",
  validations: "2",
  validationPatches: "4",
};

let folder = "";
const at = (...parts: string[]): string => join(folder, ...parts);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyrus-nnunet-"));
  await writeBalls(at("data"), { cases: 5, size: [18, 20, 16] });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function request(out: string, changes: Partial<TrainRequest> = {}): TrainRequest {
  return {
    dataDir: at("data"),
    runDir: at(out),
    preset: "tiny",
    set: quick,
    seed: 1,
    resume: false,
    threads: 1,
    ...changes,
  };
}

describe("gyrus train nnunet", () => {
  it("measures, plans, prepares, trains and judges a fold", async () => {
    const notes: string[] = [];
    const summary = await trainNnunet(
      system,
      request("one", { onProgress: ({ note }) => note !== undefined && notes.push(note) }),
    );
    expect(summary.stopped).toBe("done");
    expect(summary.steps).toBe(12);
    expect((await readdir(at("one"))).sort()).toEqual([
      "3d_fullres",
      "experiment.json",
      "fingerprint.json",
      "plan.json",
      "prepared",
      "splits.json",
    ]);
    expect((await readdir(at("one/3d_fullres/fold-0"))).sort()).toEqual([
      "checkpoints",
      "evaluation.json",
      "metrics.jsonl",
      "model.onnx",
      "run.json",
      "validation",
    ]);
    const evaluation = JSON.parse(
      await readFile(at("one/3d_fullres/fold-0/evaluation.json"), "utf8"),
    ) as EvaluateSummary;
    expect(evaluation.caseCount).toBe(1);
    expect(evaluation.labels).toEqual(["ball"]);
    expect(notes.join()).toMatch(/every case counts as a person of its own/);
  });
});
