import type { Part, StudySize } from "../study.js";

/** One of the six tasks of the lecture's table: mean and standard deviation over folds. */
export interface Task {
  /** The negative class first, as in the paper's code. */
  readonly classes: readonly [Stage, Stage];
  readonly auc: Readonly<Record<NetworkName, readonly [mean: number, sd: number]>>;
  readonly accuracy: Readonly<Record<NetworkName, readonly [mean: number, sd: number]>>;
}

export const stages = ["CN", "EMCI", "LMCI", "AD"] as const;
export type Stage = (typeof stages)[number];
export type NetworkName = "voxcnn" | "resnet";
export const networkNames: readonly NetworkName[] = ["voxcnn", "resnet"];

const task = (
  negative: Stage,
  positive: Stage,
  [cnnAuc, cnnAccuracy, resAuc, resAccuracy]: readonly (readonly [number, number])[],
): Task => ({
  classes: [negative, positive],
  auc: { voxcnn: cnnAuc!, resnet: resAuc! },
  accuracy: { voxcnn: cnnAccuracy!, resnet: resAccuracy! },
});

/** Korolev et al. 2017, table 2: AUC and accuracy of VoxCNN, then of ResNet. */
export const tasks: readonly Task[] = [
  task("CN", "AD", [
    [0.88, 0.08],
    [0.79, 0.08],
    [0.87, 0.07],
    [0.8, 0.07],
  ]),
  task("EMCI", "AD", [
    [0.66, 0.11],
    [0.64, 0.07],
    [0.67, 0.13],
    [0.63, 0.09],
  ]),
  task("LMCI", "AD", [
    [0.61, 0.12],
    [0.62, 0.08],
    [0.62, 0.15],
    [0.59, 0.11],
  ]),
  task("CN", "LMCI", [
    [0.67, 0.13],
    [0.63, 0.1],
    [0.65, 0.11],
    [0.61, 0.1],
  ]),
  task("EMCI", "LMCI", [
    [0.47, 0.09],
    [0.56, 0.11],
    [0.52, 0.11],
    [0.52, 0.09],
  ]),
  task("CN", "EMCI", [
    [0.57, 0.12],
    [0.54, 0.09],
    [0.58, 0.09],
    [0.56, 0.07],
  ]),
];

/** The paper's cohort: one image a subject. */
export const cohort: Readonly<Record<Stage, number>> = { CN: 61, EMCI: 77, LMCI: 43, AD: 50 };

/** He et al.'s networks of 6n + 2 layers. */
export const depths = [20, 56] as const;
export const kinds = ["plain", "residual"] as const;
export type Kind = (typeof kinds)[number];

/** Held-out people with dementia whose images are covered, in every fold of the first repetition. */
export const coveredPerFold = 2;

/** How much is computed. */
export interface Extent {
  /** Share of the paper's cohort. */
  readonly share: number;
  readonly folds: number;
  /** Times that all folds are drawn anew. */
  readonly repeats: number;
  readonly epochs: number;
  /** Degradation: trainings of each network, and their steps. */
  readonly deepRepeats: number;
  readonly deepSteps: number;
  /** Patches of each structure that these are trained on. */
  readonly deepPatches: number;
}

/** Processor seconds on the machine this was made on: a head, an epoch of a task's training, a step of a deep network by layers. */
const cost = { head: 0.7, epoch: 1.4, deepStep: 0.0035 };
export const fullEpochs = 20;
const fullDeepSteps = 500;

