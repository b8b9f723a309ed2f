import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSafetensors, readVolume, writeVolume } from "../../../src/io/node.js";
import { compareImages } from "../../../src/metrics/compare.js";
import { acquireSlices } from "../../../src/sim/mr/slices.js";
import { configs } from "../../../src/systems/smore.js";
import { superresolve } from "../../../src/tasks/superresolution/apply.js";
import { type SuperresolutionConfig, withChanges } from "../../../src/tasks/superresolution/config.js";
import { openModelAt } from "../../../src/tasks/superresolution/network.node.js";
import { superresolutionVerbs } from "../../../src/tasks/superresolution/node.js";
import {
  type SuperresolveScanRequest,
  superresolveScan,
} from "../../../src/tasks/superresolution/scan.node.js";
import { resampleFourier } from "../../../src/volume/fourier.js";
import { toIsotropic } from "../../../src/volume/isotropic.js";
import { withSpacing } from "../../../src/volume/resample.js";
import type { ImageVolume, Size3 } from "../../../src/volume/volume.js";
import { quickShells, shells, thickShells, writeShells } from "./data.js";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyrus-superresolution-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const quick = withChanges(configs.tiny, { ...quickShells, epochs: "5" });
const superresolved = (run: string, changes: Partial<SuperresolveScanRequest> = {}) =>
  superresolveScan({
    scan: thickShells("scan", [28, 30, 24]),
    path: "scan.nii",
    preset: "tiny",
    config: quick,
    seed: 3,
    threads: 1,
    runDir: join(folder, run),
    ...changes,
  });
const weightsOf = async (run: string): Promise<Buffer> => {
  const { tensors } = await readSafetensors(join(folder, run, "checkpoints", "last.safetensors"));
  return Buffer.concat(Object.values(tensors).map(({ data }) => Buffer.from(data.buffer)));
};

/** The largest difference of two volumes, so many voxels from their borders and farther. */
function farthestInside(a: ImageVolume, b: ImageVolume, [x, y, z]: Size3): number {
  const [ni, nj, nk] = a.size;
  let [worst, seen] = [0, 0];
  for (let k = z; k < nk - z; k++)
    for (let j = y; j < nj - y; j++)
      for (let i = x; i < ni - x; i++, seen++) {
        const v = (k * nj + j) * ni + i;
        worst = Math.max(worst, Math.abs(a.data[v]! - b.data[v]!));
      }
  expect(seen).toBeGreaterThan(500);
  return worst;
}

