/** The price C chosen inside the training subjects, by folds of their own. */
import { fail } from "../core/errors.js";
import type { Rng } from "../core/rng.js";
import { usualCosts } from "./costs.js";
import { centredGram, type Gram, trainDual } from "./svm.js";

/** What a search found: the price, and what every price reached. */
export interface NestedSearch {
  readonly cost: number;
  readonly folds: number;
  /** Balanced accuracy of the inner folds' held-out cases together, for every price. */
  readonly table: readonly { readonly cost: number; readonly balancedAccuracy: number }[];
  /** Decision on every training case by a machine that had not seen its subject, at the chosen price. */
  readonly decisions: Float64Array;
}

export interface NestedOptions {
  /** Default `usualCosts`. */
  readonly costs?: readonly number[];
  /** Default 10, or as many as the smaller class has subjects. */
  readonly folds?: number;
}

/**
 * Search C by cross-validation within the given cases, by subject and diagnosis by diagnosis; the rest of the data
 * is not looked at, nor is anything fitted on a fold that is held out. Of equally good prices the middle one of their
 * run is taken, which is the least of an accident. Throws `bad-data` where a class has fewer than two subjects.
 */
export function nestedSearch(
  gram: Gram,
  cases: readonly number[],
  positive: readonly boolean[],
  subjects: readonly string[],
  rng: Rng,
  options: NestedOptions = {},
): NestedSearch {
  const costs = options.costs ?? usualCosts;
  const wanted = options.folds ?? 10;
  const place = innerFolds(cases, positive, subjects, wanted, rng);
  const folds = Math.max(...place) + 1;
  const decisions = costs.map(() => new Float64Array(cases.length));
  for (let fold = 0; fold < folds; fold++) {
    const [fitted, held]: [number[], number[]] = [[], []];
    place.forEach((p, at) => {
      (p === fold ? held : fitted).push(at);
    });
    const caseOf = (at: number): number => cases[at]!;
    const products = centredGram(gram, fitted.map(caseOf), fitted.map(caseOf));
    const across = centredGram(gram, fitted.map(caseOf), held.map(caseOf));
    const truth = fitted.map((at) => positive[caseOf(at)]!);
    costs.forEach((cost, c) => {
      const { coefficients, bias } = trainDual(products, truth, { cost });
      held.forEach((at, row) => {
        let sum = bias;
        for (let f = 0; f < fitted.length; f++) sum += coefficients[f]! * across[row * fitted.length + f]!;
        decisions[c]![at] = sum;
      });
    });
  }
  const table = costs.map((cost, c) => ({
    cost,
    balancedAccuracy: balancedAccuracy(
      decisions[c]!,
      cases.map((at) => positive[at]!),
    ),
  }));
  const chosen = middleOfBest(table.map((row) => row.balancedAccuracy));
  return { cost: costs[chosen]!, folds, table, decisions: decisions[chosen]! };
}

/** The inner fold of every case: subjects dealt within their class. */
function innerFolds(
  cases: readonly number[],
  positive: readonly boolean[],
  subjects: readonly string[],
  wanted: number,
  rng: Rng,
): number[] {
  const classOf = new Map<string, boolean>();
  for (const at of cases) if (!classOf.has(subjects[at]!)) classOf.set(subjects[at]!, positive[at]!);
  const groups = [false, true].map((name) =>
    [...classOf].filter(([, p]) => p === name).map(([subject]) => subject),
  );
  const fewest = Math.min(...groups.map((group) => group.length));
  if (fewest < 2 || !(Number.isInteger(wanted) && wanted >= 2))
    fail("bad-data", {
      what: "the training subjects cannot be split once more to choose C",
      expected: "at least two folds, and two subjects of each class",
      found: `${wanted} folds, ${groups.map((group) => group.length).join(" and ")} subjects`,
      fix: "Train on more subjects, or give C yourself",
    });
  const folds = Math.min(wanted, fewest);
  const fold = new Map<string, number>();
  groups.forEach((group, at) => {
    rng
      .split("inner", at)
      .shuffle([...group].sort())
      // The second class begins where the first ended, so that no fold is short of both.
      .forEach((subject, n) => void fold.set(subject, (n + at * (groups[0]!.length % folds)) % folds));
  });
  return cases.map((at) => fold.get(subjects[at]!)!);
}

function balancedAccuracy(decisions: Float64Array, positive: readonly boolean[]): number {
  const rate = (name: boolean): number => {
    let [right, all] = [0, 0];
    positive.forEach((p, at) => {
      if (p !== name) return;
      all++;
      if (decisions[at]! > 0 === name) right++;
    });
    return right / all;
  };
  return (rate(true) + rate(false)) / 2;
}

/** Index in the middle of the longest run of best scores. */
function middleOfBest(scores: readonly number[]): number {
  const best = Math.max(...scores);
  let [start, length, at] = [0, 0, 0];
  while (at < scores.length) {
    let end = at;
    while (end < scores.length && scores[end]! >= best - 1e-12) end++;
    if (end - at > length) [start, length] = [at, end - at];
    at = Math.max(end, at + 1);
  }
  return start + Math.floor((length - 1) / 2);
}
