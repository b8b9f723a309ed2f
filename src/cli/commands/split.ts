import type { Command } from "commander";
import { drawSplit, type Person } from "../../audit/draw-split.js";
import { fail } from "../../core/errors.js";
import { rng } from "../../core/rng.js";
import { nodeFiles, openDataSet, readPeople, writeText } from "../../io/node.js";
import type { People } from "../../io/people.js";
import type { SplitFile } from "../../io/split-file.js";
import type { Row } from "../../io/tables.js";
import { version } from "../../version.js";
import { defineCommand, type Finish, numberWithin, optionName, requireOneOf } from "../command.js";
import { addDataSetOptions, type DataSetFlags, dataSetOptions } from "../dataset-options.js";
import { counted, formatTable } from "../print.js";

interface Options extends DataSetFlags {
  readonly out: string;
  readonly test: number;
  readonly folds: number;
  readonly stratify: readonly string[];
  readonly match: readonly string[];
  readonly by: string;
  readonly seed: number;
}

const words = (text: string): string[] =>
  text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");

export function splitCommand(finish: Finish): Command {
  return defineCommand<Options>(
    finish,
    {
      usage: "split <data>",
      purpose: "Divide the subjects of a data set into a sealed test set and folds",
      about:
        "The data set is a folder as gyrus train takes it, or a table with a row for each image. Every subject is in one place only, however many sessions and images it has. Columns of participants.tsv, or of the table, to stratify by are equally frequent everywhere; columns to match are made as alike as random draws allow, and a permutation test of what is left is printed. gyrus train --split FILE --fold K trains on the other folds; no command applies the run to its test set until the final look (gyrus evaluate --final), once for a run.",
      examples: [
        {
          line: "gyrus split cohort --test 0.2 --folds 5 --stratify diagnosis --match age,sex --seed 1 --out split.json",
          about: "A fifth of every diagnosis for the test, five folds of the others, alike in age and sex.",
        },
        {
          line: "gyrus split Task04_Hippocampus --test 0 --folds 3 --out folds.json",
          about: "Three folds and no test set, of a data set without a table.",
        },
        {
          line: "gyrus split cohort --by case --out leaky.json",
          about: "Visits dealt one by one, as leaky papers do: only for gyrus train --leakage-study.",
        },
      ],
    },
    (command) => {
      command
        .requiredOption("--out <file>", "the split, as JSON: a new file")
        .option(
          "--test <share>",
          "share of the subjects in the test set; 0: none",
          numberWithin("--test", { low: 0, high: 0.9 }),
          0.2,
        )
        .option(
          "--folds <n>",
          "number of folds of the others",
          numberWithin("--folds", { low: 2, whole: true }),
          5,
        )
        .option("--stratify <columns>", "columns that are equally frequent everywhere, by commas", words, [])
        .option("--match <columns>", "columns that are alike everywhere, by commas", words, [])
        .option(
          "--by <what>",
          "subject, or case: images whoever they are of, which leaks where a subject has several; for leakage studies",
          "subject",
        )
        .option("--seed <n>", "decides the draw", numberWithin("--seed", { low: 0, whole: true }), 1);
      addDataSetOptions(command);
    },
    async (_shell, { out, test, folds, stratify, match, by, seed, ...flags }, [data = ""]) => {
      requireOneOf("--by", by, ["subject", "case"]);
      if (
        await nodeFiles.read(out, 1).then(
          () => true,
          () => false,
        )
      )
        fail("exists", {
          what: "the split is there already",
          where: out,
          fix: "Choose another --out: whoever draws until a split pleases has no independent test set",
        });
      const dataset = await openPeople(data, flags);
      const subjects = peopleOf(dataset, stratify, match);
      const people = by === "case" ? casesOf(dataset, subjects) : subjects;
      const drawn = drawSplit(people, { test, folds, match }, rng(seed), data);
      const file: SplitFile = {
        gyrusSplit: 1,
        gyrus: version,
        data: { name: dataset.name, subjects: subjects.length, cases: dataset.cases.length },
        ...(by === "case" ? { by } : {}),
        seed,
        stratify: [...stratify],
        match: [...match],
        ...drawn,
      };
      await writeText(out, `${JSON.stringify(file, null, 2)}\n`);
      return { result: file, text: splitText(file, people, out) };
    },
  );
}

/** Of a folder or a table. Throws `bad-argument` for options that say how a folder is read, with a table. */
async function openPeople(data: string, flags: DataSetFlags): Promise<People> {
  if (!/\.(csv|tsv)$/i.test(data)) return openDataSet(data, dataSetOptions(flags));
  const stray = Object.keys(dataSetOptions(flags))[0];
  if (stray !== undefined)
    fail("bad-argument", {
      what: `${optionName(stray)} means nothing to a table, which names every image`,
      where: data,
      fix: "Leave it out",
    });
  return readPeople(data);
}

