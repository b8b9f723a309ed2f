import { resolve } from "node:path";
import { requireHonestSplit } from "../../../audit/honest.js";
import { fail } from "../../../core/errors.js";
import type { DataSet } from "../../../io/dataset.js";
import { parseJson } from "../../../io/json.js";
import { fingerprint, nodeFiles, openDataSet, writeText } from "../../../io/node.js";
import { peekVolumeFrom } from "../../../io/peek.js";
import { kFold } from "../../../io/split.js";
import { version } from "../../../version.js";
import { shearDegrees } from "../../../volume/affine.js";
import { canonicalGrid } from "../../../volume/orient.js";
import { describeGrids, isSimulated, subjectCount } from "../../dataset.node.js";
import { digestsOf } from "../../split.node.js";
import type { TrainRequest } from "../../verbs.js";
import type { NnunetPreset } from "./config.js";
import { type Experiment, experimentSchema, type Splits, splitSeed, splitsSchema } from "./experiment.js";
import { measureDataSet, type WorkOptions } from "./facts.node.js";
import { makeFolder } from "./folders.node.js";
import { experimentPaths } from "./layout.js";
import { formatPlan, type Plan, parsePlan } from "./plan.js";
import { planDataSet } from "./planner.js";
import { plannerRules } from "./rules.js";
import { requirePlanOf } from "./same-labels.js";
import { shearWarnings } from "./shear.js";

/** An experiment folder with its data set at hand. */
export interface OpenExperiment {
  readonly dir: string;
  readonly record: Experiment;
  readonly plan: Plan;
  readonly splits: Splits;
  /** Labelled cases only. */
  readonly dataset: DataSet;
}

type Request = Pick<TrainRequest, "dataDir" | "dataset" | "runDir" | "folds">;

/**
 * Open an experiment folder, or make it: the data set is measured, planned and dealt into folds once; whatever
 * configuration and fold is trained later finds the same. A `plan.json` that lies there already is used as it is.
 *
 * Throws `bad-argument` where the folder was made from other data, with other labels or folds or by other rules, or where
 * there are fewer subjects than folds, `exists` for a folder with other things in it, and what is wrong with the data.
 */
export async function openExperiment(
  system: string,
  request: Request,
  preset: NnunetPreset,
  work: WorkOptions,
): Promise<OpenExperiment> {
  const { runDir: dir } = request;
  const dataset = await openLabelled(request);
  const known = await requireExperiment(dir);
  const { sha256 } = await fingerprint(dataset);
  if (known) return reopen(dir, request, preset, dataset, sha256);
  await makeFolder(dir);
  const folds = request.folds ?? Math.min(5, subjectCount(dataset.cases));
  const images = await imagesOf(dataset);
  const splits: Splits = { ...dealt(dataset, folds), images };
  requireHonestFolds(splits, images, request.dataDir);
  const given = await givenPlan(dir);
  if (given !== undefined) requirePlanOf(given, dataset, experimentPaths.plan(dir));
  const plan = given ?? (await makePlan(dir, dataset, preset, work));
  const grids = await Promise.all(
    dataset.cases.map(async ({ images }) => canonicalGrid(await peekVolumeFrom(nodeFiles, images[0]!))),
  );
  const sheared = grids.map(({ affine }, at) => ({
    id: dataset.cases[at]!.id,
    shearDegrees: shearDegrees(affine),
  }));
  const record: Experiment = {
    format: "gyrus nnunet experiment",
    version: 1,
    gyrus: version,
    system,
    created: new Date().toISOString(),
    folds,
    splitSeed,
    ...(given === undefined ? { asked: { rules: preset.rules, memoryGb: preset.memoryGb } } : {}),
    data: {
      root: resolve(request.dataDir),
      options: JSON.parse(JSON.stringify(request.dataset ?? {})) as Experiment["data"]["options"],
      kind: dataset.kind,
      name: dataset.name,
      cases: dataset.cases.length,
      subjects: subjectCount(dataset.cases),
      stack: dataset.stack,
      sha256,
      ...describeGrids(grids),
      simulated: await isSimulated(request.dataDir),
    },
    notes: [...subjectNotes(dataset), ...shearWarnings(sheared)],
  };
  await writeText(experimentPaths.splits(dir), `${JSON.stringify(splits, null, 2)}\n`);
  // Written last: a folder that has it has all the rest.
  await writeText(experimentPaths.record(dir), `${JSON.stringify(record, null, 2)}\n`);
  return { dir, record, plan, splits, dataset };
}

async function openLabelled({ dataDir, dataset: options }: Request): Promise<DataSet> {
  const dataset = await openDataSet(dataDir, options);
  const cases = dataset.cases.filter(({ label }) => label !== undefined);
  if (dataset.labels.length === 0 || cases.length === 0)
    fail("bad-data", {
      what: "the data set has no labels to learn",
      where: dataDir,
      fix: "Name the labels with --labels, or the derivative that holds them with --derivative",
    });
  const classes = dataset.labels.length + 1 + (dataset.ignoredClass === undefined ? 0 : 1);
  if (classes > 256)
    fail("unsupported", {
      what: "there are more labels than a segmenting network can have",
      where: dataDir,
      expected: "at most 255 labels beside the background",
      found: `${classes - 1}`,
      fix: "Merge labels, or train on a part of them",
    });
  return { ...dataset, cases };
}

