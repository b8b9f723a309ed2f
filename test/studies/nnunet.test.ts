import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { conclude, leastChange } from "../../src/studies/nnunet/conclude.js";
import { drawCase } from "../../src/studies/nnunet/data.js";
import { halved } from "../../src/studies/nnunet/halve.js";
import { type NeckScan, neckParts } from "../../src/studies/nnunet/neck.js";
import { extentFor, type Kind, kinds, kindWords, partsOf } from "../../src/studies/nnunet/plan.js";
import type { Planned } from "../../src/studies/nnunet/planned.js";
import { spinalCases } from "../../src/studies/nnunet/real.node.js";
import {
  type Choice,
  type Evidence,
  type Scores,
  scoresOf,
  type Tested,
} from "../../src/studies/nnunet/score.js";
import { decathlonChecks, ruleChecks } from "../../src/studies/nnunet/vectors.js";
import { claimsSchema } from "../../src/studies/study.js";
import { nnunet } from "../../src/systems/nnunet.js";
import type { ConfigurationName } from "../../src/tasks/segmentation/nnunet/plan.js";
import { scalingAffine } from "../../src/volume/affine.js";
import type { Size3 } from "../../src/volume/volume.js";

const neck = "../shared/data/spinal-cord";
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyrus-nnunet-study-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const claimIds = [
  "plan-rules",
  "plan-decathlon",
  "plan-kinds",
  "isotropic-3d-over-2d",
  "thick-2d-in-the-running",
  "cascade-over-fullres",
  "lesion-found",
  "folds-together",
  "ensemble-not-behind",
  "postprocessing-never-harms",
];

describe("the study of nnU-Net", () => {
  // The kind with a cascade has every kind of part; all four take minutes.
  it("plans, trains, chooses and tests, and goes on after it was stopped in a training", async () => {
    const { parts, open } = (await nnunet.study!()).plan({ seed: 1, minutes: 0.1 });
    const request = { threads: 1, folder };
    const results = new Map<string, unknown>();
    const read = (id: string) => results.get(id);
    const [first, ...others] = parts.filter(({ id }) => id.includes("context"));
    const stopped = await open(request);
    results.set(first!.id, await stopped.run(first!.id, read));
    for (const { what, expected, found } of (results.get(first!.id) as Planned).checks)
      expect([what, found]).toEqual([what, expected]);
    const training = stopped.run(others[0]!.id, read);
    const refused = expect(training).rejects.toThrow(/interrupted/);
    await stopped.close();
    await refused;

    const workshop = await open(request);
    for (const { id } of others) results.set(id, JSON.parse(JSON.stringify(await workshop.run(id, read))));
    await workshop.close();
    expect(results.get("train-context-3d_cascade_fullres")).toMatchObject({ steps: 2 });
    const { candidates, ensemble } = results.get("best-context") as Choice;
    expect(candidates).toHaveLength(6);
    expect(candidates[0]!.ensemble).toEqual(ensemble);
    const { cases, pictures } = results.get("test-context") as Tested;
    expect(cases.map(({ id }) => id)).toEqual(["context-003", "context-004"]);
    expect(Object.keys(cases[0]!.scores)).toHaveLength(6 + 6 + 1);
    expect(cases[0]!.scores).toHaveProperty("3d_lowres, fold 1");
    const scores = cases.flatMap((one) => Object.values(one.scores));
    expect(scores.every(({ dice, nsd }) => dice >= 0 && dice <= 1 && nsd >= 0 && nsd <= 1)).toBe(true);
    expect(pictures.map(({ caption }) => /best|worst/.exec(caption)?.[0])).toEqual(["best", "worst"]);
  }, 240_000);

  it("plans the other kinds as the rules ask", async () => {
    const { open } = (await nnunet.study!()).plan({ seed: 2, minutes: 0.1 });
    const workshop = await open({ threads: 1, folder: join(folder, "plans") });
    for (const kind of ["isotropic", "thick", "lesion"]) {
      const { checks } = (await workshop.run(`plan-${kind}`, () => undefined)) as Planned;
      expect(checks.length).toBeGreaterThan(8);
      for (const { what, expected, found } of checks)
        expect([kind, what, found]).toEqual([kind, what, expected]);
    }
    await workshop.close();
  }, 60_000);
});

