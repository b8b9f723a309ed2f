import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { foldOf, kFold, type Splittable, sharedSubjects, splitByFractions } from "../../src/io/split.js";

const cases = (perSubject: readonly number[], stack = false): Splittable => ({
  name: "d",
  stack,
  cases: perSubject.flatMap((n, subject) =>
    Array.from({ length: n }, (_, at) => ({ id: `s${subject}_${at}`, subject: `s${subject}` })),
  ),
});

const many = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 30 });

describe("splits", () => {
  it("hold every subject out exactly once, whole", () => {
    fc.assert(
      fc.property(
        many,
        fc.integer({ min: 2, max: 30 }),
        fc.integer(),
        fc.boolean(),
        (sizes, wanted, seed, stack) => {
          const dataset = cases(sizes, stack);
          const folds = Math.min(wanted, sizes.length);
          const all = kFold(dataset, folds, seed);
          expect(all.flatMap(({ validation }) => validation).sort()).toEqual(
            dataset.cases.map(({ id }) => id).sort(),
          );
          for (const split of all) {
            expect(sharedSubjects(split)).toEqual([]);
            expect(split.train.length + split.validation.length).toBe(dataset.cases.length);
            expect(split.validation.length).toBeGreaterThan(0);
            expect(split.train.length).toBeGreaterThan(0);
          }
          const heldOut = all.map(({ subjects }) => subjects.validation.length);
          expect(Math.max(...heldOut) - Math.min(...heldOut)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  it("depend on the seed and not on the order of the cases, and can be recorded", () => {
    const dataset = cases(new Array(20).fill(2));
    const turned = { ...dataset, cases: [...dataset.cases].reverse() };
    const split = foldOf(dataset, 0, 5, 7);
    expect([...foldOf(turned, 0, 5, 7).validation].sort()).toEqual([...split.validation].sort());
    expect(foldOf(dataset, 0, 5, 8).validation).not.toEqual(split.validation);
    expect(JSON.parse(JSON.stringify(split))).toEqual(split);
  });

  it("hold neighbours of a stack out together", () => {
    const stack = cases(new Array(22).fill(1), true);
    for (const { validation, by } of kFold(stack, 3, 1)) {
      expect(by).toBe("block");
      const places = validation.map((id) => stack.cases.findIndex((one) => one.id === id));
      expect(places.at(-1)! - places[0]!).toBe(places.length - 1);
    }
    expect(splitByFractions(stack, { validation: 8 / 22 }, 1).validation).toEqual(
      stack.cases.slice(14).map(({ id }) => id),
    );
  });

  it("by fractions keep subjects together too", () => {
    fc.assert(
      fc.property(
        many.filter((sizes) => sizes.length > 4),
        fc.integer(),
        (sizes, seed) => {
          const split = splitByFractions(cases(sizes), { validation: 0.2, test: 0.2 }, seed);
          expect(sharedSubjects(split)).toEqual([]);
          expect(split.subjects.test.length).toBe(Math.max(1, Math.round(0.2 * sizes.length)));
        },
      ),
    );
  });

  it("refuse what cannot be done", () => {
    const two = cases([1, 1]);
    expect(() => foldOf(cases([3]), 0, 2, 1)).toThrow("d: a data set with one subject cannot be split.");
    expect(() => foldOf(two, 0, 5, 1)).toThrow(
      "d: the number of folds is impossible. Expected 2 to 2, the number of subjects. Found 5.",
    );
    expect(() => foldOf(two, 2, 2, 1)).toThrow("d: there is no such fold. Expected 0 to 1. Found 2.");
    expect(() => splitByFractions(two, { validation: 0.5, test: 0.4 }, 1)).toThrow(
      "the fractions leave nobody to train on",
    );
  });

  it("that leak are found", () => {
    expect(sharedSubjects({ subjects: { train: ["a", "b"], validation: ["b"], test: ["a"] } })).toEqual([
      { parts: ["train", "validation"], subjects: ["b"] },
      { parts: ["train", "test"], subjects: ["a"] },
    ]);
  });
});
