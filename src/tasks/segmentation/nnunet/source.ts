import { fail } from "../../../core/errors.js";
import { baseName, type FileSystem, folderOf, joinPath } from "../../../io/files.js";
import { parseJson } from "../../../io/json.js";
import { version } from "../../../version.js";
import { type Best, parseBest } from "./best.js";
import { experimentSchema } from "./experiment.js";
import { experimentFile, experimentPaths } from "./layout.js";
import { commonModel, readModelRecord } from "./model-files.js";
import type { ConfigurationName } from "./plan.js";
import { labelsOf, type PredictorPlan, parsePredictor, predictorFile, previousOf } from "./predictor.js";
import { explainPredictor } from "./predictor-words.js";

/** A predictor that is not open yet: what it does, and where the weights of every stage lie. */
export interface PredictorSource {
  /** In it `files` are paths that can be read. */
  readonly plan: PredictorPlan;
  /** Folds that the experiment has and this predictor has not, in words; empty where all are there. */
  readonly notes: readonly string[];
}

const configurationNames: readonly ConfigurationName[] = [
  "2d",
  "3d_lowres",
  "3d_fullres",
  "3d_cascade_fullres",
];

/**
 * Find out what predicts: an exported predictor, an experiment (what `gyrus find-best` chose, or its only
 * configuration), all folds of a configuration, one fold's run folder, or one `.onnx` file. No weights are kept.
 *
 * Throws `not-found` where nothing is trained yet and `bad-argument` where there is a choice that nobody has made.
 */
export async function findPredictor(files: FileSystem, where: string): Promise<PredictorSource> {
  const path = where.replace(/(?<=.)[\\/]+$/, "");
  const entries = await files.list(path);
  if (entries === undefined) return ofModels(files, path, [path]);
  const has = (name: string): boolean => entries.some((entry) => entry.name === name);
  if (has(predictorFile)) return ofExport(files, path);
  if (has(experimentFile)) return ofExperiment(files, path);
  if (has("run.json")) return ofRun(files, path);
  if (entries.some(({ name, folder }) => folder && /^fold-\d+$/.test(name)))
    return ofConfiguration(files, path);
  return fail("not-found", {
    what: "this folder holds nothing that predicts",
    where: path,
    expected: "an experiment or a fold of gyrus train nnunet, or a folder of gyrus export",
    found:
      entries.length === 0
        ? "nothing"
        : entries
            .slice(0, 5)
            .map(({ name }) => name)
            .join(", "),
    fix: "Check the path",
  });
}

async function readText(files: FileSystem, path: string): Promise<string> {
  return new TextDecoder().decode(await files.read(path));
}

async function ofExport(files: FileSystem, dir: string): Promise<PredictorSource> {
  const path = joinPath(dir, predictorFile);
  const plan = parsePredictor(await readText(files, path), path);
  const there = new Set((await files.list(dir))!.map(({ name }) => name));
  const stages = { ...plan.stages };
  for (const [name, stage] of Object.entries(plan.stages)) {
    if (stage === undefined) continue;
    for (const file of stage.files)
      if (!there.has(file))
        fail("not-found", {
          what: "a network of the predictor is missing",
          where: joinPath(dir, file),
          expected: `all files that ${predictorFile} names`,
          fix: "Copy the folder again, whole, or export the experiment again",
        });
    stages[name as ConfigurationName] = { ...stage, files: stage.files.map((file) => joinPath(dir, file)) };
  }
  return { plan: { ...plan, stages }, notes: [] };
}

/** What is to be averaged, and with what done afterwards; without a record of it, plainly. */
type Choice = Pick<Best, "ensemble" | "postprocessing"> & Partial<Pick<Best, "crossValidation">>;

async function ofExperiment(files: FileSystem, dir: string): Promise<PredictorSource> {
  const record = experimentPaths.record(dir);
  const experiment = parseJson(experimentSchema, await readText(files, record), record);
  const trained = await trainedFolds(files, dir);
  const best = await readBest(files, dir);
  const choice: Choice = best ?? onlyChoice(dir, [...trained.keys()]);
  const { stages, notes } = await stagesOf(files, dir, choice.ensemble, trained, experiment.folds);
  const compared = new Set(best?.candidates.flatMap(({ ensemble }) => ensemble));
  const later = best === undefined ? [] : [...trained.keys()].filter((name) => !compared.has(name));
  const unseen = later.map((name) => `${name} is trained and was not compared: gyrus find-best ${dir} again`);
  return { plan: await planOf(stages, choice), notes: [...notes, ...unseen] };
}

function onlyChoice(dir: string, trained: readonly ConfigurationName[]): Choice {
  const [first, ...rest] = trained;
  if (first === undefined)
    return fail("not-found", {
      what: "no fold of this experiment has been trained to its end",
      where: dir,
      expected: "a model.onnx in one of its folds",
      fix: "Train one: gyrus train nnunet --help; a training that was interrupted goes on with --resume",
    });
  if (rest.length > 0)
    fail("bad-argument", {
      what: "several configurations are trained and none has been chosen",
      where: dir,
      expected: "best.json",
      found: trained.join(", "),
      fix: `Run gyrus find-best ${dir}, or name one of them: ${experimentPaths.configuration(dir, first)}`,
    });
  return { ensemble: [first], postprocessing: [] };
}

/** Folds with a model, for every configuration that has one. */
export async function trainedFolds(
  files: FileSystem,
  dir: string,
): Promise<Map<ConfigurationName, number[]>> {
  const found = new Map<ConfigurationName, number[]>();
  for (const name of configurationNames) {
    const folds: number[] = [];
    for (const entry of (await files.list(experimentPaths.configuration(dir, name))) ?? []) {
      const fold = /^fold-(\d+)$/.exec(entry.name)?.[1];
      if (fold === undefined || !entry.folder) continue;
      const inside = await files.list(experimentPaths.fold(dir, name, Number(fold)));
      if (inside?.some((file) => file.name === "model.onnx")) folds.push(Number(fold));
    }
    if (folds.length > 0)
      found.set(
        name,
        folds.sort((a, b) => a - b),
      );
  }
  return found;
}

