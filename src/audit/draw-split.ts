import { fail } from "../core/errors.js";
import type { Rng } from "../core/rng.js";
import type { Balance, SplitFile } from "../io/split-file.js";
import { testGroups } from "./group-test.js";

/** A subject as splitting sees it. */
export interface Person {
  readonly subject: string;
  /** Values of the columns to stratify by, joined. */
  readonly stratum: string;
  /** Values of the columns to match: a number, or a word. */
  readonly covariates: Readonly<Record<string, number | string>>;
}

export interface DrawOptions {
  /** Share of the subjects in the test set; 0: none. */
  readonly test: number;
  readonly folds: number;
  readonly match: readonly string[];
}

/** Splits that are drawn, of which the best matched is taken. */
const draws = 400;

/**
 * Draw a test set and folds by subject: in every stratum the same share, and of many random draws the one whose sides are most
 * alike in the matched variables. The same people and seed give the same split, whatever their order. Throws `bad-data`
 * for strata too small for the test set and all folds.
 */
export function drawSplit(
  people: readonly Person[],
  { test, folds, match }: DrawOptions,
  rng: Rng,
  where: string,
): Pick<SplitFile, "test" | "folds" | "balance"> {
  const strata = [...new Set(people.map(({ stratum }) => stratum))].sort();
  const groups = strata.map((stratum) =>
    people.filter((one) => one.stratum === stratum).sort((a, b) => (a.subject < b.subject ? -1 : 1)),
  );
  const small = groups.findIndex((group) => group.length - sizeOfTest(group.length, test) < folds);
  if (small >= 0)
    fail("bad-data", {
      what: `too few subjects${strata[small] === "" ? "" : ` of ${strata[small]}`} for the split`,
      where,
      expected: `at least ${folds} for ${folds} folds${test > 0 ? ", and others for the test set" : ""}`,
      found: `${groups[small]!.length}`,
      fix: "Ask for fewer folds, or stratify by fewer columns",
    });
  const tested: Person[] = [];
  const dealt: Person[][] = Array.from({ length: folds }, () => []);
  groups.forEach((group, g) => {
    const random = rng.split("split", strata[g]!);
    const count = sizeOfTest(group.length, test);
    const chosen = best(
      random.split("test"),
      (draw) => {
        const order = draw.shuffle(group);
        return [order.slice(0, count), order.slice(count)];
      },
      match,
    );
    tested.push(...chosen[0]!);
    // A stratum's larger folds are not the same for all strata.
    const shift = g % folds;
    const parts = best(
      random.split("folds"),
      (draw) => {
        const order = draw.shuffle(chosen[1]!);
        return Array.from({ length: folds }, (_, fold) =>
          order.filter((_, at) => (at + shift) % folds === fold),
        );
      },
      match,
    );
    parts.forEach((part, fold) => {
      dealt[fold]!.push(...part);
    });
  });
  const random = rng.split("balance");
  const all = dealt.flat();
  return {
    test: names(tested),
    folds: dealt.map(names),
    balance: [
      ...(tested.length === 0 ? [] : balanceOf("test against the rest", tested, all, strata, match, random)),
      ...dealt.flatMap((fold, at) =>
        balanceOf(
          `fold ${at} against the others`,
          fold,
          all.filter((one) => !fold.includes(one)),
          strata,
          match,
          random,
        ),
      ),
    ],
  };
}

const names = (people: readonly Person[]): string[] => people.map(({ subject }) => subject).sort();

const sizeOfTest = (count: number, share: number): number =>
  share > 0 ? Math.max(1, Math.round(share * count)) : 0;

/** Of many draws the one whose parts are most alike; the first, where nothing is to be matched. */
function best(rng: Rng, draw: (rng: Rng) => Person[][], match: readonly string[]): Person[][] {
  let found = draw(rng.split(0));
  if (match.length === 0) return found;
  let least = unlike(found, match);
  for (let n = 1; n < draws; n++) {
    const parts = draw(rng.split(n));
    const difference = unlike(parts, match);
    if (difference < least) [found, least] = [parts, difference];
  }
  return found;
}

/** The largest difference between a part and all together, in standard deviations, of all variables and their levels. */
function unlike(parts: readonly Person[][], match: readonly string[]): number {
  const all = parts.flat();
  let worst = 0;
  for (const name of match)
    for (const column of columnsOf(all, name)) {
      const mean = all.reduce((sum, one) => sum + column(one), 0) / all.length;
      const sd = Math.sqrt(all.reduce((sum, one) => sum + (column(one) - mean) ** 2, 0) / all.length);
      if (!(sd > 0)) continue;
      for (const part of parts) {
        if (part.length === 0) continue;
        const own = part.reduce((sum, one) => sum + column(one), 0) / part.length;
        worst = Math.max(worst, Math.abs(own - mean) / sd);
      }
    }
  return worst;
}

/** A variable as numbers: itself, or one for each of its words. */
function columnsOf(people: readonly Person[], name: string): ((one: Person) => number)[] {
  if (people.every((one) => typeof one.covariates[name] === "number"))
    return [(one) => one.covariates[name] as number];
  const levels = [...new Set(people.map((one) => one.covariates[name]))];
  return levels.map((level) => (one) => (one.covariates[name] === level ? 1 : 0));
}

function balanceOf(
  sides: string,
  first: readonly Person[],
  second: readonly Person[],
  strata: readonly string[],
  match: readonly string[],
  rng: Rng,
): Balance[] {
  return strata.flatMap((stratum) =>
    match.map((variable): Balance => {
      const [a, b] = [first, second].map((side) => side.filter((one) => one.stratum === stratum)) as [
        Person[],
        Person[],
      ];
      const values = [...a, ...b].map((one) => one.covariates[variable]!);
      const groups = [...a.map(() => "first"), ...b.map(() => "second")];
      const numeric = values.every((value) => typeof value === "number");
      const { p } = testGroups(
        numeric ? values.map(Number) : values.map(String),
        groups,
        rng.split(sides, stratum, variable),
      );
      return { sides, stratum, variable, first: inWords(a, variable), second: inWords(b, variable), p };
    }),
  );
}

function inWords(people: readonly Person[], variable: string): string {
  const values = people.map((one) => one.covariates[variable]!);
  if (values.every((value) => typeof value === "number")) {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const sd = Math.sqrt(
      values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length - 1),
    );
    return `${mean.toFixed(1)} ± ${sd.toFixed(1)}`;
  }
  return [...new Set(values)]
    .sort()
    .map((level) => `${level} ${values.filter((value) => value === level).length}`)
    .join(", ");
}
