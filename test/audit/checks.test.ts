import { describe, expect, it } from "vitest";
import { checkConfounds } from "../../src/audit/check-confounds.js";
import { checkIdentifiers } from "../../src/audit/check-identifiers.js";
import { checkIndependence, checkLate, checkLeakageStudy } from "../../src/audit/check-run.js";
import { holm, testGroups } from "../../src/audit/group-test.js";
import { requireHonestSplit } from "../../src/audit/honest.js";
import { fitLogistic } from "../../src/audit/logistic.js";
import { fittedOn } from "../../src/audit/provenance.js";
import type { AuditItem } from "../../src/audit/types.js";
import { rng } from "../../src/core/rng.js";
import { cleanRun, drawTable } from "../../src/studies/audit/scenes.js";
import { wilson } from "../../src/studies/wilson.js";

const run = cleanRun(rng(1));

describe("identifiers", () => {
  it("are asked for on both sides", () => {
    const found = checkIdentifiers(drawTable(rng(1), { shared: 2 }));
    expect(found.status).toBe("found");
    expect(found.findings[0]!.statement).toBe(
      "4 of 24 subjects of test are in train as well, with 4 and 4 images",
    );
    expect(checkIdentifiers(drawTable(rng(1), {}))).toMatchObject({
      status: "clean",
      details: "120 subjects of 120 images, column.",
    });
  });
});

describe("identifiers of folds", () => {
  it("are asked for in every two of them", () => {
    const item = (id: string, subject: string, fold: number) => ({
      id,
      subject,
      part: "train" as const,
      fold,
    });
    const held = { id: "t1", subject: "p9", part: "test" as const };
    const honest = [item("a", "p1", 0), item("b", "p1", 0), item("c", "p2", 1), held];
    const check = (items: readonly AuditItem[]) =>
      checkIdentifiers({ name: "d", kind: "data set", items, notes: [] });
    expect(check(honest).status).toBe("clean");
    const { status, findings } = check([...honest, item("d", "p1", 1)]);
    expect(status).toBe("found");
    expect(findings.map(({ statement }) => statement)).toEqual(["1 of 2 subjects are in more than one fold"]);
    expect(findings[0]!.evidence[1]).toMatchObject({
      held: "d",
      training: "a",
      words: "both are p1, folds 1 and 0",
    });
  });
});

describe("a run's record", () => {
  it("says what was fitted on held-out subjects", () => {
    expect(checkLate(run).status).toBe("clean");
    const late = {
      ...run,
      provenance: [
        fittedOn("normalisation", "mean image", [...run.split.subjects.train, run.split.subjects.test[0]!]),
      ],
    };
    expect(checkLate(late).findings[0]!.statement).toBe(
      "mean image (normalisation) was fitted on 1 of 20 subjects of test",
    );
    const { provenance: _, ...old } = run;
    expect(checkLate(old)).toMatchObject({
      status: "not-checked",
      details: "The run is older than the recording of provenance.",
    });
  });

  it("says what weights of another run had seen", () => {
    const before = {
      ...run,
      split: { ...run.split, subjects: { ...run.split.subjects, train: run.split.subjects.test } },
    };
    expect(checkLate(run, [{ dir: "runs/before", facts: before }]).findings[0]!.statement).toBe(
      "the weights of runs/before that it began with was fitted on 20 of 20 subjects of test",
    );
  });

  it("says who looked at the test, and how often", () => {
    expect(checkIndependence(run).status).toBe("clean");
    const [validation, test] = run.evaluations;
    const statements = (evaluations: typeof run.evaluations) =>
      checkIndependence({ ...run, evaluations }).findings.map(({ statement }) => statement);
    expect(statements([validation!])).toEqual([
      "what is reported is the validation part, by which the weights were chosen",
    ]);
    expect(statements([test!, test!])).toEqual(["the test part was looked at 2 times"]);
    expect(statements([test!, { ...test!, step: 200 }])).toContain(
      "the run was trained on between looks at the test part",
    );
    const other = { ...validation!, set: "other" as const, dataSha256: "abcdef0123456789" };
    expect(statements([test!, other, { ...other, step: 200 }])).toEqual([
      "another data set (abcdef012345) was looked at 2 times while the training went on: it is a validation set now",
    ]);
  });

  it("says that validation is reported only where something was chosen by it", () => {
    const [validation] = run.evaluations;
    const { train, validation: held } = run.split.subjects;
    const weights = fittedOn("weights", "the classifier", train);
    const found = (provenance: typeof run.provenance) =>
      checkIndependence({ ...run, evaluations: [validation!], provenance }).findings.map(
        ({ statement }) => statement,
      );
    // Classifiers by features search C within training, networks without a selection keep their last weights.
    expect(found([weights, fittedOn("hyperparameters", "C, by folds within training", train)])).toEqual([]);
    expect(found([weights])).toEqual([]);
    expect(found([weights, fittedOn("hyperparameters", "C", [...train, ...held])])).toEqual([
      "what is reported is the validation part, by which settings were chosen",
    ]);
    const elsewhere = { dataSha256: "another data set" };
    expect(found([weights, fittedOn("selection", "best weights", held, elsewhere)])).toEqual([]);
    const unknown = "what is reported is the validation part, by which the weights were chosen";
    expect(found([])).toEqual([unknown]);
    expect(found(undefined)).toEqual([unknown]);
  });

  it("says for ever that it was a leakage study", () => {
    expect(checkLeakageStudy(run).status).toBe("clean");
    expect(checkLeakageStudy({ ...run, leakageStudy: true }).findings[0]!.category).toBe("leakage-study");
  });
});

