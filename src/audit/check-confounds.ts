import type { Rng } from "../core/rng.js";
import { holm, permutations, testGroups } from "./group-test.js";
import { fitLogistic, probability } from "./logistic.js";
import type { AuditItem, CheckResult, Collection } from "./types.js";

const about = {
  check: "confounds: the label without the image",
  sees: "age, sex, site, scanner and grid of the images that differ between diagnoses, each by itself and together in a logistic model without any image",
  blindTo: "what no table and no header says: protocols, motion, education, treatment",
} as const;

/** Family-wise error of the tests of all variables together. */
export const confoundLevel = 0.05;

interface Variable {
  readonly name: string;
  readonly numeric: boolean;
  readonly values: readonly (string | undefined)[];
}

/** Variables besides the images that tell the diagnoses apart, by subject: permutation tests with Holm's correction. */
export function checkConfounds({ items }: Collection, rng: Rng): CheckResult {
  const labelled = items.filter(({ diagnosis }) => diagnosis !== undefined);
  const named = labelled.filter(({ subject }) => subject !== undefined);
  const people = onePerSubject(named);
  const labels = people.map(({ diagnosis }) => diagnosis!);
  const classes = [...new Set(labels)].sort();
  const variables = variablesOf(people);
  const off = (details: string): CheckResult => ({ ...about, status: "not-checked", details, findings: [] });
  if (labelled.length === 0) return off("Nothing says what diagnosis an image has.");
  // Slices of one head would count as so many people, and chance as proof.
  if (named.length === 0)
    return off(
      "Nothing says whose images these are, so that people cannot be counted: add a column subject.",
    );
  if (classes.length < 2) return off(`All images are of one class, ${classes[0]}.`);
  if (variables.length === 0)
    return off("There is no age, sex, site or scanner to compare, and all images have one grid.");
  if (Math.min(...classes.map((one) => labels.filter((label) => label === one).length)) < 3)
    return off("A class has fewer than three subjects.");
  const tests = variables.map((variable) => {
    const known = people.flatMap((_, n) => (variable.values[n] === undefined ? [] : [n]));
    const groups = known.map((n) => labels[n]!);
    const values = known.map((n) => variable.values[n]!);
    const random = rng.split("confound", variable.name);
    const { effect, p } = testGroups(variable.numeric ? values.map(Number) : values, groups, random);
    return { variable, known: known.length, effect, p };
  });
  const corrected = holm(tests.map(({ p }) => p));
  const auc =
    classes.length === 2
      ? confoundAuc(
          variables,
          labels.map((label) => label === classes[1]),
          rng.split("folds"),
        )
      : undefined;
  const guilty = tests.filter((_, n) => corrected[n]! < confoundLevel);
  const model =
    auc === undefined
      ? ""
      : ` A logistic model of these alone, cross-validated, has an AUC of ${auc.toFixed(2)}.`;
  const columns = ["variable", "subjects", ...classes, "effect", "p", "p, Holm"];
  const rows = tests.map(({ variable, known, effect, p }, n) => [
    variable.name,
    `${known}`,
    ...classes.map((one) => summary(variable, labels, one)),
    effect.toFixed(2),
    p.toFixed(4),
    corrected[n]!.toFixed(4),
  ]);
  return {
    ...about,
    status: guilty.length > 0 ? "found" : "clean",
    details: `${labelled.length > named.length ? `${labelled.length - named.length} images without an identifier were left out. ` : ""}${people.length} subjects of ${classes.join(", ")}; ${tests.map(({ variable }) => variable.name).join(", ")}; ${permutations} permutations each, Holm's correction, at ${confoundLevel}.${model}`,
    findings:
      guilty.length === 0
        ? []
        : [
            {
              category: "confound",
              statement: `${guilty.map(({ variable }) => variable.name).join(", ")} ${guilty.length === 1 ? "differs" : "differ"} between the diagnoses: a network may learn that instead of the disease.${model}`,
              evidence: [{ kind: "table", columns, rows }],
            },
          ],
  };
}

