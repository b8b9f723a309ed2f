import type { Rng } from "../../core/rng.js";
import type { Interval } from "../../metrics/classification/intervals.js";
import type { Judgement } from "../../metrics/classification/scores.js";
import type { CohortSplit } from "./data.js";
import {
  balancedAccuracy,
  bootstrapSets,
  type Case,
  type CaseSets,
  meanAuc,
  pooledAccuracy,
  pooledAuc,
  votedAccuracy,
} from "./intervals.js";
import {
  baselines,
  dataOf,
  type Extent,
  foldsOf,
  frameworks,
  honestModels,
  idOf,
  labelings,
  type Model,
  models,
  networks,
  type SliceData,
  type SliceLabels,
  type SliceSplit,
  scratch,
  splits,
  threeD,
} from "./plan.js";
import { linearSchema, networkSchema, slicesSchema } from "./results.js";

/** Everything that a conclusion is drawn from. */
export interface Findings {
  readonly extent: Extent;
  readonly read: (id: string) => unknown;
  readonly split: CohortSplit;
  /** Whether there were real slabs. */
  readonly slabs: "read" | "not asked for" | "not there";
  readonly rng: Rng;
}

export type SetName = "test" | "external" | "mild";
export const setNames: readonly SetName[] = ["test", "external", "mild"];

/** Keys of numbers: what the tables and the claims ask for. */
export const keys = {
  accuracy: (set: SetName, model: Model): string => `accuracy/${set}/${model}`,
  auc: (set: SetName, model: Model): string => `auc/${set}/${model}`,
  slices: (
    figure: "accuracy" | "auc" | "heads",
    data: SliceData,
    split: SliceSplit,
    labels: SliceLabels,
  ): string => `${figure}/${data}/${split}/${labels}`,
  clean: (split: SliceSplit): string => `clean/${split}`,
} as const;

/** Words of a slice study's set: one for each data, split and labels. */
const sliceSet = (data: SliceData, split: SliceSplit, labels: SliceLabels): string =>
  `${data}/${split}/${labels}`;

/** Every number of the report with its interval by subject. */
export function numbersOf(findings: Findings): Readonly<Record<string, Interval>> {
  return bootstrapSets(
    setsOf(findings),
    (sets) => figuresOf(sets, findings.extent),
    findings.rng.split("subjects"),
  );
}

/** Whether a model was judged on a set. */
export const isJudged = (set: SetName, model: Model): boolean => set !== "mild" || model !== "late";

function setsOf({ extent, read }: Findings): CaseSets {
  const folds = Array.from({ length: extent.folds }, (_, fold) => fold);
  const trained = new Map(
    networks.map((network) => [
      network,
      folds.map((fold) => networkSchema.parse(read(idOf({ kind: "network", network, fold })))),
    ]),
  );
  const linear = linearSchema.parse(read("linear"));
  const said = (set: SetName): [string, readonly (readonly Judgement[])[]][] => [
    ...[...trained].flatMap(([name, results]): [string, readonly (readonly Judgement[])[]][] => {
      const own = results.flatMap((one) => (one[set] === null ? [] : [one[set]!]));
      return own.length === 0 ? [] : [[name, own]];
    }),
    ...baselines.map((name): [string, readonly (readonly Judgement[])[]] => [name, linear[name][set]]),
    ...(set !== "mild"
      ? []
      : scratch.map((name): [string, readonly (readonly Judgement[])[]] => [
          scratchName(name),
          trained.get(name)!.map((one) => one.scratch!),
        ])),
  ];
  const whole = setNames.map((set) => [set, casesOf(said(set))] as const);
  const slices = dataOf(extent).flatMap((data) =>
    splits.flatMap((split) =>
      labelings.map((labels) => {
        const results = foldsOf(extent, split).map((fold) =>
          slicesSchema.parse(read(idOf({ kind: "slices", data, split, labels, fold }))),
        );
        return [sliceSet(data, split, labels), grouped(results.flatMap(({ held }) => held))] as const;
      }),
    ),
  );
  const cleanOf = (split: SliceSplit): readonly Judgement[] =>
    slicesSchema.parse(read(idOf({ kind: "slices", data: "simulated", split, labels: "true", fold: 0 })))
      .clean ?? [];
  const clean = mergedSlices(splits.map((split) => [split, grouped(cleanOf(split))]));
  return Object.fromEntries([...whole, ...slices, ["clean", clean] as const]);
}

