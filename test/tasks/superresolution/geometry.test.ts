import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { rng } from "../../../src/core/rng.js";
import { acquireSlices, blurBySlices } from "../../../src/sim/mr/slices.js";
import { planScan, thicknessOf } from "../../../src/tasks/superresolution/acquisition.js";
import { cutPiece, pairDrawer } from "../../../src/tasks/superresolution/batches.js";
import { accumulateBurst } from "../../../src/tasks/superresolution/burst.js";
import { alongSlices } from "../../../src/tasks/superresolution/directions.js";
import { cardinalSpline, degradationKernels } from "../../../src/tasks/superresolution/kernels.js";
import { interpolateSlices, slicesOf, trainingStack } from "../../../src/tasks/superresolution/stack.js";
import { tiledRunner } from "../../../src/tasks/superresolution/tiles.js";
import { scalingAffine, spacingMm } from "../../../src/volume/affine.js";
import { swapAxes } from "../../../src/volume/axes.js";
import { resampleFourier } from "../../../src/volume/fourier.js";
import { toIsotropic } from "../../../src/volume/isotropic.js";
import { withSpacing } from "../../../src/volume/resample.js";
import type { ImageVolume, Size3 } from "../../../src/volume/volume.js";
import { shells, thickShells } from "./data.js";

const ratios = [1.25, 2, 3, 3.125, 4, 5];

/** Rows of weights times a line. */
function applied(weights: Float64Array, rows: number, line: (n: number) => number): number[] {
  const extent = weights.length / rows;
  return Array.from({ length: rows }, (_, row) => {
    let sum = 0;
    for (let n = 0; n < extent; n++) sum += weights[row * extent + n]! * line(n);
    return sum;
  });
}

describe("what slices do to a line", () => {
  it.each(ratios)("of ratio %d moves nothing: a slope stays where it is, whatever the phase", (ratio) => {
    for (const phase of [0, 0.3, 1.5, ratio - 0.01])
      for (const acquisition of ["2d", "3d"] as const) {
        const how = { acquisition, profile: "gaussian", ratio, thickness: ratio } as const;
        const { margin, aliased, blurred } = degradationKernels(how, phase, 16);
        for (const weights of [aliased, blurred])
          applied(weights, 16, (n) => 3 * (n - margin) + 7).forEach((value, row) => {
            // Half a voxel would be 1.5; gaussians are sampled at voxels, which moves a thin slice's middle a little.
            expect(Math.abs(value - (3 * row + 7))).toBeLessThan(ratio < 2 ? 0.12 : 0.03);
          });
      }
  });

  it.each([
    [2, 2, "gaussian"],
    [3.125, 3.125, "rf"],
    [4, 4, "box"],
    [5, 4, "gaussian"],
  ] as const)(
    "every %d voxels, %d thick (%s): as the simulated acquisition and its interpolation",
    (ratio, thickness, profile) => {
      const truth = lineVolume(200);
      const thick = acquireSlices(truth, { axis: 2, thicknessMm: thickness, spacingMm: ratio, profile });
      const plan = planScan(thick, { thicknessMm: thickness });
      const fine = interpolateSlices(thick, plan, "2d");
      const cubic = toIsotropic(thick, { method: "cubic" });
      expect(cubic.affine.map((x) => Math.round(1e6 * x))).toEqual(
        fine.affine.map((x) => Math.round(1e6 * x)),
      );
      const [rows, at] = [32, 84];
      // The result's voxels are the truth's.
      expect(fine.size).toEqual(truth.size);
      const phase = -plan.first * ratio - at;
      const { margin, aliased, blurred } = degradationKernels(
        { acquisition: "2d", profile, ratio, thickness },
        phase,
        rows,
      );
      const place = (n: number): number => truth.data[(n + at - margin) * 64]!;
      applied(aliased, rows, place).forEach((value, row) => {
        expect(value).toBeCloseTo(fine.data[(row + at) * 64]!, 1);
        expect(value).toBeCloseTo(cubic.data[(row + at) * 64]!, 1);
      });
      const blur = blurBySlices(truth, { axis: 2, thicknessMm: thickness, profile });
      applied(blurred, rows, place).forEach((value, row) => {
        expect(value).toBeCloseTo(blur.data[(row + at) * 64]!, 3);
      });
    },
  );

  it("of a 3-D acquisition is what zero padding in k-space leaves", () => {
    const truth = lineVolume(240);
    const thick = resampleFourier(truth, withSpacing(truth, [1, 1, 4]));
    const fine = resampleFourier(thick, truth);
    const { margin, aliased } = degradationKernels(
      { acquisition: "3d", profile: "gaussian", ratio: 4, thickness: 4 },
      0,
      32,
    );
    applied(aliased, 32, (n) => truth.data[(n + 100 - margin) * 64]!).forEach((value, row) => {
      expect(Math.abs(value - fine.data[(row + 100) * 64]!)).toBeLessThan(2.5);
    });
  });

  it("knows the spline through all samples", () => {
    expect(cardinalSpline(0)).toBeCloseTo(1, 12);
    expect(cardinalSpline(3)).toBeCloseTo(0, 12);
    expect(cardinalSpline(0.5) + cardinalSpline(-0.5)).toBeGreaterThan(1);
  });
});

