import { describe, expect, it } from "vitest";
import { rng } from "../../../src/core/rng.js";
import { petGeometries, withImageSize } from "../../../src/sim/pet/geometry.js";
import { phantomSlices, slicesOfPhantom } from "../../../src/sim/pet/phantoms.js";
import { buildProjector } from "../../../src/sim/pet/projector.js";
import {
  attenuationFactors,
  buildScanner,
  discovery690,
  meanOverBlocks,
  precorrected,
} from "../../../src/sim/pet/scan.js";
import { discImage } from "./discs.js";

const geometry = petGeometries.small;
const scanner = buildScanner(geometry);
const fine = withImageSize(geometry, scanner.sliceSize);
const slice = {
  activity: discImage(fine, 90, [10, 5], 8),
  attenuationPerCm: discImage(fine, 100, [0, 0], 0.096),
};
const sum = (values: Float32Array): number => values.reduce((total, value) => total + value, 0);

describe("a simulated scan", () => {
  const scan = scanner.simulate(slice, rng(1), { counts: 3e5 });

  it("has the counts that are asked for, in the scanner's fractions", () => {
    const [trues, scatter, randoms] = [scan.trues, scan.scatter, scan.randoms].map(sum) as [
      number,
      number,
      number,
    ];
    expect(trues + scatter + randoms).toBeCloseTo(3e5, -1);
    expect(scatter / (trues + scatter)).toBeCloseTo(0.34375, 4);
    expect(randoms / (trues + scatter + randoms)).toBeCloseTo(0.0717, 4);
    expect(Math.abs(sum(scan.prompts) - 3e5)).toBeLessThan(4 * Math.sqrt(3e5));
    expect(scan.prompts.every((count) => Number.isInteger(count) && count >= 0)).toBe(true);
    expect(Math.max(...scan.randoms)).toBe(Math.min(...scan.randoms));
  });

  it("is attenuated as Lambert and Beer say", () => {
    const projector = buildProjector(fine);
    const factors = attenuationFactors(projector, slice.attenuationPerCm);
    // The longest way through is 20 cm of water.
    expect(Math.min(...factors)).toBeCloseTo(Math.exp(-0.096 * 20), 2);
    expect(Math.max(...factors)).toBe(1);
  });

  it("counts what sensitivity, time and activity say when no counts are asked for", () => {
    const nothing = { ...slice, attenuationPerCm: new Float32Array(slice.activity.length) };
    const { trues, scanTimeS } = scanner.simulate(nothing, rng(1));
    const { sensitivityCpsPerKBq, sliceThicknessMm } = discovery690;
    const kBq = (8 * Math.PI * 90 ** 2 * sliceThicknessMm) / 1000;
    expect(scanTimeS).toBe(180);
    expect(sum(trues) / (sensitivityCpsPerKBq * 180 * kBq)).toBeCloseTo(1, 3);
    const half = scanner.simulate(nothing, rng(1), {
      counts: sum(trues) / 2 / (1 - 0.34375) / (1 - 0.0717),
    });
    expect(half.scanTimeS).toBeCloseTo(90, 1);
  });

  it("gives back line integrals in kBq/ml times mm, on average", () => {
    const many = scanner.simulate(slice, rng(2), { counts: 1e8 });
    const image = meanOverBlocks(slice.activity, fine.imageSize, 2);
    const truth = buildProjector(geometry).forward(image);
    const error = precorrected(many).reduce((total, value, n) => total + (value - truth[n]!), 0);
    expect(Math.abs(error) / sum(truth)).toBeLessThan(0.005);
  });

  it("is the same from the same seed and another from another", () => {
    const again = scanner.simulate(slice, rng(1), { counts: 3e5 });
    expect(again.prompts).toEqual(scan.prompts);
    expect(scanner.simulate(slice, rng(2), { counts: 3e5 }).prompts).not.toEqual(scan.prompts);
  });

  it("is refused for slices and settings that are none", () => {
    const small = { ...slice, attenuationPerCm: new Float32Array(9) };
    expect(() => scanner.simulate(small, rng(1))).toThrow(
      "the attenuation map is on another grid than the scanner simulates. Expected 16384 numbers: 128x128 pixels. Found 9.",
    );
    const negative = { ...slice, activity: slice.activity.map((value, n) => (n === 130 ? -1 : value)) };
    expect(() => scanner.simulate(negative, rng(1))).toThrow(
      "column 2, row 1: the activity holds a value that is not possible.",
    );
    const empty = { ...slice, activity: new Float32Array(16384) };
    expect(() => scanner.simulate(empty, rng(1))).toThrow("a slice without activity cannot be scanned.");
    expect(() => scanner.simulate(slice, rng(1), { counts: 0 })).toThrow(
      "counts: the number of counts is not possible.",
    );
    expect(() => buildScanner(geometry, { ...discovery690, randomsFraction: 1 })).toThrow(
      "randomsFraction: a scanner is not possible. Expected 0 to 0.95. Found 1.",
    );
  });
});

