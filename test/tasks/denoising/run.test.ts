import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSafetensors, readVolume, writeVolume } from "../../../src/io/node.js";
import { configs } from "../../../src/systems/red-wgan.js";
import { configs as unetConfigs } from "../../../src/systems/segment-unet.js";
import { withChanges } from "../../../src/tasks/denoising/config.js";
import { denoisingVerbs } from "../../../src/tasks/denoising/node.js";
import { segmentationVerbs } from "../../../src/tasks/segmentation/node.js";
import type { TrainRequest } from "../../../src/tasks/verbs.js";
import { ball, quick, writeBalls } from "../data.js";
import { quickNoise } from "./data.js";

const verbs = denoisingVerbs({ name: "red-wgan", presets: configs });
let folder = "";
let data = "";

const train = (run: string, changes: Partial<TrainRequest> = {}) =>
  verbs.train({
    dataDir: data,
    runDir: join(folder, run),
    preset: "tiny",
    set: quickNoise,
    folds: 3,
    epochs: 6,
    seed: 2,
    threads: 1,
    resume: false,
    ...changes,
  });
const bytesOf = async (run: string): Promise<Buffer> => {
  const { tensors } = await readSafetensors(join(folder, run, "checkpoints", "last.safetensors"));
  const names = Object.keys(tensors).sort();
  return Buffer.concat(names.map((name) => Buffer.from(tensors[name]!.data.buffer)));
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyrus-denoising-"));
  data = await writeBalls(join(folder, "data"), { cases: 3 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("a run with a critic", () => {
  it("interrupted and resumed has the bits of one that was not, and its history the terms of all losses", async () => {
    const whole = await train("whole");
    expect(whole).toMatchObject({ steps: 12, stopped: "done" });
    const stop = new AbortController();
    const set = { ...quickNoise };
    const first = await train("parts", {
      signal: stop.signal,
      onProgress: ({ step }) => {
        if (step === 5) stop.abort();
      },
    });
    expect(first).toMatchObject({ steps: 5, stopped: "asked" });
    await expect(train("parts", { resume: true, set: { ...set, "critic.penalty": "5" } })).rejects.toThrow(
      /begun with another config.critic.penalty/,
    );
    expect(await train("parts", { resume: true })).toMatchObject({ steps: 12, stopped: "done" });
    expect((await bytesOf("parts")).equals(await bytesOf("whole"))).toBe(true);
    const rows = (await readFile(join(folder, "whole", "metrics.jsonl"), "utf8")).trim().split("\n");
    const { trainMetrics } = JSON.parse(rows[0]!) as { trainMetrics: Record<string, number> };
    expect(Object.keys(trainMetrics).sort()).toEqual([
      "critic distance",
      "critic loss",
      "critic norm",
      "critic penalty",
      "generator adversarial",
      "generator loss",
      "generator mse",
      "generator perceptual",
    ]);
    const { tensors } = await readSafetensors(join(folder, "whole", "checkpoints", "last.safetensors"));
    expect(Object.keys(tensors)).toContain("parameter/features.encoder0.conv0.weight");
    expect(Object.keys(tensors)).toContain("slot/critic/adam/sum/critic.head.weight");
  });

  it("without its terms is CNN3D: no critic, no features, one step", async () => {
    await train("cnn", {
      set: { ...quickNoise, "loss.adversarial": "0", "loss.perceptual": "0" },
      epochs: 1,
    });
    const { tensors } = await readSafetensors(join(folder, "cnn", "checkpoints", "last.safetensors"));
    expect(Object.keys(tensors).filter((name) => /critic|features/.test(name))).toEqual([]);
    const run = JSON.parse(await readFile(join(folder, "cnn", "run.json"), "utf8")) as Record<
      string,
      unknown
    >;
    expect(run).toMatchObject({ criticParameters: 0, model: { features: null } });
  });

  it("judges by the encoder of a run of segment-unet, which stays as it was trained", async () => {
    const set = { ...quick, patch: "8,8,8" };
    const judge = join(folder, "unet");
    await segmentationVerbs({ name: "segment-unet", presets: unetConfigs }).train({
      dataDir: data,
      runDir: judge,
      preset: "tiny",
      set,
      folds: 3,
      epochs: 1,
      seed: 1,
      threads: 1,
      resume: false,
    });
    await train("judged", {
      set: { ...quickNoise, "features.run": judge, "features.levels": "1" },
      epochs: 1,
    });
    const of = async (run: string) =>
      (await readSafetensors(join(folder, run, "checkpoints", "last.safetensors"))).tensors;
    const [own, taken] = [await of("unet"), await of("judged")];
    const average = own["average/encoder0.conv0.weight"]!;
    expect(taken["parameter/features.encoder0.conv0.weight"]!.data).toEqual(average.data);
    expect(Object.keys(taken).some((name) => name.includes("features.encoder1"))).toBe(false);
    const run = await readFile(join(folder, "judged", "run.json"), "utf8");
    expect(run).toContain(
      "the first 1 levels (4 channels) of the encoder of segment-unet tiny, trained by Gyrus",
    );
    await expect(
      train("no", { set: { ...quickNoise, "features.run": join(folder, "nobody") } }),
    ).rejects.toThrow(/the run whose features judge is not there/);
  });
});

describe("data", () => {
  it("may be a folder of scans without labels", async () => {
    const plain = join(folder, "plain");
    const { mkdir } = await import("node:fs/promises");
    await mkdir(plain);
    for (const name of ["a", "b", "c"]) {
      const { image, grid } = ball(name);
      await writeVolume(join(plain, `${name}.nii.gz`), { data: image, channels: 1, ...grid });
    }
    expect(await train("plain-run", { dataDir: plain, epochs: 1 })).toMatchObject({ steps: 2 });
    const judged = await verbs.evaluate({ runDir: join(folder, "plain-run"), threads: 1 });
    expect(judged.labels).toEqual(["9 % noise, whole field"]);
    const outDir = join(folder, "out");
    const { files } = await verbs.predict({
      model: join(folder, "plain-run"),
      scans: [plain],
      outDir,
      threads: 1,
    });
    expect(files.map(({ prediction }) => prediction)).toEqual(
      ["a", "b", "c"].map((name) => `${outDir}/${name}_denoised.nii.gz`),
    );
    const { volume } = await readVolume(files[0]!.prediction, { as: "float32" });
    expect(volume.data.every((value) => value >= 0 && Number.isFinite(value))).toBe(true);
  });

  it("with negative values, or with noise that cannot be, is refused before anything is written", async () => {
    const negative = await writeBalls(join(folder, "negative"), {
      cases: 3,
      change: ({ image }) => ({ image: image.map((value) => value - 150) }),
    });
    await expect(train("negative-run", { dataDir: negative })).rejects.toThrow(
      /magnitudes cannot be negative/,
    );
    await expect(train("x", { set: { ...quickNoise, noise: "9,3" } })).rejects.toThrow(
      /the lower level comes first/,
    );
    await writeFile(join(folder, "not.nii"), "nothing");
    await expect(
      verbs.predict({ model: join(folder, "whole"), scans: [join(folder, "not.nii")], outDir: folder }),
    ).rejects.toThrow(/not\.nii/);
    expect(() =>
      withChanges(configs.small, { "loss.mse": "0", "loss.adversarial": "0", "loss.perceptual": "0" }),
    ).toThrow(/one of the weights is above 0/);
  });
});