/** Columns of noise that has been smoothed, 8 x 8 of them alike, of which the first is looked at. */
function lineVolume(length: number): ImageVolume {
  const random = rng("line");
  const noise = Array.from({ length: length + 8 }, () => random.between(0, 100));
  const line = Array.from({ length }, (_, n) => (noise[n]! + 2 * noise[n + 1]! + noise[n + 2]!) / 4);
  const data = new Float32Array(64 * length);
  for (let v = 0; v < data.length; v++) data[v] = line[Math.floor(v / 64)]!;
  return { data, size: [8, 8, length], affine: scalingAffine([1, 1, 1]), channels: 1 };
}

describe("the way of a scan", () => {
  it.each([0, 1, 2] as const)("with slices along axis %d: cubes over the same field", (axis) => {
    const size: Size3 = [24, 28, 36];
    const truth = shells("axis", size);
    const scan = acquireSlices(truth, { axis, thicknessMm: 4 });
    const plan = planScan(scan);
    expect(plan.axis).toBe(axis);
    expect([plan.sliceMm, plan.targetMm, plan.thicknessMm].map((x) => Math.round(x * 1e9) / 1e9)).toEqual([
      4, 1, 4,
    ]);
    const fine = swapAxes(interpolateSlices(slicesOf(scan, plan), plan, "2d"), axis, 2);
    expect(fine.size).toEqual(size);
    expect(spacingMm(fine.affine).every((mm) => Math.abs(mm - 1) < 1e-9)).toBe(true);
    fine.affine.forEach((value, at) => {
      expect(value).toBeCloseTo(truth.affine[at]!, 6);
    });
    const cubic = toIsotropic(scan, { method: "cubic" });
    fine.data.forEach((value, v) => {
      expect(Math.abs(value - cubic.data[v]!)).toBeLessThan(0.2);
    });
  });

  it("with planes of other voxels than the result's: they are brought to them first", () => {
    const scan = { ...thickShells("planes"), affine: scalingAffine([0.8, 0.9, 4]) };
    const plan = planScan(scan, { targetMm: 1 });
    expect(plan.inPlane.size).toEqual([29, 36, 8]);
    expect(slicesOf(scan, plan).size).toEqual([29, 36, 8]);
    expect(plan.fine.size).toEqual([29, 36, 32]);
  });

  it("needs one coarse axis, some slices, and a target that is finer", () => {
    const scan = thickShells("needs");
    const [i, j, k] = scan.size;
    const coarse = { ...scan, affine: scalingAffine([1, 4, 4]) };
    expect(() => planScan(coarse, { where: "b.nii" })).toThrow(
      /^b.nii: no one axis runs across the slices. Expected one coarse axis.*voxels of 1x4x4 mm/,
    );
    expect(planScan(coarse, { force: true }).axis).toBe(2);
    expect(() => planScan({ ...scan, size: [i, j, 3] })).toThrow(
      /too few slices. Expected at least 4. Found 3/,
    );
    expect(() => planScan(scan, { targetMm: 4.5 })).toThrow(
      /not finer than the slices. Expected less than 4 mm/,
    );
    expect(k).toBe(8);
  });

  it("knows thickness and gap by what is given", () => {
    expect(thicknessOf(5, {})).toBe(5);
    expect(thicknessOf(5, { thicknessMm: 4 })).toBe(4);
    expect(thicknessOf(5, { gapMm: 1 })).toBe(4);
    expect(thicknessOf(5, { gapMm: 1, thicknessMm: 4.05 })).toBe(4.05);
    expect(() => thicknessOf(5, { gapMm: 5, where: "a.nii" })).toThrow(
      /^a.nii: the gap leaves nothing of the slices. Expected less than the 5 mm from slice to slice. Found 5 mm/,
    );
    expect(() => thicknessOf(5, { gapMm: 1, thicknessMm: 5 })).toThrow(
      /do not add up.*5 mm. Found 5 mm and 1 mm/,
    );
  });
});

