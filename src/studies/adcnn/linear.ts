import { usualCosts } from "../../classify/costs.js";
import { predictSvm, trainSvm } from "../../classify/svm.js";
import { rng } from "../../core/rng.js";
import type { Judgement } from "../../metrics/classification/scores.js";
import type { ClassicConfig } from "../../tasks/classic/config.js";
import { fitClassic } from "../../tasks/classic/fit.js";
import { isPositive, partsOfFold, type Subject, subjectsOf, type Task, type TrialSetup } from "./data.js";
import { type Baseline, baselines, labelings, type SliceLabels } from "./plan.js";

/** What a linear classifier said, fold by fold. */
export interface LinearResult {
  readonly test: readonly (readonly Judgement[])[];
  readonly external: readonly (readonly Judgement[])[];
  readonly mild: readonly (readonly Judgement[])[];
}

const classifiers: Readonly<Record<Baseline, ClassicConfig["classifier"]>> = {
  svm: { kind: "svm", costs: [...usualCosts], folds: 10 },
  csf: { kind: "logistic", penalty: 1 },
  volumes: { kind: "logistic", penalty: 1 },
};

const featureOf = { svm: "grey", csf: "csf", volumes: "volumes" } as const;

/** Linear classifiers on the same training folds as the networks', C searched within them; each task for itself. */
export function runLinear(setup: TrialSetup): Record<Baseline, LinearResult> {
  const { subjects, external, split, extent, seed } = setup;
  const test = new Set(split.test);
  const folds = Array.from({ length: extent.folds }, (_, fold) => fold);
  const result = (baseline: Baseline): LinearResult => {
    const fitted = (task: Task, fold: number) => {
      const own = subjectsOf(subjects, task, partsOfFold(split, fold).training);
      return fitBaseline(baseline, own, seed, `${task}/${fold}`);
    };
    const pair = folds.map((fold) => fitted("pair", fold));
    return {
      test: pair.map((judge) => judge(subjectsOf(subjects, "pair", test))),
      external: pair.map((judge) => judge(external)),
      mild: folds.map((fold) => fitted("mild", fold)(subjectsOf(subjects, "mild", test))),
    };
  };
  return Object.fromEntries(baselines.map((name) => [name, result(name)])) as Record<Baseline, LinearResult>;
}

function fitBaseline(
  baseline: Baseline,
  own: readonly Subject[],
  seed: number,
  name: string,
): (subjects: readonly Subject[]) => Judgement[] {
  const of = featureOf[baseline];
  const { classifier } = fitClassic(
    {
      features: own.map((one) => one[of]),
      positive: own.map(({ group }) => isPositive(group)),
      subjects: own.map(({ id }) => id),
    },
    // The rest of a configuration is about reading images.
    { classifier: classifiers[baseline] } as ClassicConfig,
    rng(seed).split("linear", baseline, name),
  );
  const probability = (features: Float32Array): number => {
    let sum = classifier.bias;
    for (let a = 0; a < features.length; a++) sum += classifier.weights[a]! * features[a]!;
    return 1 / (1 + Math.exp(-sum));
  };
  return (subjects) =>
    subjects.map((one) => ({
      subject: one.id,
      positive: isPositive(one.group),
      probability: probability(one[of]),
    }));
}

/** Balanced accuracies of the same data and labels, reported and honest, one for every draw. */
export interface Inflation {
  readonly reported: readonly number[];
  readonly honest: readonly number[];
  /** Of the last draw: who was in each fold, and on whom voxels were selected, before the split and fold by fold. */
  readonly given: {
    readonly folds: readonly (readonly string[])[];
    readonly late: readonly string[];
    readonly within: readonly (readonly string[])[];
  };
}

/** Voxels that are selected, and folds of the cross-validation that follows. */
export const selected = 50;
const selectionFolds = 5;

/**
 * Late split: the voxels that differ most between the classes are selected on all subjects, who are then split for
 * cross-validation of a linear machine; beside it the same, selected within the training folds.
 */
