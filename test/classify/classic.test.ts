import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { usualCosts } from "../../src/classify/costs.js";
import { regionalFeatures, standardise, tissueFeatures, voxelFeatures } from "../../src/classify/features.js";
import { predictLogistic, trainLogistic } from "../../src/classify/logistic.js";
import { nestedSearch } from "../../src/classify/nested.js";
import { centre, centredGram, gramOf, predictSvm, trainDual, trainSvm } from "../../src/classify/svm.js";
import { rng } from "../../src/core/rng.js";
import { scalingAffine } from "../../src/volume/affine.js";
import { volume } from "../../src/volume/volume.js";

/** Two clouds that overlap; the first `informative` features tell them apart. */
function clouds(seed: number, cases: number, features: number, shift: number, informative = 3) {
  const draw = rng(seed);
  const positive = Array.from({ length: cases }, (_, at) => at % 3 === 0);
  const rows = positive.map((p) =>
    Float32Array.from({ length: features }, (_, a) => draw.normal() + (p && a < informative ? shift : 0)),
  );
  return { rows, positive };
}

describe("the linear support vector machine", () => {
  it("satisfies the conditions that only the best solution satisfies, for any price", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: -8, max: 3 }), (seed, power) => {
        const { rows, positive } = clouds(seed, 40, 6, 0.8);
        const cost = 2 ** power;
        const { rows: centred } = centre(rows);
        const gram = gramOf(centred).values;
        const { coefficients, bias } = trainDual(gram, positive, { cost });
        let balance = 0;
        positive.forEach((p, at) => {
          const y = p ? 1 : -1;
          const price = (cost * 40) / (2 * positive.filter((q) => q === p).length);
          const alpha = y * coefficients[at]!;
          balance += coefficients[at]!;
          let decision = bias;
          for (let other = 0; other < 40; other++) decision += coefficients[other]! * gram[at * 40 + other]!;
          expect(alpha).toBeGreaterThanOrEqual(0);
          expect(alpha).toBeLessThanOrEqual(price * (1 + 1e-9));
          if (alpha < price * (1 - 1e-9)) expect(y * decision).toBeGreaterThan(1 - 1e-3);
          if (alpha > 0) expect(y * decision).toBeLessThan(1 + 1e-3);
        });
        expect(Math.abs(balance)).toBeLessThan(1e-6 * Math.max(1, cost));
      }),
      { numRuns: 25 },
    );
  });

  it("finds the widest street between two points", () => {
    const model = trainSvm([Float32Array.of(0, 0), Float32Array.of(2, 0)], [false, true], { cost: 1e6 });
    expect([...model.weights].map((w) => Math.round(w * 1e4) / 1e4)).toEqual([1, 0]);
    expect(predictSvm(model, Float32Array.of(2, 5))).toBeCloseTo(1, 4);
    expect(predictSvm(model, Float32Array.of(1, 0))).toBeCloseTo(0, 4);
  });

  it("decides the same from features as from inner products, and tells new cases apart", () => {
    const { rows, positive } = clouds(3, 80, 40, 1.2);
    const model = trainSvm(rows, positive, { cost: 0.1 });
    const fitted = rows.map((_, at) => at);
    const products = centredGram(gramOf(rows), fitted, fitted);
    const dual = trainDual(products, positive, { cost: 0.1 });
    for (const at of [0, 7, 33]) {
      let decision = dual.bias;
      for (let f = 0; f < 80; f++) decision += dual.coefficients[f]! * products[at * 80 + f]!;
      expect(predictSvm(model, rows[at]!)).toBeCloseTo(decision, 3);
    }
    const fresh = clouds(4, 200, 40, 1.2);
    const right = fresh.rows.filter((row, at) => predictSvm(model, row) > 0 === fresh.positive[at]).length;
    expect(right).toBeGreaterThan(150);
  });

  it("holds hundreds of cases, and refuses what it cannot train on", () => {
    const { rows, positive } = clouds(5, 600, 3, 2);
    expect(trainSvm(rows, positive, { cost: 1 }).weights.length).toBe(3);
    expect(() =>
      trainSvm(
        rows,
        positive.map(() => true),
        { cost: 1 },
      ),
    ).toThrow(/one class/);
    expect(() => trainSvm(rows, positive, { cost: 0 })).toThrow(/price C is not possible.*Found 0/);
    expect(() => trainSvm([Float32Array.of(1), Float32Array.of(1, 2)], [true, false], { cost: 1 })).toThrow(
      /do not fit/,
    );
    const broken = [Float32Array.of(1, Number.NaN), Float32Array.of(0, 1)];
    expect(() => trainSvm(broken, [true, false], { cost: 1 })).toThrow(
      /case 1, feature 2: a feature is not a number/,
    );
  });
});