describe("SMORE on one scan", () => {
  const truth = shells("better", [48, 44, 40]);
  const config: SuperresolutionConfig = { ...configs.tiny, batch: 8, epochs: 1, stepsPerEpoch: 90 };

  it("is better than cubic B-splines after seconds, and anti-aliasing is a part of it", async () => {
    const scan = acquireSlices(truth, { axis: 1, thicknessMm: 4 });
    const { image, training } = await superresolved("better", { scan, config });
    expect(training).toMatchObject({ steps: 90, stopped: "done", bestScore: null });
    expect(image!.size).toEqual(truth.size);
    image!.affine.forEach((value, at) => {
      expect(value).toBeCloseTo(truth.affine[at]!, 9);
    });
    const psnr = (found: typeof truth): number => compareImages(truth, found).psnrDb;
    const cubic = psnr(toIsotropic(scan, { method: "cubic" }));
    expect(psnr(image!)).toBeGreaterThan(cubic + 0.5);
    const network = await openModelAt(join(folder, "better"), { threads: 1 });
    const alone = await superresolve(network, scan, { tasks: ["ssr"] });
    await network.close();
    expect(psnr(image!)).toBeGreaterThan(psnr(alone));
  }, 60_000);

  it("of a 3-D acquisition is one network, better than zero padding in k-space", async () => {
    const scan = resampleFourier(truth, withSpacing(truth, [1, 1, 4]));
    const { image } = await superresolved("3d", {
      scan,
      config: { ...config, stepsPerEpoch: 120, acquisition: "3d" },
    });
    const psnr = (found: typeof truth): number => compareImages(truth, found).psnrDb;
    expect(psnr(image!)).toBeGreaterThan(psnr(toIsotropic(scan, { method: "fourier" })) + 0.2);
    const { tensors } = await readSafetensors(join(folder, "3d", "checkpoints", "last.safetensors"));
    expect(Object.keys(tensors).some((name) => name.includes("/saa."))).toBe(false);
  }, 60_000);

  it("gives the same bits from the same seed, also interrupted and resumed, and others from another", async () => {
    const whole = await superresolved("whole");
    const stop = new AbortController();
    const first = await superresolved("parts", {
      signal: stop.signal,
      onTraining: ({ step }) => {
        if (step === 4) stop.abort();
      },
    });
    expect(first.image).toBeUndefined();
    expect(first.training).toMatchObject({ steps: 4, stopped: "asked" });
    await expect(superresolved("parts")).rejects.toThrow(/the run folder is there already/);
    await expect(
      superresolved("parts", { resume: true, config: { ...quick, thicknessMm: 3 } }),
    ).rejects.toThrow(/begun with another config.thicknessMm/);
    const second = await superresolved("parts", { resume: true });
    expect(second.image!.data).toEqual(whole.image!.data);
    expect((await weightsOf("parts")).equals(await weightsOf("whole"))).toBe(true);
    const other = await superresolved("other", { seed: 4, discardRun: true });
    expect(other.image!.data).not.toEqual(whole.image!.data);
    expect(existsSync(join(folder, "other"))).toBe(false);
    const [low, high] = [Math.min(...thickShells("scan", [28, 30, 24]).data), 255];
    expect(whole.image!.data.every((value) => value >= low && value <= high)).toBe(true);
  });

  it("interrupted while it is applied goes on with what it has learnt", async () => {
    const stop = new AbortController();
    const first = await superresolved("applied", {
      signal: stop.signal,
      onApplying: (share) => {
        if (share > 0.3) stop.abort();
      },
    });
    expect(first.image).toBeUndefined();
    expect(first.training).toMatchObject({ steps: 10, stopped: "done" });
    const second = await superresolved("applied", { resume: true });
    expect(second.training.steps).toBe(10);
    const again = await openModelAt(join(folder, "whole"), { threads: 1 });
    expect(second.image!.data).toEqual((await superresolve(again, thickShells("scan", [28, 30, 24]))).data);
    await again.close();
  });

  it("an exported model gives what the run gives", async () => {
    const scan = thickShells("scan", [28, 30, 24]);
    const own = await openModelAt(join(folder, "whole"), { threads: 1 });
    const file = await openModelAt(join(folder, "whole", "model.onnx"), { threads: 1 });
    const [a, b] = [await superresolve(own, scan), await superresolve(file, scan)];
    // Windows that reach beyond a slice see 0 there, as a slice's own border does, and their biases.
    const { psnrDb } = compareImages(a, b);
    expect(psnrDb).toBeGreaterThan(35);
    // Farther from the border than one network reaches, and both, nothing differs but the rounding.
    const { reach } = own.model;
    const inside = async (tasks: ("saa" | "ssr")[], margin: number): Promise<number> => {
      // Along i alone: what is put together from several directions depends on the whole of each.
      const [one, other] = await Promise.all(
        [own, file].map((open) =>
          superresolve({ ...open, model: { ...open.model, directions: 1 } }, scan, { tasks }),
        ),
      );
      return farthestInside(one!, other!, [margin, 0, margin]);
    };
    expect(reach).toBe(5);
    expect(await inside(["saa"], reach)).toBeLessThan(1e-3);
    expect(await inside(["saa", "ssr"], 2 * reach)).toBeLessThan(1e-3);
    // The border does differ: that this is found at all shows that voxels are compared.
    expect(await inside(["saa"], 0)).toBeGreaterThan(1e-3);
    await own.close();
    await file.close();
    await expect(
      superresolve(own, acquireSlices(shells("scan", [28, 30, 24]), { axis: 2, thicknessMm: 3 })),
    ).rejects.toThrow(
      /learnt other slices than those of the scan. Expected slices every 4 mm. Found every 3 mm/,
    );
  });

  it("goes on with cubes where it is forced to", async () => {
    const scan = shells("scan", [20, 22, 24]);
    await expect(superresolved("forced", { scan })).rejects.toThrow(/has voxels of 1x1x1 mm already/);
    const { image } = await superresolved("forced", { scan, force: true });
    expect(image!.size).toEqual(scan.size);
    expect(compareImages(scan, image!).psnrDb).toBeGreaterThan(20);
  });

  it.each([
    ["of one value", { data: (n: number) => new Float32Array(n).fill(7) }, /no edges|empty/],
    ["of zeros", { data: (n: number) => new Float32Array(n) }, /the scan is empty/],
  ])("%s is refused, and nothing is written", async (_, { data }, reason) => {
    const scan = thickShells("scan", [28, 30, 24]);
    await expect(superresolved("bad", { scan: { ...scan, data: data(scan.data.length) } })).rejects.toThrow(
      reason,
    );
    expect(existsSync(join(folder, "bad"))).toBe(false);
  });

  it("with slices that its own planes cannot hold is refused", async () => {
    await expect(superresolved("bad", { config: { ...quick, thicknessMm: 12 } })).rejects.toThrow(
      /^scan.nii: slices as thick as this.*from the voxel's 1 mm to a third of their field, 9.333 mm. Found 12 mm/,
    );
    const { scan } = { scan: thickShells("scan", [28, 30, 12]) };
    await expect(superresolved("bad", { scan })).rejects.toThrow(
      /too few slices. Expected at least 4. Found 3/,
    );
  });
});