export function runSelection(setup: TrialSetup): Record<SliceLabels, Inflation> {
  const { subjects, split, extent, seed } = setup;
  const own = subjectsOf(subjects, "pair", new Set(split.folds.flat()));
  const features = own.map(({ grey }) => grey);
  const everybody = own.map((_, at) => at);
  const ids = (places: readonly number[]): string[] => places.map((at) => own[at]!.id);
  const found = {} as Record<SliceLabels, Inflation>;
  for (const labels of labelings) {
    const [reported, honest]: [number[], number[]] = [[], []];
    let given: Inflation["given"] = { folds: [], late: [], within: [] };
    for (let draw = 0; draw < extent.draws; draw++) {
      const draws = rng(seed).split("selection", labels, draw);
      const truth = labelsFor(own, labels, draws);
      const fold = dealt(truth, selectionFolds, draws);
      const select = (places: readonly number[]): number[] =>
        mostDifferent(
          places.map((at) => features[at]!),
          places.map((at) => truth[at]!),
          selected,
        );
      const late = select(everybody);
      const within: string[][] = [];
      const score = (voxelsOf: (training: readonly number[]) => readonly number[]): number =>
        crossValidated(features, truth, fold, voxelsOf);
      reported.push(score(() => late));
      honest.push(
        score((training) => {
          within.push(ids(training));
          return select(training);
        }),
      );
      const folds = Array.from({ length: selectionFolds }, (_, held) =>
        ids(everybody.filter((at) => fold[at] === held)),
      );
      given = { folds, late: ids(everybody), within };
    }
    found[labels] = { reported, honest, given };
  }
  return found;
}

function crossValidated(
  features: readonly Float32Array[],
  truth: readonly boolean[],
  fold: readonly number[],
  voxelsOf: (training: readonly number[]) => readonly number[],
): number {
  const called = new Array<boolean>(truth.length);
  for (let held = 0; held < selectionFolds; held++) {
    const training = truth.flatMap((_, at) => (fold[at] === held ? [] : [at]));
    const voxels = voxelsOf(training);
    const machine = trainSvm(
      training.map((at) => pick(features[at]!, voxels)),
      training.map((at) => truth[at]!),
      { cost: 1 },
    );
    truth.forEach((_, at) => {
      if (fold[at] === held) called[at] = predictSvm(machine, pick(features[at]!, voxels)) > 0;
    });
  }
  return rightly(called, truth);
}

/** What the best of so many looks came to on the reported set, and the same machine on the independent test set. */
export interface LooksResult {
  /** Numbers of looks. */
  readonly looks: readonly number[];
  /** By draw, then by number of looks. */
  readonly reported: readonly (readonly number[])[];
  readonly independent: readonly (readonly number[])[];
  /** Of the last draw: who was trained on, on whom the setting was chosen, and who had no say. */
  readonly given: Readonly<Record<"training" | "reported" | "independent", readonly string[]>>;
}

/** Voxels that a setting looks at. */
const voxelsOfSetting = 40;

/**
 * No independent test set: settings (which voxels, which C) are drawn at random, and the one that is best on the reported
 * set is reported. Beside it the same setting on the test set, which had no say.
 */
export function runLooks(setup: TrialSetup): Record<SliceLabels, LooksResult> {
  const { subjects, split, extent, seed } = setup;
  const own = subjectsOf(subjects, "pair", new Set(split.folds.flat()));
  const test = subjectsOf(subjects, "pair", new Set(split.test));
  const brain = brainVoxels(own.map(({ grey }) => grey));
  const looks = [1, 2, 5, 10, 20, 50, 100, 200].filter((n) => n <= extent.looks);
  const found = {} as Record<SliceLabels, LooksResult>;
  for (const labels of labelings) {
    const [reported, independent]: [number[][], number[][]] = [[], []];
    let given: LooksResult["given"] = { training: [], reported: [], independent: [] };
    for (let draw = 0; draw < extent.draws; draw++) {
      const draws = rng(seed).split("looks", labels, draw);
      const truth = labelsFor(own, labels, draws);
      const third = dealt(truth, 3, draws);
      const training = truth.flatMap((_, at) => (third[at] === 0 ? [] : [at]));
      const held = truth.flatMap((_, at) => (third[at] === 0 ? [at] : []));
      const settings = Array.from({ length: looks.at(-1)! }, (_, look) => {
        const setting = draws.split("setting", look);
        const voxels = Array.from({ length: voxelsOfSetting }, () => brain[setting.integer(brain.length)]!);
        const machine = trainSvm(
          training.map((at) => pick(own[at]!.grey, voxels)),
          training.map((at) => truth[at]!),
          { cost: usualCosts[setting.integer(usualCosts.length)]! },
        );
        const score = (people: readonly Subject[], positive: readonly boolean[]): number =>
          rightly(
            people.map(({ grey }) => predictSvm(machine, pick(grey, voxels)) > 0),
            positive,
          );
        return {
          reported: score(
            held.map((at) => own[at]!),
            held.map((at) => truth[at]!),
          ),
          independent: score(
            test,
            test.map(({ group }) => isPositive(group)),
          ),
        };
      });
      const bests = looks.map((n) =>
        settings.slice(0, n).reduce((best, one) => (one.reported > best.reported ? one : best)),
      );
      reported.push(bests.map((one) => one.reported));
      independent.push(bests.map((one) => one.independent));
      given = {
        training: training.map((at) => own[at]!.id),
        reported: held.map((at) => own[at]!.id),
        independent: test.map(({ id }) => id),
      };
    }
    found[labels] = { looks, reported, independent, given };
  }
  return found;
}

