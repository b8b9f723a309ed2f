import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rng } from "../../../src/core/rng.js";
import {
  type CaseFacts,
  caseFacts,
  dataFingerprint,
} from "../../../src/tasks/segmentation/nnunet/fingerprint.js";
import { fromNetworkFrame, toNetworkFrame } from "../../../src/tasks/segmentation/nnunet/frame.js";
import { drawLocations, locationTargets } from "../../../src/tasks/segmentation/nnunet/locations.js";
import { filledMask } from "../../../src/tasks/segmentation/nnunet/mask.js";
import { normalizeChannel } from "../../../src/tasks/segmentation/nnunet/normalization.js";
import type { Plan } from "../../../src/tasks/segmentation/nnunet/plan.js";
import { prepareCase } from "../../../src/tasks/segmentation/nnunet/preprocess.js";
import { resampleChannel, separateAxis } from "../../../src/tasks/segmentation/nnunet/resample.js";
import {
  classesOfRestored,
  restoreClasses,
  restoreProbabilities,
} from "../../../src/tasks/segmentation/nnunet/restore.js";
import { affineFromColumns, scalingAffine, shearDegrees } from "../../../src/volume/affine.js";
import type { ImageVolume, LabelVolume, Size3 } from "../../../src/volume/volume.js";
import { planOf } from "./sets.js";

const random = rng("preprocess");

/** Noise inside a box of zeros, and a label in its middle. */
function scan(size: Size3, spacing: readonly [number, number, number], border = 2, channels = 1) {
  const affine = scalingAffine(spacing, [-10, 5, 3]);
  const count = size[0] * size[1] * size[2];
  const image: ImageVolume = { size, affine, channels, data: new Float32Array(count * channels) };
  const label: LabelVolume = { size, affine, channels: 1, data: new Uint8Array(count) };
  for (let at = 0; at < count; at++) {
    const place = [at % size[0], Math.floor(at / size[0]) % size[1], Math.floor(at / (size[0] * size[1]))];
    const depth = Math.min(...place.map((x, axis) => Math.min(x, size[axis]! - 1 - x)));
    if (depth < border) continue;
    for (let c = 0; c < channels; c++) image.data[c * count + at] = 100 + 20 * random.normal();
    label.data[at] = depth > border + 1 ? 1 : 0;
  }
  return { id: "a", image, label };
}

const oneHot = (label: LabelVolume, classes: number): Float32Array => {
  const out = new Float32Array(classes * label.data.length);
  label.data.forEach((value, at) => {
    out[value * label.data.length + at] = 1;
  });
  return out;
};

function plan(spacingMm: readonly [number, number, number], changes: Partial<Plan> = {}): Plan {
  return { ...planOf({ size: [16, 20, 24], spacingMm, cases: 5, classes: 2 }), ...changes };
}

