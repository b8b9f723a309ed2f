import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SubjectRow } from "../../../src/io/subjects.js";
import type { Executable } from "../../../src/runtime/engine.js";
import { configs as adcnn } from "../../../src/systems/adcnn.js";
import {
  batchMaker,
  samplesPerEpoch,
  type TrainingImage,
} from "../../../src/tasks/classification/batches.js";
import { type ClassificationConfig, withChanges } from "../../../src/tasks/classification/config.js";
import { type Views, viewsOf } from "../../../src/tasks/classification/positions.js";
import { preparedGrid, prepareImage } from "../../../src/tasks/classification/prepare.js";
import type { ClassificationModel } from "../../../src/tasks/classification/run.js";
import { occlusionFor, occlusionMap } from "../../../src/tasks/classification/saliency.js";
import { splitSubjects } from "../../../src/tasks/classification/split.js";
import { vote, votesBy } from "../../../src/tasks/classification/vote.js";
import { augmentations } from "../../../src/transforms/augmentation.js";
import { applyAffine, scalingAffine } from "../../../src/volume/affine.js";
import { resizedAffine, shrinkChannel } from "../../../src/volume/shrink.js";
import type { Grid, ImageVolume, Size3 } from "../../../src/volume/volume.js";

const subject = adcnn["subject-small"];
const grid = (size: Size3): Grid => ({ size, affine: scalingAffine([2, 2, 3], [-40, -50, -30]) });

function image(size: Size3, value: (at: number) => number): ImageVolume {
  const data = Float32Array.from({ length: size[0] * size[1] * size[2] }, (_, at) => value(at));
  return { data, ...grid(size), channels: 1 };
}

describe("shrinking", () => {
  it("gives the mean of what a voxel covers, parts by their share", () => {
    const row = Float32Array.of(1, 2, 3, 4, 5);
    const two = shrinkChannel(row, [5, 1, 1], [2, 1, 1]);
    expect([...two]).toEqual([(1 + 2 + 1.5) / 2.5, (1.5 + 4 + 5) / 2.5].map((v) => expect.closeTo(v, 6)));
    expect([...shrinkChannel(row, [1, 5, 1], [1, 5, 1])]).toEqual([...row]);
    expect(() => shrinkChannel(row, [5, 1, 1], [6, 1, 1])).toThrow(/cannot be shrunk/);
  });

  it("keeps the mean, and the outer edges of the field of view, whatever the sizes", () => {
    const extent = fc.integer({ min: 1, max: 9 });
    fc.assert(
      fc.property(fc.tuple(extent, extent, extent), fc.tuple(extent, extent, extent), (size, wanted) => {
        const target = size.map((n, axis) => Math.min(n, wanted[axis]!)) as [number, number, number];
        const { data, affine } = image(size, (at) => Math.sin(at * at));
        const small = shrinkChannel(data, size, target);
        const mean = (values: Float32Array): number => values.reduce((a, b) => a + b, 0) / values.length;
        expect(mean(small)).toBeCloseTo(mean(data), 4);
        const moved = resizedAffine(affine, size, target);
        const corner = target.map((n) => n - 0.5) as [number, number, number];
        const before = applyAffine(affine, size.map((n) => n - 0.5) as [number, number, number]);
        applyAffine(moved, corner).forEach((mm, axis) => {
          expect(mm).toBeCloseTo(before[axis]!, 8);
        });
        applyAffine(moved, [-0.5, -0.5, -0.5]).forEach((mm, axis) => {
          expect(mm).toBeCloseTo(applyAffine(affine, [-0.5, -0.5, -0.5])[axis]!, 8);
        });
      }),
      { numRuns: 30 },
    );
  });
});

describe("preparing an image", () => {
  const input = (changes: Partial<ClassificationConfig["input"]>): ClassificationConfig["input"] => ({
    size: null,
    enlarge: false,
    intensity: "max",
    ...changes,
  });

  it("shrinks what is too large, enlarges only when asked to, and says where its voxels lie", () => {
    const flat = image([10, 6, 2], (at) => at);
    expect(prepareImage(flat, input({ size: [5, 8, 8] })).size).toEqual([5, 6, 2]);
    expect(prepareImage(flat, input({ size: [5, 8, 8], enlarge: true })).size).toEqual([5, 8, 8]);
    const { affine } = preparedGrid(input({ size: [5, 8, 8] }), flat);
    expect(prepareImage(flat, input({ size: [5, 8, 8] })).affine).toEqual(affine);
    expect(affine[0]).toBeCloseTo(4, 10);
  });

  it("scales every image by itself", () => {
    const bright = image([6, 6, 6], (at) => at % 11);
    const twice = { ...bright, data: bright.data.map((value) => 2 * value) };
    for (const intensity of ["max", "percentile", "minMax", "zScore"] as const) {
      const [one, other] = [bright, twice].map((one) => prepareImage(one, input({ intensity })));
      one!.data.forEach((value, at) => {
        expect(other!.data[at]).toBeCloseTo(value, 5);
      });
    }
    expect(Math.max(...prepareImage(bright, input({})).data)).toBe(1);
    const dark = image([4, 4, 4], () => 0);
    expect(() => prepareImage(dark, input({}), "dark.nii")).toThrow(
      /dark\.nii: the image has no bright voxels/,
    );
  });
});