/** `best.json` of an experiment; undefined where nothing was chosen yet. */
export async function readBest(files: FileSystem, dir: string): Promise<Best | undefined> {
  const path = joinPath(dir, "best.json");
  const there = (await files.list(dir))?.some(({ name }) => name === "best.json") ?? false;
  return there ? parseBest(await readText(files, path), path) : undefined;
}

async function stagesOf(
  files: FileSystem,
  dir: string,
  ensemble: readonly ConfigurationName[],
  trained: ReadonlyMap<ConfigurationName, readonly number[]>,
  folds: number,
): Promise<{ stages: PredictorPlan["stages"]; notes: string[] }> {
  const stages: PredictorPlan["stages"] = {};
  const notes: string[] = [];
  const add = async (name: ConfigurationName, wantedBy?: ConfigurationName): Promise<void> => {
    if (stages[name] !== undefined) return;
    const there = trained.get(name);
    if (there === undefined)
      return fail("not-found", {
        what:
          wantedBy === undefined
            ? `${name} was chosen and is not trained`
            : `${wantedBy} looks at ${name}, which is not trained`,
        where: experimentPaths.configuration(dir, name),
        fix:
          wantedBy === undefined ? `Train it, or choose anew: gyrus find-best ${dir}` : `Train ${name} first`,
      });
    if (there.length < folds)
      notes.push(`${name}: ${there.length} of ${folds} folds are trained; the prediction is theirs alone`);
    const paths = there.map((fold) => joinPath(experimentPaths.fold(dir, name, fold), "model.onnx"));
    const model = await commonModel(files, paths);
    stages[name] = { model, files: paths };
    const previous = previousOf(model);
    if (previous !== undefined) await add(previous, name);
  };
  for (const name of ensemble) await add(name);
  return { stages, notes };
}

async function ofConfiguration(files: FileSystem, dir: string): Promise<PredictorSource> {
  const name = baseName(dir) as ConfigurationName;
  const experiment = folderOf(dir);
  const trained = configurationNames.includes(name) ? await trainedFolds(files, experiment) : new Map();
  if (!trained.has(name))
    fail("not-found", {
      what: "no fold of this configuration has been trained to its end",
      where: dir,
      expected: "a model.onnx in one of its folds",
      fix: "Train one: gyrus train nnunet --help; a training that was interrupted goes on with --resume",
    });
  const choice: Choice = { ensemble: [name], postprocessing: [] };
  const { stages, notes } = await stagesOf(
    files,
    experiment,
    [name],
    trained,
    await foldsOf(files, experiment),
  );
  return { plan: await planOf(stages, choice), notes };
}

/** How many folds an experiment has; of one whose record is not there nobody knows that any are missing. */
async function foldsOf(files: FileSystem, dir: string): Promise<number> {
  const there = ((await files.list(dir)) ?? []).some(({ name }) => name === experimentFile);
  const record = experimentPaths.record(dir);
  return there ? parseJson(experimentSchema, await readText(files, record), record).folds : 0;
}

async function ofRun(files: FileSystem, dir: string): Promise<PredictorSource> {
  const file = joinPath(dir, "model.onnx");
  if (!((await files.list(dir)) ?? []).some(({ name }) => name === "model.onnx"))
    fail("not-found", {
      what: "the run has no model yet",
      where: file,
      fix: "Let the training end: gyrus train … --resume",
    });
  const model = await readModelRecord(files, file);
  const previous = previousOf(model);
  if (previous === undefined) return ofModels(files, dir, [file]);
  // A fold of a cascade looks at the same fold of the coarser stage, which has not seen its held-out cases either.
  const coarse = joinPath(folderOf(folderOf(dir)), previous, baseName(dir), "model.onnx");
  return ofModels(files, dir, [file], [coarse]);
}

/** Networks of one configuration, and those of the stage that it looks at. */
async function ofModels(
  files: FileSystem,
  where: string,
  paths: readonly string[],
  coarse: readonly string[] = [],
): Promise<PredictorSource> {
  const model = await commonModel(files, paths);
  const previous = previousOf(model);
  if (previous !== undefined && coarse.length === 0)
    fail("unsupported", {
      what: `this network looks at what ${previous} says, and that is not in the file`,
      where,
      fix: "Predict with the experiment's folder or with an export of it",
    });
  const stages: PredictorPlan["stages"] = { [model.configuration]: { model, files: [...paths] } };
  if (previous !== undefined)
    stages[previous] = { model: await commonModel(files, coarse), files: [...coarse] };
  return {
    plan: await planOf(stages, { ensemble: [model.configuration], postprocessing: [] }),
    notes: [],
  };
}

async function planOf(stages: PredictorPlan["stages"], choice: Choice): Promise<PredictorPlan> {
  const { model } = stages[choice.ensemble[0]!]!;
  const plan: Omit<PredictorPlan, "how"> = {
    format: "gyrus nnunet predictor",
    version: 1,
    gyrus: version,
    system: model.system,
    name: model.plan.dataset.name,
    channels: model.plan.channels.map(({ name }) => name),
    labels: labelsOf(model),
    stages,
    ensemble: [...choice.ensemble],
    postprocessing: choice.postprocessing,
    ...(choice.crossValidation === undefined ? {} : { crossValidation: choice.crossValidation }),
  };
  return { ...plan, how: explainPredictor(plan) };
}