describe("the study's data", () => {
  const extent = extentFor(0.1).kinds;
  it.each(kinds)("%s: every channel and label, the same twice", (kind) => {
    const [one, other] = [drawCase(kind, extent[kind], 3, 0), drawCase(kind, extent[kind], 3, 1)];
    expect(drawCase(kind, extent[kind], 3, 1)).toEqual(other);
    expect(other.image.data).not.toEqual(one.image.data);
    expect(one.image.channels).toBe(kindWords[kind].channels.length);
    const found = new Set([...one.label.data, ...other.label.data]);
    expect([...found].sort()).toEqual([0, ...kindWords[kind].labels.map((_, at) => at + 1)]);
  });

  it("context: balls look alike whatever their label, and only the middle tells", () => {
    const own = extentFor(22).kinds.context;
    const [dark, bright] = [drawCase("context", own, 1, 0), drawCase("context", own, 1, 1)];
    const meanOf = ({ image, label }: typeof dark, value: number) => {
      const values = [...label.data.keys()].filter((v) => label.data[v] === value).map((v) => image.data[v]!);
      return values.reduce((a, b) => a + b, 0) / values.length;
    };
    expect(new Set(dark.label.data)).toEqual(new Set([0, 1]));
    expect(new Set(bright.label.data)).toEqual(new Set([0, 2]));
    expect(Math.abs(meanOf(dark, 1) / meanOf(bright, 2) - 1)).toBeLessThan(0.12);
    const middle = ({ image }: typeof dark) => {
      const at = [0, 1, 2].map((axis) => Math.round(([0, -17, 14][axis]! - image.affine[4 * axis + 3]!) / 3));
      return image.data[(at[2]! * image.size[1] + at[1]!) * image.size[0] + at[0]!]!;
    };
    expect(middle(dark)).toBeLessThan(500);
    expect(middle(bright)).toBeGreaterThan(1500);
  });

  it("lesion: bright on the second channel, like white matter on the first, zeros outside the brain", () => {
    const { image, label } = drawCase("lesion", extentFor(22).kinds.lesion, 1, 0);
    const voxels = label.data.length;
    const inside = [...label.data.keys()].filter((v) => label.data[v] === 1);
    const meanOf = (c: number) =>
      inside.reduce((sum, v) => sum + image.data[c * voxels + v]!, 0) / inside.length;
    expect(meanOf(0)).toBeLessThan(1100);
    expect(meanOf(1)).toBeGreaterThan(950);
    expect(inside.length).toBeLessThan(voxels / 500);
    const empty = image.data.subarray(0, voxels).filter((value) => value === 0).length;
    expect(empty / voxels).toBeGreaterThan(0.5);
  });

  it("halves an image: means of eight, or what most of them are, in the same place", () => {
    const data = Float32Array.from({ length: 4 * 2 * 3 }, (_, v) => (v % 4 < 2 ? v % 2 : 3));
    const image = {
      data,
      size: [4, 2, 3] as const,
      channels: 1,
      affine: scalingAffine([1, 1, 1], [5, 0, 0]),
    };
    const mean = halved(image, "mean");
    expect([mean.size, [...mean.data]]).toEqual([
      [2, 1, 1],
      [0.5, 3],
    ]);
    expect([...halved(image, "majority").data]).toEqual([1, 3]);
    expect(mean.affine).toEqual([2, 0, 0, 5.5, 0, 2, 0, 0.5, 0, 0, 2, 0.5, 0, 0, 0, 1]);
  });
});