describe("the nested search", () => {
  const subjects = Array.from({ length: 60 }, (_, at) => `s${Math.floor(at / 2)}`);
  // Two sessions of one person are of one class and nearly alike.
  const { rows: bases } = clouds(8, 30, 400, 0);
  const positive = subjects.map((_, at) => Math.floor(at / 2) % 2 === 0);
  const noise = rng(9);
  const rows = subjects.map((_, at) => bases[Math.floor(at / 2)]!.map((x) => x + 0.05 * noise.normal()));

  it("holds all sessions of a subject out together: what is only the person's own helps nobody", () => {
    const found = nestedSearch(
      gramOf(rows),
      rows.map((_, at) => at),
      positive,
      subjects,
      rng(1),
      { costs: [10], folds: 5 },
    );
    expect(found.table[0]!.balancedAccuracy).toBeLessThan(0.75);
    const leaky = nestedSearch(
      gramOf(rows),
      rows.map((_, at) => at),
      positive,
      subjects.map((_, at) => `scan ${at}`),
      rng(1),
      { costs: [10], folds: 5 },
    );
    expect(leaky.table[0]!.balancedAccuracy).toBeGreaterThan(0.9);
  });

  it("tries 17 prices and takes the middle of the best", () => {
    expect(usualCosts.length).toBe(17);
    expect(usualCosts[0]).toBeCloseTo(1e-6);
    expect(usualCosts[16]).toBeCloseTo(1e2);
    const easy = clouds(11, 60, 20, 2.5);
    const found = nestedSearch(
      gramOf(easy.rows),
      easy.rows.map((_, at) => at),
      easy.positive,
      easy.rows.map((_, at) => `${at}`),
      rng(2),
    );
    expect(found.table.length).toBe(17);
    const best = Math.max(...found.table.map((row) => row.balancedAccuracy));
    expect(found.table.find(({ cost }) => cost === found.cost)!.balancedAccuracy).toBe(best);
    expect(best).toBeGreaterThan(0.9);
    expect(found.folds).toBe(10);
    expect([...found.decisions].every(Number.isFinite)).toBe(true);
  });

  it("never looks at cases outside the training set", () => {
    const gram = gramOf(rows);
    const cases = rows.map((_, at) => at).filter((at) => at < 40);
    const spoilt = {
      ...gram,
      values: gram.values.map((x, at) => (Math.floor(at / 60) >= 40 || at % 60 >= 40 ? Number.NaN : x)),
    };
    const clean = nestedSearch(gram, cases, positive, subjects, rng(1), { folds: 4 });
    expect(nestedSearch(spoilt, cases, positive, subjects, rng(1), { folds: 4 })).toEqual(clean);
  });

  it("is refused where a class has one subject", () => {
    const only = subjects.map((_, at) => at < 2);
    expect(() =>
      nestedSearch(
        gramOf(rows),
        rows.map((_, at) => at),
        only,
        subjects,
        rng(1),
      ),
    ).toThrow(/29 and 1 subjects/);
  });
});

