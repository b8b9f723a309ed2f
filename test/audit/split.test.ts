import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { drawSplit, type Person } from "../../src/audit/draw-split.js";
import { rng } from "../../src/core/rng.js";
import { sharedSubjects } from "../../src/io/split.js";
import { parseSplitFile, type SplitFile, splitOfFile } from "../../src/io/split-file.js";

function people(count: number, seed: number): Person[] {
  return Array.from({ length: count }, (_, n) => {
    const draw = rng(seed).split("person", n);
    const stratum = n % 3 === 0 ? "AD" : "CN";
    return {
      subject: `p${n}`,
      stratum,
      covariates: {
        age: Math.round(draw.normal(stratum === "AD" ? 76 : 72, 8)),
        sex: draw.chance(0.5) ? "F" : "M",
      },
    };
  });
}

const options = { test: 0.2, folds: 5, match: ["age", "sex"] };

describe("a drawn split", () => {
  it("has everybody in one place, and every diagnosis alike everywhere", () => {
    fc.assert(
      fc.property(fc.integer({ min: 40, max: 70 }), fc.integer({ min: 0, max: 99 }), (count, seed) => {
        const all = people(count, seed);
        const { test, folds } = drawSplit(all, { ...options, match: [] }, rng(seed), "d");
        expect([...test, ...folds.flat()].sort()).toEqual(all.map(({ subject }) => subject).sort());
        const ill = (subjects: readonly string[]) =>
          subjects.filter((one) => Number(one.slice(1)) % 3 === 0).length;
        expect(Math.abs(ill(test) - 0.2 * Math.ceil(count / 3))).toBeLessThanOrEqual(0.5);
        const counts = folds.map(ill);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        const sizes = folds.map((fold) => fold.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(2);
      }),
      { numRuns: 20 },
    );
  });

  it("does not depend on the order of people, and differs between seeds", () => {
    const all = people(60, 1);
    const one = drawSplit(all, options, rng(5), "d");
    expect(drawSplit([...all].reverse(), options, rng(5), "d")).toEqual(one);
    expect(drawSplit(all, options, rng(6), "d").test).not.toEqual(one.test);
  });

  it("is better matched than one that is not, and says so by its tests", () => {
    const all = people(90, 2);
    const apart = (match: readonly string[]) => {
      const { test } = drawSplit(all, { ...options, match }, rng(1), "d");
      const mean = (some: readonly Person[]) =>
        some.reduce((sum, { covariates }) => sum + Number(covariates.age), 0) / some.length;
      const ill = all.filter(({ stratum }) => stratum === "AD");
      return Math.abs(mean(ill.filter(({ subject }) => test.includes(subject))) - mean(ill));
    };
    expect(apart(["age"])).toBeLessThan(Math.max(0.5, apart([])));
    const { balance } = drawSplit(all, options, rng(1), "d");
    expect(
      balance
        .filter(({ sides }) => sides === "test against the rest")
        .map(({ stratum, variable }) => `${stratum} ${variable}`),
    ).toEqual(["AD age", "AD sex", "CN age", "CN sex"]);
    expect(Math.min(...balance.map(({ p }) => p))).toBeGreaterThan(0.2);
  });

  it("needs enough people of every kind", () => {
    expect(() => drawSplit(people(12, 1), options, rng(1), "d")).toThrow(
      "d: too few subjects of AD for the split. Expected at least 5 for 5 folds, and others for the test set. Found 4. Ask for fewer folds, or stratify by fewer columns.",
    );
  });
});

describe("a split file", () => {
  const file: SplitFile = {
    gyrusSplit: 1,
    gyrus: "0",
    data: { name: "d", subjects: 4, cases: 5 },
    seed: 1,
    stratify: [],
    match: [],
    test: ["a"],
    folds: [["b"], ["c", "d"]],
    balance: [],
  };
  const cases = [..."abcd"].map((subject) => ({ id: `${subject}1`, subject }));
  const dataset = { name: "d", stack: false, cases: [...cases, { id: "b2", subject: "b" }] };

  it("holds a fold out and seals the test", () => {
    const split = splitOfFile(parseSplitFile(JSON.stringify(file), "f"), dataset, 0, "f");
    expect(split).toMatchObject({
      sealed: true,
      fold: 0,
      folds: 2,
      train: ["c1", "d1"],
      validation: ["b1", "b2"],
      test: ["a1"],
    });
    expect(sharedSubjects(split)).toEqual([]);
  });

  it("is refused when it does not fit, or was edited so that it leaks", () => {
    expect(() => splitOfFile(file, dataset, 2, "f")).toThrow(
      "f: the split has no such fold. Expected 0 to 1. Found 2.",
    );
    expect(() =>
      splitOfFile(file, { ...dataset, cases: [...cases, { id: "e1", subject: "e" }] }, 0, "f"),
    ).toThrow("1 subjects of the data set are not in the split. Expected the 5 subjects of d. Found e.");
    expect(() => splitOfFile(file, { ...dataset, cases: cases.slice(1) }, 0, "f")).toThrow(
      "1 subjects of the split are not in the data set. Expected the 3 subjects of d. Found a.",
    );
    expect(() => parseSplitFile(JSON.stringify({ ...file, test: ["b"] }), "f")).toThrow(
      "subjects are in two places of the split. Found b.",
    );
    expect(() => parseSplitFile(JSON.stringify({ ...file, by: "case", test: ["b"] }), "f")).toThrow(
      "cases are in two places of the split. Found b.",
    );
    expect(() => parseSplitFile("{", "f")).toThrow("f: the split is not JSON.");
    expect(() => parseSplitFile("{}", "f")).toThrow('f: the split\'s entry "gyrusSplit" does not fit:');
  });

  it("may know more subjects than a table whose rows were left out, and not fewer", () => {
    const fewer = { ...dataset, cases: cases.slice(1) };
    expect(splitOfFile(file, fewer, 0, "f", { strangers: "ignore" })).toMatchObject({
      train: ["c1", "d1"],
      validation: ["b1"],
      test: [],
    });
    const more = { ...dataset, cases: [...cases, { id: "e1", subject: "e" }] };
    expect(() => splitOfFile(file, more, 0, "f", { strangers: "ignore" })).toThrow(/Found e\./);
  });

  it("of a leakage study has a subject on both sides, or its cases one by one", () => {
    const twice = parseSplitFile(JSON.stringify({ ...file, test: ["a", "c"] }), "f", { leaky: true });
    const split = splitOfFile(twice, dataset, 0, "f");
    expect(split).toMatchObject({ train: ["c1", "d1"], test: ["a1", "c1"] });
    expect(sharedSubjects(split)).toEqual([{ parts: ["train", "test"], subjects: ["c"] }]);
    const byCase = {
      ...file,
      by: "case" as const,
      test: ["a1"],
      folds: [
        ["b1", "c1"],
        ["b2", "d1"],
      ],
    };
    const dealt = splitOfFile(parseSplitFile(JSON.stringify(byCase), "f"), dataset, 0, "f");
    expect(dealt).toMatchObject({ by: "case", train: ["d1", "b2"], validation: ["b1", "c1"], test: ["a1"] });
    expect(sharedSubjects(dealt)).toEqual([{ parts: ["train", "validation"], subjects: ["b"] }]);
    expect(() => splitOfFile({ ...byCase, test: [] }, dataset, 0, "f")).toThrow(
      "1 cases of the data set are not in the split. Expected the 5 cases of d. Found a1.",
    );
  });
});
