import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rng } from "../../../src/core/rng.js";
import {
  type BatchPlan,
  casesAt,
  isForced,
  makeBatch,
  type NnunetCase,
} from "../../../src/tasks/segmentation/nnunet/batches.js";
import { augmentations, defineAugmentation } from "../../../src/transforms/augmentation.js";
import { scalingAffine } from "../../../src/volume/affine.js";
import type { Size3 } from "../../../src/volume/volume.js";

const size: Size3 = [16, 12, 8];
const count = size[0] * size[1] * size[2];
const grid = { size, affine: scalingAffine([1, 1, 1], [0, 0, 0]), channels: 1 };

/** An image whose voxels hold their own number, labels at a few places. */
function caseOf(id: string, labels: Readonly<Record<number, number>>, previous?: number): NnunetCase {
  const label = new Uint8Array(count);
  for (const [voxel, value] of Object.entries(labels)) label[Number(voxel)] = value;
  const of = (value: number): Int32Array =>
    Int32Array.from(Object.entries(labels).flatMap(([voxel, one]) => (one === value ? [Number(voxel)] : [])));
  const before = new Uint8Array(count);
  if (previous !== undefined) before[previous] = 2;
  return {
    id,
    image: { ...grid, data: Float32Array.from({ length: count }, (_, at) => at) },
    label: { ...grid, data: label },
    locations: [of(1), of(2)],
    ...(previous === undefined ? {} : { previous: { ...grid, data: before } }),
  };
}

const plain: BatchPlan = {
  seed: 3,
  batch: 2,
  patch: [8, 8, 4],
  dimensions: 3,
  augmentation: augmentations.none,
  planar: false,
  foreground: 0.33,
  headStrides: [[1, 1, 1]],
  regions: null,
  ignoredClass: null,
  masked: [],
  previous: null,
};

