import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { floats } from "../../src/core/tensor.js";
import { nodeCpu } from "../../src/runtime/node.js";
import {
  cutPatches,
  emptyPatches,
  type Patches,
  patchEdge,
  structures,
} from "../../src/studies/batch-norm/data.js";
import { typicalUnit, unitPercentiles, wander } from "../../src/studies/batch-norm/inputs.js";
import { bestAccuracy, endAccuracy, failed, speedUp, stepsTo } from "../../src/studies/batch-norm/outcome.js";
import {
  arms,
  configurationOf,
  extentFor,
  partsOf,
  trialsOf,
  variants,
} from "../../src/studies/batch-norm/plan.js";
import { type Trial, type TrialResult, trialRunner } from "../../src/studies/batch-norm/trial.js";
import type { Volume } from "../../src/volume/volume.js";

describe("how much is computed", () => {
  it("is the same everywhere, grows with the minutes and never vanishes", () => {
    const minutes = fc.double({ min: 0.05, max: 600, noNaN: true });
    fc.assert(
      fc.property(minutes, minutes, (a, b) => {
        const [less, more] = [extentFor(Math.min(a, b)), extentFor(Math.max(a, b))];
        expect(less.repetitions).toBeGreaterThanOrEqual(3);
        expect(less.repetitions).toBeLessThanOrEqual(more.repetitions);
        expect(less.testHeads).toBeGreaterThanOrEqual(1);
        for (const kind of ["dense", "conv"] as const) {
          expect(less[kind].steps % less[kind].every).toBe(0);
          expect(less[kind].steps).toBeGreaterThanOrEqual(5);
        }
      }),
    );
  });

  it("is five repetitions at full length in the eight minutes that are the default", () => {
    expect(extentFor(8)).toMatchObject({
      repetitions: 5,
      dense: { steps: 4000, every: 50 },
      conv: { steps: 1000, every: 25 },
      trainHeads: 24,
      testHeads: 8,
    });
  });

  it("has a training for every part, with the paper's batches", () => {
    const extent = extentFor(8);
    const trials = trialsOf(extent, { seed: 1, minutes: 8 });
    expect(partsOf(extent).map(({ id }) => id)).toEqual([...trials.keys()]);
    expect(trials.size).toBe(arms.length * extent.repetitions);
    expect(configurationOf(extent)).toMatchObject({
      dense: { batch: 60, momentum: 0, hidden: [100, 100, 100] },
      conv: { batch: 32, momentum: 0.9 },
    });
    // Equal first weights and equal batches for all networks of a repetition, others in the next.
    const seeds = new Set([...trials.values()].map(({ seed }) => seed));
    expect(seeds.size).toBe(extent.repetitions);
  });
});

describe("patches", () => {
  const size = [40, 36, 2] as const;
  const labels = new Uint8Array(size[0] * size[1] * size[2]);
  const image = new Float32Array(labels.length);
  // One voxel for each structure; the image holds its own index, in thousands.
  const places = structures.map((_, n) => 5 + 3 * n + size[0] * (4 + 3 * n) + (n % 2) * size[0] * size[1]);
  structures.forEach((structure, n) => {
    labels[places[n]!] = structure.labels.at(-1)!;
  });
  image.forEach((_, v) => {
    image[v] = 1000 * v;
  });
  const affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
  const head = {
    t1: { data: image, size, affine, channels: 1 },
    fullLabels: { data: labels, size, affine, channels: 1 } as Volume<Uint8Array>,
  } as unknown as Parameters<typeof cutPatches>[0];

  it("are centred on what they are named after, zero outside the image", () => {
    const patches = emptyPatches(structures.length * 2);
    cutPatches(head, 2, patches, 0, "seed");
    expect([...patches.labels]).toEqual(structures.flatMap((_, n) => [n, n]));
    const centre = (patchEdge / 2) * patchEdge + patchEdge / 2;
    places.forEach((voxel, n) => {
      const patch = patches.images.subarray(2 * n * patchEdge ** 2, (2 * n + 1) * patchEdge ** 2);
      expect(patch[centre]).toBe(voxel);
      expect(patch[centre + 1]).toBe(voxel + 1);
      expect(patch[centre - patchEdge]).toBe(voxel - size[0]);
    });
    expect(patches.images[0]).toBe(0);
  });
});

/** A bright square whose place says the class, in noise that is not random. */
function squares(count: number, shift: number): Patches {
  const patches = emptyPatches(count);
  for (let n = 0; n < count; n++) {
    const label = n % structures.length;
    patches.labels[n] = label;
    for (let at = 0; at < patchEdge ** 2; at++) {
      const [x, y] = [at % patchEdge, Math.floor(at / patchEdge)];
      const inside = Math.floor(x / 6) === label % 4 && Math.floor(y / 8) === Math.floor(label / 4);
      patches.images[n * patchEdge ** 2 + at] =
        0.6 + 0.3 * Math.sin(12.9898 * (at + n + shift)) + (inside ? 0.5 : 0);
    }
  }
  return patches;
}

