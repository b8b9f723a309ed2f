import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fittedOn } from "../../src/audit/provenance.js";
import { rng } from "../../src/core/rng.js";
import type { Judgement } from "../../src/metrics/classification/scores.js";
import { nodeCpu } from "../../src/runtime/node.js";
import { runAudit } from "../../src/studies/adcnn/audits.js";
import { conclude } from "../../src/studies/adcnn/conclude.js";
import type { Group, SlicedSubject, Subject, TrialSetup } from "../../src/studies/adcnn/data.js";
import {
  balancedAccuracy,
  bootstrapSets,
  type Case,
  meanAuc,
  pooledAccuracy,
  votedAccuracy,
} from "../../src/studies/adcnn/intervals.js";
import { runLinear, runLooks, runSelection } from "../../src/studies/adcnn/linear.js";
import { type NetworkResult, runNetwork } from "../../src/studies/adcnn/network.js";
import { paperTable, review } from "../../src/studies/adcnn/paper.js";
import {
  baselines,
  type Configs,
  configFor,
  type Extent,
  epochsOf,
  extentFor,
  frameworks,
  fullMinutes,
  models,
  networks,
  openingCost,
  partsOf,
  trialsOf,
} from "../../src/studies/adcnn/plan.js";
import { auditRecords, isRight } from "../../src/studies/adcnn/records.js";
import { heldSlices, labelsOf, runSlices, sliceId } from "../../src/studies/adcnn/slices.js";
import { configs as presets } from "../../src/systems/adcnn.js";
import type { ClassificationConfig } from "../../src/tasks/classification/config.js";
import { scalingAffine } from "../../src/volume/affine.js";

describe("how much is computed", () => {
  it("grows with the minutes, never vanishes, and names every part once", () => {
    const minutes = fc.double({ min: 0.05, max: 600, noNaN: true });
    fc.assert(
      fc.property(minutes, minutes, fc.boolean(), (a, b, real) => {
        const [less, more] = [extentFor(Math.min(a, b), real), extentFor(Math.max(a, b), real)];
        expect(less.pair).toBeLessThanOrEqual(more.pair);
        expect(less.looks).toBeLessThanOrEqual(more.looks);
        expect(less.pair).toBeGreaterThanOrEqual(2 * less.folds);
        for (const name of frameworks) expect(epochsOf(less, name)).toBeGreaterThanOrEqual(2);
        expect(partsOf(less).map(({ id }) => id)).toEqual([...trialsOf(less).keys()]);
        expect(partsOf(less).some(({ id }) => id.startsWith("slices-real"))).toBe(real);
      }),
    );
  });

  it("has five folds and every framework in the minutes that are the default, within them on two cores", () => {
    const extent = extentFor(fullMinutes, true);
    expect(extent).toMatchObject({ folds: 5, effort: 1, sliceFolds: 3, looks: 200 });
    const seconds = partsOf(extent).reduce((sum, { cost }) => sum + cost, openingCost(extent));
    // Two cores are seldom both at work: parts end at different times.
    expect(seconds).toBeLessThan(0.9 * 2 * 60 * 30);
    expect([...networks, ...baselines]).toEqual(models);
  });

  it("keeps the review's means and the paper's table as the lecture has them", () => {
    expect(review).toEqual({
      honest: { accuracy: 0.86, papers: 13 },
      leaky: { accuracy: 0.96, papers: 8 },
    });
    expect(paperTable.roi).toEqual({ test: 0.89, similar: 0.84, external: 0.69, mild: 0.74 });
    expect(paperTable.svm).toEqual({ test: 0.88, similar: 0.88, external: 0.7, mild: 0.75 });
  });
});