describe("a prepared case", () => {
  it("is cropped, standardised, and put back without a difference where nothing is resampled", () => {
    const made = scan([14, 12, 10], [1, 1, 1]);
    const recipe = plan([1, 1, 1]);
    const prepared = prepareCase(made, recipe, recipe.configurations["3d_fullres"]!);
    expect(prepared.image.size).toEqual([10, 8, 6]);
    expect(prepared.image.affine.filter((_, at) => at % 4 === 3)).toEqual([-8, 7, 5, 1]);
    const { data } = prepared.image;
    const mean = data.reduce((a, b) => a + b) / data.length;
    expect(mean).toBeCloseTo(0, 5);
    expect(Math.sqrt(data.reduce((a, b) => a + (b - mean) ** 2, 0) / data.length)).toBeCloseTo(1, 5);
    const probabilities = oneHot(prepared.label!, 2);
    const back = restoreClasses(probabilities, prepared.geometry, recipe);
    expect(back).toEqual(made.label);
    const restored = restoreProbabilities(probabilities, prepared.geometry, recipe);
    expect(classesOfRestored(restored, prepared.geometry, recipe)).toEqual(made.label);
  });

  it("comes back whatever the order of axes and the spacing, with few voxels changed", () => {
    const spacing = fc.double({ min: 0.6, max: 2, noNaN: true });
    fc.assert(
      fc.property(
        fc.tuple(spacing, spacing, spacing),
        fc.constantFrom<[number, number, number]>([2, 1, 0], [0, 2, 1], [1, 2, 0]),
        (mm, axes) => {
          const made = scan([14, 16, 18], mm, 1);
          const recipe = plan([1, 1, 1], { axes });
          const prepared = prepareCase(made, recipe, recipe.configurations["3d_fullres"]!);
          const back = restoreClasses(oneHot(prepared.label!, 2), prepared.geometry, recipe);
          expect(back.size).toEqual(made.label.size);
          expect(back.affine).toEqual(made.label.affine);
          const changed = [...back.data].reduce(
            (n, value, at) => n + Number(value !== made.label.data[at]),
            0,
          );
          // The surface of the labelled box may move by a voxel.
          expect(changed).toBeLessThan(0.3 * made.label.data.length);
        },
      ),
      { numRuns: 20 },
    );
  });

  it("of a 2-D plan keeps its slices", () => {
    const made = scan([16, 16, 9], [1, 1, 5], 1);
    const recipe = plan([5, 0.5, 0.5]);
    const flat = prepareCase(made, recipe, recipe.configurations["2d"]!);
    expect(flat.image.size).toEqual([28, 28, 7]);
    const full = prepareCase(made, recipe, { dimensions: 3, spacingMm: [2.5, 0.5, 0.5] });
    expect(full.image.size).toEqual([28, 28, 14]);
  });

  it("keeps zeros outside the mask when statistics are taken inside it", () => {
    const made = scan([12, 12, 12], [1, 1, 1], 1);
    made.image.data[12 * 12 * 6 + 12 * 6 + 6] = 0;
    const recipe = plan([1, 1, 1]);
    const masked = { ...recipe, channels: recipe.channels.map((one) => ({ ...one, withinMask: true })) };
    // A corner of the box that is zero from its edge on, unlike the hole in the middle.
    for (let k = 1; k < 4; k++)
      for (let j = 1; j < 4; j++) for (let i = 1; i < 4; i++) made.image.data[(k * 12 + j) * 12 + i] = 0;
    const { image } = prepareCase(made, masked, masked.configurations["3d_fullres"]!);
    expect(image.size).toEqual([10, 10, 10]);
    expect(image.data[0]).toBe(0);
    expect(image.data[10 * 10 * 5 + 10 * 5 + 5]).toBeLessThan(-2);
  });

  it("paints regions one over the other", () => {
    const made = scan([8, 8, 8], [1, 1, 1], 1);
    const recipe = plan([1, 1, 1]);
    const dataset = {
      ...recipe.dataset,
      regions: [
        { name: "whole", classes: [1, 2], paintedAs: 1 },
        { name: "core", classes: [2], paintedAs: 2 },
      ],
    };
    const { geometry, locations } = prepareCase(
      made,
      { ...recipe, dataset },
      recipe.configurations["3d_fullres"]!,
    );
    expect(locations).toHaveLength(2);
    const voxels = 6 ** 3;
    const probabilities = new Float32Array(2 * voxels).fill(0.9, 0, 100);
    probabilities.fill(0.6, voxels + 50, voxels + 120);
    const { data } = restoreClasses(probabilities, geometry, { ...recipe, dataset });
    const count = (value: number) => [...data].filter((v) => v === value).length;
    // Voxels 0-49 are whole alone, 50-99 both, 100-119 core alone: the later one wins.
    expect([count(1), count(2)]).toEqual([50, 70]);
  });

  it("is refused when its channels are not the plan's or it would vanish", () => {
    const recipe = plan([1, 1, 1]);
    const full = recipe.configurations["3d_fullres"]!;
    expect(() => prepareCase(scan([8, 8, 8], [1, 1, 1], 1, 2), recipe, full)).toThrow(
      /^a: the case has not the channels that the plan is for\. Expected 1: MRI\. Found 2\./,
    );
    expect(() => prepareCase(scan([8, 8, 8], [1, 1, 0.01], 1), recipe, full)).toThrow(
      /^a: the image is thinner than one voxel/,
    );
    const { geometry } = prepareCase(scan([8, 8, 8], [1, 1, 1], 1), recipe, full);
    expect(() => restoreClasses(new Float32Array(7), geometry, recipe)).toThrow(/not of this case/);
  });
});

