import { describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { evaluateField, smoothBasis, termsAt } from "../../src/prepare/polynomials.js";
import { estimateTissues, evenOut, foreground, tissueMaps } from "../../src/prepare/tissue.js";
import { withBiasField } from "../../src/sim/artefacts.js";
import { drawBrain } from "../../src/sim/brain.js";
import { cohortGrid, cohortPresets } from "../../src/sim/cohort.js";
import { t1Signals } from "../../src/sim/contrast.js";
import { L } from "../../src/sim/labels.js";
import { fractionOf, mixValues, renderBrain } from "../../src/sim/render.js";
import { scalingAffine } from "../../src/volume/affine.js";
import { type ImageVolume, volume } from "../../src/volume/volume.js";

describe("polynomials over a grid", () => {
  it("are Legendre's: orthogonal in the limit, 1 at the end, as many as their orders allow", () => {
    const basis = smoothBasis([101, 5, 4], 3);
    expect(basis.terms.length).toBe(20);
    for (let order = 0; order <= 3; order++) expect(basis.axes[0][order * 101 + 100]).toBeCloseTo(1);
    const p = (order: number, i: number) => basis.axes[0][order * 101 + i]!;
    let sum = 0;
    for (let i = 0; i < 101; i++) sum += p(1, i) * p(2, i) * 0.02;
    expect(Math.abs(sum)).toBeLessThan(1e-9);
    expect(p(2, 25)).toBeCloseTo((3 * 0.25 - 1) / 2);
  });

  it("give the same field voxel by voxel as row by row", () => {
    const basis = smoothBasis([6, 5, 4], 3);
    const weights = basis.terms.map((_, t) => Math.sin(t + 1));
    const field = evaluateField(basis, weights);
    const phi = new Float64Array(basis.terms.length);
    for (const v of [0, 17, 63, 119]) {
      termsAt(basis, v, phi);
      expect(field[v]).toBeCloseTo(
        weights.reduce((sum, w, t) => sum + w * phi[t]!, 0),
        5,
      );
    }
  });

  it("stay constant along an axis of few voxels", () => {
    expect(smoothBasis([20, 20, 1], 2).terms.every(([, , c]) => c === 0)).toBe(true);
  });
});

describe("tissues of a simulated brain", () => {
  const grid = cohortGrid({ ...cohortPresets.tiny });
  const brain = renderBrain(drawBrain(rng(3), { ageYears: [70, 75] }), grid, { samplesPerEdge: 2 });
  const inside = fractionOf(
    brain,
    Array.from({ length: 33 }, (_, n) => n + L.csf),
  );
  const signal = mixValues(brain, t1Signals());
  const noise = rng(4);
  const clean: ImageVolume = {
    ...signal,
    data: signal.data.map((x, v) => (inside.data[v]! > 0.5 ? Math.max(0.001, x + noise.normal(0, 0.02)) : 0)),
  };
  const uneven = withBiasField(clean, rng(5), 20);

  it("have means in the order of fluid, grey and white, and fractions near the truth", () => {
    const { means, fractions } = estimateTissues(clean);
    expect(means[0]!).toBeLessThan(means[1]!);
    expect(means[1]!).toBeLessThan(means[2]!);
    expect(fractions.reduce((sum, x) => sum + x, 0)).toBeCloseTo(1);
    let [fluid, all] = [0, 0];
    const truth = fractionOf(brain, [7, 13, 14, 15, 16, 17, 18]);
    for (let v = 0; v < truth.data.length; v++)
      if (clean.data[v]! > 0) {
        fluid += truth.data[v]!;
        all++;
      }
    // In voxels of 4 mm most fluid shares its voxel with grey matter, and counts as the one or the other.
    expect(Math.abs(fractions[0]! - fluid / all)).toBeLessThan(0.16);
  });

  it("lose most of their unevenness", () => {
    const spread = (image: ImageVolume): number => {
      const values = [...image.data].filter(
        (_, v) => brain.labels.data[v] === L.whiteMatter && inside.data[v] === 1,
      );
      const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
      return Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length) / mean;
    };
    const fixed = evenOut(uneven, estimateTissues(uneven));
    expect(spread(uneven)).toBeGreaterThan(spread(clean) + 0.03);
    expect(spread(fixed) - spread(clean)).toBeLessThan(0.4 * (spread(uneven) - spread(clean)));
  });

  it("have maps that add up to the mask", () => {
    const tissues = estimateTissues(clean);
    const maps = tissueMaps(clean, tissues);
    for (let v = 0; v < clean.data.length; v += 101)
      expect(maps[0]![v]! + maps[1]![v]! + maps[2]![v]!).toBeCloseTo(tissues.mask[v]!, 5);
  });

  it("include zeros that a slice encloses, and nothing outside", () => {
    const data = new Float32Array(25).fill(1);
    for (const at of [0, 4, 12, 20, 24]) data[at] = 0;
    const mask = foreground(volume(data, { size: [5, 5, 1], affine: scalingAffine([1, 1, 1]) }));
    expect([mask[0], mask[12], mask[24], mask[6]]).toEqual([0, 1, 0, 1]);
  });

  it("cannot be told in an empty or a constant image", () => {
    const flat = (value: number) =>
      volume(new Float32Array(1000).fill(value), { size: [10, 10, 10], affine: scalingAffine([1, 1, 1]) });
    expect(() => estimateTissues(flat(0))).toThrow(/too few voxels.*Found 0/);
    expect(() => estimateTissues(flat(5))).toThrow(/no contrast/);
  });
});
