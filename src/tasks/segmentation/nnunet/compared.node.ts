import { fail } from "../../../core/errors.js";
import type { DataSet } from "../../../io/dataset.js";
import { parseJson } from "../../../io/json.js";
import { fingerprint, nodeFiles, openDataSet } from "../../../io/node.js";
import { paths } from "../../run-folder.node.js";
import type { CrossValidated, HeldOutCase } from "./cross-validation.node.js";
import { type Experiment, experimentSchema, type Splits, splitsSchema } from "./experiment.js";
import { exists } from "./folders.node.js";
import { experimentFile, experimentPaths, foldPaths } from "./layout.js";
import { readModelRecord } from "./model-files.js";
import type { ConfigurationName, Plan } from "./plan.js";
import { dataSetOptions } from "./run.js";

/** An experiment whose folds can be compared. */
export interface Compared extends CrossValidated {
  readonly record: Experiment;
  readonly splits: Splits;
  readonly dataset: DataSet;
  /** Folds that are done, of every configuration that has one. */
  readonly done: ReadonlyMap<ConfigurationName, readonly number[]>;
}

/**
 * Open an experiment for comparison, with the data set where it lies now: the given one, or that of its record. Throws
 * `not-found` where it has no fold that is done, or where its data set lies there no more.
 */
export async function openCompared(
  dir: string,
  wanted?: readonly ConfigurationName[],
  moved?: DataSet,
): Promise<Compared> {
  const record = await readExperiment(dir);
  const splits = await readSplits(dir);
  const done = new Map<ConfigurationName, number[]>();
  const plans: Partial<Record<ConfigurationName, Plan>> = {};
  for (const name of ["2d", "3d_lowres", "3d_fullres", "3d_cascade_fullres"] as const) {
    if (wanted !== undefined && !wanted.includes(name)) continue;
    const folds: number[] = [];
    for (let fold = 0; fold < record.folds; fold++)
      if (await exists(foldPaths.evaluation(experimentPaths.fold(dir, name, fold)))) folds.push(fold);
    if (folds.length === 0) continue;
    done.set(name, folds);
    plans[name] = (
      await readModelRecord(nodeFiles, paths.model(experimentPaths.fold(dir, name, folds[0]!)))
    ).plan;
  }
  const missing = wanted?.filter((name) => !done.has(name)) ?? [];
  if (done.size === 0 || missing.length > 0)
    fail("not-found", {
      what:
        missing.length > 0 ? `${missing.join(", ")}: no fold is done` : "no fold of this experiment is done",
      where: dir,
      expected: "folds that were trained to their end, with their held-out cases judged",
      fix: "Train them first: gyrus train nnunet --help; one that was interrupted goes on with --resume",
    });
  return { dir, record, splits, dataset: moved ?? (await openRecorded(record)), done, plans };
}

async function openRecorded(record: Experiment): Promise<DataSet> {
  const { root } = record.data;
  if ((await nodeFiles.list(root)) === undefined)
    fail("not-found", {
      what: "the experiment's data set is not where it was",
      where: root,
      fix: "Say where it lies now with --data",
    });
  return openDataSet(root, dataSetOptions(record));
}

/** Open the data set of an experiment where it lies now. Throws `bad-argument` for one with other content. */
export async function openMoved(record: Experiment, root: string): Promise<DataSet> {
  const dataset = await openDataSet(root, dataSetOptions(record));
  if (!(await isOwnData(record, dataset)))
    fail("bad-argument", {
      what: "this is not the data set of the experiment: its files are others",
      where: root,
      expected: `the content of ${record.data.root}`,
      fix: "Give the folder that it was trained on, wherever it lies now",
    });
  return dataset;
}

/** Whether a data set is the one that was trained on, wherever it lies and however it is called. */
export async function isOwnData({ data }: Pick<Experiment, "data">, dataset: DataSet): Promise<boolean> {
  const cases = dataset.cases.filter(({ label }) => label !== undefined);
  return cases.length === data.cases && (await fingerprint({ cases })).sha256 === data.sha256;
}

/** `experiment.json`. Throws `not-found` for another folder. */
export async function readExperiment(dir: string): Promise<Experiment> {
  const path = experimentPaths.record(dir);
  if (!(await exists(path)))
    fail("not-found", {
      what: "this folder is no experiment",
      where: dir,
      expected: `a folder with ${experimentFile}, as gyrus train nnunet makes it`,
      fix: "Give the folder that was --out of gyrus train nnunet",
    });
  return parseJson(experimentSchema, new TextDecoder().decode(await nodeFiles.read(path)), path);
}

/** `splits.json`. */
export async function readSplits(dir: string): Promise<Splits> {
  const path = experimentPaths.splits(dir);
  return parseJson(splitsSchema, new TextDecoder().decode(await nodeFiles.read(path)), path);
}

/** The folds that all configurations have done. */
export function commonFolds({ dir, done, record }: Compared): { folds: number[]; notes: string[] } {
  const all = [...done.values()];
  const folds = all[0]!.filter((fold) => all.every((one) => one.includes(fold)));
  const words = [...done].map(([name, own]) => `${name}: ${own.join(", ")}`).join("; ");
  if (folds.length === 0)
    fail("bad-argument", {
      what: "the configurations have no fold in common, so that they cannot be compared",
      where: dir,
      expected: "the same folds of every configuration",
      found: words,
      fix: "Train what is missing, or compare some of them: --configurations",
    });
  const notes: string[] = [];
  if (folds.length < record.folds)
    notes.push(`compared on ${folds.length} of ${record.folds} folds: those that are done are ${words}`);
  return { folds, notes };
}

/** The held-out cases of folds, in the order of the folds. */
export function heldOutCases({ splits, dataset, dir }: Compared, folds: readonly number[]): HeldOutCase[] {
  const byId = new Map(dataset.cases.map((one) => [one.id, one]));
  return folds.flatMap((fold) =>
    splits.folds[fold]!.validation.map((id) => {
      const one = byId.get(id);
      if (one === undefined)
        fail("bad-data", {
          what: `the case "${id}" is not in the data set any more`,
          where: dataset.root,
          expected: `the data set that ${dir} was made from`,
          fix: "Restore its files",
        });
      return { one, fold };
    }),
  );
}