describe("what is concluded", () => {
  it("agrees with every published plan, and would say where not", () => {
    for (const { of, what, expected, found } of [...ruleChecks(), ...decathlonChecks()])
      expect([of, what, found]).toEqual([of, what, expected]);
    expect(decathlonChecks().filter(({ what }) => what === "cascade")).toHaveLength(10);
  });

  it("follows the test: what is better holds, what is worse does not", () => {
    const held = (gain: number) =>
      conclude(evidenceOf(gain), extentFor(22), rng(1))
        .claims.filter(({ holds }) => holds)
        .map(({ id }) => id);
    expect(held(0.05)).toEqual(claimIds);
    const page = conclude(evidenceOf(0.05), extentFor(22), rng(1));
    expect(page.sections.map(({ id }) => id)).toEqual([...kinds, "plans", "published", "limits"]);
    expect(page.notes.join(" ")).toContain("Real scans were left out");
    expect(held(-0.05)).toEqual(["plan-rules", "plan-decathlon", "plan-kinds", "lesion-found"]);
  });

  it("names the published numbers beside ours", () => {
    const { claims } = conclude(evidenceOf(0.05), extentFor(22), rng(1));
    expect(claims.find(({ id }) => id === "isotropic-3d-over-2d")).toMatchObject({ paper: 1.45, ours: 5 });
    expect(claimsSchema.safeParse(claims.map(({ shown: _, ...claim }) => claim)).success).toBe(true);
  });

  it("finds the label that loses by post-processing", () => {
    const before = { ensemble: ["2d" as const], meanForegroundDice: 0.8, labels: { a: 0.7, b: 0.9 } };
    const after = { meanForegroundDice: 0.81, labels: { a: 0.73, b: 0.89 } };
    expect(leastChange({ candidates: [before], crossValidation: after })).toBeCloseTo(-0.01, 12);
  });

  it("leaves a structure that is nowhere out of a case's mean", () => {
    const grid = { size: [4, 4, 4] as const, affine: scalingAffine([1, 1, 1]), channels: 1 };
    const truth = { ...grid, data: new Uint8Array(64).fill(1, 0, 16) };
    const found = { ...grid, data: new Uint8Array(64).fill(1, 0, 16) };
    expect(scoresOf("a", truth, found, ["one", "two"])).toMatchObject({
      dice: 1,
      labels: { one: 1, two: null },
    });
    found.data[63] = 2;
    expect(scoresOf("a", truth, found, ["one", "two"]).dice).toBe(0.5);
  });

  it("holds out a part of a neck in all scans of it, however far each of them reaches", () => {
    const scan = (name: string, bottomMm: number, mm: number, slices: number): NeckScan => {
      const size: Size3 = [2, 2, slices];
      const affine = scalingAffine([1, 1, mm], [0, 0, bottomMm + mm / 2]);
      // Every voxel holds the height of its middle.
      const data = Float32Array.from(
        { length: 4 * slices },
        (_, at) => bottomMm + mm * (Math.floor(at / 4) + 0.5),
      );
      const cord = { size, affine, channels: 1, data: new Uint8Array(4 * slices).fill(7) };
      return { name, image: { size, affine, channels: 1, data }, cord };
    };
    // Heights 0 to 80 mm and 20 to 60 mm: both are cut at 40.
    const parts = neckParts([scan("a", 0, 1, 80), scan("b", 20, 2, 20)]);
    expect(parts.map(({ id, subject }) => [id, subject])).toEqual([
      ["a-lower", "lower"],
      ["a-upper", "upper"],
      ["b-lower", "lower"],
      ["b-upper", "upper"],
    ]);
    for (const { subject, image, label } of parts) {
      const [below, above] = [Math.min(...image.data), Math.max(...image.data)];
      if (subject === "lower") expect(above).toBeLessThan(40);
      else expect(below).toBeGreaterThan(40);
      expect(image.affine[11]).toBe(image.data[0]);
      expect([...new Set(label.data)]).toEqual([1]);
    }
    expect(parts.map(({ image }) => image.size[2])).toEqual([40, 40, 10, 10]);
    expect(() => neckParts([scan("a", 0, 1, 10), scan("b", 20, 2, 10)])).toThrow(
      /a, b: the scans of the neck show no height together\..* Found 0 to 10 mm, 20 to 40 mm/,
    );
  });

  it.skipIf(!existsSync(neck))(
    "cuts the real neck at one height in both scans (SKIPPED where ../shared/data is absent)",
    async () => {
      const spans = (await spinalCases(neck)).map(({ subject, image: { affine, size }, label }) => {
        expect(label.data.some((value) => value === 1)).toBe(true);
        return { subject, from: affine[11]!, to: affine[11]! + affine[10]! * (size[2] - 1) };
      });
      const of = (part: string) => spans.filter(({ subject }) => subject === part);
      const highest = Math.max(...of("lower").map(({ to }) => to));
      const lowest = Math.min(...of("upper").map(({ from }) => from));
      expect([of("lower").length, of("upper").length]).toEqual([2, 2]);
      // Slices of 1 mm.
      expect(lowest - highest).toBeCloseTo(1, 3);
    },
  );

  it("waits with a cascade for both stages, and names every part once", () => {
    const parts = partsOf(extentFor(22), ["spinal-cord", "brats-2013"]);
    const ids = parts.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [at, { after = [] }] of parts.entries())
      for (const one of after) expect(ids.slice(0, at)).toContain(one);
    const waits = parts.find(({ id }) => id === "train-context-3d_cascade_fullres")!.after;
    expect(waits).toContain("train-context-3d_lowres");
    expect(waits).toContain("train-context-3d_fullres");
  });
});