describe("intervals by subject", () => {
  const cases = (share: number, count = 40): Case[] =>
    Array.from({ length: count }, (_, n) => {
      const positive = n % 2 === 0;
      const right = n % 10 < 10 * share;
      const p = positive === right ? 0.9 : 0.1;
      return { subject: `s${n}`, positive, says: { a: [p, p], b: [p, 1 - p] } };
    });

  it("count a subject once where its slices vote", () => {
    const says = (...all: number[]) => ({ a: all });
    const three = [
      { subject: "s1", positive: true, says: says(0.9, 0.9, 0.2) },
      { subject: "s2", positive: false, says: says(0.1, 0.6) },
      { subject: "s3", positive: false, says: says(0.9, 0.3) },
    ];
    expect(pooledAccuracy(three, "a")).toBeCloseTo((2 / 3 + 2 / 4) / 2, 12);
    expect(votedAccuracy(three, "a")).toBeCloseTo((1 + 1 / 2) / 2, 12);
  });

  it("are of the mean over models, and hold the number itself", () => {
    const found = bootstrapSets(
      { one: cases(0.8) },
      ({ one }) => ({
        a: balancedAccuracy(one!, "a"),
        b: balancedAccuracy(one!, "b"),
        auc: meanAuc(one!, "a"),
        same: balancedAccuracy(one!, "a") - pooledAccuracy(one!, "a"),
      }),
      rng(1),
      200,
    );
    expect(found.a!.value).toBeCloseTo(0.8, 10);
    expect(found.a!.low).toBeLessThan(0.8);
    expect(found.a!.high).toBeGreaterThan(0.8);
    // One model is right where the other is wrong.
    for (const end of ["value", "low", "high"] as const) expect(found.b![end]).toBeCloseTo(0.5, 10);
    // What is paired has no spread of its own.
    for (const end of ["value", "low", "high"] as const) expect(found.same![end]).toBeCloseTo(0, 10);
  });
});

const edge = 12;
const extent: Extent = {
  ...extentFor(0.5, false),
  grid: edge,
  spacingMm: 14,
  effort: 0.3,
  draws: 3,
  looks: 50,
  sliceFolds: 1,
};

/** Volumes whose lower half is darker in patients, with what linear classifiers are given. */
function subjectsOf(prefix: string, count: number, names: readonly Group[]): Subject[] {
  return Array.from({ length: count }, (_, n): Subject => {
    const group = names[n % names.length]!;
    const ill = group === "AD" || group === "pMCI";
    const draw = rng(`${prefix}/${n}`);
    const data = Float32Array.from(
      { length: edge ** 3 },
      (_v, v) => (ill && v < edge ** 3 / 2 ? 0.3 : 0.8) + 0.15 * draw.normal(),
    );
    const affine = scalingAffine([14, 14, 14], [-77, -96, -62]);
    return {
      id: `${prefix}${n}`,
      group,
      image: { data, size: [edge, edge, edge], affine, channels: 1 },
      grey: data,
      csf: Float32Array.of((ill ? 0.3 : 0.2) + 0.05 * draw.normal()),
      volumes: Float32Array.of((ill ? 2 : 3) + 0.5 * draw.normal(), draw.normal()),
    };
  });
}

/** Heads with a picture of their own, which says nothing about the class, and slices that resemble each other. */
function heads(prefix: string, count: number): SlicedSubject[] {
  return Array.from({ length: count }, (_, n): SlicedSubject => {
    const own = rng(`${prefix}/${n}`);
    const side = 32;
    const blobs = Array.from({ length: 10 }, () => ({
      x: own.between(8, 24),
      y: own.between(8, 24),
      up: own.between(-0.4, 0.4),
    }));
    const slices = Array.from({ length: 6 }, (_s, z) => {
      const noise = rng(`${prefix}/${n}/${z}`);
      const data = Float32Array.from({ length: side * side }, (_v, v) => {
        const [x, y] = [v % side, Math.floor(v / side)];
        if (((x - 15.5) / 13) ** 2 + ((y - 15.5) / 14) ** 2 > 1) return 0;
        const bumps = blobs.reduce(
          (sum, blob) => sum + blob.up * Math.exp(-((x - blob.x) ** 2 + (y - blob.y) ** 2) / 6),
          0,
        );
        return 0.8 + bumps + 0.02 * noise.normal();
      });
      return { data, size: [side, side, 1] as const, affine: scalingAffine([4, 4, 4]), channels: 1 };
    });
    return { id: `${prefix}${n}`, positive: n % 2 === 0, slices, originals: slices };
  });
}

const quick = (config: ClassificationConfig): ClassificationConfig => ({
  ...config,
  augmentation: "none",
  balance: "none",
  average: null,
  selection: { share: 0.2, by: "balanced accuracy" },
  optimizer: { ...config.optimizer, learningRate: 3e-3 },
  batch: 4,
  validations: 3,
});
const memory: ClassificationConfig = {
  ...quick(presets["slice-small"]),
  network: {
    kind: "conv-fc",
    widths: [16, 32, 64],
    padding: "same",
    hidden: [64],
    dropout: 0,
    momentum: 0.1,
    average: false,
  },
  selection: { share: 0, by: "auc" },
  batch: 8,
};
const patches = presets["patch-small"];
const configs: Configs = {
  subject: quick(presets["subject-small"]),
  roi: quick(presets["roi-small"]),
  single: quick({ ...patches, framework: { ...patches.framework, networks: "one" } as never }),
  multi: quick(patches),
  slice: quick(presets["slice-small"]),
  memory,
};

