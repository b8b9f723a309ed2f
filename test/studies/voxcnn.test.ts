import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { nodeCpu } from "../../src/runtime/node.js";
import { emptyPatches, patchEdge, structures } from "../../src/studies/batch-norm/data.js";
import { conclude } from "../../src/studies/voxcnn/conclude.js";
import type { DeepResult } from "../../src/studies/voxcnn/deep.js";
import {
  cohort,
  deepId,
  type Extent,
  extentFor,
  foldId,
  groupsOf,
  partsOf,
  stages,
  tasks,
  trialsOf,
} from "../../src/studies/voxcnn/plan.js";
import { type FoldResult, type Subject, trialRunner } from "../../src/studies/voxcnn/trial.js";
import { configs } from "../../src/systems/voxcnn.js";
import { scalingAffine } from "../../src/volume/affine.js";

describe("how much is computed", () => {
  it("is the same everywhere, grows with the minutes and never vanishes", () => {
    const minutes = fc.double({ min: 0.05, max: 600, noNaN: true });
    fc.assert(
      fc.property(minutes, minutes, (a, b) => {
        const [less, more] = [extentFor(Math.min(a, b)), extentFor(Math.max(a, b))];
        expect(less.share).toBeLessThanOrEqual(more.share);
        expect(less.repeats).toBeGreaterThanOrEqual(1);
        expect(less.epochs).toBeGreaterThanOrEqual(2);
        expect(less.folds).toBeLessThanOrEqual(more.folds);
        for (const count of Object.values(groupsOf(less)))
          expect(count).toBeGreaterThanOrEqual(2 * less.folds);
        expect(partsOf(less).map(({ id }) => id)).toEqual([...trialsOf(less).keys()]);
      }),
    );
  });

  it("is the paper's cohort in five folds in the minutes that are the default", () => {
    expect(extentFor(25)).toMatchObject({ share: 1, folds: 5, deepRepeats: 3 });
    expect(extentFor(25).epochs).toBeGreaterThanOrEqual(12);
    expect(groupsOf(extentFor(25))).toEqual(cohort);
    expect(Object.values(cohort).reduce((a, b) => a + b, 0)).toBe(231);
    expect(tasks).toHaveLength(6);
    expect(tasks[0]).toMatchObject({
      classes: ["CN", "AD"],
      auc: { voxcnn: [0.88, 0.08], resnet: [0.87, 0.07] },
      accuracy: { voxcnn: [0.79, 0.08], resnet: [0.8, 0.07] },
    });
    expect(tasks[4]).toMatchObject({ classes: ["EMCI", "LMCI"], auc: { voxcnn: [0.47, 0.09] } });
  });
});

const extent: Extent = {
  share: 1,
  folds: 2,
  repeats: 1,
  epochs: 12,
  deepRepeats: 1,
  deepSteps: 6,
  deepPatches: 2,
};

describe("a trial", () => {
  const subjects = Array.from({ length: 16 }, (_, n): Subject => {
    const ill = n % 2 === 1;
    const random = rng(n);
    const size = [12, 12, 12] as const;
    const data = Float32Array.from({ length: 12 ** 3 }, (_, at) => {
      const low = Math.floor(at / 144) < 6;
      return (ill && low ? 0.2 : 0.8) + 0.1 * random.normal();
    });
    const sites = Uint8Array.from({ length: 12 ** 3 }, (_, at) => (Math.floor(at / 144) < 6 ? 1 : 0));
    const image = { data, size, affine: scalingAffine([4, 4, 4]), channels: 1 };
    return { id: `sub-${n}`, stage: ill ? "AD" : "CN", image, sites };
  });
  const patches = emptyPatches(structures.length);
  patches.labels.forEach((_, n) => {
    patches.labels[n] = n;
    patches.images.fill(n / 10, n * patchEdge ** 2, (n + 1) * patchEdge ** 2);
  });
  const run = () => {
    const tiny = { ...configs.tiny, augmentation: "none", batch: 4 };
    const optimizer = { ...tiny.optimizer, learningRate: 0.003 };
    const config = { ...tiny, optimizer, average: 0.5 };
    const stop = new Int32Array(new SharedArrayBuffer(4));
    const both = { voxcnn: config, resnet: config };
    return trialRunner({ subjects, patches, extent, seed: 1, configs: both, stop }, nodeCpu);
  };

  it("tells easy classes apart, and sees where they differ; the same again from the same seed", async () => {
    const trial = { kind: "fold", network: "voxcnn", classes: ["CN", "AD"], repeat: 0, fold: 0 } as const;
    const found = (await run()(trial)) as FoldResult;
    expect(found.auc).toBeGreaterThan(0.9);
    expect(new Set(found.occlusion!.map(({ subject }) => subject)).size).toBe(2);
    expect(await run()(trial)).toEqual(found);
    const other = (await run()({ ...trial, fold: 1, repeat: 1 })) as FoldResult;
    expect(other.occlusion).toBeNull();
  });

  it("trains deep networks on the same batches, plain or residual", async () => {
    for (const shortcuts of ["plain", "residual"] as const) {
      const found = (await run()({ kind: "deep", shortcuts, layers: 8, repeat: 0 })) as DeepResult;
      expect(found.errors).toHaveLength(6);
      expect(found.error).toBeGreaterThanOrEqual(0);
      expect(found.error).toBeLessThanOrEqual(1);
    }
  });
});