/** Every case as if it were somebody: what leaks. Throws `bad-data` for cases that cannot be told apart. */
function casesOf({ cases, root }: People, subjects: readonly Person[]): Person[] {
  const ids = cases.map(({ id }) => id);
  const twice = ids.filter((id, at) => ids.indexOf(id) !== at);
  if (twice.length > 0)
    fail("bad-data", {
      what: `${twice.length} cases have the names of others`,
      where: root,
      expected: "a session of its own for every image of a subject",
      found: [...new Set(twice)].slice(0, 10).join(", "),
      fix: "Add a column session_id",
    });
  const known = new Map(subjects.map((one) => [one.subject, one]));
  return cases.map(({ id, subject }) => ({ ...known.get(subject)!, subject: id }));
}

/** The subjects with their values of the columns. Throws `bad-data` that lists columns or subjects. */
function peopleOf(
  { cases, participants, root }: People,
  stratify: readonly string[],
  match: readonly string[],
): Person[] {
  const subjects = [...new Set(cases.map(({ subject }) => subject))];
  const wanted = [...stratify, ...match];
  const rows = new Map(
    (participants ?? []).map((row): [string | undefined, Row] => [row.participant_id, row]),
  );
  const columns = [...new Set((participants ?? []).flatMap(Object.keys))];
  const absent = wanted.find((column) => !columns.includes(column));
  if (absent !== undefined)
    fail("bad-data", {
      what: `the data set has no column "${absent}"`,
      where: root,
      expected: participants === undefined ? "a participants.tsv" : `one of ${columns.join(", ")}`,
      fix:
        participants === undefined
          ? "Write one, with participant_id first, or leave --stratify and --match out"
          : "Name a column that is there",
    });
  const lacking = subjects.filter((subject) =>
    wanted.some((column) => rows.get(subject)?.[column] === undefined),
  );
  if (lacking.length > 0)
    fail("bad-data", {
      what: `${lacking.length} subjects have no value of ${wanted.join(" or ")}`,
      where: /\.(csv|tsv)$/i.test(root) ? root : `${root}/participants.tsv`,
      found: lacking.slice(0, 20).join(", "),
      fix: "Complete the table, or leave these subjects or columns out",
    });
  const numeric = new Set(
    match.filter((column) =>
      subjects.every((subject) => Number.isFinite(Number(rows.get(subject)![column]))),
    ),
  );
  const people = subjects.map((subject): Person => {
    const row = rows.get(subject) ?? {};
    const covariate = (column: string) => (numeric.has(column) ? Number(row[column]) : row[column]!);
    return {
      subject,
      stratum: stratify.map((column) => row[column]!).join(", "),
      covariates: Object.fromEntries(match.map((column) => [column, covariate(column)])),
    };
  });
  if (stratify.length > 0 && new Set(people.map(({ stratum }) => stratum)).size < 2)
    fail("bad-data", {
      what: `all subjects are the same in ${stratify.join(", ")}`,
      where: root,
      found: people[0]!.stratum,
      fix: "Stratify by a column that tells subjects apart",
    });
  return people;
}

function splitText(
  { test, folds, balance, by = "subject" }: SplitFile,
  people: readonly Person[],
  out: string,
): string {
  const strata = [...new Set(people.map(({ stratum }) => stratum))].sort();
  const stratumOf = new Map(people.map(({ subject, stratum }) => [subject, stratum]));
  const count = (subjects: readonly string[], stratum: string) =>
    `${subjects.filter((subject) => stratumOf.get(subject) === stratum).length}`;
  const parts: (readonly [string, readonly string[]])[] = [
    ["test (sealed)", test],
    ...folds.map((fold, at): [string, string[]] => [`fold ${at}`, fold]),
  ];
  const shown = strata.map((name) => ({ name: name === "" ? "stratum" : name, right: true }));
  const sizes = formatTable(
    [{ name: "part" }, { name: `${by}s`, right: true }, ...(strata.length > 1 ? shown : [])],
    parts.map(([name, subjects]) => [
      name,
      `${subjects.length}`,
      ...(strata.length > 1 ? strata.map((stratum) => count(subjects, stratum)) : []),
    ]),
  );
  const tests = balance.filter(({ sides }) => sides.startsWith("test"));
  const least = balance.reduce((low, { p }) => Math.min(low, p), 1);
  return [
    `${counted(people.length, by)}: ${out}`,
    "",
    sizes,
    ...(balance.length === 0
      ? []
      : [
          "",
          formatTable(
            [
              { name: "matched" },
              { name: "in" },
              { name: "test" },
              { name: "rest" },
              { name: "p", right: true },
            ],
            tests.map(({ variable, stratum, first, second, p }) => [
              variable,
              stratum || "all",
              first,
              second,
              p.toFixed(3),
            ]),
          ),
          `p of permutation tests; the least of all ${balance.length}, folds included, is ${least.toFixed(3)}. Sides were chosen to be alike, so that p says how alike they are and proves nothing.`,
        ]),
    ...(by === "case"
      ? ["Cases of one subject may be on several sides: whoever trains on this split trains a leakage study."]
      : []),
    `Next: gyrus train SYSTEM --data ... --split ${out} --fold 0${by === "case" ? " --leakage-study" : ""} --out RUN`,
  ].join("\n");
}
