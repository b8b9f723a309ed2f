import { mean, sampleStandardDeviation } from "simple-statistics";
import { fail } from "../../core/errors.js";
import { rng } from "../../core/rng.js";
import { nodeFiles, readTable } from "../../io/node.js";
import { delongInterval, delongTest } from "../../metrics/classification/delong.js";
import { bootstrapFigures, type Interval } from "../../metrics/classification/intervals.js";
import { permutationTest } from "../../metrics/classification/permutation.js";
import { type Judgement, scoreClassification } from "../../metrics/classification/scores.js";
import { readEvaluation } from "../report.node.js";
import { paths } from "../run-folder.node.js";
import type { ClassificationEvaluation } from "./evaluate.node.js";

/** A fold or a repeat by itself. */
export interface ComparedPart {
  readonly name: string;
  readonly subjects: number;
  /** null where all its subjects are of one class. */
  readonly auc: number | null;
  readonly balancedAccuracy: number | null;
}

/** Over the parts that have a figure; the standard deviation is that of a sample. */
export interface MeanOfParts {
  readonly mean: number;
  readonly sd: number;
  readonly parts: number;
}

/** What one classifier said of all subjects. */
export interface ComparedModel {
  readonly name: string;
  readonly subjects: number;
  /** With DeLong's interval. */
  readonly auc: Interval;
  /** With a bootstrap interval over subjects. */
  readonly balancedAccuracy: Interval;
  /** What was put together, one by one: a single part where nothing was. */
  readonly parts: readonly ComparedPart[];
  /** null where fewer than two parts have figures. */
  readonly overParts: { readonly auc: MeanOfParts; readonly balancedAccuracy: MeanOfParts } | null;
}

/** One classifier against the first one, on the same subjects; differences are its own figure less the first one's. */
export interface ComparedPair {
  readonly name: string;
  readonly aucDifference: number;
  /** DeLong's, two-sided. */
  readonly aucP: number;
  readonly balancedAccuracyDifference: number;
  /** Of a permutation test, two-sided. */
  readonly balancedAccuracyP: number;
}

export interface Comparison {
  readonly models: readonly ComparedModel[];
  readonly against: string;
  readonly pairs: readonly ComparedPair[];
}

/**
 * Compare classifiers on the same subjects. Each is a run folder that was evaluated, a table of predictions with the columns
 * `subject`, `diagnosis` and `probability_…`, or several of these by commas: folds, which are put together, and repeats,
 * whose probabilities for a subject are averaged; each part's own figures and their mean stand beside. Throws `not-found`,
 * and `bad-data` for other subjects.
 */
export async function compareClassifiers(given: readonly string[], seed: number): Promise<Comparison> {
  const [first, ...others] = given;
  if (first === undefined || others.length === 0)
    fail("bad-argument", {
      what: "there is nothing to compare with",
      found: `${given.length} classifier(s)`,
      fix: "Name two or more runs or tables of predictions",
    });
  const all: { name: string; parts: Part[]; cases: Judgement[] }[] = [];
  for (const name of given) {
    const parts = await partsAt(name);
    all.push({ name, parts, cases: together(parts) });
  }
  const reference = all[0]!.cases;
  const balanced = (cases: readonly Judgement[]): number => scoreClassification(cases).balancedAccuracy;
  return {
    models: all.map(({ name, parts, cases }) => {
      const { auc: value, low, high } = delongInterval(cases);
      const figures = (drawn: readonly Judgement[]) => ({ balancedAccuracy: balanced(drawn) });
      const { balancedAccuracy } = bootstrapFigures(cases, figures, rng(seed).split("compare"));
      const own = parts.map(figuresOfPart);
      return {
        name,
        subjects: cases.length,
        auc: { value, low, high },
        balancedAccuracy,
        parts: own,
        overParts: meansOver(own),
      };
    }),
    against: first,
    pairs: all.slice(1).map(({ name, cases }) => {
      const { difference, p } = delongTest(cases, reference);
      const permuted = permutationTest(cases, reference, balanced, rng(seed).split("permute"));
      return {
        name,
        aucDifference: difference,
        aucP: p,
        balancedAccuracyDifference: permuted.difference,
        balancedAccuracyP: permuted.p,
      };
    }),
  };
}