describe("what a network sees", () => {
  const seen = (framework: ClassificationConfig["framework"], size: Size3): Views =>
    viewsOf({ framework, network: subject.network }, grid(size));

  it("regions about centres in millimetres, voxels or shares are the same ones", () => {
    const about = (unit: "mm" | "voxel" | "share", centre: [number, number, number]) =>
      seen({ kind: "roi", size: [4, 4, 4], centres: [centre], unit }, [21, 31, 11]).positions[0]!.start;
    const start = about("voxel", [10, 15, 5]);
    expect(start).toEqual([9, 14, 4]);
    expect(about("mm", [-20, -20, -15])).toEqual(start);
    expect(about("share", [0.5, 0.5, 0.5])).toEqual(start);
    expect(() => about("mm", [100, 0, 0])).toThrow(/a region lies outside the images.*100, 0, 0 mm/);
  });

  it("patches side by side in the middle of the image; one where the image is shorter than they are", () => {
    const { positions, several } = seen(
      { kind: "patch", size: [4, 4, 8], stride: [4, 4, 8], networks: "each", threshold: 0.7 },
      [10, 8, 6],
    );
    expect(several).toBe(true);
    expect(positions.map(({ start }) => start.join())).toEqual(["1,0,-1", "5,0,-1", "1,4,-1", "5,4,-1"]);
  });

  it("slices without those at the ends, resized on request, with their two other axes", () => {
    const slices = (axis: 0 | 1 | 2, size: [number, number] | null) =>
      seen({ kind: "slice", axis, skip: 2, size }, [10, 12, 14]);
    expect(slices(0, null).shape).toEqual([1, 14, 12]);
    expect(slices(1, null).shape).toEqual([1, 14, 10]);
    expect(slices(2, null).shape).toEqual([1, 12, 10]);
    expect(slices(2, null).positions.map(({ start }) => start[2])).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(slices(2, [20, 24])).toMatchObject({ shape: [1, 24, 20], resized: [20, 24, 1] });
    expect(() => seen({ kind: "slice", axis: 0, skip: 5, size: null }, [10, 12, 14])).toThrow(
      /no slices are left/,
    );
  });
});