type Draws = ReturnType<typeof rng>;

function labelsFor(own: readonly Subject[], labels: SliceLabels, draws: Draws): boolean[] {
  const truth = own.map(({ group }) => isPositive(group));
  return labels === "true" ? truth : draws.split("labels").shuffle(truth);
}

/** A fold for everybody, class by class. */
function dealt(truth: readonly boolean[], folds: number, draws: Draws): number[] {
  const fold = new Array<number>(truth.length);
  for (const positive of [true, false]) {
    const own = truth.flatMap((one, at) => (one === positive ? [at] : []));
    draws
      .split("folds", positive ? 1 : 0)
      .shuffle(own)
      .forEach((at, n) => {
        fold[at] = n % folds;
      });
  }
  return fold;
}

const pick = (row: Float32Array, voxels: readonly number[]): Float32Array =>
  Float32Array.from(voxels, (v) => row[v]!);

function rightly(called: readonly boolean[], truth: readonly boolean[]): number {
  const rate = (positive: boolean): number => {
    const own = truth.flatMap((one, at) => (one === positive ? [at] : []));
    return own.filter((at) => called[at] === positive).length / own.length;
  };
  return (rate(true) + rate(false)) / 2;
}

/** Voxels with some grey matter on average. */
function brainVoxels(features: readonly Float32Array[]): number[] {
  const mean = new Float32Array(features[0]!.length);
  for (const row of features)
    for (let v = 0; v < mean.length; v++) mean[v] = mean[v]! + row[v]! / features.length;
  const voxels: number[] = [];
  for (let v = 0; v < mean.length; v++) if (mean[v]! > 0.05) voxels.push(v);
  return voxels;
}

/** The voxels of the largest |t| between the classes, among those with some grey matter. */
function mostDifferent(
  features: readonly Float32Array[],
  truth: readonly boolean[],
  count: number,
): number[] {
  const voxels = brainVoxels(features);
  const scores = new Float64Array(voxels.length);
  const sums = [0, 1].map(() => ({ n: 0, mean: new Float64Array(voxels.length) }));
  features.forEach((row, at) => {
    const own = sums[truth[at] ? 1 : 0]!;
    own.n++;
    for (let n = 0; n < voxels.length; n++) own.mean[n] = own.mean[n]! + row[voxels[n]!]!;
  });
  for (const own of sums) for (let n = 0; n < voxels.length; n++) own.mean[n] = own.mean[n]! / own.n;
  const within = new Float64Array(voxels.length);
  features.forEach((row, at) => {
    const { mean } = sums[truth[at] ? 1 : 0]!;
    for (let n = 0; n < voxels.length; n++) within[n] = within[n]! + (row[voxels[n]!]! - mean[n]!) ** 2;
  });
  for (let n = 0; n < voxels.length; n++)
    scores[n] = Math.abs(sums[1]!.mean[n]! - sums[0]!.mean[n]!) / Math.sqrt(within[n]! + 1e-9);
  return voxels
    .map((voxel, n) => ({ voxel, score: scores[n]! }))
    .sort((a, b) => b.score - a.score || a.voxel - b.voxel)
    .slice(0, count)
    .map(({ voxel }) => voxel);
}
