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
  /** What is listed below: subjects, where it is absent; or cases whoever they are of, for leakage studies. */
  by: z.enum(["subject", "case"]).optional(),
  seed: z.union([z.number(), z.string()]),
  /** Columns whose values are equally frequent on all sides; columns that were matched. */
  stratify: strings,
  match: strings,
  /** The independent test set, which is sealed: see `Split.sealed`. */
  test: strings,
  /** Who is in each fold; all others but the test set are trained on when it is held out. */
  folds: z.array(strings).min(2),
  balance: z.array(balanceSchema),
});

/** A split of the subjects of a data set into a sealed test set and folds, as it stands in a file. */
export type SplitFile = z.infer<typeof splitFileSchema>;

/**
 * Read the text of a split file. Throws `bad-file`, and `bad-data` for subjects that are in two places, unless it may be `leaky`:
 * for leakage studies.
 */
export function parseSplitFile(
  text: string,
  where: string,
  { leaky = false }: { readonly leaky?: boolean } = {},
): SplitFile {
  const file = parseJson(splitFileSchema, text, where, {
    what: "the split",
    fix: "Make it anew with gyrus split",
  });
  const all = [...file.test, ...file.folds.flat()];
  const twice = leaky ? [] : all.filter((subject, at) => all.indexOf(subject) !== at);
  if (twice.length > 0)
    fail("bad-data", {
      what: `${file.by ?? "subject"}s are in two places of the split`,
      where,
      found: [...new Set(twice)].slice(0, 10).join(", "),
      fix: "Make it anew with gyrus split: a person may be in one place only",
    });
  return file;
}

type Part = "train" | "validation" | "test";

/** Where every name of a split file is when a fold is held out: in one part, or in several where the file leaks. */
function partsByName({ test, folds }: SplitFile, fold: number): Map<string, ReadonlySet<Part>> {
  const parts = new Map<string, Set<Part>>();
  const put = (names: readonly string[], part: Part): void => {
    for (const name of names) parts.set(name, (parts.get(name) ?? new Set()).add(part));
  };
  put(test, "test");
  folds.forEach((names, at) => {
    put(names, at === fold ? "validation" : "train");
  });
  return parts;
}

/**
 * Fold `fold` of a split file for a data set: that fold is validation, the test set is sealed. Throws `bad-argument` for a
 * fold that is not there, and `bad-data` unless the file knows every subject of the data set, and no others but where
 * `strangers` may be ignored: of a table some rows may have been left out.
 */
export function splitOfFile(
  file: SplitFile,
  dataset: Splittable,
  fold: number,
  where: string,
  { strangers = "refuse" }: { readonly strangers?: "refuse" | "ignore" } = {},
): Split {
  if (!(Number.isInteger(fold) && fold >= 0 && fold < file.folds.length))
    fail("bad-argument", {
      what: "the split has no such fold",
      where,
      expected: `0 to ${file.folds.length - 1}`,
      found: `${fold}`,
    });
  const by = file.by ?? "subject";
  const nameOf = ({ id, subject }: Splittable["cases"][number]): string => (by === "case" ? id : subject);
  const parts = partsByName(file, fold);
  const own = [...new Set(dataset.cases.map(nameOf))];
  const lost = own.filter((name) => !parts.has(name));
  const strange = strangers === "ignore" ? [] : [...parts.keys()].filter((name) => !own.includes(name));
  if (lost.length > 0 || strange.length > 0)
    fail("bad-data", {
      what:
        lost.length > 0
          ? `${lost.length} ${by}s of the data set are not in the split`
          : `${strange.length} ${by}s of the split are not in the data set`,
      where,
      expected: `the ${own.length} ${by}s of ${dataset.name}`,
      found: (lost.length > 0 ? lost : strange).slice(0, 10).join(", "),
      fix: "Use the data set that the split was made for, or make a new one with gyrus split",
    });
  const casesIn = (part: Part) => dataset.cases.filter((one) => parts.get(nameOf(one))!.has(part));
  const of = <T>(pick: (part: Part) => T) => ({
    train: pick("train"),
    validation: pick("validation"),
    test: pick("test"),
  });
  return {
    by,
    seed: file.seed,
    fold,
    folds: file.folds.length,
    sealed: file.test.length > 0,
    subjects: of((part) => [...new Set(casesIn(part).map(({ subject }) => subject))]),
    ...of((part) => casesIn(part).map(({ id }) => id)),
  };
}
