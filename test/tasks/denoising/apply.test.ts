import { describe, expect, it } from "vitest";
import { rng } from "../../../src/core/rng.js";
import { program } from "../../../src/graph/program.js";
import { lower } from "../../../src/lower/lower.js";
import { div, mul, sub } from "../../../src/ops/elementwise.js";
import { input } from "../../../src/ops/leaf.js";
import { nodeCpu } from "../../../src/runtime/node.js";
import { withMrNoise } from "../../../src/sim/mr/noise.js";
import { configs } from "../../../src/systems/red-wgan.js";
import { type DenoisingNetwork, denoiseByNetwork } from "../../../src/tasks/denoising/apply.js";
import { batchMaker, type TrainingVolume } from "../../../src/tasks/denoising/batches.js";
import { threadedBatches } from "../../../src/tasks/denoising/batches.node.js";
import { denoisingSteps } from "../../../src/tasks/denoising/model.js";
import { networkOfState } from "../../../src/tasks/denoising/network.node.js";
import type { DenoisingModel } from "../../../src/tasks/denoising/run.js";
import { brightnessOf, referenceAt, referenceOf } from "../../../src/tasks/denoising/scale.js";
import type { ImageVolume, Size3 } from "../../../src/volume/volume.js";
import { ball } from "../data.js";

const volumeOf = (seed: string, size: Size3 = [24, 22, 20]): ImageVolume => {
  const { image, grid } = ball(seed, size);
  return { data: image, channels: 1, ...grid };
};

const model: DenoisingModel = {
  system: "red-wgan",
  preset: "tiny",
  task: "denoising",
  channel: "T1",
  window: [8, 6, 4],
  overlap: 0.5,
  referencePercentile: 99.5,
  units: "reference",
  noise: [1, 15],
  features: null,
  simulated: true,
};

/** A network that needs no training. */
async function networkOf(
  build: (x: ReturnType<typeof input>) => ReturnType<typeof input>,
): Promise<DenoisingNetwork> {
  const noisy = input("noisy", [1, 1, 4, 6, 8]);
  const lowered = lower(program({ clean: build(noisy) }), await nodeCpu.target());
  return { executable: await nodeCpu.compile(lowered, { threads: 1 }), model };
}

