import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSafetensors, readVolume, writeSafetensors, writeVolume } from "../../src/io/node.js";
import { systems } from "../../src/systems/registry.js";
import { configs } from "../../src/systems/segment-unet.js";
import { segmentationSchema, withChanges } from "../../src/tasks/segmentation/config.js";
import type { TrainRequest, TrainSummary, Verbs } from "../../src/tasks/verbs.js";
import type { Size3 } from "../../src/volume/volume.js";
import { ball, quick, writeBalls } from "../tasks/data.js";

/** What a system is tested with: data it can learn in seconds, settings that keep it small, and its presets' check. */
interface Recipe {
  /** Write a data set of three subjects, one of which is held out. */
  readonly write: (folder: string) => Promise<string>;
  readonly set: Readonly<Record<string, string>>;
  readonly preset: string;
  readonly epochs: number;
  /** The loss falls by at least this factor on the two samples it is trained on. */
  readonly factor: number;
  /** Throws when the preset is not sound. */
  readonly requireSound: (preset: string) => void;
}

const recipes: Readonly<Record<string, Recipe>> = {
  "segment-unet": {
    write: (folder) => writeBalls(folder, { cases: 3 }),
    set: { ...quick, "optimizer.learningRate": "0.02", average: "0.9" },
    preset: "tiny",
    epochs: 80,
    factor: 4,
    requireSound: (preset) => {
      const config = configs[preset as keyof typeof configs];
      expect(segmentationSchema.parse(config)).toEqual(config);
      expect(withChanges(config, {})).toEqual(config);
    },
  },
};

it("every system has a recipe, and every recipe a system", () => {
  expect(Object.keys(recipes).sort()).toEqual(systems.map(({ name }) => name).sort());
});

describe.each(systems.map((system) => [system.name, system] as const))("%s", (name, system) => {
  const recipe = recipes[name]!;
  let folder = "";
  let data = "";
  let verbs: Verbs;
  let trained: TrainSummary;

  const train = (run: string, changes: Partial<TrainRequest> = {}): Promise<TrainSummary> =>
    verbs.train({
      dataDir: data,
      runDir: join(folder, run),
      preset: recipe.preset,
      set: recipe.set,
      fold: 0,
      folds: 3,
      epochs: recipe.epochs,
      seed: 5,
      threads: 1,
      resume: false,
      ...changes,
    });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gyrus-contract-"));
    data = await recipe.write(join(folder, "data"));
    verbs = await system.verbs();
    trained = await train("first");
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("says what it is: a name to type, a sentence, a paper", () => {
    expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    expect(system.summary).toMatch(/^[A-Z].*[^.]$/);
    expect(system.paper.title.length).toBeGreaterThan(10);
    expect(system.paper.year).toBeGreaterThan(1980);
  });

  it.each(Object.keys(system.presets))("preset %s is sound", (preset) => {
    recipe.requireSound(preset);
    expect(system.presets[preset]!.summary.length).toBeGreaterThan(10);
  });

  it("overfits two tiny samples", async () => {
    const rows = (await readFile(join(folder, "first", "metrics.jsonl"), "utf8")).trim().split("\n");
    const losses = rows.map((row) => (JSON.parse(row) as { trainLoss: number }).trainLoss);
    expect(losses).toHaveLength(trained.steps);
    expect(losses.at(-1)!).toBeLessThan(losses[0]! / recipe.factor);
    expect(trained.bestScore).not.toBeNull();
    expect(Object.values(trained.scores)).toContain(trained.bestScore);
  });

  it("gives the same weights from the same seed, and others from another", async () => {
    const weights = async (run: string, seed: number): Promise<Buffer[]> => {
      await train(run, { seed, epochs: 2 });
      const { tensors } = await readSafetensors(join(folder, run, "checkpoints", "last.safetensors"));
      return Object.values(tensors).map(({ data: d }) => Buffer.from(d.buffer, d.byteOffset, d.byteLength));
    };
    const [first, again, other] = [await weights("a", 9), await weights("b", 9), await weights("c", 10)];
    expect(Buffer.concat(again).equals(Buffer.concat(first))).toBe(true);
    expect(Buffer.concat(other).equals(Buffer.concat(first))).toBe(false);
    const [model, same] = await Promise.all(
      ["a", "b"].map((run) => readFile(join(folder, run, "model.onnx"))),
    );
    expect(same!.equals(model!)).toBe(true);
  });

  it("round-trips its checkpoint bit for bit", async () => {
    const path = join(folder, "first", "checkpoints", "last.safetensors");
    const { tensors, metadata } = await readSafetensors(path);
    const copy = join(folder, "copy.safetensors");
    await writeSafetensors(copy, tensors, metadata);
    expect((await readFile(copy)).equals(await readFile(path))).toBe(true);
    expect(Object.keys(tensors).length).toBeGreaterThan(0);
  });

  it.each([[[17, 9, 21]], [[5, 16, 3]], [[33, 16, 16]]] as [Size3][])(
    "accepts a scan of %j voxels and answers on its grid",
    async (size) => {
      const { image, grid } = ball("odd", size);
      const scan = join(folder, `odd-${size.join("-")}.nii.gz`);
      await writeVolume(scan, { data: image, channels: 1, ...grid });
      const { files } = await verbs.predict({
        model: join(folder, "first"),
        scans: [scan],
        outDir: join(folder, "out"),
        threads: 1,
      });
      const { volume } = await readVolume(files[0]!.prediction);
      expect(volume.size).toEqual(size);
      expect(volume.affine).toEqual((await readVolume(scan)).volume.affine);
    },
  );

  it("is judged, exported and reported on", async () => {
    const runDir = join(folder, "first");
    const judged = await verbs.evaluate({ runDir, threads: 1 });
    expect(judged.caseCount).toBe(1);
    expect(judged.overall!.mean).toBeGreaterThan(0.8);
    const out = join(folder, "model.onnx");
    const { bytes } = await verbs.exportModel({ runDir, out });
    expect((await readFile(out)).length).toBe(bytes);
    expect((await readFile(join(runDir, "model.onnx"))).equals(await readFile(out))).toBe(true);
    const { path } = await verbs.report({ runDir });
    expect(existsSync(path)).toBe(true);
  });
});