describe("batches of nnU-Net", () => {
  it("force the last third of a batch, in the reference's rounding", () => {
    const forced = (batch: number): number =>
      Array.from({ length: batch }, (_, b) => isForced(b, { batch, foreground: 0.33 }, rng(1))).filter(
        Boolean,
      ).length;
    // From `_oversample_last_XX_percent`: not (sample < round(batch * (1 - 0.33))).
    expect([2, 3, 4, 5, 9, 12, 50].map(forced)).toEqual([1, 1, 1, 2, 3, 4, 16]);
    expect([0, 1].map((b) => isForced(b, { batch: 2, foreground: 0.33 }, rng(1)))).toEqual([false, true]);
  });

  it("force a third of all batches of one, which that rounding would never do", () => {
    let found = 0;
    for (let step = 0; step < 600; step++) {
      const { label0 } = makeBatch({ ...plain, batch: 1 }, step, [caseOf("a", { 0: 1 })]).tensors;
      if ((label0!.data as Uint8Array).includes(1)) found++;
    }
    // The others meet the corner by chance, in one of many places.
    expect(found / 600).toBeGreaterThan(0.28);
    expect(found / 600).toBeLessThan(0.45);
  });

  it("show every case once an epoch", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 4 }), (cases, batch) => {
        const steps = cases;
        const seen = Array.from({ length: steps }, (_, step) =>
          casesAt({ seed: 1, batch }, cases, step),
        ).flat();
        for (let one = 0; one < cases; one++)
          expect(seen.filter((index) => index === one)).toHaveLength(batch);
      }),
      { numRuns: 30 },
    );
  });

  it("place the forced sample around a label, each of a case's labels equally often, others anywhere", () => {
    const voxels = { 0: 1, [count - 1]: 2 };
    const found = { 1: 0, 2: 0, free: 0 };
    for (let step = 0; step < 200; step++) {
      const cases = [caseOf("a", voxels), caseOf("b", voxels)];
      const { data, shape } = makeBatch(plain, step, cases).tensors.label0!;
      expect(shape).toEqual([2, 4, 8, 8]);
      const labels = [...(data as Uint8Array)];
      if (labels.slice(0, 256).some((value) => value > 0)) found.free++;
      if (labels.slice(256).includes(1)) found[1]++;
      if (labels.slice(256).includes(2)) found[2]++;
    }
    expect(found[1] + found[2]).toBe(200);
    expect(found[1]).toBeGreaterThan(70);
    expect(found[2]).toBeGreaterThan(70);
    expect(found.free).toBeLessThan(40);
  });

  it("look at annotated voxels only where some were never labelled, and leave the rest out of the loss", () => {
    const ignoring = { ...plain, ignoredClass: 2 };
    const one = caseOf("a", { 5: 1 });
    one.label.data.fill(2, 200);
    const cases = [one, one].map((c) => ({ ...c, locations: [Int32Array.of(5), Int32Array.of(5, 6, 7)] }));
    for (let step = 0; step < 5; step++) {
      const { label0, weight0 } = makeBatch(ignoring, step, cases).tensors;
      expect([...(label0!.data as Uint8Array)].filter((value) => value === 1)).toHaveLength(2);
      expect(Math.max(...(label0!.data as Uint8Array))).toBe(1);
      const weights = [...(weight0!.data as Float32Array)];
      expect(new Set(weights)).toEqual(new Set([0, 1]));
    }
  });

  it("turn labels into regions, and halve them for the heads by the middle of every coarse voxel", () => {
    const plan: BatchPlan = {
      ...plain,
      batch: 1,
      patch: [16, 12, 8],
      regions: [[1, 2], [2]],
      headStrides: [
        [1, 1, 1],
        [1, 2, 2],
      ],
    };
    // Voxel (i 3, j 1, k 0) is the one nearest to the middle of coarse voxel (1, 0, 0).
    const { label0, label1 } = makeBatch(plan, 0, [caseOf("a", { [16 + 3]: 2, 0: 1 })]).tensors;
    expect(label0!.shape).toEqual([1, 2, 8, 12, 16]);
    expect([0, 16 + 3, count + 0, count + 16 + 3].map((at) => label0!.data[at])).toEqual([1, 1, 0, 1]);
    expect(label1!.shape).toEqual([1, 2, 8, 6, 8]);
    expect([...(label1!.data as Uint8Array)].map((value, at) => value * at).filter((at) => at > 0)).toEqual([
      1,
      8 * 6 * 8 + 1,
    ]);
  });

  it("take slices of volumes in 2-D", () => {
    const flat: BatchPlan = { ...plain, dimensions: 2, patch: [8, 12, 1], headStrides: [[1, 1]] };
    const { image, label0 } = makeBatch(flat, 1, [caseOf("a", { 900: 1 }), caseOf("b", { 900: 1 })]).tensors;
    expect(image!.shape).toEqual([2, 1, 12, 8]);
    expect(label0!.shape).toEqual([2, 12, 8]);
    const slices = [...(image!.data as Float32Array)].map((value) => Math.floor(value / (16 * 12)));
    expect(new Set(slices.slice(0, 96)).size).toBe(1);
    expect(new Set(slices.slice(96))).toEqual(new Set([Math.floor(900 / (16 * 12))]));
  });

  it("move the labels of the stage before as the image moves, as one map for every label", () => {
    const turning = defineAugmentation({
      rotation: { probability: 1, degrees: [90, 90] },
      mirror: { probability: 0.5 },
    });
    const cascade: BatchPlan = {
      ...plain,
      batch: 1,
      patch: [12, 12, 8],
      augmentation: turning,
      planar: true,
      previous: { labels: 2, augment: false },
    };
    const voxel = 3 * 16 * 12 + 5 * 16 + 7;
    let seen = 0;
    for (let step = 0; step < 10; step++) {
      const { image } = makeBatch(cascade, step, [caseOf("a", { [voxel]: 1 }, voxel)]).tensors;
      expect(image!.shape).toEqual([1, 3, 8, 12, 12]);
      const [values, first, second] = [0, 1, 2].map((c) => image!.data.slice(c * 1152, (c + 1) * 1152));
      expect([...(first as Float32Array)].every((value) => value === 0)).toBe(true);
      const at = [...(second as Float32Array)].indexOf(1);
      if (at < 0) continue;
      seen++;
      expect(Number(values![at])).toBeCloseTo(voxel, 2);
    }
    expect(seen).toBeGreaterThan(5);
  });

  it("keep zeros outside a mask, whatever augmentation does to intensities", () => {
    const noisy = defineAugmentation({
      rotation: { probability: 1, degrees: [20, 40] },
      noise: { probability: 1, share: [1, 1] },
    });
    const plan: BatchPlan = { ...plain, batch: 1, patch: size, augmentation: noisy, masked: [0] };
    const one = caseOf("a", { 5: 1 });
    const mask = { ...grid, data: Uint8Array.from({ length: count }, (_, at) => (at % 16 < 8 ? 1 : 0)) };
    const zeros = (of: NnunetCase): number =>
      [...(makeBatch(plan, 0, [of]).tensors.image!.data as Float32Array)].filter((value) => value === 0)
        .length;
    expect(zeros({ ...one, mask })).toBeGreaterThan(0.4 * count);
    expect(zeros(one)).toBe(0);
  });

  it("are the same for the same seed and step, whatever came before", () => {
    const cases = [caseOf("a", { 5: 1 }), caseOf("b", { 7: 2 })];
    const plan = { ...plain, augmentation: augmentations.nnunet };
    const again = makeBatch(plan, 7, cases).tensors.image!.data;
    makeBatch(plan, 1, cases);
    expect(makeBatch(plan, 7, cases).tensors.image!.data).toEqual(again);
    expect(makeBatch({ ...plan, seed: 4 }, 7, cases).tensors.image!.data).not.toEqual(again);
    expect(rng(3).split("x").uniform()).toBe(rng(3).split("x").uniform());
  });
});