describe("windows", () => {
  it.each([
    [24, 22, 20],
    [5, 9, 3],
    [8, 6, 4],
  ] as Size3[])("put together again are the volume, on its grid: %i x %i x %i", async (...size) => {
    const image = volumeOf("whole", size);
    const open = await networkOf((x) => mul(x, 1));
    const found = await denoiseByNetwork(open, image);
    expect([found.size, found.affine]).toEqual([image.size, image.affine]);
    const worst = Math.max(...image.data.map((value, v) => Math.abs(value - found.data[v]!)));
    expect(worst).toBeLessThan(1e-3);
    await open.executable.dispose();
  });

  it("show no seams where a voxel depends on those around it, as in a generator", async () => {
    const size: Size3 = [44, 38, 30];
    const clean = volumeOf("seams", size);
    const { image, sigma } = withMrNoise(clean, rng(7), { percent: 9 });
    const config = { ...configs.tiny, network: { ...configs.tiny.network, identityAtFirst: false } };
    const state = denoisingSteps(config).initialize(rng(5));
    const apply = async (window: Size3): Promise<ImageVolume> => {
      const own = { ...model, units: "noise" as const, window: [...window] as [number, number, number] };
      const open = await networkOfState(config, { ...own, overlap: config.overlap }, state, { threads: 1 });
      const found = await denoiseByNetwork(open, image, { sigma });
      await open.executable.dispose();
      return found;
    };
    const [tiled, whole] = [await apply([16, 16, 16]), await apply(size)];
    expect(tiled.data).not.toEqual(whole.data);
    // How much neighbours along i differ, plane by plane: no plane stands out for the windows that meet there.
    const steps = ({ data }: ImageVolume): number[] =>
      Array.from({ length: size[0] - 1 }, (_, i) => {
        let sum = 0;
        for (let v = i; v < data.length; v += size[0]) sum += Math.abs(data[v + 1]! - data[v]!);
        return sum;
      });
    const alone = steps(whole);
    steps(tiled).forEach((step, i) => {
      expect(Math.abs(step / alone[i]! - 1), `between planes ${i} and ${i + 1}`).toBeLessThan(0.05);
    });
  });

  it("are never brighter than the scan", async () => {
    const image = volumeOf("bright");
    const open = await networkOf((x) => mul(x, 3));
    const found = await denoiseByNetwork(open, image);
    expect(Math.max(...found.data)).toBe(Math.max(...image.data));
    await open.executable.dispose();
  });

  it("refuse what is no magnitude volume, and numbers that are none", async () => {
    const image = volumeOf("bad");
    const open = await networkOf((x) => div(x, mul(x, 0)));
    const run = (changes: Partial<ImageVolume>) =>
      denoiseByNetwork(open, { ...image, ...changes }, { where: "scan.nii" });
    await expect(run({})).rejects.toThrow(/^scan.nii: the denoised volume holds values that are not numbers/);
    await expect(run({ data: image.data.map((value) => value - 200) })).rejects.toThrow(
      /^scan.nii: magnitudes cannot be negative/,
    );
    await expect(run({ data: new Float32Array(image.data.length) })).rejects.toThrow(
      /^scan.nii: the scan is 0 everywhere/,
    );
    const speck = new Float32Array(image.data.length);
    speck[77] = 9;
    await expect(run({ data: speck })).rejects.toThrow(/^scan.nii: the scan is empty/);
    const [ni, nj] = image.size;
    const slice = { size: [ni, nj, 1] as Size3, data: image.data.slice(0, ni * nj) };
    await expect(run(slice)).rejects.toThrow(/^scan.nii: this is a 2-D image/);
    // Told how strong the noise is, nobody looks for it, and a slice is no less a slice.
    const noise = { ...open, model: { ...model, units: "noise" as const } };
    const told = denoiseByNetwork(noise, { ...image, ...slice }, { sigma: 8, where: "scan.nii" });
    await expect(told).rejects.toThrow(/^scan.nii: this is a 2-D image/);
    await expect(run({ channels: 2, data: new Float32Array(2 * image.data.length) })).rejects.toThrow(
      /there are 2 volumes, and noise is taken out of one at a time/,
    );
    await open.executable.dispose();
  });
});

describe("a network in units of the noise", () => {
  it("sees every level alike, voxel by voxel, and gives the scan's units back", async () => {
    const image = volumeOf("units");
    // What it takes off is half a standard deviation of the noise.
    const { executable } = await networkOf((x) => sub(x, 0.05));
    const open = { executable, model: { ...model, units: "noise" as const } };
    const one = await denoiseByNetwork(open, image, { sigma: 8 });
    for (const [v, value] of one.data.entries()) expect(value).toBeCloseTo(image.data[v]! - 4, 3);
    const sigma = Float32Array.from(image.data, (_, v) => 4 + (v % 3));
    const map = await denoiseByNetwork(open, image, { sigma });
    for (const [v, value] of map.data.entries()) expect(value).toBeCloseTo(image.data[v]! - sigma[v]! / 2, 3);
    await expect(denoiseByNetwork(open, image, { sigma: -1 })).rejects.toThrow(/not possible/);
    await executable.dispose();
  });
});

describe("the reference", () => {
  it("found out for a level is that of the noisy volume, in between as well, and scales with the volume", () => {
    const image = volumeOf("reference", [40, 40, 40]);
    const brightness = brightnessOf(image, [1, 15], rng(3));
    for (const percent of [1, 4.2, 9, 15]) {
      const noisy = withMrNoise(image, rng(percent), { percent }).image;
      expect(referenceAt(brightness, percent) / referenceOf(noisy)).toBeCloseTo(1, 1.7);
    }
    const tenfold = { ...image, data: image.data.map((value) => 10 * value) };
    expect(referenceOf(tenfold)).toBeCloseTo(10 * referenceOf(image), 3);
    expect(referenceAt(brightnessOf(image, [9, 9], rng(3)), 9)).toBeCloseTo(referenceAt(brightness, 9), -0.8);
  });
});

