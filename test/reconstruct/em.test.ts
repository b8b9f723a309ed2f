import { describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { reconstructEm } from "../../src/reconstruct/em.js";
import { petGeometries } from "../../src/sim/pet/geometry.js";
import { buildForwardModel, type PetScan } from "../../src/sim/pet/model.js";
import { buildScanner, discovery690, meanOverBlocks } from "../../src/sim/pet/scan.js";
import { discImage } from "../sim/pet/discs.js";

const geometry = petGeometries.small;
const scanner = buildScanner(geometry, { ...discovery690, efficiencySpread: 0.1 });
const fine = { ...geometry, imageSize: 128, pixelSizeMm: geometry.pixelSizeMm / 2 };
const activity = discImage(fine, 100, [0, 0], 10);
const slice = { activity, attenuationPerCm: discImage(fine, 100, [0, 0], 0.096) };
const scan = (counts: number): ReturnType<typeof scanner.simulate> =>
  scanner.simulate(slice, rng("disc"), { counts });
const within = (radius: number): Uint8Array =>
  Uint8Array.from(discImage(geometry, radius, [0, 0], 1), (value) => (value === 1 ? 1 : 0));

function mean(image: Float32Array, mask: Uint8Array): number {
  let [sum, count] = [0, 0];
  for (let v = 0; v < mask.length; v++)
    if (mask[v] === 1) {
      sum += image[v]!;
      count++;
    }
  return sum / count;
}

describe("OSEM", () => {
  it("has a bias below 2 % in a uniform disc, all corrections in the model", () => {
    const { image } = reconstructEm(scan(2e7), { iterations: 10, subsets: 8 });
    expect(Math.abs(mean(image, within(90)) / 10 - 1)).toBeLessThan(0.01);
    // Nor anywhere in it: the middle and rings, far enough from the edge for its overshoot.
    for (const [inner, outer] of [
      [0, 25],
      [25, 50],
      [50, 75],
    ] as const) {
      const ring = within(outer);
      const hole = within(inner);
      for (let v = 0; v < ring.length; v++) if (hole[v] === 1) ring[v] = 0;
      expect(Math.abs(mean(image, ring) / 10 - 1)).toBeLessThan(0.02);
    }
  });

  it.each(["attenuation", "scatter", "randoms", "efficiency"] as const)(
    "needs the %s that it is given",
    (what) => {
      const { image } = reconstructEm({ ...scan(2e7), [what]: undefined }, { iterations: 4, subsets: 8 });
      const truth = meanOverBlocks(activity, 128, 2);
      const complete = reconstructEm(scan(2e7), { iterations: 4, subsets: 8 }).image;
      const error = (x: Float32Array): number =>
        x.reduce((sum, value, n) => sum + (value - truth[n]!) ** 2, 0);
      expect(error(image)).toBeGreaterThan(1.5 * error(complete));
    },
  );

  it("gets as far in one iteration as ML-EM in many", () => {
    const one = scan(5e5);
    const curve = reconstructEm(one, { iterations: 12, likelihood: true }).logLikelihood;
    const fast = reconstructEm(one, { iterations: 1, subsets: 12, likelihood: true }).logLikelihood;
    expect(fast[1]!).toBeGreaterThan(curve[9]!);
  });
});

describe("ML-EM", () => {
  it("never loses likelihood", () => {
    for (const counts of [2e3, 1e5, 1e7]) {
      const { logLikelihood } = reconstructEm(scan(counts), { iterations: 30, likelihood: true });
      expect(logLikelihood).toHaveLength(31);
      for (let n = 1; n < logLikelihood.length; n++) {
        // Float32 sinograms round a sum of `counts` to about 1e-7 of it.
        expect(logLikelihood[n]! - logLikelihood[n - 1]!).toBeGreaterThan(-1e-6 * counts);
      }
    }
  });

  it("explains all counts after every iteration", () => {
    const { attenuation, efficiency, calibration, psfFwhmMm, trues } = scan(1e5);
    const clean: PetScan = { geometry, attenuation, efficiency, calibration, psfFwhmMm, prompts: trues };
    const total = trues.reduce((sum, value) => sum + value, 0);
    reconstructEm(clean, {
      iterations: 3,
      onIteration: (_, image) => {
        const seen = scanTrues(clean, image);
        expect(Math.abs(seen / total - 1)).toBeLessThan(1e-4);
      },
    });
  });

  it("stops when an iteration hardly gains", () => {
    const all = reconstructEm(scan(1e5), { iterations: 100, stopBelow: 1e-3 });
    expect(all.iterations).toBeGreaterThan(5);
    expect(all.iterations).toBeLessThan(100);
    const l = all.logLikelihood;
    const last = l.length - 1;
    expect(l[last]! - l[last - 1]!).toBeLessThan(1e-3 * (l[last]! - l[0]!));
    expect(l[last - 1]! - l[last - 2]!).toBeGreaterThan(1e-3 * (l[last - 1]! - l[0]!));
  });

  it("finds points where they are: no shift by half a pixel", () => {
    for (const imageSize of [64, 65]) {
      const own = { ...geometry, imageSize, pixelSizeMm: 320 / imageSize };
      const doubled = buildScanner(own, { ...discovery690, scatterFraction: 0, randomsFraction: 0 });
      const size = doubled.sliceSize;
      for (const [x, y] of [
        [0, 0],
        [-81.3, 40.2],
        [33.7, 95.1],
      ] as const) {
        const spot = discImage({ ...own, imageSize: size, pixelSizeMm: 320 / size }, 6, [x, y], 100);
        const empty = new Float32Array(size * size);
        const data = doubled.simulate({ activity: spot, attenuationPerCm: empty }, rng(1), { counts: 1e6 });
        const { image } = reconstructEm(data, { iterations: 8, subsets: 4 });
        const [cx, cy] = centroid(image, own);
        expect(Math.hypot(cx - x, cy - y)).toBeLessThan(0.1 * own.pixelSizeMm);
      }
    }
  });
});

describe("scans that cannot be reconstructed", () => {
  const good = scan(1e4);
  const run = (changes: Partial<PetScan>) => () => reconstructEm({ ...good, ...changes }, { iterations: 1 });
  const withValue = (values: Float32Array, value: number): Float32Array => {
    const copy = values.slice();
    copy[200] = value;
    return copy;
  };

  it("are told, each with its reason", () => {
    expect(run({ prompts: new Float32Array(7) })).toThrow(
      "the prompts does not fit the scanner. Expected 9120 numbers: 96 views of 95 bins. Found 7.",
    );
    expect(run({ prompts: withValue(good.prompts, -2) })).toThrow(
      "view 2, bin 10: the prompts hold a number that is no number of counts. Expected finite numbers of 0 or more. Found -2. Give the prompts as counted, and scatter and randoms beside them, not subtracted.",
    );
    expect(run({ prompts: withValue(good.prompts, Number.NaN) })).toThrow("Found NaN.");
    expect(run({ scatter: withValue(good.scatter, Number.NaN) })).toThrow(
      "view 2, bin 10: the expected scattered counts hold a number",
    );
    expect(run({ prompts: new Float32Array(9120) })).toThrow("the sinogram holds no counts.");
    expect(run({ attenuation: withValue(good.attenuation, 3) })).toThrow(
      "Expected the fraction of photons that get through, 0 to 1. Found 3. Correction factors are the reciprocals: divide 1 by them.",
    );
    expect(run({ attenuation: new Float32Array(9120) })).toThrow("no bin of the scanner sees anything.");
    expect(run({ calibration: 0 })).toThrow("calibration: the calibration of a scan is not possible.");
    expect(() => reconstructEm(good, { iterations: 0 })).toThrow(
      "iterations: a setting of the reconstruction is not possible. Expected a whole number from 1 to 100000. Found 0.",
    );
    expect(() => reconstructEm(good, { iterations: 1, subsets: 97 })).toThrow(
      "subsets: a setting of the reconstruction is not possible. Expected a whole number from 1 to 96, the number of views. Found 97.",
    );
  });
});

/** Counts that an image explains: the sum over bins of its own sensitivity. */
function scanTrues(scan: PetScan, image: Float32Array): number {
  const model = buildForwardModel(scan);
  return model.forward(image).reduce((sum, value) => sum + value, 0);
}

function centroid(
  image: Float32Array,
  { imageSize, pixelSizeMm }: typeof geometry,
): readonly [number, number] {
  let [mass, x, y] = [0, 0, 0];
  image.forEach((value, n) => {
    mass += value;
    x += value * ((n % imageSize) - (imageSize - 1) / 2) * pixelSizeMm;
    y += value * (Math.floor(n / imageSize) - (imageSize - 1) / 2) * pixelSizeMm;
  });
  return [x / mass, y / mass];
}
