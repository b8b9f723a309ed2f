import { mkdtemp, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rng } from "../../../src/core/rng.js";
import { nodeFiles, openDataSet } from "../../../src/io/node.js";
import { nodeCpu } from "../../../src/runtime/node.js";
import { bytesOfCase } from "../../../src/tasks/segmentation/nnunet/cross-validation.node.js";
import { findBest } from "../../../src/tasks/segmentation/nnunet/find-best.node.js";
import { cacheBytes } from "../../../src/tasks/segmentation/nnunet/fold-batches.node.js";
import {
  decodeHeldOut,
  encodeHeldOut,
  type HeldOut,
  readHeldOut,
  writeHeldOut,
} from "../../../src/tasks/segmentation/nnunet/held-out.js";
import { secondsToPredict } from "../../../src/tasks/segmentation/nnunet/held-out.node.js";
import { experimentPaths, foldPaths } from "../../../src/tasks/segmentation/nnunet/layout.js";
import { requireHeldOutFits } from "../../../src/tasks/segmentation/nnunet/memory.node.js";
import { trainedConfiguration } from "../../../src/tasks/segmentation/nnunet/model.js";
import { heldOutBytes } from "../../../src/tasks/segmentation/nnunet/prediction-memory.js";
import { encodePrepared, peekPrepared } from "../../../src/tasks/segmentation/nnunet/prepared-file.js";
import { prepareCase } from "../../../src/tasks/segmentation/nnunet/preprocess.js";
import type { Size3 } from "../../../src/volume/volume.js";
import {
  levels,
  levelWeights,
  modelFor,
  writeHeldOut as predictFold,
  voxelPlan,
  writeFold,
  writeLevels,
  writeRecord,
} from "./trained.js";

let dir = "";
const at = (...parts: string[]): string => join(dir, ...parts);
const prepared = () =>
  prepareCase({ id: "a", image: levels("a").scan }, voxelPlan(), voxelPlan().configurations["3d_fullres"]!);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "nnunet-held-out-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** Five outputs at random. */
function opinion(): HeldOut {
  const { geometry } = prepared();
  const random = rng("held out");
  const voxels = geometry.resizing.to.reduce((a, b) => a * b, 1);
  return {
    id: "a",
    geometry,
    probabilities: Float32Array.from({ length: 5 * voxels }, () => random.uniform()),
  };
}

describe("what a network says of a held-out case", () => {
  it("goes into several files where one would be too large, and comes back as it was", async () => {
    const held = opinion();
    const path = at("a.safetensors");
    // Two outputs of five a file.
    await writeHeldOut(nodeFiles, path, held, (2.5 / 5) * held.probabilities.byteLength);
    const names = ["a.part-1.safetensors", "a.part-2.safetensors", "a.safetensors"];
    expect(await readdir(dir)).toEqual(names);
    const sizes = await Promise.all(names.map(async (name) => (await stat(at(name))).size));
    for (const size of sizes) expect(size).toBeLessThan(0.5 * held.probabilities.byteLength + 2000);
    expect(await readHeldOut(nodeFiles, path)).toEqual(held);
    const first = await nodeFiles.read(path);
    expect(() => decodeHeldOut(first, path)).toThrow(/a part of a held-out case only.*Found the first of 3/);
    await rename(at("a.part-2.safetensors"), at("gone"));
    await expect(readHeldOut(nodeFiles, path)).rejects.toThrow(/a\.part-2\.safetensors: there is no such/);
    await writeFile(at("a.part-2.safetensors"), encodeHeldOut(held));
    await expect(readHeldOut(nodeFiles, path)).rejects.toThrow(
      /a\.part-2\.safetensors: the files of this held-out case do not belong together/,
    );
  });

  it("is compared and judged from several files as from one", async () => {
    const ids = ["a", "b", "c", "d"];
    await writeLevels(at("data"), ids);
    await writeRecord(at("out"), at("data"), voxelPlan(), ids);
    for (const fold of [0, 1]) {
      await writeFold(at("out"), modelFor("3d_fullres"), fold);
      await predictFold(at("out"), "3d_fullres", fold);
    }
    const { evaluation } = await findBest({ dir: at("out"), workers: 1 });
    const path = foldPaths.heldOutCase(experimentPaths.fold(at("out"), "3d_fullres", 0), "a");
    const whole = await readHeldOut(nodeFiles, path);
    await writeHeldOut(nodeFiles, path, whole, 1);
    expect((await findBest({ dir: at("out"), workers: 1 })).evaluation).toEqual(evaluation);
  });
});