const people = subjectsOf("own", 48, ["CN", "AD", "sMCI", "pMCI"]);
const ids = people.map(({ id }) => id);
const setup: TrialSetup = {
  subjects: people,
  external: subjectsOf("ext", 12, ["CN", "AD"]),
  split: { test: ids.slice(0, 16), folds: [ids.slice(16, 32), ids.slice(32)], balance: [] },
  sliced: { simulated: heads("head", 20) },
  clean: heads("clean", 6),
  extent,
  seed: 1,
  configs,
  stop: new Int32Array(new SharedArrayBuffer(4)),
};
const bench = { engine: nodeCpu, stopped: () => false };

describe("a network of a fold", () => {
  it("judges the test set, abroad and the mild cases, each once, the same again from the same seed", async () => {
    const found = await runNetwork("roi", 0, setup, bench);
    expect(found.test.map(({ subject }) => subject)).toEqual(ids.slice(0, 16).filter((_, n) => n % 4 < 2));
    expect(found.mild).toHaveLength(8);
    expect(found.scratch).toHaveLength(8);
    expect(found.external).toHaveLength(12);
    expect(found.looks.length).toBeGreaterThan(1);
    const given = (kind: string) =>
      found.provenance.filter((one) => one.kind === kind).flatMap(({ fittedOn }) => fittedOn);
    expect(given("weights").sort()).toEqual(ids.slice(32).sort());
    expect(given("selection").sort()).toEqual(ids.slice(16, 32).sort());
    expect(await runNetwork("roi", 0, setup, bench)).toEqual(found);
  });

  it("learns what is easy after pre-training, and leaves out the mild cases where that is done late", async () => {
    const trained = await runNetwork("late", 1, { ...setup, extent: { ...extent, effort: 1 } }, bench);
    expect(trained.mild).toBeNull();
    const pretraining = trained.provenance.find(({ kind }) => kind === "pre-training")!;
    expect(pretraining.fittedOn).toEqual(ids.filter((_, n) => n % 4 < 2).sort());
    const right = trained.test.filter(({ positive, probability }) => probability >= 0.5 === positive);
    expect(right.length).toBeGreaterThanOrEqual(7);
  });

  it("sees regions of the same millimetres whatever the voxels", () => {
    const { framework } = configFor(configs, "roi", { ...extent, spacingMm: 8 });
    expect(framework).toMatchObject({ size: [8, 10, 8] });
    expect(configFor(configs, "multi", { ...extent, grid: 40 }).framework).toMatchObject({
      size: [20, 20, 20],
      stride: [20, 20, 20],
      networks: "each",
    });
  });
});

describe("linear classifiers and their leaks", () => {
  it("tell easy classes apart on the same test subjects", () => {
    const found = runLinear(setup);
    for (const name of baselines) {
      expect(found[name].test).toHaveLength(2);
      const [first] = found[name].test;
      expect(
        first!.filter(({ positive, probability }) => probability >= 0.5 === positive).length,
      ).toBeGreaterThan(5);
    }
  });

  it("gain by late selection and by many looks where there is nothing to be known", () => {
    const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
    const { shuffled } = runSelection(setup);
    expect(mean(shuffled.reported)).toBeGreaterThan(mean(shuffled.honest) + 0.15);
    const looks = runLooks(setup).shuffled;
    expect(looks.looks).toEqual([1, 2, 5, 10, 20, 50]);
    for (const row of looks.reported) expect(row).toEqual([...row].sort((a, b) => a - b));
    expect(mean(looks.reported.map((row) => row.at(-1)!))).toBeGreaterThan(0.7);
  });
});

