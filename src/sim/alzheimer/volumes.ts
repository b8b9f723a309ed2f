/** True volumes of a rendered head by structure, as a table of regional volumes would name them. */
import { fullStructures, L } from "../labels.js";

/** Structures of which volumes are stated, and the full labels that they are made of. */
export const measuredStructures = {
  intracranial: fullStructures.map(({ index }) => index).filter((index) => index >= L.dura && index <= 39),
  brain: fullStructures
    .map(({ index }) => index)
    .filter((index) => (index >= L.cortex && index <= 12) || (index >= L.thalamus && index <= 39)),
  csf: [L.csf],
  cortex: [L.cortex, L.cortex + 1],
  whiteMatter: [L.whiteMatter, L.whiteMatter + 1, L.callosum],
  lateralVentricles: [L.lateralVentricle, L.lateralVentricle + 1, L.temporalHorn, L.temporalHorn + 1],
  thirdVentricle: [L.thirdVentricle],
  hippocampusLeft: [L.hippocampusAnterior, L.hippocampusPosterior],
  hippocampusRight: [L.hippocampusAnterior + 1, L.hippocampusPosterior + 1],
  amygdalaLeft: [L.amygdala],
  amygdalaRight: [L.amygdala + 1],
  deepGrey: [19, 20, 21, 22, 23, 24, 25, 26, 27, 28],
  brainstem: [L.brainstem],
  cerebellum: [36, 37, 38, 39],
} as const satisfies Readonly<Record<string, readonly number[]>>;

export type StructureVolumes = Readonly<Record<keyof typeof measuredStructures, number>>;

/** Millilitres by structure, from the millilitres of every full label (`labelVolumesMl`). */
export function structureVolumes(labelsMl: ArrayLike<number>): StructureVolumes {
  const sums = Object.entries(measuredStructures).map(([name, labels]): [string, number] => [
    name,
    labels.reduce((sum: number, label) => sum + labelsMl[label]!, 0),
  ]);
  return Object.fromEntries(sums) as StructureVolumes;
}