describe("confounds", () => {
  it("are found by age and by site, and not by chance", () => {
    expect(checkConfounds(drawTable(rng(3), {}), rng(1)).status).toBe("clean");
    const older = checkConfounds(drawTable(rng(3), { yearsApart: 8 }), rng(1));
    expect(older.findings[0]!.statement).toMatch(
      /^age differs between the diagnoses: .* has an AUC of 0\.[67]\d\.$/,
    );
    const elsewhere = checkConfounds(drawTable(rng(3), { siteShift: 0.3 }), rng(1));
    expect(elsewhere.findings[0]!.statement).toMatch(/^site differs/);
  });

  it("need a label, and something beside it", () => {
    const bare = { ...drawTable(rng(1), {}), items: [{ id: "a", part: "train" as const }] };
    expect(checkConfounds(bare, rng(1))).toMatchObject({
      status: "not-checked",
      details: "Nothing says what diagnosis an image has.",
    });
  });

  it("need to know whose images they are: slices of one head are not so many people", () => {
    // Two heads of twenty slices, one of each class: every slice would be a subject, and p below 0.001.
    const items = Array.from({ length: 40 }, (_, n) => ({
      id: `${n}`,
      part: n % 4 === 0 ? ("test" as const) : ("train" as const),
      diagnosis: n < 20 ? "AD" : "CN",
      covariates: { age: n < 20 ? "80" : "70" },
    }));
    const collection = { name: "slices", kind: "table", items, notes: [] };
    expect(checkConfounds(collection, rng(1))).toMatchObject({
      status: "not-checked",
      details: "Nothing says whose images these are, so that people cannot be counted: add a column subject.",
      findings: [],
    });
    const some = drawTable(rng(3), {});
    const partly = { ...some, items: [...some.items, ...items] };
    expect(checkConfounds(partly, rng(1)).details).toMatch(
      /^40 images without an identifier were left out\. 120 subjects of AD, CN;/,
    );
  });
});

describe("statistics", () => {
  it("permute: p as of the exact test", () => {
    // All 10 arrangements of 2 of 5: the two highest are chosen, and the two lowest are not as far apart.
    const { p, effect } = testGroups([1, 2, 3, 9, 10], ["a", "a", "a", "b", "b"], rng(1));
    expect(p).toBeCloseTo(0.1, 1);
    expect(effect).toBeGreaterThan(0.95);
    // scipy.stats.contingency.association([[8, 2], [2, 8]]) = 0.6
    const words = [...Array<string>(10).fill("x"), ...Array<string>(10).fill("y")];
    const sides = words.map((_, n) => (n < 8 || n > 17 ? "a" : "b"));
    expect(testGroups(words, sides, rng(1)).effect).toBeCloseTo(0.6, 10);
  });

  it("correct as Holm does", () => {
    // 3 times the least, 2 times the next, and never less than the one before.
    expect(holm([0.01, 0.04, 0.03]).map((p) => Number(p.toFixed(6)))).toEqual([0.03, 0.06, 0.06]);
  });

  it("fit a logistic model", () => {
    const rows = [-2, -1, 0, 1, 2, 0.5].map((x) => Float64Array.of(x));
    const weights = fitLogistic(rows, [false, false, true, true, true, false]);
    expect(weights[0]).toBeGreaterThan(1);
    expect(fitLogistic(rows, [false, false, false, true, true, true])[0]).toBeLessThan(20);
  });

  it("give Wilson's interval", () => {
    // scipy.stats.binomtest(60, 60).proportion_ci(method="wilson"), and of 0 and 54 of 60
    expect(wilson(60, 60)[0]).toBeCloseTo(0.93983, 4);
    expect(wilson(0, 60)[1]).toBeCloseTo(0.06017, 4);
    expect(wilson(54, 60)[0]).toBeCloseTo(0.79851, 4);
  });
});

describe("a training", () => {
  const parts = { train: ["a"], validation: ["b"], test: [] };
  const ask = (
    split: Parameters<typeof requireHonestSplit>[0],
    leakageStudy = false,
    digests?: ReadonlyMap<string, string>,
  ) =>
    requireHonestSplit(split, { leakageStudy, where: "run", ...(digests === undefined ? {} : { digests }) });

  it("refuses a split with somebody on both sides, unless it is a leakage study", () => {
    const leaky = { ...parts, subjects: { train: ["p1", "p2"], validation: ["p2"], test: [] } };
    expect(() => ask(leaky)).toThrow(
      "run: the split leaks: 1 subjects are in train and in validation. Expected every person on one side of the split only. Found p2. Split by subject (gyrus split makes one), or mark the run as a leakage study for ever with --leakage-study.",
    );
    expect(() => ask(leaky, true)).not.toThrow();
  });

  it("refuses equal files under two names", () => {
    const split = { ...parts, subjects: { train: ["p1"], validation: ["p2"], test: [] } };
    expect(() =>
      ask(
        split,
        false,
        new Map([
          ["a", "same"],
          ["b", "same"],
        ]),
      ),
    ).toThrow("a (train) and b (validation)");
    expect(() =>
      ask(
        split,
        false,
        new Map([
          ["a", "one"],
          ["b", "two"],
        ]),
      ),
    ).not.toThrow();
  });
});
