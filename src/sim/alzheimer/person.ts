/** A person's head at a time: the head of that age, less what the disease has taken. */
import type { Rng } from "../../core/rng.js";
import { type BrainParameters, drawBrain, withAtrophy } from "../brain.js";
import { type DiseaseCourse, severityAfter } from "./course.js";

/**
 * Losses at a severity of 1, beyond ageing: fractions of volume, of cortical thickness, and relative growth of the
 * ventricles' cross-section. Beside the literature: hippocampi of patients with mild dementia are 20 to 25 % smaller
 * than controls' (Jack et al. 1992, Frisoni et al. 2010, from memory), the cortex of the signature regions 5 to 15 %
 * thinner (Dickerson et al. 2009, from memory), lateral ventricles about 1.5 times as large (Nestor et al. 2008, from
 * memory).
 */
export const lossAtSeverityOne = { hippocampus: 0.25, cortex: 0.1, ventricles: 0.5 } as const;

/** Who a person is, apart from the time of the visit. */
export interface Patient {
  readonly sex: "F" | "M";
  /** Age at the first visit. */
  readonly ageYears: number;
  readonly course: DiseaseCourse;
  /** Key of everything about the head that neither age nor disease changes. */
  readonly rng: Rng;
  /** Healthy persons differ more than `drawBrain` makes them: relative sizes that stay with the person. */
  readonly own: {
    readonly hippocampus: number;
    readonly ventricles: number;
    readonly biologicalYears: number;
  };
}

/**
 * Sizes that stay with a person for life, beyond the phantom's own spread: the hippocampus of healthy people of one age
 * varies by about 9 % beside their head's size, the lateral ventricles by about a quarter, which is less than the half
 * of population samples (Fjell et al. 2009, from memory). `biologicalYears` is how much older than its years a brain
 * looks.
 */
export function drawPatient(
  rng: Rng,
  { sex, ageYears, course }: Pick<Patient, "sex" | "ageYears" | "course">,
): Patient {
  const own = rng.split("own");
  return {
    sex,
    ageYears,
    course,
    rng: rng.split("head"),
    own: {
      hippocampus: Math.exp(own.split("hippocampus").normal(0, 0.05)),
      ventricles: Math.exp(own.split("ventricles").normal(0, 0.28)),
      biologicalYears: own.split("years").normal(0, 3),
    },
  };
}

/**
 * The head some months after the first visit. Ageing is the phantom's own course with age, the draws of the person
 * kept; atrophy deforms the anatomy further by the severity of that time. The folds, the shape and the skull are the
 * same at every visit.
 */
export function headAfter(patient: Patient, months: number): BrainParameters {
  const { course, own } = patient;
  const years = patient.ageYears + months / 12;
  const looks = Math.max(20, years + own.biologicalYears);
  // drawBrain keeps tenths of a year; what it makes of the remainder is too little to see.
  const aged = drawBrain(patient.rng, { ageYears: [looks, looks], sex: patient.sex });
  const severity = Math.max(0, severityAfter(course, months));
  const lost = lossAtSeverityOne;
  const hippocampal = course.pattern.hippocampus.map((share) =>
    saturating(lost.hippocampus * severity * share, 0.55),
  ) as [number, number];
  return withAtrophy(
    {
      ...aged,
      ageYears: Math.round(years * 100) / 100,
      hippocampus: [aged.hippocampus[0] * own.hippocampus, aged.hippocampus[1] * own.hippocampus],
      ventricles: [aged.ventricles[0] * own.ventricles, aged.ventricles[1] * own.ventricles],
    },
    {
      hippocampus: hippocampal,
      cortex: saturating(lost.cortex * severity * course.pattern.cortex, 0.3),
      ventricles: lost.ventricles * severity * course.pattern.ventricles,
    },
  );
}

/** `x` for small losses, never more than `most`. */
function saturating(x: number, most: number): number {
  return most * Math.tanh(x / most);
}