export const scratchName = (model: Model): string => `${model} from random weights`;

/** Judgements of several models, fold by fold, on the same subjects in the same order. */
function casesOf(said: readonly (readonly [string, readonly (readonly Judgement[])[]])[]): Case[] {
  const [first] = said[0]![1];
  return first!.map(({ subject, positive }, at) => ({
    subject,
    positive,
    says: Object.fromEntries(said.map(([name, folds]) => [name, folds.map((one) => one[at]!.probability)])),
  }));
}

/** Judgements of slices, by head; under the name "slices". */
function grouped(judgements: readonly Judgement[]): Case[] {
  const bySubject = new Map<string, { positive: boolean; says: number[] }>();
  for (const { subject, positive, probability } of judgements) {
    const own = bySubject.get(subject) ?? { positive, says: [] };
    own.says.push(probability);
    bySubject.set(subject, own);
  }
  return [...bySubject].map(([subject, { positive, says }]) => ({
    subject,
    positive,
    says: { slices: says },
  }));
}

/** What the networks of several splits said of the same slices, under the splits' names. */
function mergedSlices(parts: readonly (readonly [string, readonly Case[]])[]): Case[] {
  return parts[0]![1].map(({ subject, positive }, at) => ({
    subject,
    positive,
    says: Object.fromEntries(parts.map(([name, cases]) => [name, cases[at]!.says.slices!])),
  }));
}

const average = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

function figuresOf(sets: CaseSets, extent: Extent): Record<string, number> {
  const found: Record<string, number> = {};
  for (const set of setNames)
    for (const model of models) {
      if (!isJudged(set, model)) continue;
      found[keys.accuracy(set, model)] = balancedAccuracy(sets[set]!, model);
      found[keys.auc(set, model)] = meanAuc(sets[set]!, model);
    }
  for (const data of dataOf(extent))
    for (const split of splits)
      for (const labels of labelings) {
        const cases = sets[sliceSet(data, split, labels)]!;
        found[keys.slices("accuracy", data, split, labels)] = pooledAccuracy(cases, "slices");
        found[keys.slices("auc", data, split, labels)] = pooledAuc(cases, "slices");
        found[keys.slices("heads", data, split, labels)] = votedAccuracy(cases, "slices");
      }
  for (const split of splits) found[keys.clean(split)] = pooledAccuracy(sets.clean!, split);
  return { ...found, ...differencesOf(found, sets, extent) };
}

/** The numbers of the claims, from those of the tables. */
function differencesOf(
  found: Readonly<Record<string, number>>,
  sets: CaseSets,
  extent: Extent,
): Record<string, number> {
  const on = (set: SetName, names: readonly Model[]): number =>
    average(names.map((name) => found[keys.accuracy(set, name)]!));
  const compared: readonly Model[] = [...frameworks, "svm"];
  const biased = (data: SliceData): Record<string, number> =>
    Object.fromEntries(
      labelings.map((labels) => [
        `biased/${data}/${labels}`,
        found[keys.slices("accuracy", data, "slices", labels)]! -
          found[keys.slices("accuracy", data, "subjects", labels)]!,
      ]),
    );
  const leaky = average(
    dataOf(extent).map((data) => found[keys.slices("accuracy", data, "slices", "true")]!),
  );
  const honest = on(
    "test",
    honestModels.filter((name) => networks.some((network) => network === name)),
  );
  return {
    "three-d-less-slice": on("test", threeD) - on("test", ["slice"]),
    "networks-less-svm": on("test", threeD) - on("test", ["svm"]),
    "test-less-external": on("test", compared) - on("external", compared),
    "pair-less-mild": on("test", compared) - on("mild", compared),
    "transfer-less-scratch": average(
      scratch.map((name) => found[keys.auc("mild", name)]! - meanAuc(sets.mild!, scratchName(name))),
    ),
    "pretrained-less-not": found[keys.auc("test", "pretrained")]! - found[keys.auc("test", "subject")]!,
    "late-less-pretrained": found[keys.auc("test", "late")]! - found[keys.auc("test", "pretrained")]!,
    "clean-difference": found[keys.clean("slices")]! - found[keys.clean("subjects")]!,
    "review/honest": honest,
    "review/leaky": leaky,
    "review/difference": leaky - honest,
    ...Object.assign({}, ...dataOf(extent).map(biased)),
  };
}