/** What fits into so many minutes on two cores: the paper's cohort and folds, repeated where there is time. */
export function extentFor(minutes: number): Extent {
  const seconds = 0.85 * 2 * 60 * minutes;
  const share = Math.max(0.2, Math.min(1, minutes / 10));
  const people = Object.values(cohort).reduce((a, b) => a + b, 0) * share;
  const layers = depths.reduce((sum, depth) => sum + 2 * depth, 0);
  const deepSteps = Math.max(20, Math.round(fullDeepSteps * Math.min(1, minutes / 20)));
  const deepRepeats = minutes >= 20 ? 3 : 1;
  const left = seconds - cost.head * people - deepRepeats * cost.deepStep * layers * deepSteps;
  const folds = minutes >= 5 ? 5 : 2;
  const round = 2 * tasks.length * folds * cost.epoch * share;
  const repeats = Math.max(1, Math.min(5, Math.floor(left / (round * fullEpochs))));
  const epochs = Math.max(2, Math.min(fullEpochs, Math.floor(left / (round * repeats))));
  return { share, folds, repeats, epochs, deepRepeats, deepSteps, deepPatches: 40 };
}

/** A training of a task. */
export interface FoldTrial {
  readonly kind: "fold";
  readonly network: NetworkName;
  readonly classes: readonly [Stage, Stage];
  readonly repeat: number;
  readonly fold: number;
}

/** A training of a deep network on patches. */
export interface DeepTrial {
  readonly kind: "deep";
  readonly shortcuts: Kind;
  readonly layers: number;
  readonly repeat: number;
}

export type Trial = FoldTrial | DeepTrial;

export const foldId = ({ network, classes, repeat, fold }: Omit<FoldTrial, "kind">): string =>
  `${network}-${classes.join("-").toLowerCase()}-${repeat + 1}-${fold}`;
export const deepId = ({ shortcuts, layers, repeat }: Omit<DeepTrial, "kind">): string =>
  `${shortcuts}-${layers}-${repeat + 1}`;

/** Every training, the deep ones first as they take longest. */
export function trialsOf({ folds, repeats, deepRepeats }: Extent): ReadonlyMap<string, Trial> {
  const count = (n: number): number[] => Array.from({ length: n }, (_, at) => at);
  const deep = count(deepRepeats).flatMap((repeat) =>
    [...depths]
      .reverse()
      .flatMap((layers) =>
        kinds.map((shortcuts): DeepTrial => ({ kind: "deep", shortcuts, layers, repeat })),
      ),
  );
  const each = count(repeats).flatMap((repeat) =>
    count(folds).flatMap((fold) =>
      tasks.flatMap(({ classes }) =>
        networkNames.map((network): FoldTrial => ({ kind: "fold", network, classes, repeat, fold })),
      ),
    ),
  );
  return new Map([
    ...deep.map((one): [string, Trial] => [deepId(one), one]),
    ...each.map((one): [string, Trial] => [foldId(one), one]),
  ]);
}

export function partsOf(extent: Extent): Part[] {
  return [...trialsOf(extent)].map(([id, trial]): Part => {
    if (trial.kind === "deep")
      return {
        id,
        what: `${trial.shortcuts} network of ${trial.layers} layers, repetition ${trial.repeat + 1}`,
        cost: cost.deepStep * trial.layers * extent.deepSteps,
      };
    const { network, classes, repeat, fold } = trial;
    return {
      id,
      what: `${network}, ${classes[1]} against ${classes[0]}, repetition ${repeat + 1}, fold ${fold}`,
      cost: cost.epoch * extent.epochs * extent.share,
    };
  });
}

export function openingCost({ share }: Extent): number {
  return cost.head * share * Object.values(cohort).reduce((a, b) => a + b, 0);
}

/** How many of each stage are simulated; enough for two in every fold. */
export function groupsOf({ share, folds }: Extent): Record<Stage, number> {
  return Object.fromEntries(
    stages.map((stage) => [stage, Math.max(2 * folds, Math.round(cohort[stage] * share))]),
  ) as Record<Stage, number>;
}

/** All that decides the results, for the record and the report. */
export function configurationOf(extent: Extent, { seed }: StudySize): Record<string, unknown> {
  return {
    ...extent,
    seed,
    coveredPerFold,
    cohort: groupsOf(extent),
    tasks: tasks.map(({ classes }) => classes),
    depths,
  };
}