/** Made-up results: what the claims favour is better by `gain` in every case. */
function evidenceOf(gain: number): Evidence {
  const names: Readonly<Record<Kind, readonly [ConfigurationName, ConfigurationName]>> = {
    isotropic: ["3d_fullres", "2d"],
    thick: ["2d", "3d_fullres"],
    context: ["3d_cascade_fullres", "3d_fullres"],
    lesion: ["3d_fullres", "2d"],
  };
  const table = <T>(of: (kind: Kind) => T): Record<Kind, T> =>
    Object.fromEntries(kinds.map((kind) => [kind, of(kind)])) as Record<Kind, T>;
  const choice = (kind: Kind): Choice => {
    const candidate = (...ensemble: ConfigurationName[]) => ({
      ensemble,
      meanForegroundDice: 0.8,
      labels: { a: 0.8 },
    });
    const [a, b] = names[kind];
    return {
      sentence: "made up",
      ensemble: [a],
      postprocessing: [],
      candidates: [candidate(a), candidate(b), candidate(a, b)],
      decisions: [],
      crossValidation: { meanForegroundDice: 0.8 + gain, labels: { a: 0.8 + gain } },
    };
  };
  const test = (kind: Kind): Tested => {
    const [a, b] = names[kind];
    const scores = (value: number): Scores => ({ dice: value, nsd: value, labels: { a: value } });
    return {
      kind,
      pictures: [],
      cases: [0, 1, 2].map((n) => ({
        id: `${n}`,
        scores: {
          [a]: scores(0.8 + n / 100),
          [b]: scores(0.8 + n / 100 - gain),
          [`${a} + ${b}`]: scores(0.8 + n / 100 + gain),
          [`${a}, fold 0`]: scores(0.8 + n / 100 - gain),
          [`${a}, fold 1`]: scores(0.8 + n / 100 - gain),
          chosen: scores(0.8 + n / 100),
        },
      })),
    };
  };
  const agreed = { of: "a", what: "b", expected: "c", found: "c", agrees: true };
  return {
    plans: kinds.map((kind) => ({ kind, checks: [agreed], because: [] })),
    choices: table(choice),
    tests: table(test),
    real: [],
  };
}