describe("parts of preparing", () => {
  it("resamples thick slices as nnU-Net does: planes by spline, the nearest slice across", () => {
    const golden = JSON.parse(
      readFileSync(new URL("../../volume/resize.golden.json", import.meta.url), "utf8"),
    ).thick as { size: Size3; target: Size3; data: number[]; expected: number[] };
    const mm = golden.size.map((_, axis) => (axis === 2 ? 4 : 1));
    const found = resampleChannel(
      Float32Array.from(golden.data),
      { from: golden.size, to: golden.target, fromMm: mm, toMm: mm },
      plan([1, 1, 1]).resampling,
    );
    found.forEach((value, at) => {
      expect(Math.abs(value - golden.expected[at]!)).toBeLessThan(3e-6);
    });
  });

  it("is apart along one thick axis only", () => {
    const rules = { separateAbove: 3 };
    expect(separateAxis([1, 1, 4], [1, 1, 1], rules)).toBe(2);
    expect(separateAxis([1, 1, 1], [5, 1, 1], rules)).toBe(0);
    expect(separateAxis([1, 1, 3], [1, 1, 3], rules)).toBeNull();
    expect(separateAxis([0.24, 1.25, 1.25], [1, 1, 1], rules)).toBeNull();
  });

  it("turns axes and turns them back", () => {
    const made = scan([3, 4, 5], [1, 2, 3], 0, 2).image;
    for (const axes of [
      [0, 1, 2],
      [1, 0, 2],
      [2, 0, 1],
    ]) {
      const turned = toNetworkFrame(made, axes);
      expect(turned.size).toEqual([...axes].reverse().map((axis) => made.size[axis]!));
      expect(fromNetworkFrame(turned, axes)).toEqual(made);
    }
  });

  it("fills holes that faces do not open", () => {
    const size: Size3 = [5, 5, 5];
    const data = new Float32Array(125).fill(1);
    data[62] = 0; // in the middle
    data[0] = 0; // in a corner
    const mask = filledMask({ data, size, channels: 1, affine: scalingAffine([1, 1, 1]) });
    expect([mask[62], mask[0]]).toEqual([1, 0]);
    expect(mask.reduce((a, b) => a + b)).toBe(124);
  });

  it("normalises CT by the foreground's numbers, and other schemes by name", () => {
    const foreground = { mean: 10, deviation: 5, median: 0, min: 0, max: 0, low: 0, high: 20 };
    const values = Float32Array.of(-100, 10, 15, 100);
    normalizeChannel(values, { scheme: "ct", withinMask: false, foreground }, undefined, "a");
    expect([...values]).toEqual([-2, 0, 1, 2]);
    const range = Float32Array.of(2, 4, 3);
    normalizeChannel(range, { scheme: "minmax", withinMask: false, foreground: null }, undefined, "a");
    expect([...range]).toEqual([0, 1, 0.5]);
    expect(() =>
      normalizeChannel(range, { scheme: "ct", withinMask: false, foreground: null }, undefined, "a"),
    ).toThrow(/^a: CT is normalised by the intensities of the foreground/);
    expect(() =>
      normalizeChannel(
        new Float32Array(9).fill(3),
        { scheme: "zscore", withinMask: false, foreground: null },
        undefined,
        "b",
      ),
    ).toThrow(/^b: the channel is constant where it is not zero/);
  });

  it("draws locations of every class, at most 10,000 or 1 %, the same every time", () => {
    const data = new Uint8Array(60 ** 3).fill(1, 0, 30_000);
    data.fill(2, 30_000, 30_010);
    const [one, two, none] = drawLocations({ data }, [[1], [2], [3]], "a") as [
      Int32Array,
      Int32Array,
      Int32Array,
    ];
    expect([one.length, two.length, none.length]).toEqual([10_000, 10, 0]);
    expect(one.every((at, n) => data[at] === 1 && (n === 0 || at > one[n - 1]!))).toBe(true);
    expect(one.reduce((a, b) => a + b) / 10_000 / 15_000).toBeCloseTo(1, 1);
    expect(drawLocations({ data }, [[1]], "a")[0]).toEqual(one);
    expect(drawLocations({ data }, [[1]], "b")[0]).not.toEqual(one);
  });

  it("aims at labels, regions, and at all that is annotated where some is ignored", () => {
    const classes = ["background", "a", "b"];
    expect(locationTargets({ classes, regions: null, ignoredClass: null })).toEqual([[1], [2]]);
    expect(locationTargets({ classes, regions: null, ignoredClass: 3 })).toEqual([[1], [2], [0, 1, 2]]);
    const regions = [{ classes: [1, 2] }, { classes: [2] }];
    expect(locationTargets({ classes, regions, ignoredClass: null })).toEqual([[1, 2], [2]]);
  });

  it("says how far axes are from right angles", () => {
    expect(shearDegrees(scalingAffine([1, 2, 3]))).toBe(0);
    const sheared = affineFromColumns(
      [1, 0, 0],
      [Math.sin(Math.PI / 60), Math.cos(Math.PI / 60), 0],
      [0, 0, 1],
      [0, 0, 0],
    );
    expect(shearDegrees(sheared)).toBeCloseTo(3, 6);
  });
});

