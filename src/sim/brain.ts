import type { Rng } from "../core/rng.js";

/**
 * Everything that makes one simulated person's head that person's: plain numbers, so that a record can be
 * stored, compared and interpolated. `buildAnatomy` gives the same head for the same record. The anatomy is a
 * smooth function of every field that is not a seed.
 */
export interface BrainParameters {
  readonly ageYears: number;
  readonly sex: "F" | "M";
  /** Person's millimetres per template millimetre along x, y, z. The template is as large as the MNI average. */
  readonly scale: readonly [number, number, number];
  /** Seed and root mean square (mm) of the smooth displacement that makes the head's shape individual. */
  readonly shapeSeed: number;
  readonly shapeMm: number;
  /** Seed of the folds, and how far they depart from the folds that all persons share (0 to 1). */
  readonly foldingSeed: number;
  readonly foldingIndividuality: number;
  /** Twice the mean distance between neighbouring sulci. */
  readonly foldingWavelengthMm: number;
  readonly sulcalDepthMm: number;
  readonly sulcalWidthMm: number;
  readonly corticalThicknessMm: number;
  /** Fluid between the cerebral hull and its youthful position: widens as the brain shrinks. */
  readonly subarachnoidMm: number;
  /** Cross-section of the lateral ventricles and width of the third and fourth, relative to the template. */
  readonly ventricles: readonly [left: number, right: number];
  readonly thirdVentricle: number;
  /** Volume factors relative to the template. */
  readonly hippocampus: readonly [left: number, right: number];
  readonly amygdala: readonly [left: number, right: number];
  readonly deepGrey: number;
  readonly cerebellum: number;
  readonly skullMm: number;
}

/** What is fixed about the person to draw; everything left out is drawn. */
export interface BrainOptions {
  /** Lower and upper age, drawn uniformly. */
  readonly ageYears?: readonly [number, number];
  readonly sex?: "F" | "M";
}

/**
 * Draw a person. Spreads follow population data: head size by sex (intracranial volume about 1.33 l in women,
 * 1.49 l in men, coefficient of variation 8 %: Buckner et al. 2004), cortical thickness 2.5 mm falling slowly
 * with age (Salat et al. 2004), lateral ventricles log-normal and growing with age, hippocampi shrinking after
 * sixty (Fjell et al. 2009).
 */
export function drawBrain(rng: Rng, options: BrainOptions = {}): BrainParameters {
  const of = (name: string): Rng => rng.split(name);
  const [youngest, oldest] = options.ageYears ?? [20, 80];
  const ageYears = Math.round(of("age").between(youngest, oldest) * 10) / 10;
  const sex = options.sex ?? (of("sex").chance(0.5) ? "F" : "M");
  const late = Math.max(0, ageYears - 55) / 25;
  const adult = (ageYears - 20) / 60;
  const size = (sex === "F" ? 0.897 : 0.929) * (1 + 0.022 * bounded(of("size")));
  const axis = (name: string): number => size * (1 + 0.016 * bounded(of(name)));
  const pair = (name: string, mean: number, shared: number, own: number): readonly [number, number] => {
    const both = mean * Math.exp(shared * bounded(of(name)));
    return [
      both * Math.exp(own * bounded(of(`${name}-left`))),
      both * Math.exp(own * bounded(of(`${name}-right`))),
    ];
  };
  return freeze({
    ageYears,
    sex,
    scale: [axis("width"), axis("length"), axis("height")],
    shapeSeed: of("shape").integer(2 ** 31),
    shapeMm: 2.2,
    foldingSeed: of("folding").integer(2 ** 31),
    foldingIndividuality: 0.5,
    foldingWavelengthMm: 28 * (1 + 0.03 * bounded(of("wavelength"))),
    sulcalDepthMm: 15.5 * (1 + 0.05 * bounded(of("depth"))),
    sulcalWidthMm: Math.max(0.5, 0.7 + 0.55 * adult + 0.12 * bounded(of("width"))),
    corticalThicknessMm: 2.56 - 0.2 * adult + 0.07 * bounded(of("thickness")),
    subarachnoidMm: Math.max(0, 0.15 + 0.6 * adult + 0.15 * bounded(of("subarachnoid"))),
    ventricles: pair("ventricles", 1.25 + 0.4 * adult + 0.6 * late, 0.22, 0.1),
    thirdVentricle: (1.05 + 0.25 * adult + 0.3 * late) * Math.exp(0.12 * bounded(of("third"))),
    hippocampus: pair("hippocampus", 0.92 - 0.13 * late, 0.07, 0.03),
    amygdala: pair("amygdala", 1 - 0.08 * late, 0.08, 0.03),
    deepGrey: (1.04 - 0.09 * adult) * Math.exp(0.05 * bounded(of("deep"))),
    cerebellum: (1 - 0.03 * adult) * Math.exp(0.04 * bounded(of("cerebellum"))),
    skullMm: 6 * Math.exp(0.12 * bounded(of("skull"))),
  });
}

/** How much has been lost since the record was drawn. 0 is nothing; the amounts are fractions of a volume. */
export interface Atrophy {
  /** Fraction of the cortical thickness lost; sulci and the subarachnoid space widen by what is lost. */
  readonly cortex?: number;
  readonly hippocampus?: number | readonly [left: number, right: number];
  /** Relative growth of the ventricular cross-section: 0.5 is half as much again. */
  readonly ventricles?: number;
}

/** The same person after a loss of tissue: a new record, smooth in every amount. */
export function withAtrophy(person: BrainParameters, atrophy: Atrophy): BrainParameters {
  const cortex = atrophy.cortex ?? 0;
  const growth = 1 + (atrophy.ventricles ?? 0);
  const lost = atrophy.hippocampus ?? 0;
  const [left, right] = typeof lost === "number" ? [lost, lost] : lost;
  return freeze({
    ...person,
    corticalThicknessMm: person.corticalThicknessMm * (1 - cortex),
    sulcalWidthMm: person.sulcalWidthMm + 1.6 * cortex * person.corticalThicknessMm,
    subarachnoidMm: person.subarachnoidMm + 0.8 * cortex * person.corticalThicknessMm,
    ventricles: [person.ventricles[0] * growth, person.ventricles[1] * growth],
    thirdVentricle: person.thirdVentricle * Math.sqrt(growth),
    hippocampus: [person.hippocampus[0] * (1 - left), person.hippocampus[1] * (1 - right)],
    amygdala: [person.amygdala[0] * (1 - 0.7 * left), person.amygdala[1] * (1 - 0.7 * right)],
  });
}

/** A standard normal held within 2.2 standard deviations, so that no simulated person is a monster. */
function bounded(rng: Rng): number {
  return Math.max(-2.2, Math.min(2.2, rng.normal()));
}

function freeze(person: BrainParameters): BrainParameters {
  for (const value of Object.values(person)) if (Array.isArray(value)) Object.freeze(value);
  return Object.freeze(person);
}
