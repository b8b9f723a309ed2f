import type { ConfigurationName } from "./plan.js";

/** Name of the record that makes a folder an experiment. */
export const experimentFile = "experiment.json";

/**
 * Where things are in an experiment folder: what is measured and planned once, prepared cases, and for every
 * configuration one ordinary run folder a fold. Who trains writes all of it; who predicts, ensembles and chooses only
 * reads it, and writes beside it.
 */
export const experimentPaths = {
  /** The data set, the seed of the folds, how many there are: `Experiment`. */
  record: (dir: string) => `${dir}/${experimentFile}`,
  fingerprint: (dir: string) => `${dir}/fingerprint.json`,
  /** `Plan`, as `gyrus plan` writes it. It may be edited before the first fold is trained. */
  plan: (dir: string) => `${dir}/plan.json`,
  /** `Splits`: who is held out in which fold. */
  splits: (dir: string) => `${dir}/splits.json`,
  /** For `preparedFolder`: `prepared/<2d | 3d_lowres | 3d_fullres>/<case>.safetensors`. */
  prepared: (dir: string) => `${dir}/prepared`,
  /** All folds of a configuration. */
  configuration: (dir: string, name: ConfigurationName) => `${dir}/${name}`,
  /** The run folder of a fold: `paths` of `tasks/run-folder.node.ts` say what is in it. */
  fold: (dir: string, name: ConfigurationName, fold: number) => `${dir}/${name}/fold-${fold}`,
  /** Written when the last fold is done: scores of all cases, each by the network that never saw it. */
  crossValidation: (dir: string, name: ConfigurationName) => `${dir}/${name}/cross-validation.json`,
} as const;

/** What a fold's run folder holds beside what every run folder holds. */
export const foldPaths = {
  /** Outputs of the network for the cases that it was not trained on, a file a case. */
  heldOut: (run: string) => `${run}/validation`,
  /** `HeldOut`, as `held-out.ts` encodes it. */
  heldOutCase: (run: string, id: string) => `${run}/validation/${id}.safetensors`,
  /** Scores of these cases, an `EvaluateSummary`. It is written last: a fold that has it is done. */
  evaluation: (run: string) => `${run}/evaluation.json`,
} as const;