/** The first image of everybody: visits and slices are not independent. */
function onePerSubject(items: readonly AuditItem[]): AuditItem[] {
  const seen = new Set<string | undefined>();
  return items.filter(({ subject }) => !seen.has(subject) && seen.add(subject));
}

function variablesOf(people: readonly AuditItem[]): Variable[] {
  const names = [...new Set(people.flatMap(({ covariates }) => Object.keys(covariates ?? {})))];
  return names
    .map((name): Variable => {
      const values = people.map(({ covariates }) => covariates?.[name]);
      const known = values.filter((value) => value !== undefined);
      const numeric =
        name === "age" || (known.every((value) => Number.isFinite(Number(value))) && new Set(known).size > 6);
      return {
        name,
        numeric,
        values: numeric
          ? values.map((value) => (Number.isFinite(Number(value)) ? value : undefined))
          : values,
      };
    })
    .filter(({ values }) => new Set(values.filter((value) => value !== undefined)).size > 1);
}

function summary({ numeric, values }: Variable, labels: readonly string[], label: string): string {
  const own = values.filter((value, n): value is string => value !== undefined && labels[n] === label);
  if (own.length === 0) return "–";
  if (numeric) {
    const numbers = own.map(Number);
    const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
    const sd = Math.sqrt(
      numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, numbers.length - 1),
    );
    return `${mean.toFixed(1)} ± ${sd.toFixed(1)}`;
  }
  const levels = [...new Set(values.filter((value) => value !== undefined))].sort();
  return levels.map((level) => `${level}: ${own.filter((value) => value === level).length}`).join(", ");
}

/** AUC of the confounds alone on subjects that the model was not fitted on: five folds, missing values at the mean. */
function confoundAuc(variables: readonly Variable[], positive: readonly boolean[], rng: Rng): number {
  const columns = variables.flatMap(({ numeric, values }) => {
    if (numeric)
      return [standardised(values.map((value) => (value === undefined ? undefined : Number(value))))];
    const levels = [...new Set(values.filter((value) => value !== undefined))].slice(1, 20);
    return levels.map((level) =>
      standardised(values.map((value) => (value === undefined ? undefined : value === level ? 1 : 0))),
    );
  });
  const rows = positive.map((_, n) => Float64Array.from(columns, (column) => column[n]!));
  const scores = new Float64Array(rows.length);
  const folds = 5;
  const order = rng.shuffle(positive.map((_, n) => n));
  const place = new Int32Array(rows.length);
  for (const side of [true, false])
    order
      .filter((n) => positive[n] === side)
      .forEach((n, at) => {
        place[n] = at % folds;
      });
  for (let fold = 0; fold < folds; fold++) {
    const fitted = order.filter((n) => place[n] !== fold);
    const model = fitLogistic(
      fitted.map((n) => rows[n]!),
      fitted.map((n) => positive[n]!),
    );
    for (const n of order) if (place[n] === fold) scores[n] = probability(model, rows[n]!);
  }
  return auc(scores, positive);
}

function standardised(values: readonly (number | undefined)[]): number[] {
  const known = values.filter((value) => value !== undefined);
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  const sd = Math.sqrt(known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / known.length) || 1;
  return values.map((value) => (value === undefined ? 0 : (value - mean) / sd));
}

/** Share of pairs of one positive and one negative that are in the right order. */
function auc(scores: Float64Array, positive: readonly boolean[]): number {
  let [right, pairs] = [0, 0];
  positive.forEach((yes, a) => {
    if (!yes) return;
    positive.forEach((other, b) => {
      if (other) return;
      pairs++;
      right += scores[a]! > scores[b]! ? 1 : scores[a]! === scores[b]! ? 0.5 : 0;
    });
  });
  return right / pairs;
}