/** Whether the folder is an experiment; throws `exists` where it is something else. */
async function requireExperiment(dir: string): Promise<boolean> {
  const names = ((await nodeFiles.list(dir)) ?? []).map(({ name }) => name);
  const own = ["experiment.json", "fingerprint.json", "plan.json", "splits.json", "prepared"];
  if (names.includes("experiment.json")) return true;
  const strange = names.filter((name) => !own.includes(name));
  if (strange.length > 0)
    fail("exists", {
      what: "the folder holds something else already",
      where: dir,
      expected: "an experiment of gyrus train nnunet, or nothing",
      found: strange.slice(0, 5).join(", "),
      fix: "Give another --out",
    });
  return false;
}

/** A plan that somebody put into the folder before; one beside a fingerprint is of a making that was killed. */
async function givenPlan(dir: string): Promise<Plan | undefined> {
  const path = experimentPaths.plan(dir);
  const names = ((await nodeFiles.list(dir)) ?? []).map(({ name }) => name);
  const there = names.includes("plan.json") && !names.includes("fingerprint.json");
  return there ? parsePlan(new TextDecoder().decode(await nodeFiles.read(path)), path) : undefined;
}

async function makePlan(
  dir: string,
  dataset: DataSet,
  { rules, memoryGb }: NnunetPreset,
  work: WorkOptions,
): Promise<Plan> {
  const path = experimentPaths.plan(dir);
  const { fingerprint: facts } = await measureDataSet(dataset, work);
  const plan = planDataSet(facts, dataset, { rules, ...(memoryGb === null ? {} : { memoryGb }) });
  await writeText(experimentPaths.fingerprint(dir), `${JSON.stringify(facts, null, 2)}\n`);
  await writeText(path, formatPlan(plan));
  return plan;
}

async function reopen(
  dir: string,
  { folds, dataDir }: Request,
  { rules, memoryGb }: NnunetPreset,
  dataset: DataSet,
  sha256: string,
): Promise<OpenExperiment> {
  const read = async (path: string): Promise<string> => new TextDecoder().decode(await nodeFiles.read(path));
  const paths = { record: experimentPaths.record(dir), splits: experimentPaths.splits(dir) };
  const record = parseJson(experimentSchema, await read(paths.record), paths.record);
  const splits = parseJson(splitsSchema, await read(paths.splits), paths.splits);
  const path = experimentPaths.plan(dir);
  const plan = parsePlan(await read(path), path);
  const differ = (what: string, expected: string, found: string): never =>
    fail("bad-argument", {
      what: `the experiment was begun with ${what}`,
      where: dir,
      expected,
      found,
      fix: "Go on with what it was begun with, or start another experiment with another --out",
    });
  if (record.data.sha256 !== sha256)
    differ("another content of the data set", record.data.root, resolve(dataDir));
  if (folds !== undefined && folds !== record.folds)
    differ("another number of folds", `${record.folds}`, `${folds}`);
  const words = (asked: Pick<NnunetPreset, "rules" | "memoryGb">): string =>
    `${asked.rules} rules for ${asked.memoryGb ?? plannerRules[asked.rules].budget.gigabytes} GB`;
  const { asked } = record;
  if (asked !== undefined && words(asked) !== words({ rules, memoryGb }))
    differ(
      "another plan",
      words(asked),
      `${words({ rules, memoryGb })}, which this preset or --memory asks for`,
    );
  requirePlanOf(plan, dataset, path);
  return { dir, record, plan, splits, dataset };
}

function dealt(dataset: DataSet, folds: number): Splits {
  const splits = kFold(dataset, folds, splitSeed);
  return {
    by: dataset.stack ? "block" : "subject",
    seed: splitSeed,
    folds: splits.map(({ train, validation, subjects }) => ({
      train: [...train],
      validation: [...validation],
      subjects: { train: [...subjects.train], validation: [...subjects.validation] },
    })),
  };
}

/** SHA-256 of the images of every case. */
async function imagesOf({ cases }: DataSet): Promise<Record<string, string[]>> {
  const images: Record<string, string[]> = {};
  for (const one of cases) images[one.id] = await digestsOf(one.images);
  return images;
}

/** Throws `bad-data` where one image lies in two folds under two names: it would be learnt from and judged by. */
function requireHonestFolds(
  { folds }: Splits,
  images: Readonly<Record<string, string[]>>,
  where: string,
): void {
  const digests = new Map(Object.entries(images).map(([id, all]) => [id, all.join(" ")]));
  for (const { train, validation, subjects } of folds) {
    const split = { train, validation, test: [], subjects: { ...subjects, test: [] } };
    requireHonestSplit(split, { leakageStudy: false, where, digests, fix: "Remove one of each two" });
  }
}

/** What a person should know of how subjects are told apart. */
function subjectNotes({ kind, cases, name }: DataSet): string[] {
  if (kind !== "msd" || subjectCount(cases) !== cases.length) return [];
  const sides = /hippocampus/i.test(name)
    ? " Of the Decathlon's hippocampi two cases each, the left and the right side, are of one person, and which belong together was never published: folds by case put some people on both sides, in the published scores as well."
    : "";
  return [
    `This kind of data set does not say which cases are of one person: every case counts as a person of its own.${sides}`,
  ];
}