describe("batches", () => {
  const volumes = ["a", "b", "c"].map((id): TrainingVolume => {
    const image = volumeOf(id);
    return { id, image, brightness: brightnessOf(image, [1, 15], rng(id)) };
  });
  const plan = {
    seed: 4,
    batch: 2,
    subBatches: 3,
    noise: [1, 15] as [number, number],
    patch: [6, 5, 4] as [number, number, number],
    foreground: 0.5,
    mirror: true,
    units: "reference" as const,
  };

  it("depend on the seed and the step alone, and are the same from a thread", async () => {
    const [one, two] = [batchMaker(volumes, plan), batchMaker(volumes, plan)];
    two(0);
    expect(two(5)).toEqual(one(5));
    expect(one(6).tensors).not.toEqual(one(5).tensors);
    expect(batchMaker(volumes, { ...plan, seed: 5 })(5).tensors).not.toEqual(one(5).tensors);
    const { batches, close } = await threadedBatches(volumes, plan);
    expect(await batches(5)).toEqual(one(5));
    await close();
    expect(one(5).tensors.clean!.shape).toEqual([6, 1, 4, 5, 6]);
    expect(one(0).cases.length).toBe(3);
  });

  it("in units of the noise have noise of one strength at every level, and say what the unit is", () => {
    const high = { ...volumeOf("high"), data: new Float32Array(24 * 22 * 20).fill(1000) };
    const volume = { id: "high", image: high, brightness: brightnessOf(high, [1, 15], rng(1)) };
    const large = { ...plan, units: "noise" as const, patch: [16, 16, 16] as [number, number, number] };
    const { tensors } = batchMaker([volume], large)(2);
    const [clean, noisy, scale] = ["clean", "noisy", "scale"].map(
      (name) => tensors[name]!.data as Float32Array,
    );
    expect(tensors.scale!.shape).toEqual([6, 1, 1, 1, 1]);
    const levels = new Set<number>();
    for (let b = 0; b < 6; b++) {
      const [from, to] = [b * 4096, (b + 1) * 4096];
      const off = noisy!.slice(from, to).map((value, v) => (value - clean![from + v]!) ** 2);
      expect(Math.sqrt(off.reduce((sum, value) => sum + value) / 4096)).toBeCloseTo(0.1, 2);
      // Clean in units of the reference, which for a flat volume is about itself.
      expect(clean![from]! * scale![b]!).toBeGreaterThan(0.6);
      expect(clean![from]! * scale![b]!).toBeLessThan(1.05);
      levels.add(Math.round(clean![from]! * 1e3));
    }
    expect(levels.size).toBe(6);
  });

  it("hold the noise that was asked for: Rician, of the volume's brightest voxel", () => {
    const flat = new Float32Array(40 ** 3).fill(50);
    flat[0] = 200;
    const image: ImageVolume = { ...volumeOf("flat", [40, 40, 40]), data: flat };
    const volume = { id: "flat", image, brightness: brightnessOf(image, [10, 10], rng(1)) };
    const patch = [30, 30, 30] as [number, number, number];
    const { tensors } = batchMaker([volume], { ...plan, noise: [10, 10], patch, foreground: 0 })(0);
    const [clean, noisy] = [tensors.clean!.data as Float32Array, tensors.noisy!.data as Float32Array];
    const reference = 50 / clean.find((value) => value < 1)!;
    let [squares, deviations] = [0, 0];
    noisy.forEach((value) => {
      squares += (value * reference) ** 2 / noisy.length;
      deviations += (value * reference - 50) ** 2 / noisy.length;
    });
    // E y² = x² + 2 σ² with σ = 20.
    expect(squares / (2500 + 2 * 400)).toBeCloseTo(1, 1.7);
    expect(deviations).toBeGreaterThan(300);
  });
});