describe("slices", () => {
  const { simulated } = setup.sliced;
  const truth = labelsOf(simulated!, "shuffled", 1);

  it("are split one by one, or by head; every head is held out in one fold", () => {
    const leaky = heldSlices(simulated!, "slices", 0, 1, truth);
    expect(leaky.size).toBe(24);
    const both = simulated!.filter(({ id, slices }) => {
      const held = slices.filter((_, at) => leaky.has(sliceId(id, at))).length;
      return held > 0 && held < slices.length;
    });
    expect(both.length).toBeGreaterThan(10);
    const folds = [0, 1, 2, 3, 4].map((fold) => heldSlices(simulated!, "subjects", fold, 1, truth));
    expect(folds.reduce((sum, { size }) => sum + size, 0)).toBe(120);
    expect(new Set(folds.flatMap((fold) => [...fold])).size).toBe(120);
    for (const fold of folds)
      expect(
        new Set(simulated!.filter(({ id }) => fold.has(sliceId(id, 0))).map(({ id }) => truth.get(id))).size,
      ).toBe(2);
    for (const fold of folds)
      for (const { id, slices } of simulated!)
        expect([0, slices.length]).toContain(slices.filter((_, at) => fold.has(sliceId(id, at))).length);
  });

  it("keep as many of each class when diagnoses are dealt at random, and one for each head", () => {
    const dealt = labelsOf(simulated!, "shuffled", 1);
    expect([...dealt.values()].filter((one) => one)).toHaveLength(10);
    expect([...dealt.entries()]).not.toEqual([...labelsOf(simulated!, "true", 1).entries()]);
  });

  it("leak: heads are learnt by heart, whatever their labels, and the audit sees it by content alone", async () => {
    const trial = { kind: "slices", data: "simulated", labels: "shuffled", fold: 0 } as const;
    const full = { ...setup, extent: { ...extent, effort: 1 } };
    const share = (judged: readonly Judgement[]): number =>
      judged.filter(({ positive, probability }) => probability >= 0.5 === positive).length / judged.length;
    const leaky = await runSlices({ ...trial, split: "slices" }, full, bench);
    expect(share(leaky.held)).toBeGreaterThan(0.9);
    const honest = await runSlices({ ...trial, split: "subjects" }, full, bench);
    expect(share(honest.held)).toBeLessThan(0.85);
    expect(leaky.clean).toHaveLength(36);
    const flagged = await runAudit({ data: "simulated", split: "slices" }, setup);
    expect(flagged.found).toBe(true);
    expect(flagged.right).toBe(flagged.matched);
    expect(flagged.pictures.length).toBeGreaterThan(0);
    expect((await runAudit({ data: "simulated", split: "subjects" }, setup)).found).toBe(false);
  });
});