describe("pairs", () => {
  const scan = thickShells("pairs", [48, 44, 24]);
  const plan = planScan(scan);
  const stack = trainingStack(scan, plan, { id: "a", rotations: 6 });
  const how = {
    acquisition: "2d",
    profile: "gaussian",
    ratio: 4,
    thickness: 4,
    patch: 16,
    rotations: 6,
  } as const;
  const draw = pairDrawer(how);

  it("of one place fit together: blur is what aliasing is to be undone to, and what is to be sharpened", () => {
    for (let n = 0; n < 8; n++) {
      const random = rng("fit").split(n);
      const [saa, ssr, both] = [
        draw(stack, random, "saa"),
        draw(stack, random, "ssr"),
        draw(stack, random, "both"),
      ];
      expect(saa.target).toEqual(ssr.input);
      expect(both.input).toEqual(saa.input);
      expect(both.target).toEqual(ssr.target);
      const error = (a: Float32Array, b: Float32Array): number =>
        a.reduce((sum, x, v) => sum + (x - b[v]!) ** 2, 0);
      expect(error(saa.input, saa.target)).toBeGreaterThan(0);
      expect(error(ssr.input, ssr.target)).toBeGreaterThan(0);
    }
    expect(draw(stack, rng("fit").split(0), "saa")).toEqual(draw(stack, rng("fit").split(0), "saa"));
  });

  it("lie where there are edges, and within the mask", () => {
    const mask = { ...scan, data: scan.data.map((_, v) => (v % 48 < 20 ? 1 : 0)) };
    const masked = trainingStack(scan, plan, { id: "b", rotations: 1, mask });
    expect(masked.edges.at(-1)).toBeLessThan(stack.edges.at(-1)!);
    expect(() =>
      trainingStack(scan, plan, {
        id: "c",
        rotations: 1,
        mask: { ...mask, data: new Float32Array(mask.data.length) },
      }),
    ).toThrow(/no edges within the mask/);
  });

  it("are cut along any angle: right ones by voxels, others by the spline between them", () => {
    const middle = [22, 20, 2] as const;
    const [at, size] = [(i: number, j: number) => stack.data[(2 * 44 + j) * 48 + i]!, 8];
    const straight = cutPiece(stack, middle, 0, [1, 1], size, 0);
    const turned = cutPiece(stack, middle, 1, [1, 1], size, 0);
    const flipped = cutPiece(stack, middle, 0, [-1, 1], size, 0);
    for (let r = 0; r < size; r++)
      for (let c = 0; c < size; c++) {
        expect(straight[r * size + c]).toBe(at(22 + r - 4, 20 + c - 4));
        expect(turned[r * size + c]).toBe(at(22 - (c - 4), 20 + r - 4));
        expect(flipped[r * size + c]).toBe(at(22 - (r - 4), 20 + c - 4));
      }
    // Nearly a right angle is nearly the same piece.
    cutPiece(stack, middle, 1e-7, [1, 1], size, 0).forEach((value, v) => {
      expect(value).toBeCloseTo(straight[v]!, 4);
    });
    // A slope stays a slope at 45 degrees.
    const slope = { ...stack.data.map((_, v) => v % 48) };
    const data = Float32Array.from({ length: stack.data.length }, (_, v) => slope[v]!);
    const ramp = trainingStack({ ...scan, data: data.map((x) => x * 10) }, plan, {
      id: "ramp",
      rotations: 4,
    });
    const piece = cutPiece(ramp, middle, 0.5, [1, 1], size, 0);
    const scale = ramp.data[23]! - ramp.data[22]!;
    for (let r = 0; r < size; r++)
      for (let c = 0; c < size; c++)
        expect(piece[r * size + c]! / scale).toBeCloseTo(22 + Math.SQRT1_2 * (r - 4 - (c - 4)), 2);
  });
});