describe("batches", () => {
  const people = (counts: readonly [number, number]): TrainingImage[] =>
    counts.flatMap((count, label) =>
      Array.from({ length: count }, (_, n) => ({
        id: `${label}-${n}`,
        subject: `${label}-${n}`,
        label,
        image: image([4, 4, 4], () => 10 * label + n),
      })),
    );
  const plan = (changes: Partial<Parameters<typeof batchMaker>[1]> = {}) => ({
    seed: 1,
    batch: 2,
    balance: "undersample" as const,
    augmentation: augmentations.none,
    plain: true,
    views: viewsOf(subject, grid([4, 4, 4])),
    ...changes,
  });

  it("of an epoch hold both classes evenly, other ones of the larger class in other epochs, and all in the end", () => {
    const images = people([7, 3]);
    const chosen = plan();
    expect(samplesPerEpoch(images, chosen)).toBe(6);
    const make = batchMaker(images, chosen);
    const epochs = [0, 1, 2, 3, 4, 5].map((epoch) => [0, 1, 2].map((n) => make(3 * epoch + n)));
    const seen = new Set<string>();
    const sets = epochs.map((batches) => {
      const labels = batches.flatMap(({ tensors }) => [...tensors.label!.data].map(Number));
      expect(labels.filter((label) => label === 1)).toHaveLength(3);
      const names = batches.flatMap(({ cases }) => cases);
      expect(new Set(names).size).toBe(6);
      for (const name of names) seen.add(name);
      return [...names].sort().join();
    });
    expect(new Set(sets).size).toBeGreaterThan(1);
    expect(seen.size).toBe(10);
    expect(batchMaker(images, chosen)(7)).toEqual(make(7));
  });

  it("show what belongs to the label, augmented or not", () => {
    for (const plain of [true, false]) {
      const make = batchMaker(people([3, 3]), plan({ plain, balance: "none", batch: 3 }));
      const { tensors } = make(0);
      expect(tensors.image!.shape).toEqual([3, 1, 4, 4, 4]);
      for (let b = 0; b < 3; b++)
        expect(Number(tensors.image!.data[64 * b + 21]) >= 10).toBe(Number(tensors.label!.data[b]) === 1);
    }
  });

  it("for several networks hold every position of the same images, position by position", () => {
    const framework = {
      kind: "patch",
      size: [2, 4, 4],
      stride: [2, 4, 4],
      networks: "each",
      threshold: 0.7,
    } as const;
    const views = viewsOf(
      { framework: { ...framework, size: [2, 4, 4], stride: [2, 4, 4] }, network: subject.network },
      grid([4, 4, 4]),
    );
    const images = people([2, 2]).map((one, n) => ({
      ...one,
      image: image([4, 4, 4], (at) => n + (at % 4 >= 2 ? 100 : 0)),
    }));
    const { tensors } = batchMaker(images, plan({ views }))(0);
    expect(tensors.image!.shape).toEqual([4, 1, 4, 4, 2]);
    const first = [0, 1, 2, 3].map((sample) => Number(tensors.image!.data[32 * sample]));
    expect(first[2]).toBe(first[0]! + 100);
    expect(first[3]).toBe(first[1]! + 100);
    const labels = [...tensors.label!.data].map(Number);
    expect(labels.slice(2)).toEqual(labels.slice(0, 2));
  });
});

describe("votes", () => {
  const cases = [
    { probabilities: [0.9, 0.4, 0.6], positive: true },
    { probabilities: [0.8, 0.6, 0.4], positive: true },
    { probabilities: [0.1, 0.6, 0.6], positive: false },
    { probabilities: [0.2, 0.4, 0.6], positive: false },
  ];

  it("weigh positions by their rate of right answers, and leave out those below the threshold", () => {
    expect(votesBy(cases, 0).accuracies).toEqual([1, 0.5, 0.25]);
    expect(votesBy(cases, 0).weights).toEqual([1, 0.5, 0.25].map((rate) => rate / 1.75));
    expect(votesBy(cases, 0.7)).toMatchObject({ weights: [1, 0, 0], kept: 1 });
    expect(votesBy(cases.slice(0, 1), 0.7).weights).toEqual([0.5, 0, 0.5]);
    const wrong = cases.map((one) => ({ ...one, positive: !one.positive }));
    expect(votesBy(wrong, 0.8)).toMatchObject({ weights: [0, 0, 1], kept: 1 });
    expect(vote([0.9, 0.1, 0.5], [0.5, 0.25, 0.25])).toBeCloseTo(0.6, 12);
  });
});

describe("the split", () => {
  const rows = (counts: readonly [number, number], sessions = 2): SubjectRow[] =>
    counts.flatMap((count, label) =>
      Array.from({ length: count * sessions }, (_, n): SubjectRow => {
        const name = `${label === 0 ? "cn" : "ad"}-${Math.floor(n / sessions)}`;
        const id = `${name}_${n % sessions}`;
        return { id, subject: name, image: id, diagnosis: label === 0 ? "CN" : "AD", fields: {} };
      }),
    );
  const table = { rows: rows([20, 10]), source: "made", classes: ["CN", "AD"] };
  const of = (fold: number, share = 0.25) => splitSubjects(table, { fold, folds: 5, share, seed: 3 });

  it("keeps a person's sessions together, and the classes' shares in every part", () => {
    const split = of(1);
    const { train, validation, test } = split.subjects;
    expect(new Set([...train, ...validation, ...test]).size).toBe(30);
    expect(train.length + validation.length + test.length).toBe(30);
    for (const part of [train, validation, test])
      expect(part.filter((name) => name.startsWith("cn"))).toHaveLength((2 * part.length) / 3);
    expect(split.test.map((id) => id.slice(0, -2)).every((name) => test.includes(name))).toBe(true);
    expect(split.train.length + split.validation.length + split.test.length).toBe(60);
  });

  it("holds everybody out once, and nobody aside where the last weights are taken", () => {
    const held = [0, 1, 2, 3, 4].flatMap((fold) => of(fold).subjects.test);
    expect(held).toHaveLength(30);
    expect(new Set(held).size).toBe(30);
    expect(of(0, 0).subjects.validation).toEqual([]);
    expect(of(0)).toEqual(of(0));
    expect(() =>
      splitSubjects({ ...table, rows: rows([20, 3]) }, { fold: 0, folds: 5, share: 0, seed: 1 }),
    ).toThrow(/number of folds is impossible/);
  });
});

