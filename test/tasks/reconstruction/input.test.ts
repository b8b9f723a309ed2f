import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rng } from "../../../src/core/rng.js";
import { relativeRmse } from "../../../src/metrics/quality.js";
import { buildProjector } from "../../../src/sim/pet/projector.js";
import { batchMaker } from "../../../src/tasks/reconstruction/batches.js";
import { drawScan, mirroredImage, mirroredSinogram } from "../../../src/tasks/reconstruction/draw.js";
import { familyOf, inputFamilies, networkInput } from "../../../src/tasks/reconstruction/input.js";
import { scansOf } from "./data.js";

const scans = scansOf(2);
const [head] = scans;
const total = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0);

describe("the network's input", () => {
  it("is the same whatever the unit of activity, and its scale follows", () => {
    const factor = fc.double({ min: 1e-3, max: 1e3, noNaN: true });
    fc.assert(
      fc.property(factor, (by) => {
        const scan = { ...head!.scan, calibration: head!.scan.calibration / by };
        for (const channels of Object.values(inputFamilies)) {
          const [plain, scaled] = [networkInput(head!.scan, channels), networkInput(scan, channels)];
          expect(scaled.scale / plain.scale).toBeCloseTo(by, -Math.floor(Math.log10(by)) + 4);
          const apart = scaled.data.map(
            (value, n) => Math.abs(value - plain.data[n]!) / (1 + Math.abs(plain.data[n]!)),
          );
          expect(apart.reduce((a, b) => Math.max(a, b), 0)).toBeLessThan(1e-4);
        }
      }),
      { numRuns: 10 },
    );
  });

  it("has the mean activity of the image as its scale", () => {
    for (const { scan, trues, truth } of scans) {
      const prompts = trues!.map((value, n) => value + scan.scatter![n]! + scan.randoms![n]!);
      const { scale, data } = networkInput({ ...scan, prompts }, ["precorrected"]);
      expect(scale / (total(truth) / truth.length)).toBeCloseTo(1, 1);
      expect(total(data) / data.length).toBeCloseTo(1, 4);
    }
  });

  it("says how far to trust a bin: the spread of what is counted again and again", () => {
    const draws = Array.from({ length: 60 }, (_, n) =>
      networkInput(drawScan(head!, rng(n), { counts: [1e6, 1e6], mirror: false }).scan, [
        "precorrected",
        "deviation",
      ]),
    );
    const length = head!.scan.prompts.length;
    let [ratio, bins] = [0, 0];
    for (let n = 0; n < length; n += 7) {
      if (head!.scan.prompts[n]! < 100) continue;
      const values = draws.map(({ data }) => data[n]!);
      const mean = values.reduce((a, b) => a + b, 0) / values.length;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
      ratio += Math.sqrt(variance) / draws[0]!.data[length + n]!;
      bins++;
    }
    expect(bins).toBeGreaterThan(50);
    expect(ratio / bins).toBeGreaterThan(0.9);
    expect(ratio / bins).toBeLessThan(1.1);
  });

  it("as images is the backprojection in units of the mean activity, and the attenuation map", () => {
    const { scan, trues, truth } = scans[1]!;
    const prompts = trues!.map((value, n) => value + scan.scatter![n]! + scan.randoms![n]!);
    const { data, scale } = networkInput({ ...scan, prompts }, ["backprojection", "density"]);
    const size = truth.length;
    expect(data).toHaveLength(2 * size);
    const activity = data.subarray(0, size).map((value) => value * scale);
    expect(relativeRmse(truth, activity)).toBeLessThan(0.6);
    // Water is 0.96 of 0.1/cm; the body's middle is mostly that.
    const inside = data.subarray(size).filter((_, v) => truth[v]! > 0);
    expect(total(inside) / inside.length).toBeGreaterThan(0.5);
    expect(total(inside) / inside.length).toBeLessThan(1.2);
    expect(familyOf(["backprojection"])).toBe("image");
    expect(familyOf(["linogram-absorption", "linogram"])).toBe("linogram");
    expect(familyOf(["backprojection", "offset"])).toBeUndefined();
  });

  it("refuses a scan whose counts are all background", () => {
    const { scan } = head!;
    const scatter = scan.prompts.map((value) => value + 1);
    expect(() => networkInput({ ...scan, scatter }, ["precorrected"], "brain-001")).toThrow(
      /^brain-001: nothing is left of the counts after scatter and randoms\. Expected more prompts than/,
    );
  });
});