describe("the time that predictions take", () => {
  it("is known from a window, long before a case is through", async () => {
    const plan = voxelPlan();
    const image = levels("large", [80, 80, 80]).scan;
    const large = prepareCase({ id: "large", image }, plan, plan.configurations["3d_fullres"]!);
    const path = at("large.safetensors");
    await writeFile(path, await encodePrepared(large, { inputs: "", recipe: "" }));
    const model = modelFor("3d_fullres");
    const estimate = async (cases: number): Promise<{ seconds: number; took: number }> => {
      const files = Array.from({ length: cases }, (_, n) => ({ id: `${n}`, path }));
      const began = performance.now();
      const seconds = await secondsToPredict(model, levelWeights(model, 1), files, { threads: 1 });
      return { seconds, took: (performance.now() - began) / 1000 };
    };
    // 19 windows along every axis, each in eight mirrorings.
    const one = await estimate(1);
    expect(one.seconds).toBeGreaterThan(19 ** 3 * 8 * 1e-5);
    const many = await estimate(20);
    expect(many.seconds / one.seconds).toBeGreaterThan(5);
    expect(many.took).toBeLessThan(many.seconds / 20);
  });
});

describe("memory", () => {
  it("for a held-out case is checked before a fold is trained", async () => {
    const model = modelFor("3d_fullres");
    const path = at("prepared.safetensors");
    await writeFile(path, await encodePrepared(prepared(), { inputs: "", recipe: "" }));
    const files = [{ id: "a", path }];
    const target = await nodeCpu.target();
    await requireHeldOutFits(model, files, target, 1e9);
    await expect(requireHeldOutFits(model, files, target, 1e8)).rejects.toThrow(
      /^a: predicting this held-out case, at the end of the training, would not fit into memory\. Expected at most 0\.1 GiB\. Found an estimate of 0\.1 GiB for 3 outputs of 13x12x11 voxels\. /,
    );
    // 53 classes of 256³ voxels are 3.3 GiB, and a gigabyte of them is copied at a time.
    const { dataset } = model.plan;
    const classes = Array.from({ length: 53 }, (_, n) => `label ${n}`);
    const many = modelFor("3d_fullres", voxelPlan({ dataset: { ...dataset, classes } }));
    const size: Size3 = [256, 256, 256];
    const shape = await peekPrepared(nodeFiles, path);
    const large = { size, resizing: { ...shape.resizing, from: size, to: size } };
    const numbers = 53 * 4 * 256 ** 3;
    expect(heldOutBytes(many, large)).toBeGreaterThan(numbers + 2 ** 30);
    expect(heldOutBytes(many, large)).toBeLessThan(numbers + 3 * 2 ** 30);
    expect(trainedConfiguration(many).dimensions).toBe(3);
  });

  it("for cases in memory is what the training step leaves", () => {
    expect(cacheBytes(1e9, 10e9)).toBe(4e9);
    expect(cacheBytes(6e9, 10e9)).toBe(3e9);
    expect(cacheBytes(9.5e9, 10e9)).toBe(0);
  });

  it("for a comparison counts coarse outputs on the scan's own voxels", async () => {
    const ids = ["a", "b"];
    await writeLevels(at("fine"), ids, [40, 40, 40]);
    await writeRecord(at("coarse"), at("fine"), voxelPlan(), ids);
    for (const name of ["2d", "3d_lowres"] as const) {
      await writeFold(at("coarse"), modelFor(name), 0);
      await predictFold(at("coarse"), name, 0);
    }
    const { cases } = await openDataSet(at("fine"));
    const plans = { "2d": voxelPlan(), "3d_lowres": voxelPlan() };
    const bytes = (...ensemble: ("2d" | "3d_lowres")[]) =>
      bytesOfCase({ dir: at("coarse"), plans }, { one: cases[0]!, fold: 0 }, [{ ensemble, steps: [] }]);
    const numbers = 3 * 40 ** 3;
    const [both, flat, coarse] = [
      await bytes("2d", "3d_lowres"),
      await bytes("2d"),
      await bytes("3d_lowres"),
    ];
    // Alone nothing is put on the scan's voxels beforehand: three outputs of an eighth of them, and their copies.
    expect(coarse).toBeLessThan(32e6 + 24 * 40 ** 3 + 3 * 4 * (numbers / 8) + 10_000);
    expect(both - Math.max(flat, coarse)).toBeGreaterThan(2 * 4 * numbers);
  });
});
