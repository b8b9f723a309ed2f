import { describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { type BrainParameters, drawBrain, withAtrophy } from "../../src/sim/brain.js";
import { type BrainVolumes, cohortGrid, cohortPresets, measureVolumes } from "../../src/sim/cohort.js";
import { coarseOfFull, coarseStructures, fullStructures, L } from "../../src/sim/labels.js";
import { fractionOf, mixValues, type RenderedBrain, renderBrain, withLabels } from "../../src/sim/render.js";

const person = drawBrain(rng(7));
const tiny = cohortGrid(cohortPresets.tiny);
const whole = renderBrain(person, tiny);

/** Mean position (mm) of the voxels with one of the labels. */
function middle(brain: RenderedBrain, labels: readonly number[]): readonly [number, number, number] {
  const { data, size, affine: m } = brain.labels;
  const sum = [0, 0, 0];
  let n = 0;
  for (let v = 0; v < data.length; v++) {
    if (!labels.includes(data[v]!)) continue;
    const i = v % size[0];
    const j = Math.floor(v / size[0]) % size[1];
    const k = Math.floor(v / (size[0] * size[1]));
    for (let r = 0; r < 3; r++)
      sum[r] = sum[r]! + m[r * 4]! * i + m[r * 4 + 1]! * j + m[r * 4 + 2]! * k + m[r * 4 + 3]!;
    n++;
  }
  expect(n).toBeGreaterThan(0);
  return [sum[0]! / n, sum[1]! / n, sum[2]! / n];
}

describe("tables", () => {
  it("number the structures by position and map every one of them to a coarse class", () => {
    expect(fullStructures.map((s) => s.index)).toEqual(fullStructures.map((_, i) => i));
    expect(coarseStructures.map((s) => s.index)).toEqual(coarseStructures.map((_, i) => i));
    expect(coarseOfFull).toHaveLength(fullStructures.length);
    expect(new Set(coarseOfFull)).toEqual(new Set(coarseStructures.map((s) => s.index)));
  });

  it("pair left with right", () => {
    for (const { index, name } of fullStructures)
      if (name.startsWith("left "))
        expect(fullStructures[index + 1]!.name).toBe(name.replace("left ", "right "));
  });

  it("name each code by its structure", () => {
    expect(fullStructures[L.hippocampusPosterior]!.name).toBe("left hippocampus, posterior");
    expect(fullStructures[L.spinalCord]!.name).toBe("spinal cord");
    expect(fullStructures[L.cerebellarWhiteMatter]!.name).toBe("left cerebellar white matter");
  });
});

describe("drawBrain", () => {
  it("gives the same person for the same seed, another for another", () => {
    expect(drawBrain(rng(7))).toEqual(person);
    expect(drawBrain(rng(8))).not.toEqual(person);
  });

  it("is frozen and survives JSON", () => {
    expect(Object.isFrozen(person) && Object.isFrozen(person.scale)).toBe(true);
    expect(JSON.parse(JSON.stringify(person))).toEqual(person);
  });

  it("keeps to the ages and the sex asked for", () => {
    for (let seed = 0; seed < 30; seed++) {
      const drawn = drawBrain(rng(seed), { ageYears: [60, 65], sex: "M" });
      expect(drawn.sex).toBe("M");
      expect(drawn.ageYears).toBeGreaterThanOrEqual(60);
      expect(drawn.ageYears).toBeLessThanOrEqual(65);
    }
  });

  it("makes men's heads larger and old ventricles wider on average", () => {
    const mean = (
      of: (p: BrainParameters) => number,
      sex: "F" | "M",
      ages: readonly [number, number],
    ): number => {
      let sum = 0;
      for (let seed = 0; seed < 60; seed++) sum += of(drawBrain(rng(seed), { sex, ageYears: ages }));
      return sum / 60;
    };
    expect(mean((p) => p.scale[0], "M", [20, 80])).toBeGreaterThan(mean((p) => p.scale[0], "F", [20, 80]));
    expect(mean((p) => p.ventricles[0], "F", [75, 80])).toBeGreaterThan(
      1.3 * mean((p) => p.ventricles[0], "F", [20, 25]),
    );
  });
});

describe("renderBrain", () => {
  it("gives the same bits for the same person", () => {
    const again = renderBrain(drawBrain(rng(7)), tiny);
    expect(Buffer.compare(again.labels.data, whole.labels.data)).toBe(0);
    expect(Buffer.compare(again.mixedSamples, whole.mixedSamples)).toBe(0);
  });

  it("gives another anatomy for another person: folds differ, not only size", () => {
    const folded = renderBrain({ ...person, foldingSeed: person.foldingSeed + 1 }, tiny);
    const cortex = (b: RenderedBrain): number[] =>
      Array.from(b.labels.data, (l) => (l === 8 || l === 9 ? 1 : 0));
    const [a, b] = [cortex(whole), cortex(folded)];
    const differing = a.filter((value, v) => value !== b[v]).length;
    const total = a.filter(Boolean).length;
    expect(differing / total).toBeGreaterThan(0.2);
    const thalamus = (b: RenderedBrain): number =>
      fractionOf(b, [L.thalamus, L.thalamus + 1]).data.reduce((x, y) => x + y);
    expect(thalamus(folded) / thalamus(whole)).toBeCloseTo(1, 1);
  });

  it("puts left structures at negative x and right ones at positive x", () => {
    for (const { index, name } of fullStructures) {
      if (name.startsWith("left ")) expect(middle(whole, [index])[0], name).toBeLessThan(-1);
      if (name.startsWith("right ")) expect(middle(whole, [index])[0], name).toBeGreaterThan(1);
    }
  });

  it("arranges structures as anatomy does", () => {
    const at = (...labels: number[]): readonly [number, number, number] => middle(whole, labels);
    expect(at(36, 37)[2]).toBeLessThan(at(8, 9)[2]); // cerebellum below cerebrum
    expect(at(36, 37)[1]).toBeLessThan(at(35)[1]); // and behind the brainstem
    expect(at(29, 30)[1]).toBeGreaterThan(at(31, 32)[1] + 8); // hippocampal head before its tail
    expect(at(33, 34)[1]).toBeGreaterThan(at(29, 30)[1]); // amygdala before the hippocampus
    expect(at(5)[1]).toBeGreaterThan(at(21, 22)[1]); // eyes before the caudate
    expect(at(12)[2]).toBeGreaterThan(at(19, 20)[2]); // callosum above the thalamus
    expect(at(23)[0]).toBeLessThan(at(25)[0]); // putamen outside the pallidum
    expect(at(25)[0]).toBeLessThan(at(19)[0]); // pallidum outside the thalamus
    expect(at(17)[2]).toBeGreaterThan(at(18)[2]); // third ventricle above the fourth
  });

  it("nests skin, bone, fluid and brain along every ray to the crown", () => {
    // Higher than the preset, whose upper edge may cut the scalp of a tall head, and fine enough for the skull.
    const {
      data,
      size,
      affine: m,
    } = renderBrain(person, {
      size: [50, 60, 60],
      affine: [2, 0, 0, -49, 0, 2, 0, -79, 0, 0, 2, -16, 0, 0, 0, 1],
    }).labels;
    const brainLabels = (l: number): boolean => l >= 8 && l <= 39;
    let rays = 0;
    for (let j = 0; j < size[1]; j++)
      for (let i = 0; i < size[0]; i++) {
        const x = m[0]! * i + m[3]!;
        const y = m[5]! * j + m[7]!;
        if (Math.hypot(x / 45, (y + 20) / 60) > 1) continue;
        let firstBone = -1;
        let firstBrain = -1;
        let firstSkin = -1;
        for (let k = size[2] - 1; k >= 0; k--) {
          const label = data[(k * size[1] + j) * size[0] + i]!;
          if (label === L.scalp && firstSkin < 0) firstSkin = k;
          if ((label === L.bone || label === L.diploe) && firstBone < 0) firstBone = k;
          if (brainLabels(label) && firstBrain < 0) firstBrain = k;
        }
        expect(firstSkin).toBeGreaterThan(firstBone);
        expect(firstBone).toBeGreaterThan(firstBrain);
        rays++;
      }
    expect(rays).toBeGreaterThan(300);
  });

  it("never lets brain touch bone or air at 4 mm within the vault's upper half, nor leaves holes of air in it", () => {
    const { data, size } = whole.labels;
    let inside = 0;
    for (let v = 0; v < data.length; v++) {
      if (!(data[v]! >= 10 && data[v]! <= 34)) continue;
      inside++;
      for (const step of [1, size[0], size[0] * size[1]])
        for (const sign of [-1, 1]) expect(data[v + sign * step]).not.toBe(L.background);
    }
    expect(inside).toBeGreaterThan(5000);
  });

  it("holds every coarse class at every preset, every structure at the small one", () => {
    const count = (labels: ArrayLike<number>, n: number): number[] => {
      const counts = new Array<number>(n).fill(0);
      for (let v = 0; v < labels.length; v++) counts[labels[v]!] = counts[labels[v]!]! + 1;
      return counts;
    };
    for (const seed of [1, 2]) {
      const other = drawBrain(rng(seed));
      const coarse = count(withLabels(renderBrain(other, tiny), coarseOfFull).data, 10);
      expect(Math.min(...coarse)).toBeGreaterThanOrEqual(20);
    }
    const small = renderBrain(person, cohortGrid(cohortPresets.small));
    const full = count(small.labels.data, fullStructures.length);
    for (const { index, name } of fullStructures) expect(full[index], name).toBeGreaterThan(4);
    const coarse = count(withLabels(small, coarseOfFull).data, 10);
    expect(coarse[6]).toBeGreaterThan(80);
    expect(coarse[7]).toBeGreaterThan(80);
  });

  it("agrees with itself on a turned grid", () => {
    const m = tiny.affine;
    // The same voxels with i and j exchanged and k reversed.
    const [ni, nj, nk] = tiny.size;
    const turned = renderBrain(person, {
      size: [nj, ni, nk],
      affine: [
        m[1]!,
        m[0]!,
        -m[2]!,
        m[3]! + m[2]! * (nk - 1),
        m[5]!,
        m[4]!,
        -m[6]!,
        m[7]! + m[6]! * (nk - 1),
        m[9]!,
        m[8]!,
        -m[10]!,
        m[11]! + m[10]! * (nk - 1),
        0,
        0,
        0,
        1,
      ],
    });
    let same = 0;
    for (let k = 0; k < nk; k++)
      for (let j = 0; j < nj; j++)
        for (let i = 0; i < ni; i++) {
          const a = whole.labels.data[(k * nj + j) * ni + i];
          const b = turned.labels.data[((nk - 1 - k) * ni + i) * nj + j];
          if (a === b) same++;
        }
    expect(same / whole.labels.data.length).toBeGreaterThan(0.985);
  });

  it("refuses an impossible number of samples", () => {
    expect(() => renderBrain(person, tiny, { samplesPerEdge: 0 })).toThrow(
      "samplesPerEdge: the number of points per voxel edge is not possible. Expected a whole number from 1 to 8. Found 0.",
    );
  });
});

describe("fractions", () => {
  it("add up to one in every voxel", () => {
    const sum = fractionOf(
      whole,
      fullStructures.map((s) => s.index),
    ).data;
    expect(Math.max(...sum)).toBeCloseTo(1, 6);
    expect(Math.min(...sum)).toBeCloseTo(1, 6);
  });

  it("are what mixValues mixes", () => {
    const values = fullStructures.map((s) => s.index * 1.5);
    const mixed = mixValues(whole, values).data;
    const parts = fullStructures.map((s) => fractionOf(whole, [s.index]).data);
    for (let v = 0; v < mixed.length; v += 997) {
      const expected = parts.reduce((sum, part, label) => sum + part[v]! * values[label]!, 0);
      expect(mixed[v]).toBeCloseTo(expected, 4);
    }
  });

  it("refuse a table that leaves structures out", () => {
    expect(() => mixValues(whole, [1, 2, 3])).toThrow("a structure has no value");
  });
});

describe("volumes", () => {
  it("are those of people, with a spread between them", () => {
    const rows: BrainVolumes[] = [];
    for (let seed = 1; seed <= 8; seed++)
      rows.push(measureVolumes(renderBrain(drawBrain(rng(seed)), tiny, { samplesPerEdge: 2 })));
    const stats = (of: (row: BrainVolumes) => number): { mean: number; cv: number } => {
      const values = rows.map(of);
      const mean = values.reduce((a, b) => a + b) / values.length;
      const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / (values.length - 1);
      return { mean, cv: Math.sqrt(variance) / mean };
    };
    const within = (value: number, low: number, high: number): void => {
      expect(value).toBeGreaterThan(low);
      expect(value).toBeLessThan(high);
    };
    within(stats((r) => r.intracranial).mean, 1250, 1600);
    within(stats((r) => r.cortex).mean, 400, 560);
    within(stats((r) => r.whiteMatter).mean, 400, 560);
    within(stats((r) => r.lateralVentricles).mean, 12, 40);
    within(stats((r) => r.hippocampusLeft).mean, 2.8, 4.4);
    within(stats((r) => r.hippocampusRight).mean, 2.8, 4.4);
    within(stats((r) => r.intracranial).cv, 0.03, 0.16);
    within(stats((r) => r.hippocampusLeft).cv, 0.04, 0.25);
  });

  it("follow atrophy: monotone, in the structures named, and gently", () => {
    const volumes = (p: BrainParameters) => measureVolumes(renderBrain(p, tiny));
    const before = volumes(person);
    const little = volumes(withAtrophy(person, { hippocampus: 0.1 }));
    const much = volumes(withAtrophy(person, { hippocampus: 0.3 }));
    expect(little.hippocampusLeft / before.hippocampusLeft).toBeCloseTo(0.9, 1);
    expect(much.hippocampusLeft / before.hippocampusLeft).toBeCloseTo(0.7, 1);
    expect(much.cortex / before.cortex).toBeCloseTo(1, 1);
    const wide = volumes(withAtrophy(person, { ventricles: 0.6 }));
    expect(wide.lateralVentricles).toBeGreaterThan(1.35 * before.lateralVentricles);
    expect(wide.intracranial).toBeCloseTo(before.intracranial, 6);
    const thin = volumes(withAtrophy(person, { cortex: 0.15 }));
    expect(thin.cortex).toBeLessThan(0.96 * before.cortex);
    const one = withAtrophy(person, { hippocampus: [0.2, 0] });
    expect(one.hippocampus[1]).toBe(person.hippocampus[1]);
    expect(volumes(withAtrophy(person, {}))).toEqual(before);
  });
});