describe("a fingerprint", () => {
  it("weighs cases, not voxels, and leaves ignored ones out", () => {
    const size: Size3 = [10, 10, 10];
    const affine = scalingAffine([1, 1, 1]);
    const facts = [
      [500, 40],
      [100, 80],
    ].map(([count, level], at): CaseFacts => {
      const data = new Uint8Array(1000).fill(1, 0, count);
      data.fill(2, 900);
      const image = new Float32Array(1000).fill(999).fill(level!, 0, count);
      return caseFacts(
        {
          id: `${at}`,
          image: { size, affine, channels: 1, data: image },
          label: { size, affine, channels: 1, data },
        },
        2,
      );
    });
    const { channels, medianRelativeSize } = dataFingerprint(facts, ["MRI"]);
    expect(channels[0]!.foreground).toMatchObject({
      mean: 60,
      deviation: 20,
      min: 40,
      max: 80,
      low: 40,
      high: 80,
    });
    expect(medianRelativeSize).toBe(1);
  });

  it("has the percentiles that drawing at random would settle at", () => {
    const normal = Float32Array.from({ length: 27_000 }, () => random.normal(5, 2));
    const grid = { size: [30, 30, 30] as Size3, affine: scalingAffine([1, 1, 1]), channels: 1 };
    const facts = caseFacts({
      id: "a",
      image: { ...grid, data: normal },
      label: { ...grid, data: new Uint8Array(27_000).fill(1) },
    });
    const sorted = Float32Array.from(normal).sort();
    const { low, high, median } = dataFingerprint([facts], ["CT"]).channels[0]!.foreground!;
    expect(low).toBeCloseTo(sorted[134]!, 1);
    expect(high).toBeCloseTo(sorted[26_865]!, 1);
    expect(median).toBeCloseTo(5, 1);
  });

  it("needs a labelled case", () => {
    expect(() => dataFingerprint([], ["MRI"])).toThrow(/no case has a label to plan for/);
  });
});