describe("a training", () => {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const run = trialRunner({ train: squares(300, 0), test: squares(50, 1000), stop }, nodeCpu);
  const trial: Trial = {
    variant: variants.denseNorm,
    schedule: { batch: 60, momentum: 0, steps: 60, evaluateEvery: 20 },
    learningRate: 1,
    seed: "a",
  };
  let result: TrialResult;
  beforeAll(async () => {
    result = await run(trial);
  });

  it("learns, and is judged at the steps it should be", () => {
    expect(result.steps).toEqual([0, 20, 40, 60]);
    expect(result.accuracy[0]).toBeLessThan(0.4);
    expect(result.accuracy.at(-1)).toBeGreaterThan(0.9);
    expect(result.loss.at(-1)).toBeLessThan(0.5 * result.loss[1]!);
    expect(result.divergedAt).toBeNull();
    expect(failed(result)).toBe(false);
    result.inputs.p50.forEach((middle, at) => {
      expect(result.inputs.p15[at]).toBeLessThanOrEqual(middle);
      expect(result.inputs.p85[at]).toBeGreaterThanOrEqual(middle);
    });
  });

  it("gives the same bits for the same seed, and others for another", async () => {
    expect(await run(trial)).toEqual(result);
    expect((await run({ ...trial, seed: "b" })).loss).not.toEqual(result.loss);
  });

  it("ends when it is told to", async () => {
    stop[0] = 1;
    await expect(run(trial)).rejects.toThrow("interrupted");
    stop[0] = 0;
  });

  it("that diverges says when, and ends there", async () => {
    const diverged = await run({ ...trial, variant: variants.convPlain, learningRate: 1e20 });
    expect(diverged.divergedAt).toBeGreaterThan(1);
    expect(diverged.divergedAt).toBeLessThan(20);
    expect(diverged.steps).toEqual([0]);
    expect(failed(diverged)).toBe(true);
    expect(endAccuracy(diverged)).toBe(0.1);
  });

  it.each(Object.entries(variants))("of %s starts from finite numbers near chance", async (_, variant) => {
    const started = await run({
      ...trial,
      variant,
      learningRate: 0,
      schedule: { ...trial.schedule, batch: 16, steps: 4, evaluateEvery: 4 },
    });
    expect(started.loss[1]).toBeGreaterThan(1.5);
    expect(started.loss[1]).toBeLessThan(6);
  });
});

describe("what comes of a training", () => {
  const made = (accuracy: number[]): TrialResult => ({
    steps: accuracy.map((_, n) => 10 * n),
    accuracy,
    loss: accuracy,
    divergedAt: null,
    inputs: { p15: [], p50: [], p85: [] },
    wander: 1,
  });

  it("is read from its judgements", () => {
    const trial = made([0.1, 0.5, 0.8, 0.7]);
    expect([stepsTo(trial, 0.5), stepsTo(trial, 0.75), stepsTo(trial, 0.9)]).toEqual([10, 20, undefined]);
    expect([bestAccuracy(trial), endAccuracy(trial)]).toEqual([0.8, 0.7]);
    expect(failed(made([0.1, 0.9, 0.15]))).toBe(true);
  });

  it("counts who never arrives with all steps", () => {
    expect([speedUp(100, 50, 400), speedUp(undefined, 50, 400)]).toEqual([2, 8]);
    expect([speedUp(100, undefined, 400), speedUp(undefined, undefined, 400)]).toEqual([0.25, 1]);
  });
});

describe("inputs of units", () => {
  it("are summed up by their percentiles, in the middle of a feature map", () => {
    const values = Float32Array.from({ length: 101 * 2 }, (_, at) => (at % 2 === 0 ? at / 2 : -1));
    const [first, second] = unitPercentiles(floats([101, 2], values));
    expect(first).toEqual({ p15: 15, p50: 50, p85: 85 });
    expect(second).toEqual({ p15: -1, p50: -1, p85: -1 });
    const map = Float32Array.from({ length: 9 }, (_, at) => at);
    expect(unitPercentiles(floats([1, 1, 3, 3], map))[0]!.p50).toBe(4);
  });

  it("wander by the range of their median over their spread", () => {
    const at = (p50: number) => ({ p15: p50 - 2, p50, p85: p50 + 2 });
    expect(
      wander([
        [at(0), at(1), at(5)],
        [at(4), at(1), at(3)],
        [at(2), at(1), at(5)],
      ]),
    ).toEqual([2, 0, 1]);
    expect(
      typicalUnit([
        [at(0), at(1), at(5)],
        [at(4), at(1), at(3)],
      ]),
    ).toBe(2);
  });
});
