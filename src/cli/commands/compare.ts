import type { Command } from "commander";
import { type Comparison, compareClassifiers } from "../../tasks/classification/compare.node.js";
import { defineCommand, type Finish, numberWithin } from "../command.js";
import { formatScore, formatTable } from "../print.js";

interface Options {
  readonly seed: number;
}

export function compareCommand(finish: Finish): Command {
  return defineCommand<Options>(
    finish,
    {
      usage: "compare <classifiers...>",
      purpose: "Compare classifiers that were judged on the same subjects",
      about:
        "Each is an evaluated run, a table of predictions (subject, diagnosis, probability_…), or several by commas: folds are put together, repeats averaged, and each of them is shown by itself with their mean. AUC is compared by DeLong's test, balanced accuracy by permutation, each with the first one named.",
      examples: [
        { line: "gyrus compare runs/subject runs/slice", about: "Two runs with the same held-out fold." },
        {
          line: "gyrus compare svm.tsv runs/a-0,runs/a-1,runs/a-2",
          about: "A baseline's table, and three folds of one network put together.",
        },
      ],
    },
    (command) => {
      command.option(
        "--seed <n>",
        "decides the resamples and permutations",
        numberWithin("--seed", { low: 0, whole: true }),
        1,
      );
    },
    async (_shell, { seed }, given) => {
      const found = await compareClassifiers(given, seed);
      return { result: found, text: comparisonText(found) };
    },
  );
}

function comparisonText({ models, pairs, against }: Comparison): string {
  const interval = ({ value, low, high }: Comparison["models"][number]["auc"]): string =>
    `${formatScore(value)} [${formatScore(low)}, ${formatScore(high)}]`;
  const short = (name: string): string => (name.length > 40 ? `${name.slice(0, 39)}…` : name);
  const signed = (value: number): string => `${value < 0 ? "" : "+"}${formatScore(value)}`;
  const p = (value: number): string => (value < 0.001 ? "< 0.001" : value.toFixed(3));
  return [
    formatTable(
      [
        { name: "classifier" },
        { name: "subjects", right: true },
        { name: "AUC", right: true },
        { name: "balanced accuracy", right: true },
      ],
      models.map((one) => [
        short(one.name),
        `${one.subjects}`,
        interval(one.auc),
        interval(one.balancedAccuracy),
      ]),
    ),
    ...partsText(models, short),
    "",
    formatTable(
      [
        { name: `against ${short(against)}` },
        { name: "AUC", right: true },
        { name: "p (DeLong)", right: true },
        { name: "balanced accuracy", right: true },
        { name: "p (permutation)", right: true },
      ],
      pairs.map((pair) => [
        short(pair.name),
        signed(pair.aucDifference),
        p(pair.aucP),
        signed(pair.balancedAccuracyDifference),
        p(pair.balancedAccuracyP),
      ]),
    ),
    "",
    "In brackets: 95 % intervals, of AUC by DeLong's variance, of balanced accuracy by bootstrap over subjects.",
  ].join("\n");
}

/** Folds and repeats by themselves, and their mean; nothing where no classifier has several. */
function partsText(models: Comparison["models"], short: (name: string) => string): string[] {
  const several = models.filter(({ parts }) => parts.length > 1);
  if (several.length === 0) return [];
  const figure = (value: number | null): string => (value === null ? "–" : formatScore(value));
  const spread = (found: { readonly mean: number; readonly sd: number } | undefined): string =>
    found === undefined ? "–" : `${formatScore(found.mean)} ± ${formatScore(found.sd)}`;
  const rows = several.flatMap(({ name, parts, overParts }) => [
    ...parts.map((part) => [
      short(part.name),
      `${part.subjects}`,
      figure(part.auc),
      figure(part.balancedAccuracy),
    ]),
    [`mean ± sd of ${short(name)}`, "", spread(overParts?.auc), spread(overParts?.balancedAccuracy)],
  ]);
  return [
    "",
    formatTable(
      [
        { name: "fold or repeat" },
        { name: "subjects", right: true },
        { name: "AUC", right: true },
        { name: "balanced accuracy", right: true },
      ],
      rows,
    ),
  ];
}
