/** A natural history of Alzheimer's disease: how much disease a person has at a time, and what clinicians call it. */
import { fail } from "../../core/errors.js";
import type { Rng } from "../../core/rng.js";

/** What a clinician calls a person at a visit. */
export type ClinicalStatus = "CN" | "MCI" | "AD";

/** Diagnosis at the first visit, with early and late mild cognitive impairment apart, as in ADNI. */
export type BaselineDiagnosis = "CN" | "EMCI" | "LMCI" | "AD";

/** What became of the person: MCI is progressive (pMCI) if it is dementia within 36 months, else stable (sMCI). */
export type OutcomeGroup = "CN" | "sMCI" | "pMCI" | "AD";

/** Any of the names that a person may be asked for by. */
export type CourseName = BaselineDiagnosis | OutcomeGroup;

export const courseNames: readonly CourseName[] = ["CN", "EMCI", "LMCI", "sMCI", "pMCI", "AD"];

/**
 * A person's disease. `severity` is the load of atrophy, 0 for none and 1 for a typical mild dementia; what shows
 * clinically is severity plus `reserve`, so that two persons with the same brain may have different diagnoses.
 */
export interface DiseaseCourse {
  readonly severity: number;
  /** Change of severity in a year. */
  readonly perYear: number;
  /** What is added to severity to give the clinical picture: bad luck above 0, cognitive reserve below. */
  readonly reserve: number;
  readonly diagnosis: BaselineDiagnosis;
  readonly group: OutcomeGroup;
  /** Months from the first visit to dementia, of persons with MCI who get there within ten years. */
  readonly conversionMonths?: number;
  /** How much of the severity each structure shows: subtypes of the disease differ. */
  readonly pattern: {
    readonly hippocampus: readonly [left: number, right: number];
    readonly cortex: number;
    readonly ventricles: number;
  };
}

export interface CourseOptions {
  /** Clinical picture from which on a person is impaired, and demented. An external cohort may draw them elsewhere. */
  readonly impairedFrom: number;
  readonly dementedFrom: number;
}

export const usualCourse: CourseOptions = { impairedFrom: 0.28, dementedFrom: 0.72 };

/** Within this time conversion counts: the definition of Wen et al. 2020 (from memory). */
export const progressiveWithinMonths = 36;

/** Severity after some months. */
export function severityAfter(course: Pick<DiseaseCourse, "severity" | "perYear">, months: number): number {
  return course.severity + (course.perYear * months) / 12;
}

/** What a clinician says after some months. Nobody gets better. */
export function statusAfter(
  course: Pick<DiseaseCourse, "severity" | "perYear" | "reserve">,
  months: number,
  { impairedFrom, dementedFrom }: CourseOptions = usualCourse,
): ClinicalStatus {
  const picture = severityAfter(course, months) + course.reserve;
  return picture < impairedFrom ? "CN" : picture < dementedFrom ? "MCI" : "AD";
}

/**
 * Draw a person of whom the given name is true. Everybody is drawn from one population, in which severity is
 * continuous, and its diagnosis follows; persons of other diagnoses are drawn again. So adjacent classes overlap as
 * much as reserve and chance make them, and every label is true of its person's course.
 *
 * With normal ageing and the losses in `person.ts`, hippocampi lose about 3.7 % of their volume a year in Alzheimer's
 * disease and 1.2 % in controls (rendered, 20 people each), somewhat less than the 4.7 % and 1.4 % of the meta-analysis
 * of Barnes et al. 2009 (from memory).
 */
export function drawCourse(
  rng: Rng,
  wanted: CourseName,
  options: CourseOptions = usualCourse,
): DiseaseCourse {
  for (let trial = 0; trial < 10_000; trial++) {
    const course = drawAnybody(rng.split("trial", trial), options);
    if (isCalled(course, wanted, options)) return course;
  }
  return fail("bad-argument", {
    what: `nobody in this population is ${wanted}`,
    where: "drawCourse",
    expected: "impairedFrom below dementedFrom, both between 0 and 1",
    found: `${options.impairedFrom} and ${options.dementedFrom}`,
  });
}

/** True where a person may be called so. Controls stay healthy for as long as anybody is followed. */
function isCalled(course: DiseaseCourse, name: CourseName, options: CourseOptions): boolean {
  if (name === "CN")
    return course.group === "CN" && statusAfter(course, progressiveWithinMonths, options) === "CN";
  return course.diagnosis === name || course.group === name;
}

function drawAnybody(rng: Rng, options: CourseOptions): DiseaseCourse {
  const healthy = rng.split("healthy").chance(0.4);
  const severity = healthy
    ? Math.abs(rng.split("severity").normal(0, 0.08))
    : rng.split("severity").between(0, 1.35);
  const reserve = rng.split("reserve").normal(0, 0.24);
  const pace = Math.exp(rng.split("pace").normal(0, 0.35));
  const perYear = (0.008 + 0.125 * Math.min(1, severity / 0.7)) * pace;
  const picture = severity + reserve;
  const months = (12 * (options.dementedFrom - picture)) / perYear;
  const status = statusAfter({ severity, perYear, reserve }, 0, options);
  const middle = (options.impairedFrom + options.dementedFrom) / 2;
  const late = picture + rng.split("stage").normal(0, 0.3) > middle;
  const vary = (name: string, spread: number): number => Math.exp(rng.split(name).normal(0, spread));
  const hippocampal = vary("hippocampal", 0.25);
  return {
    severity,
    perYear,
    reserve,
    diagnosis: status === "MCI" ? (late ? "LMCI" : "EMCI") : status,
    group: status === "MCI" ? (months <= progressiveWithinMonths ? "pMCI" : "sMCI") : status,
    ...(status === "MCI" && months <= 120 ? { conversionMonths: Math.ceil(months) } : {}),
    pattern: {
      hippocampus: [hippocampal * vary("left", 0.08), hippocampal * vary("right", 0.08)],
      cortex: vary("cortical", 0.3),
      ventricles: vary("ventricular", 0.3),
    },
  };
}