function figuresOfPart({ name, cases }: Part): ComparedPart {
  const both = [true, false].every((positive) => cases.some((one) => one.positive === positive));
  const { auc, balancedAccuracy } = both ? scoreClassification(cases) : { auc: null, balancedAccuracy: null };
  return { name, subjects: cases.length, auc, balancedAccuracy };
}

function meansOver(parts: readonly ComparedPart[]): ComparedModel["overParts"] {
  const meanOf = (key: "auc" | "balancedAccuracy"): MeanOfParts | null => {
    const values = parts.flatMap((part) => part[key] ?? []);
    if (values.length < 2) return null;
    return { mean: mean(values), sd: sampleStandardDeviation(values), parts: values.length };
  };
  const [auc, balancedAccuracy] = [meanOf("auc"), meanOf("balancedAccuracy")];
  return auc === null || balancedAccuracy === null ? null : { auc, balancedAccuracy };
}

interface Part {
  readonly name: string;
  readonly cases: readonly Judgement[];
}

async function partsAt(given: string): Promise<Part[]> {
  const parts: Part[] = [];
  for (const name of given.split(","))
    parts.push({
      name,
      cases: /\.(tsv|csv)$/i.test(name) ? await judgementsOfTable(name) : await judgementsOfRun(name),
    });
  return parts;
}

/** One judgement for each subject of a run, a table, or several by commas. */
export async function judgementsAt(given: string): Promise<Judgement[]> {
  return together(await partsAt(given));
}

function together(parts: readonly Part[]): Judgement[] {
  const sums = new Map<string, { count: number; probability: number; positive: boolean }>();
  for (const { name, cases } of parts) {
    for (const { subject, probability, positive } of cases) {
      const own = sums.get(subject) ?? { count: 0, probability: 0, positive };
      if (own.positive !== positive)
        fail("bad-data", {
          what: "a subject has two diagnoses",
          where: name,
          found: subject,
          fix: "Compare classifiers of the same two classes",
        });
      sums.set(subject, { count: own.count + 1, probability: own.probability + probability, positive });
    }
  }
  return [...sums].map(([subject, { count, probability, positive }]) => ({
    subject,
    probability: probability / count,
    positive,
  }));
}

async function judgementsOfRun(dir: string): Promise<readonly Judgement[]> {
  const found = (await readEvaluation(dir)) as ClassificationEvaluation | undefined;
  if (found === undefined || !Array.isArray(found.judgements))
    fail("not-found", {
      what: "the run has not been judged, or is no classifier",
      where: paths.evaluation(dir),
      expected: "what gyrus evaluate writes for systems that diagnose: ad-svm, adcnn, voxcnn",
      fix: `Evaluate it first: gyrus evaluate ${dir}`,
    });
  return found.judgements;
}

async function judgementsOfTable(path: string): Promise<Judgement[]> {
  if ((await nodeFiles.read(path, 1).catch(() => undefined)) === undefined)
    fail("not-found", { what: "there is no such table", where: path, fix: "Check the path" });
  const { columns, rows } = await readTable(path);
  const probability = columns.find((column) => column.startsWith("probability_"));
  const absent = ["subject", "diagnosis"].find((column) => !columns.includes(column));
  if (probability === undefined || absent !== undefined)
    fail("bad-file", {
      what: `the table has no column ${absent ?? "probability_…"}`,
      where: path,
      expected: "subject, diagnosis and probability_ with the name of the positive class",
      found: columns.join(", "),
      fix: "Give a table of predictions for subjects whose diagnosis is known",
    });
  const positive = probability.slice("probability_".length);
  return rows.map((row, at) => {
    const value = Number(row[probability] ?? "nothing");
    if (row.subject === undefined || row.diagnosis === undefined || !Number.isFinite(value))
      fail("bad-data", {
        what: "a row of the table is not complete",
        where: `${path}, line ${at + 2}`,
        expected: "a subject, a diagnosis and a probability",
        found: [row.subject, row.diagnosis, row[probability]].map((field) => field ?? "nothing").join(", "),
        fix: "Complete the row or leave it out",
      });
    return { subject: row.subject, probability: value, positive: row.diagnosis === positive };
  });
}