describe("logistic regression", () => {
  it("stands where the penalised likelihood is flat", () => {
    const { rows, positive } = clouds(21, 90, 3, 0.9);
    const model = trainLogistic(rows, positive, { penalty: 2, balanced: false });
    const z = standardise(rows).rows;
    for (let a = -1; a < 3; a++) {
      let slope = a < 0 ? 0 : -2 * model.weights[a]!;
      rows.forEach((row, at) => {
        slope += ((positive[at] ? 1 : 0) - predictLogistic(model, row)) * (a < 0 ? 1 : z[at]![a]!);
      });
      expect(Math.abs(slope)).toBeLessThan(1e-6);
    }
  });

  it("is calibrated where classes are balanced by weights: half the decisions on each side", () => {
    const { rows, positive } = clouds(22, 300, 1, 1);
    const model = trainLogistic(rows, positive);
    const mean = (wanted: boolean) => {
      const own = rows.filter((_, at) => positive[at] === wanted);
      return own.reduce((sum, row) => sum + predictLogistic(model, row), 0) / own.length;
    };
    expect(mean(true)).toBeGreaterThan(0.5);
    expect(mean(false)).toBeLessThan(0.5);
  });

  it("has an answer where one feature separates the classes, or never changes", () => {
    const rows = [0, 1, 2, 10, 11, 12].map((x) => Float32Array.of(x, 7));
    const model = trainLogistic(rows, [false, false, false, true, true, true]);
    expect(model.weights.every(Number.isFinite)).toBe(true);
    expect(model.weights[1]).toBeCloseTo(0);
    expect(predictLogistic(model, [12, 7])).toBeGreaterThan(0.7);
  });
});

describe("features", () => {
  const grid = { size: [20, 20, 8] as const, affine: scalingAffine([2, 2, 2]) };
  /** A disc of white matter with a ring of grey and a hole of fluid, in every slice. */
  const head = (hole: number, gain = 1) => {
    const data = new Float32Array(20 * 20 * 8);
    const draw = rng(1);
    for (let v = 0; v < data.length; v++) {
      const r = Math.hypot((v % 20) - 9.5, (Math.floor(v / 20) % 20) - 9.5);
      const signal = r > 9 ? 0 : r < hole ? 12 : r > 6.5 ? 60 : 100;
      data[v] = signal === 0 ? 0 : gain * Math.max(0.5, signal + draw.normal(0, 3));
    }
    return volume(data, grid);
  };

  it("of tissues grow with the fluid, whatever the scanner's gain", () => {
    const [small, large, loud] = [head(2), head(4), head(4, 3)].map(tissueFeatures);
    expect(small![0]).toBeCloseTo(12 / 254, 1);
    expect(large![0]).toBeGreaterThan(small![0]! + 0.1);
    expect(loud![0]).toBeCloseTo(large![0]!, 3);
    expect(large!.reduce((sum, x) => sum + x, 0)).toBeCloseTo(1, 5);
  });

  it("of voxels forget the gain and are blurred", () => {
    const [soft, loud] = [1, 4].map((gain) => voxelFeatures(head(3, gain), { content: "intensity" })) as [
      Float32Array,
      Float32Array,
    ];
    for (let v = 0; v < soft.length; v += 97) expect(loud[v]).toBeCloseTo(soft[v]!, 4);
    const sharp = voxelFeatures(head(3), { content: "intensity", smoothingMm: 0 });
    const roughness = (data: Float32Array) =>
      data.reduce((sum, x, v) => sum + (v % 20 === 0 ? 0 : Math.abs(x - data[v - 1]!)), 0);
    expect(roughness(soft)).toBeLessThan(0.6 * roughness(sharp));
  });

  it("of voxels are densities of a tissue, together 1 inside and 0 outside", () => {
    const maps = (["csf", "grey", "white"] as const).map((content) =>
      voxelFeatures(head(3), { content, smoothingMm: 0 }),
    );
    const at = (i: number, j: number) => maps.map((map) => Math.round(map[4 * 400 + j * 20 + i]!));
    expect(at(9, 9)).toEqual([1, 0, 0]);
    expect(at(9, 2)).toEqual([0, 1, 0]);
    expect(at(9, 5)).toEqual([0, 0, 1]);
    expect(at(0, 0)).toEqual([0, 0, 0]);
  });

  it("of regions are shares of the whole", () => {
    expect([...regionalFeatures({ intracranial: 1500, hippocampus: 3 }, "intracranial")]).toEqual([
      Math.fround(0.002),
    ]);
    expect(() => regionalFeatures({ hippocampus: 3 }, "intracranial")).toThrow(/no volume to relate/);
  });
});