describe("runs of SMORE", () => {
  const verbs = superresolutionVerbs({ name: "smore", presets: configs });
  const train = (dataDir: string, run: string) =>
    verbs.train({
      dataDir,
      runDir: join(folder, run),
      preset: "tiny",
      set: quickShells,
      epochs: 2,
      seed: 2,
      threads: 1,
      resume: false,
    });

  it("learn from one scan, with nobody held out", async () => {
    const scan = join(folder, "one.nii.gz");
    await writeVolume(scan, thickShells("one"));
    expect(await train(scan, "one")).toMatchObject({ steps: 4, bestScore: null });
    const judged = await verbs.evaluate({ runDir: join(folder, "one"), threads: 1 });
    expect(judged.set).toBe("the scans that the run has learnt from, as none was held out");
    expect(judged.labels).toEqual(["across the rows of its own slices"]);
  });

  it("are judged on cubes that are thickened, and make scans sharper", async () => {
    const cubes = join(folder, "cubes");
    await mkdir(cubes);
    await writeVolume(join(cubes, "a.nii.gz"), shells("a", [30, 28, 32]));
    const judged = await verbs.evaluate({ runDir: join(folder, "one"), dataDir: cubes, threads: 1 });
    expect(judged.labels).toEqual(["thickened scan"]);
    expect(judged.summary.map(({ metric }) => metric)).toEqual([
      "psnrDb",
      "gainDb",
      "ssim",
      "nrmse",
      "edgeErrorPercent",
    ]);
    const { path } = await verbs.report({ runDir: join(folder, "one") });
    expect(await readFile(path, "utf8")).toContain("Slices lie one above the other");
    const { files } = await verbs.predict({
      model: join(folder, "one"),
      scans: [join(folder, "one.nii.gz")],
      outDir: join(folder, "out"),
      threads: 1,
    });
    expect(files[0]!.prediction).toBe(`${folder}/out/one_superres.nii.gz`);
    expect((await readVolume(files[0]!.prediction)).volume.size).toEqual([36, 40, 32]);
  });

  it("do not mix scans with different slices", async () => {
    const mixed = await writeShells(join(folder, "mixed"), 2);
    await writeVolume(join(mixed, "thin.nii.gz"), acquireSlices(shells("thin"), { axis: 2, thicknessMm: 2 }));
    await expect(train(mixed, "mixed-run")).rejects.toThrow(
      /the scans have different slices, which are learnt apart/,
    );
  });
});