describe("a slice that is counted anew", () => {
  it("has the counts asked for, its corrections and calibration with them", () => {
    const { scan } = drawScan(head!, rng(1), { counts: [2e5, 2e5], mirror: false });
    expect(total(scan.prompts) / 2e5).toBeCloseTo(1, 1);
    const share = (one: typeof scan): number => total(one.scatter!) / total(one.prompts);
    expect(share(scan)).toBeCloseTo(share(head!.scan), 2);
    expect(networkInput(scan, ["precorrected"]).scale).toBeGreaterThan(0);
    const level = total(head!.trues!) + total(head!.scan.scatter!) + total(head!.scan.randoms!);
    expect(scan.calibration / head!.scan.calibration).toBeCloseTo(2e5 / level, 3);
    expect(scan.prompts.every((value) => Number.isInteger(value) && value >= 0)).toBe(true);
  });

  it("is another one for another seed and the same for the same", () => {
    const draw = (seed: number) => drawScan(head!, rng(seed), { counts: [1e5, 1e6], mirror: true });
    expect(draw(4)).toEqual(draw(4));
    expect(draw(4).scan.prompts).not.toEqual(draw(5).scan.prompts);
  });

  it("is refused where only its counts are known", () => {
    const { trues: _, ...known } = head!;
    expect(() => drawScan(known, rng(1), { counts: [1, 1], mirror: false })).toThrow(
      /brain-001_slice-1: the slice cannot be counted anew: its expected trues are not known/,
    );
  });

  it("mirrors sinogram and image alike: the projector agrees", () => {
    const { geometry } = head!.scan;
    const projector = buildProjector(geometry);
    const sinogram = projector.forward(head!.truth).slice();
    const mirrored = projector.forward(mirroredImage(head!.truth, geometry));
    const expected = mirroredSinogram(sinogram, geometry);
    const peak = Math.max(...sinogram);
    mirrored.forEach((value, n) => {
      expect(Math.abs(value - expected[n]!)).toBeLessThan(2e-3 * peak);
    });
    expect(mirroredSinogram(mirroredSinogram(sinogram, geometry), geometry)).toEqual(sinogram);
  });

  it("is not mirrored where its axis is not the middle of its bins", () => {
    const mirroredOf = (axisBin?: number): boolean => {
      const geometry = { ...head!.scan.geometry, ...(axisBin === undefined ? {} : { axisBin }) };
      const one = { ...head!, scan: { ...head!.scan, geometry } };
      return Array.from({ length: 12 }, (_, n) =>
        drawScan(one, rng(n), { counts: [1e5, 1e5], mirror: true }),
      ).some(({ truth }) => truth !== head!.truth);
    };
    expect([mirroredOf(), mirroredOf(23), mirroredOf(22)]).toEqual([true, true, false]);
  });
});

describe("batches", () => {
  const plan = {
    batch: 2,
    inputs: ["precorrected", "attenuation"],
    noise: "fresh",
    counts: [1e5, 1e6],
    mirror: true,
    seed: 3,
  } as const;
  const make = (changes: Partial<Omit<Parameters<typeof batchMaker>[1], "inputs">> = {}) =>
    batchMaker(scansOf(4), { ...plan, ...changes, counts: [1e5, 1e6], inputs: [...plan.inputs] });

  it("depend on the step alone, whatever was asked for before", () => {
    const inOrder = make();
    const first = [0, 1, 2, 3].map((step) => inOrder(step));
    const alone = make();
    for (const step of [3, 0, 2, 1]) expect(alone(step)).toEqual(first[step]);
  });

  it("bring every slice once an epoch, fresh noise the next time", () => {
    const batches = make();
    const [a, b, c, d] = [0, 1, 2, 3].map((step) => batches(step));
    const all = scansOf(4).map(({ id }) => id);
    expect([...a!.cases, ...b!.cases].sort()).toEqual(all.sort());
    expect([...c!.cases, ...d!.cases].sort()).toEqual(all.sort());
    expect(a!.tensors.sinogram!.shape).toEqual([2, 2, 48, 47]);
    expect(a!.tensors.image!.shape).toEqual([2, 1, 32, 32]);
  });

  it("with recorded noise are the counts of the data set", () => {
    const recorded = make({ noise: "recorded" });
    const { tensors, cases } = recorded(0);
    const one = scansOf(4).find(({ id }) => id === cases[0])!;
    const { data, scale } = networkInput(one.scan, [...plan.inputs]);
    expect((tensors.sinogram!.data as Float32Array).slice(0, data.length)).toEqual(data);
    expect(tensors.image!.data[500]).toBeCloseTo(one.truth[500]! / scale, 5);
  });
});