describe("the conclusion", () => {
  const judged = (
    auc: (id: string) => number,
    error: (id: string) => number,
    sites: (person: number) => number = (person) => 0.02 + 0.001 * person,
  ) => {
    const fold = (id: string): FoldResult => {
      const at = Number(id.at(-1));
      const covered = (person: number) => ({
        subject: `sub-${person}`,
        sites: sites(person),
        elsewhere: 0.001,
      });
      return {
        auc: auc(id),
        accuracy: 0.6,
        trainLoss: 0.5,
        occlusion: id.includes("cn-ad-1-") ? [covered(2 * at), covered(2 * at + 1)] : null,
      };
    };
    const deep = (id: string): DeepResult => ({ error: error(id), steps: [1, 2], errors: [0.9, error(id)] });
    return conclude({ extent: { ...extent, folds: 5, deepRepeats: 3 }, fold, deep, rng: rng(1) });
  };
  const wobble = (id: string): number => 0.02 * Math.sin(id.length * 7 + Number(id.at(-1)));
  const level: Readonly<Record<string, number>> = {
    "cn-ad": 0.9,
    "cn-lmci": 0.75,
    "cn-emci": 0.6,
    "emci-lmci": 0.55,
  };
  const asPaper = (id: string): number =>
    wobble(id) + (Object.entries(level).find(([name]) => id.includes(`-${name}-`))?.[1] ?? 0.65);

  it("holds where the numbers say so, and only there", () => {
    const deep = (id: string): number => (id.startsWith("plain-56") ? 0.6 : 0.3) + wobble(id);
    const { claims, sections } = judged(asPaper, deep);
    expect(claims.filter(({ holds }) => !holds).map(({ id }) => id)).toEqual([]);
    expect(claims).toHaveLength(13);
    expect(sections.map(({ id }) => id)).toEqual(["six-tasks", "degradation"]);
    const turned = judged(
      (id) => (id.startsWith("resnet") ? 0.5 : asPaper(id)),
      () => 0.4,
    );
    const failed = turned.claims.filter(({ holds }) => !holds).map(({ id }) => id);
    expect(failed).toContain("alike-cn-ad");
    expect(failed).toContain("deeper-plain-is-worse");
    expect(failed).toContain("shortcuts-mend-it");
    expect(failed).toContain("dementia-from-controls");
  });

  it("says that networks look at the disease only where people agree, with an interval over people", () => {
    const claimOf = (sites?: (person: number) => number) =>
      judged(asPaper, wobble, sites).claims.find(({ id }) => id === "looks-at-the-disease-voxcnn")!;
    const { statement, holds, interval, ours } = claimOf();
    expect(statement).toMatch(/of 10 people whom the network does not know$/);
    expect(holds).toBe(true);
    // 0.02 + 0.001 n - 0.001 over ten people, in points.
    expect(ours).toBeCloseTo(2.35, 6);
    expect(interval[0]).toBeLessThan(ours as number);
    expect(interval[1]).toBeGreaterThan(ours as number);
    // More on average, and not in most people: one value a network would have held.
    const one = claimOf((person) => (person === 0 ? 0.2 : -0.001));
    expect(one.ours).toBeGreaterThan(0);
    expect(one.holds).toBe(false);
  });

  it("asks for every training by the name that it has", () => {
    const known = new Set(trialsOf({ ...extent, folds: 5, deepRepeats: 3 }).keys());
    const asked = new Set<string>();
    judged(
      (id) => {
        asked.add(id);
        return 0.7;
      },
      (id) => {
        asked.add(id);
        return 0.5;
      },
    );
    expect([...asked].filter((id) => !known.has(id))).toEqual([]);
    expect(asked.size).toBe(known.size);
    expect(stages).toContain("EMCI");
    expect(foldId({ network: "voxcnn", classes: ["CN", "AD"], repeat: 0, fold: 3 })).toBe("voxcnn-cn-ad-1-3");
    expect(deepId({ shortcuts: "plain", layers: 56, repeat: 2 })).toBe("plain-56-3");
  });
});
