import { defaultStudy, drawStudy, type StudyOptions, simulateVisit } from "../../sim/alzheimer/cohort.js";
import { coarseStructures } from "../../sim/labels.js";
import type { ClassificationConfig } from "../../tasks/classification/config.js";
import { prepareImage } from "../../tasks/classification/prepare.js";
import { type Extent, groupsOf, type Stage } from "./plan.js";
import type { Subject } from "./trial.js";

export interface CohortSetup {
  readonly options: StudyOptions;
  readonly input: ClassificationConfig["input"];
}

/** One image a subject, skull-stripped and along the axes, as the paper's are. */
export function cohortOptions(extent: Extent, seed: number): StudyOptions {
  return {
    ...defaultStudy,
    seed,
    groups: groupsOf(extent),
    months: [0],
    missedVisits: 0,
    grid: 40,
    spacingMm: 3.8,
    brainOnly: true,
    turned: false,
  };
}

/** What each thread does: the subject of a number, prepared. See `openPool`. */
export function start({ options, input }: CohortSetup): (index: number) => Subject {
  const people = drawStudy(options);
  const indexOf = (part: string): number[] =>
    coarseStructures.filter(({ name }) => name.startsWith(part)).map(({ index }) => index);
  const diseased = new Set([...indexOf("hippocampus"), ...indexOf("ventricles")]);
  return (at) => {
    const person = people[at]!;
    const { t1, labels } = simulateVisit(options, person, 0);
    return {
      id: person.id,
      stage: person.patient.course.diagnosis as Stage,
      image: prepareImage(t1, input, person.id),
      sites: Uint8Array.from(labels.data, (value) => (diseased.has(value) ? 1 : 0)),
    };
  };
}
