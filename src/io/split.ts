import { fail } from "../core/errors.js";
import { rng } from "../core/rng.js";
import type { Case, DataSet } from "./dataset.js";

/** Who is trained on and who is held out: plain data, recorded with every run. */
export interface Split {
  /** Subjects at random, blocks of consecutive slices of a stack, or cases whoever they are of (leakage studies only). */
  readonly by: "subject" | "block" | "case";
  readonly seed: number | string;
  /** Of a k-fold split; absent where fractions were asked for. */
  readonly fold?: number;
  readonly folds?: number;
  /** The test part is independent and stays closed until it is asked for, once: see `gyrus evaluate --final`. */
  readonly sealed?: boolean;
  readonly subjects: Readonly<Record<Part, readonly string[]>>;
  readonly train: readonly string[];
  readonly validation: readonly string[];
  readonly test: readonly string[];
}

type Part = "train" | "validation" | "test";

/** What splitting needs to know of a data set. */
export type Splittable = Pick<DataSet, "stack"> & {
  readonly name: string;
  readonly cases: readonly Pick<Case, "id" | "subject">[];
};

/**
 * Fold `fold` (0 to folds - 1) of a k-fold split by subject: every subject is held out in exactly one fold, and
 * the same seed gives the same folds whatever order the cases come in. Slices of one stack are held out in
 * blocks of neighbours instead, since a slice resembles the next one.
 * Throws `bad-data` for a data set with one subject, `bad-argument` for impossible folds.
 */
export function foldOf(dataset: Splittable, fold: number, folds: number, seed: number | string): Split {
  const subjects = subjectsOf(dataset);
  if (!(Number.isInteger(folds) && folds >= 2 && folds <= subjects.length))
    fail("bad-argument", {
      what: "the number of folds is impossible",
      where: dataset.name,
      expected: `2 to ${subjects.length}, the number of subjects`,
      found: `${folds}`,
      fix: "Choose a number of folds in that range",
    });
  if (!(Number.isInteger(fold) && fold >= 0 && fold < folds))
    fail("bad-argument", {
      what: "there is no such fold",
      where: dataset.name,
      expected: `0 to ${folds - 1}`,
      found: `${fold}`,
      fix: "Choose one of these folds, or ask for more folds",
    });
  const groups = dataset.stack ? blocks(subjects, folds) : dealt(shuffled(subjects, seed), folds);
  const held = new Set(groups[fold]);
  return { fold, folds, ...record(dataset, seed, (subject) => (held.has(subject) ? "validation" : "train")) };
}

/** All folds of a k-fold split; see `foldOf`. */
export function kFold(dataset: Splittable, folds: number, seed: number | string): Split[] {
  const first = foldOf(dataset, 0, folds, seed);
  return [first, ...Array.from({ length: folds - 1 }, (_, at) => foldOf(dataset, at + 1, folds, seed))];
}

/**
 * A split by subject into parts of about the given fractions (at least one subject in each part above 0; the
 * rest is trained on). Of a stack, the last slices are held out.
 */
export function splitByFractions(
  dataset: Splittable,
  { validation, test = 0 }: { readonly validation: number; readonly test?: number },
  seed: number | string,
): Split {
  const subjects = subjectsOf(dataset);
  const sized = (fraction: number) =>
    fraction > 0 ? Math.max(1, Math.round(fraction * subjects.length)) : 0;
  const [v, t] = [sized(validation), sized(test)];
  if (!(validation >= 0 && test >= 0 && validation + test < 1 && v + t < subjects.length))
    fail("bad-argument", {
      what: "the fractions leave nobody to train on",
      where: dataset.name,
      expected: "validation and test of at least 0, below 1 together",
      found: `validation ${validation}, test ${test}, ${subjects.length} subjects`,
    });
  const order = dataset.stack ? [...subjects].reverse() : shuffled(subjects, seed);
  const [tested, validated] = [new Set(order.slice(0, t)), new Set(order.slice(t, t + v))];
  return record(dataset, seed, (subject) =>
    tested.has(subject) ? "test" : validated.has(subject) ? "validation" : "train",
  );
}

function subjectsOf({ cases, name, stack }: Splittable): string[] {
  const subjects = [...new Set(cases.map(({ subject }) => subject))];
  if (subjects.length < 2)
    fail("bad-data", {
      what: "a data set with one subject cannot be split",
      where: name,
      expected: "at least two subjects, since images of one subject may not be on both sides",
      found: subjects.length === 0 ? "none" : `${cases.length} case(s) of ${subjects[0]}`,
      fix: "Add scans of other subjects",
    });
  return stack ? subjects : subjects.sort((a, b) => (a < b ? -1 : 1));
}

function shuffled(subjects: readonly string[], seed: number | string): string[] {
  return rng(seed).split("split").shuffle(subjects);
}

/** As cards are dealt: sizes differ by one at most. */
function dealt(subjects: readonly string[], folds: number): string[][] {
  return Array.from({ length: folds }, (_, fold) => subjects.filter((_, at) => at % folds === fold));
}

/** Consecutive runs; sizes differ by one at most. */
function blocks(subjects: readonly string[], folds: number): string[][] {
  const edge = (fold: number) => Math.round((fold * subjects.length) / folds);
  return Array.from({ length: folds }, (_, fold) => subjects.slice(edge(fold), edge(fold + 1)));
}

function record(dataset: Splittable, seed: number | string, partOf: (subject: string) => Part): Split {
  const ids = (part: Part) => dataset.cases.filter((c) => partOf(c.subject) === part).map(({ id }) => id);
  const subjects = (part: Part) => [
    ...new Set(dataset.cases.filter((c) => partOf(c.subject) === part).map(({ subject }) => subject)),
  ];
  return {
    by: dataset.stack ? "block" : "subject",
    seed,
    subjects: { train: subjects("train"), validation: subjects("validation"), test: subjects("test") },
    train: ids("train"),
    validation: ids("validation"),
    test: ids("test"),
  };
}

/**
 * Subjects on both sides of a split, in whatever way it was made: for each pair of parts the subjects they
 * share. An empty list is what is wanted.
 */
export function sharedSubjects({
  subjects,
}: Pick<Split, "subjects">): { parts: [Part, Part]; subjects: string[] }[] {
  const pairs: [Part, Part][] = [
    ["train", "validation"],
    ["train", "test"],
    ["validation", "test"],
  ];
  return pairs
    .map((parts) => ({
      parts,
      subjects: subjects[parts[0]].filter((subject) => subjects[parts[1]].includes(subject)),
    }))
    .filter((shared) => shared.subjects.length > 0);
}