describe("occlusion", () => {
  it("finds the voxels that the decision hangs on", async () => {
    const size: Size3 = [12, 10, 8];
    const watched = (2 * 10 + 7) * 12 + 3;
    const model = {
      positions: [{ start: [0, 0, 0], size }],
      several: false,
      resized: null,
      shape: [1, 8, 10, 12],
      votes: [1],
    } as unknown as ClassificationModel;
    const executable: Executable = {
      inputs: {},
      run: async ({ image: given }) => {
        const p = Number(given!.data[watched]);
        return { probabilities: { dtype: "float32", shape: [1, 2], data: Float32Array.of(1 - p, p) } };
      },
      dispose: async () => undefined,
    };
    const seen = image(size, (at) => (at === watched ? 0.9 : 0));
    const how = occlusionFor(size);
    const map = await occlusionMap({ executable, model }, seen, true, how);
    expect(map[watched]).toBeGreaterThan(0.5);
    const top = map.reduce((best, value, at) => (value > map[best]! ? at : best), 0);
    const place = (at: number): number[] => [at % 12, Math.floor(at / 12) % 10, Math.floor(at / 120)];
    place(top).forEach((x, axis) => {
      expect(Math.abs(x - place(watched)[axis]!)).toBeLessThanOrEqual(how.box[axis]!);
    });
    expect(map[0]).toBe(0);
    const negative = await occlusionMap({ executable, model }, seen, false, how);
    expect(negative[watched]).toBeCloseTo(-map[watched]!, 6);
  });

  it("takes no more places than it may", () => {
    const { box, step } = occlusionFor([110, 110, 110]);
    const places = [110, 110, 110].reduce(
      (n, e, axis) => n * (Math.ceil((e - box[axis]!) / step[axis]!) + 1),
      1,
    );
    expect(places).toBeLessThan(400);
    box.forEach((extent, axis) => {
      expect(extent).toBeGreaterThanOrEqual(step[axis]!);
    });
  });
});

describe("pre-training of the paper (Wen et al. 2020)", () => {
  it.each([
    ["subject-paper", { epochs: 50, learningRate: 1e-4, batch: 24, weightDecay: 0 }],
    ["roi-paper", { epochs: 200, learningRate: 1e-5, batch: 32, weightDecay: 0 }],
    ["patch-paper", { epochs: 20, learningRate: 1e-5, batch: 64, weightDecay: 1e-4 }],
    ["slice-paper", null],
  ] as const)("of %s", (preset, expected) => {
    expect(adcnn[preset].pretraining).toEqual(expected);
  });
});

describe("settings", () => {
  it("take two classes as typed, and say what does not fit", () => {
    expect(withChanges(subject, { classes: "sMCI,pMCI" }).classes).toEqual(["sMCI", "pMCI"]);
    expect(withChanges(subject, { "table.map": "0=CN,0.5=AD" }).table.map).toBe("0=CN,0.5=AD");
    expect(() => withChanges(subject, { classes: "AD,AD" })).toThrow(/the two classes are the same/);
    expect(() => withChanges(subject, { classes: "AD" })).toThrow(/classes/);
    const pretraining = '{"epochs":1,"learningRate":0.1}';
    expect(withChanges(adcnn["patch-small"], { pretraining }).pretraining).toMatchObject({ weightDecay: 0 });
    expect(() => withChanges(adcnn["slice-paper"], { pretraining })).toThrow(/of the kind conv-fc/);
    const one = { "framework.networks": "one" };
    expect(withChanges(adcnn["patch-small"], one).framework).toMatchObject({ networks: "one" });
    expect(() => withChanges(adcnn["patch-small"], { ...one, "framework.threshold": "0.6" })).toThrow(
      /^framework\.threshold: a threshold for votes means nothing to one network/,
    );
    expect(() =>
      withChanges(subject, {
        framework: '{"kind":"slice","axis":2,"skip":0,"size":null}',
        network: JSON.stringify({
          kind: "vox-cnn",
          blocks: [{ convs: 1, channels: 2 }],
          padding: "same",
          hidden: [2],
          dropout: 0,
          norm: true,
          initialize: "he",
        }),
      }),
    ).toThrow(/slices are for/);
  });
});
