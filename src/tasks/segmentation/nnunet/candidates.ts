import { voxelCount } from "../../../volume/volume.js";
import type { Candidate } from "./best.js";
import type { Opinion } from "./ensemble.js";
import type { ConfigurationName } from "./plan.js";
import type { Postprocessing } from "./postprocess.js";
import { nameClasses } from "./predictor-words.js";
import { restoreProbabilities } from "./restore.js";
import { foregroundMean, type Target, targetMeans } from "./scores.js";

/** Dice of every target of every case. */
export type DiceTable = readonly (readonly (number | null)[])[];

/** Every configuration alone, and every two of them together (v2, `find_best_configuration`). */
export function candidateEnsembles(names: readonly ConfigurationName[]): ConfigurationName[][] {
  const pairs = names.flatMap((one, at) => names.slice(at + 1).map((other) => [one, other]));
  return [...names.map((name) => [name]), ...pairs];
}

/** Candidates best first; of equals the one with fewer networks. */
export function rankCandidates(
  ensembles: readonly (readonly ConfigurationName[])[],
  tables: readonly DiceTable[],
  targets: readonly Target[],
): Candidate[] {
  return ensembles
    .map((ensemble, at) => candidateOf(ensemble, tables[at]!, targets))
    .sort((a, b) => b.meanForegroundDice - a.meanForegroundDice || a.ensemble.length - b.ensemble.length);
}

/** The scores of one candidate; one whose targets are nowhere has 0. */
export function candidateOf(
  ensemble: readonly ConfigurationName[],
  table: DiceTable,
  targets: readonly Target[],
): Candidate {
  const means = targetMeans(table);
  return {
    ensemble: [...ensemble],
    meanForegroundDice: foregroundMean(means) ?? 0,
    labels: Object.fromEntries(targets.map(({ name }, at) => [name, means[at] ?? null])),
  };
}

/** Less than this is rounding, not a difference. */
const leastGain = 1e-9;

/** What a step of post-processing was found to do. */
export interface Verdict {
  readonly kept: boolean;
  readonly reason: string;
  /** Of the mean over targets, or of the step's own target. */
  readonly before: number;
  readonly after: number;
}

/**
 * Whether a step stays: the mean over all targets, or the Dice of `own` target where one is given, must rise, and no
 * target may fall.
 */
export function judgeStep(
  without: DiceTable,
  withStep: DiceTable,
  targets: readonly Target[],
  own?: number,
): Verdict {
  const [a, b] = [targetMeans(without), targetMeans(withStep)];
  const pick = (means: readonly (number | null)[]): number =>
    (own === undefined ? foregroundMean(means) : (means[own] ?? null)) ?? 0;
  const [before, after] = [pick(a), pick(b)];
  const worse = targets.findIndex((_, at) => (b[at] ?? 0) < (a[at] ?? 0) - leastGain);
  const measured = own === undefined ? "the mean Dice" : `the Dice of ${targets[own]!.name}`;
  const numbers = `${before.toFixed(4)} to ${after.toFixed(4)}`;
  if (after <= before + leastGain)
    return { kept: false, reason: `${measured} would not rise (${numbers})`, before, after };
  if (worse >= 0) return { kept: false, reason: `${targets[worse]!.name} would lose by it`, before, after };
  return { kept: true, reason: `${measured} rises from ${numbers}`, before, after };
}

/** The choice in a sentence. */
export function choiceWords(
  candidates: readonly Candidate[],
  folds: readonly number[],
  cases: number,
  classes: readonly string[],
  steps: Postprocessing,
  after: number,
): string {
  const [first, ...others] = candidates;
  const named = ({ ensemble, meanForegroundDice }: Candidate): string =>
    `${ensemble.join(" + ")} ${meanForegroundDice.toFixed(4)}`;
  const where = `in cross-validation, over ${cases} cases of ${folds.length} fold${folds.length === 1 ? "" : "s"}`;
  const chosen = first!.ensemble.join(" and ");
  const begin =
    others.length === 0
      ? `${chosen} is the only configuration that is trained: mean foreground Dice ${first!.meanForegroundDice.toFixed(4)} ${where}`
      : `${chosen}${first!.ensemble.length > 1 ? " together have" : " has"} the highest mean foreground Dice ${where}: ${first!.meanForegroundDice.toFixed(4)} (${others.map(named).join(", ")})`;
  if (steps.length === 0) return `${begin}; no post-processing improves it.`;
  const kept = steps.map(({ keepLargest }) => nameClasses(classes, keepLargest)).join("; then of ");
  return `${begin}; keeping the largest piece of ${kept} raises it to ${after.toFixed(4)}.`;
}

/** Numbers that maps of several configurations may take while each is put on the scan's voxels once. */
const mostNumbers = 2 ** 28;

/** The most bytes that `restoredOnce` takes for configurations with so many numbers on the scan's voxels together. */
export function bytesRestored(configurations: number, numbers: number): number {
  return configurations === 1 ? 0 : 4 * Math.min(numbers, mostNumbers);
}

/**
 * Opinions on the scan's own voxels, so that they are resampled once for all candidates; as they are where that would
 * take more than a gibibyte.
 */
export function restoredOnce(
  opinions: ReadonlyMap<ConfigurationName, Opinion>,
): Map<ConfigurationName, Opinion> {
  const [first] = opinions.values();
  const outputs = first!.probabilities.length / voxelCount(first!.geometry.resizing.to);
  const numbers = opinions.size * outputs * voxelCount(first!.geometry.resizing.from);
  if (opinions.size === 1 || numbers > mostNumbers) return new Map(opinions);
  return new Map(
    [...opinions].map(([name, { probabilities, geometry, plan }]) => {
      const { from, fromMm } = geometry.resizing;
      const still = { ...geometry, resizing: { from, to: from, fromMm, toMm: fromMm } };
      return [
        name,
        { probabilities: restoreProbabilities(probabilities, geometry, plan), geometry: still, plan },
      ];
    }),
  );
}