describe("the conclusion", () => {
  const judged = (prefix: string, count: number, right: number, per = 1): Judgement[] =>
    Array.from({ length: count * per }, (_, n) => {
      const subject = Math.floor(n / per);
      const positive = subject % 2 === 0;
      const good = (subject % 20) / 20 < right;
      return { subject: `${prefix}${subject}`, positive, probability: positive === good ? 0.8 : 0.2 };
    });
  const level: Readonly<Record<string, number>> = { slice: 0.6, svm: 0.85 };
  /** As `runNetwork` has it: the other fold trains, its own one chooses, the late autoencoder sees everybody. */
  const provenanceOf = (name: string, fold: number): NetworkResult["provenance"] => [
    ...(name === "late" ? [fittedOn("pre-training", "convolutions as an autoencoder", ids)] : []),
    fittedOn("weights", "the network", setup.split.folds[1 - fold]!),
    fittedOn("selection", "best weights", setup.split.folds[fold]!),
  ];
  const [selection, chosen] = [runSelection(setup), runLooks(setup)];
  const result = (id: string, leak: number, stranger?: string): unknown => {
    const [kind, name = "", split, labels] = id.split("-");
    const of = level[name] ?? 0.85;
    if (kind === "network") {
      const mild = name === "late" ? null : judged("m", 120, 0.65);
      const scratch = name === "subject" || name === "roi" ? judged("m", 120, 0.5) : null;
      const test = judged("t", 60, of);
      const provenance = [
        ...provenanceOf(name, Number(split)),
        ...(stranger === undefined || name !== "slice" ? [] : [fittedOn("weights", "more", [stranger])]),
      ];
      const external = judged("e", 60, 0.6);
      return { test, external, mild, scratch, looks: [0.6, 1], provenance } satisfies NetworkResult;
    }
    if (kind === "slices") {
      const right = split === "slices" ? leak : labels === "true" ? 0.7 : 0.5;
      return {
        held: judged("h", 200, right, 2),
        clean: judged("c", 40, 0.7, 2),
        loss: leak < 0.9 ? 0.7 : 0.1,
      };
    }
    if (kind === "audit") {
      const found = id.endsWith("slices");
      const pictures: never[] = [];
      return { found, held: 100, matched: found ? 95 : 0, right: found ? 95 : 0, details: "so", pictures };
    }
    const row = (right: number): Judgement[][] => [judged("t", 60, right), judged("t", 60, right)];
    const one = { test: row(0.85), external: [judged("e", 60, 0.6), judged("e", 60, 0.6)] };
    const linear = { ...one, mild: [judged("m", 120, 0.65), judged("m", 120, 0.65)] };
    const inflated = {
      reported: [0.8, 0.82, 0.81],
      honest: [0.5, 0.49, 0.52],
      given: selection.true.given,
    };
    const looks = {
      given: chosen.true.given,
      looks: [1, 10],
      reported: [
        [0.5, 0.7],
        [0.52, 0.72],
      ],
      independent: [
        [0.5, 0.5],
        [0.5, 0.52],
      ],
    };
    const rest: Readonly<Record<string, unknown>> = {
      linear: { svm: linear, csf: linear, volumes: linear },
      selection: { true: inflated, shuffled: inflated },
      looks: { true: looks, shuffled: looks },
    };
    return rest[id];
  };
  const concluded = (leak: number, stranger?: string) => {
    const asked = new Set<string>();
    const found = conclude({
      extent: { ...extent, real: true },
      read: (id) => {
        asked.add(id);
        return result(id, leak, stranger);
      },
      split: setup.split,
      slabs: "read",
      rng: rng(1),
    });
    return { ...found, asked };
  };

  it("holds where the numbers say so, and only there, and asks for every part", () => {
    const { claims, sections, asked, notes } = concluded(1);
    expect(claims.filter(({ holds }) => !holds).map(({ id }) => id)).toEqual([]);
    expect([...asked].sort()).toEqual([...trialsOf({ ...extent, real: true }).keys()].sort());
    expect(sections.map(({ id }) => id)).toEqual([
      "frameworks",
      "biased-split",
      "late-split",
      "no-independent-test",
      "review",
    ]);
    expect(notes.join()).not.toContain("did not learn");
    const poor = concluded(0.6);
    expect(poor.notes.join()).toContain("8 of 8 networks of slices did not learn");
    const failed = poor.claims.flatMap(({ id, holds }) => (holds ? [] : [id]));
    expect(failed).toContain("leaky-real-shuffled");
    expect(failed).toContain("leaky-heads-real-shuffled");
    expect(failed).toContain("biased-simulated-true");
    expect(failed).toContain("review-difference");
  });

  it("audits what the trainings were given, and finds somebody who should not have been among them", () => {
    const broken = concluded(1, setup.split.test[0]).claims.find(({ id }) => id === "audit-reads-records")!;
    // Seven networks in two folds, voxels selected early and late and the best look, with two kinds of labels.
    expect(broken.statement).toContain("share of 22 records (not: network-slice-0; network-slice-1)");
    expect(broken).toMatchObject({ holds: false });
    expect(broken.ours).toBeCloseTo(20 / 22, 10);
  });

  it("tells by the real lists of voxels and settings which were fitted too early", () => {
    const read = (id: string): unknown =>
      id === "selection" ? selection : id === "looks" ? chosen : result(id, 1);
    const records = auditRecords({ extent, read, split: setup.split, slabs: "read", rng: rng(1) });
    const [early] = records.filter(({ what }) => what === "voxels selected before the split, true labels");
    expect(early).toMatchObject({ found: ["late-split"] });
    const [honest] = records.filter(({ what }) => what === "voxels selected fold by fold, true labels");
    expect(honest).toMatchObject({ found: [] });
    expect(records.filter((one) => !isRight(one))).toEqual([]);
    // The same voxels, had they been selected on the fold that is held out.
    const given = { ...selection.true.given, within: [selection.true.given.folds[0]!] };
    const wrong = { ...selection, true: { ...selection.true, given } };
    const again = auditRecords({
      ...{ extent, split: setup.split, slabs: "read", rng: rng(1) },
      read: (id) => (id === "selection" ? wrong : read(id)),
    });
    expect(again.filter((one) => !isRight(one)).map(({ what }) => what)).toEqual([
      "voxels selected fold by fold, true labels",
    ]);
  });
});