describe("phantoms", () => {
  const options = { geometry: petGeometries.tiny, phantoms: 6, slicesPerPhantom: 2, seed: 4 } as const;
  const slices = [...phantomSlices(options)];

  it("take turns in kind and tracer, two slices each", () => {
    expect(slices.map(({ id }) => id).slice(0, 3)).toEqual([
      "brain-001_slice-1",
      "brain-001_slice-2",
      "body-002_slice-1",
    ]);
    expect(slices.filter(({ kind }) => kind === "brain").map(({ tracer }) => tracer)).toEqual([
      "fdg",
      "fdg",
      "amyloid",
      "amyloid",
      "tau",
      "tau",
    ]);
  });

  it("hold activity and attenuation within the field of view and of nature", () => {
    for (const { activity, attenuationPerCm, truth } of slices) {
      expect(sum(activity)).toBeGreaterThan(0);
      expect(Math.min(...activity)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...activity)).toBeLessThan(1000);
      expect(Math.max(...attenuationPerCm)).toBeLessThanOrEqual(0.1511);
      // Nothing lies beyond the circle that all views see.
      activity.forEach((value, n) => {
        const [x, y] = [(n % 64) - 31.5, Math.floor(n / 64) - 31.5];
        if (Math.hypot(x, y) > 32) expect(value).toBe(0);
      });
      expect(sum(truth) * 4).toBeCloseTo(sum(activity), 0);
    }
  });

  it("whose uptake does not keep to structures are smoother, in the same bodies, when asked for", () => {
    const few = { ...options, phantoms: 3 };
    const diffuse = [...phantomSlices({ ...few, diffuse: 1 })];
    const roughness = (all: readonly { readonly activity: Float32Array }[]): number =>
      all.reduce((total, { activity }) => {
        const steps = activity.map((value, n) => (n === 0 ? 0 : Math.abs(value - activity[n - 1]!)));
        return total + sum(steps) / sum(activity);
      }, 0);
    expect(roughness(diffuse)).toBeLessThan(0.85 * roughness(slices.slice(0, 6)));
    diffuse.forEach(({ activity, attenuationPerCm, truth }, n) => {
      expect(attenuationPerCm).toEqual(slices[n]!.attenuationPerCm);
      expect(Math.min(...activity)).toBeGreaterThanOrEqual(0);
      expect(Math.abs(Math.log(sum(activity) / sum(slices[n]!.activity)))).toBeLessThan(0.4);
      expect(sum(truth) * 4).toBeCloseTo(sum(activity), 0);
      activity.forEach((value, at) => {
        const [x, y] = [(at % 64) - 31.5, Math.floor(at / 64) - 31.5];
        if (Math.hypot(x, y) > 32) expect(value).toBe(0);
      });
    });
    // Which slices are is drawn for each of them, and those are the same whatever the chance.
    const kinds = [...phantomSlices({ ...few, diffuse: 0.5 })].map(({ activity }, n) => {
      if (activity.every((value, v) => value === slices[n]!.activity[v])) return "plain";
      expect(activity).toEqual(diffuse[n]!.activity);
      return "diffuse";
    });
    expect(new Set(kinds)).toEqual(new Set(["plain", "diffuse"]));
  });

  it("are drawn again from their number alone, and differ from each other", () => {
    expect(slicesOfPhantom(options, 3)).toEqual(slices.slice(6, 8));
    expect(slices[0]!.activity).not.toEqual(slices[1]!.activity);
    expect(slices[2]!.activity).not.toEqual(slices[6]!.activity);
  });
});
