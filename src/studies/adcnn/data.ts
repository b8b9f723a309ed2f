import type { Balance } from "../../io/split-file.js";
import type { TrainingImage } from "../../tasks/classification/batches.js";
import type { ImageVolume } from "../../volume/volume.js";
import type { Configs, Extent, SliceData } from "./plan.js";

export const groups = ["CN", "AD", "sMCI", "pMCI"] as const;
export type Group = (typeof groups)[number];

/** The two tasks, the negative class first. */
export const pairs = { pair: ["CN", "AD"], mild: ["sMCI", "pMCI"] } as const;
export type Task = keyof typeof pairs;

/** A simulated person at the first visit: the image as networks see it, and what linear classifiers are given. */
export interface Subject {
  readonly id: string;
  readonly group: Group;
  readonly image: ImageVolume;
  /** Grey matter density of voxels, blurred. */
  readonly grey: Float32Array;
  /** Share of fluid in the brain, as intensities tell. */
  readonly csf: Float32Array;
  /** True regional volumes as shares of the intracranial one. */
  readonly volumes: Float32Array;
}

/** A head that is cut into slices, from below. */
export interface SlicedSubject {
  readonly id: string;
  readonly positive: boolean;
  /** As networks see them. */
  readonly slices: readonly ImageVolume[];
  /** As the audit sees them. */
  readonly originals: readonly ImageVolume[];
}

/** Who is where; drawn once, by subject, matched in age and sex. */
export interface CohortSplit {
  readonly test: readonly string[];
  readonly folds: readonly (readonly string[])[];
  readonly balance: readonly Balance[];
}

/** Everything that parts work on: shared by threads, never changed. */
export interface StudyData {
  readonly subjects: readonly Subject[];
  readonly external: readonly Subject[];
  readonly split: CohortSplit;
  readonly sliced: Readonly<Partial<Record<SliceData, readonly SlicedSubject[]>>>;
  /** Other people, cut in the same way, for the clean test of what was trained on simulated slices. */
  readonly clean: readonly SlicedSubject[];
}

export interface TrialSetup extends StudyData {
  readonly extent: Extent;
  readonly seed: number;
  readonly configs: Configs;
  /** One number that threads share: other than 0, trainings end at the next step with an error. */
  readonly stop: Int32Array;
}

/** The subjects of a task among some, as classification knows them. */
export function imagesOf(
  subjects: readonly Subject[],
  task: Task,
  among?: ReadonlySet<string>,
): TrainingImage[] {
  return subjectsOf(subjects, task, among).map(({ id, group, image }) => ({
    id,
    subject: id,
    label: isPositive(group) ? 1 : 0,
    image,
  }));
}

export function subjectsOf(subjects: readonly Subject[], task: Task, among?: ReadonlySet<string>): Subject[] {
  const classes: readonly Group[] = pairs[task];
  return subjects.filter(
    ({ id, group }) => classes.includes(group) && (among === undefined || among.has(id)),
  );
}

export const isPositive = (group: Group): boolean => group === "AD" || group === "pMCI";

/** The identifiers that are trained on and those that choose, of a fold; those of the test set are in neither. */
export function partsOfFold(
  { folds }: CohortSplit,
  fold: number,
): { readonly training: ReadonlySet<string>; readonly validation: ReadonlySet<string> } {
  return {
    training: new Set(folds.flatMap((ids, at) => (at === fold ? [] : ids))),
    validation: new Set(folds[fold]),
  };
}
