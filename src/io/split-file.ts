import { z } from "zod";
import { fail } from "../core/errors.js";
import { parseJson } from "./json.js";
import type { Split, Splittable } from "./split.js";

const strings = z.array(z.string());

/** How alike two sides are in one variable, within one stratum. */
const balanceSchema = z.object({
  /** "test against the rest", "fold 0 against the others". */
  sides: z.string(),
  stratum: z.string(),
  variable: z.string(),
  /** Mean and standard deviation, or counts, of either side, in words. */
  first: z.string(),
  second: z.string(),
  /** Of a permutation test of a difference. */
  p: z.number(),
});

export type Balance = z.infer<typeof balanceSchema>;

const splitFileSchema = z.object({
  gyrusSplit: z.literal(1),
  gyrus: z.string(),
  data: z.object({ name: z.string(), subjects: z.number(), cases: z.number() }),
  seed: z.union([z.number(), z.string()]),
  /** Columns whose values are equally frequent on all sides; columns that were matched. */
  stratify: strings,
  match: strings,
  /** Subjects of the independent test set, which is sealed: see `Split.sealed`. */
  test: strings,
  /** Subjects of each fold; all others but the test set are trained on when it is held out. */
  folds: z.array(strings).min(2),
  balance: z.array(balanceSchema),
});

/** A split of the subjects of a data set into a sealed test set and folds, as it stands in a file. */
export type SplitFile = z.infer<typeof splitFileSchema>;

/** Read the text of a split file. Throws `bad-file`, and `bad-data` for subjects that are in two places. */
export function parseSplitFile(text: string, where: string): SplitFile {
  const file = parseJson(splitFileSchema, text, where, {
    what: "the split",
    fix: "Make it anew with gyrus split",
  });
  const all = [...file.test, ...file.folds.flat()];
  const twice = all.filter((subject, at) => all.indexOf(subject) !== at);
  if (twice.length > 0)
    fail("bad-data", {
      what: "subjects are in two places of the split",
      where,
      found: [...new Set(twice)].slice(0, 10).join(", "),
      fix: "Make it anew with gyrus split: a person may be in one place only",
    });
  return file;
}

/**
 * Fold `fold` of a split file for a data set: that fold is validation, the test set is sealed. Throws `bad-argument` for a
 * fold that is not there, and `bad-data` unless the file knows every subject of the data set, and no others.
 */
export function splitOfFile(file: SplitFile, dataset: Splittable, fold: number, where: string): Split {
  if (!(Number.isInteger(fold) && fold >= 0 && fold < file.folds.length))
    fail("bad-argument", {
      what: "the split has no such fold",
      where,
      expected: `0 to ${file.folds.length - 1}`,
      found: `${fold}`,
    });
  const partOf = new Map<string, "train" | "validation" | "test">();
  for (const subject of file.test) partOf.set(subject, "test");
  file.folds.forEach((subjects, at) => {
    for (const subject of subjects) partOf.set(subject, at === fold ? "validation" : "train");
  });
  const own = [...new Set(dataset.cases.map(({ subject }) => subject))];
  const lost = own.filter((subject) => !partOf.has(subject));
  const strange = [...partOf.keys()].filter((subject) => !own.includes(subject));
  if (lost.length > 0 || strange.length > 0)
    fail("bad-data", {
      what:
        lost.length > 0
          ? `${lost.length} subjects of the data set are not in the split`
          : `${strange.length} subjects of the split are not in the data set`,
      where,
      expected: `the ${own.length} subjects of ${dataset.name}`,
      found: (lost.length > 0 ? lost : strange).slice(0, 10).join(", "),
      fix: "Use the data set that the split was made for, or make a new one with gyrus split",
    });
  const of = <T>(pick: (part: "train" | "validation" | "test") => T) => ({
    train: pick("train"),
    validation: pick("validation"),
    test: pick("test"),
  });
  return {
    by: "subject",
    seed: file.seed,
    fold,
    folds: file.folds.length,
    sealed: file.test.length > 0,
    subjects: of((part) => own.filter((subject) => partOf.get(subject) === part)),
    ...of((part) => dataset.cases.filter(({ subject }) => partOf.get(subject) === part).map(({ id }) => id)),
  };
}