describe("the burst", () => {
  const golden = JSON.parse(readFileSync(new URL("../../golden/burst.json", import.meta.url), "utf8")) as {
    size: [number, number, number];
    volumes: number[][];
    first: Record<string, number[]>;
  };
  const volumes = golden.volumes.map((values) => Float32Array.from(values));

  it.each(Object.keys(golden.first))("of %s is numpy's", (key) => {
    const [count, exponent] = key.split(",") as [string, string];
    const p = exponent === "infinity" ? "infinity" : Number(exponent);
    const found = accumulateBurst(volumes.slice(0, Number(count)), golden.size, p);
    golden.first[key]!.forEach((value, v) => {
      expect(found[v]).toBeCloseTo(value, 4);
    });
  });

  it("of equal volumes is that volume, whatever the exponent and the extents", () => {
    const one = shells("burst", [7, 11, 13]).data;
    for (const exponent of [0, 3, "infinity"] as const)
      accumulateBurst([one, one, one], [7, 11, 13], exponent).forEach((value, v) => {
        expect(value).toBeCloseTo(one[v]!, 3);
      });
  });

  it("of nothing, or of volumes that differ, is refused", () => {
    expect(() => accumulateBurst([], [2, 2, 2], 2)).toThrow(/at least one, of 8 voxels each. Found none/);
    expect(() => accumulateBurst([new Float32Array(8), new Float32Array(9)], [2, 2, 2], 2)).toThrow(
      /Found 8, 9/,
    );
  });
});

describe("directions", () => {
  const image = shells("directions", [14, 17, 12]);
  const runners = (change: (x: number) => number) => ({
    open: async (_task: "saa" | "ssr", height: number, width: number) => ({
      slices: 3,
      run: async (input: Float32Array) => {
        expect(input.length).toBe(3 * height * width);
        return input.map(change);
      },
      close: async () => undefined,
    }),
  });

  it("of a network that changes nothing give the volume back, bit for bit, at any angle", async () => {
    const found = await alongSlices(
      runners((x) => x),
      "ssr",
      image,
      5,
    );
    expect(found).toHaveLength(5);
    for (const data of found) expect(data).toEqual(image.data);
  });

  it("bring what a network has changed back to where it was", async () => {
    const found = await alongSlices(
      runners((x) => x + 10),
      "saa",
      image,
      4,
    );
    for (const data of found)
      data.forEach((value, v) => {
        expect(value).toBeCloseTo(image.data[v]! + 10, 3);
      });
  });

  it("run windows without seams: the middle of each, the slice's own border", async () => {
    // A value is the mean of itself and its neighbours along the width.
    const smooth = (width: number) => async (input: Float32Array) =>
      input.map((x, v) => {
        const c = v % width;
        return (x + (c > 0 ? input[v - 1]! : 0) + (c + 1 < width ? input[v + 1]! : 0)) / 3;
      });
    const [height, width] = [11, 37];
    const input = Float32Array.from({ length: 2 * height * width }, (_, v) => Math.sin(v * 1.7));
    const whole = await smooth(width)(input);
    const tiles = tiledRunner(smooth(16), [2, 16, 16], 1, height, width);
    (await tiles.run(input)).forEach((value, v) => {
      expect(value).toBeCloseTo(whole[v]!, 6);
    });
  });
});
