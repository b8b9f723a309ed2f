import type { Rng } from "../../core/rng.js";
import { fullStructures, L } from "../labels.js";

/** What is injected: glucose, a marker of amyloid plaques, a marker of tau tangles. */
export const tracers = ["fdg", "amyloid", "tau"] as const;
export type Tracer = (typeof tracers)[number];

/**
 * Uptake relative to cerebellar cortex by full label (the left one of a pair), in healthy persons; `disease` is what
 * the uptake is multiplied by where the disease has run its course. FDG: cortex about four times white matter, nuclei
 * a little above cortex (Heiss et al. 1984), loss in disease. Amyloid: unspecific in white matter,
 * cortex rises above it (Klunk et al. 2004). Tau: hippocampus and cortex rise, nuclei bind off target (Johnson et al.
 * 2016; Marquié et al. 2015). Rounded: a phantom's persons spread around them by more than the sources differ.
 */
interface Uptake {
  readonly healthy: number;
  readonly disease?: number;
}

const fluid = [L.csf, L.lateralVentricle, L.temporalHorn, L.thirdVentricle, L.fourthVentricle];
const table = (
  entries: Readonly<Record<number, Uptake>>,
  fluidUptake: number,
): ReadonlyMap<number, Uptake> => {
  const all = new Map(Object.entries(entries).map(([label, uptake]) => [Number(label), uptake]));
  for (const label of fluid) all.set(label, { healthy: fluidUptake });
  return all;
};

const uptakes: Readonly<Record<Tracer, ReadonlyMap<number, Uptake>>> = {
  fdg: table(
    {
      [L.scalp]: { healthy: 0.18 },
      [L.bone]: { healthy: 0.06 },
      [L.diploe]: { healthy: 0.2 },
      [L.softTissue]: { healthy: 0.22 },
      [L.fat]: { healthy: 0.06 },
      [L.eye]: { healthy: 0.1 },
      [L.dura]: { healthy: 0.25 },
      [L.cortex]: { healthy: 1.15, disease: 0.7 },
      [L.whiteMatter]: { healthy: 0.3 },
      [L.callosum]: { healthy: 0.28 },
      [L.thalamus]: { healthy: 1.15 },
      [L.caudate]: { healthy: 1.2 },
      [L.putamen]: { healthy: 1.3 },
      [L.pallidum]: { healthy: 0.75 },
      [L.accumbens]: { healthy: 1 },
      [L.hippocampusAnterior]: { healthy: 0.8, disease: 0.75 },
      [L.hippocampusPosterior]: { healthy: 0.85, disease: 0.75 },
      [L.amygdala]: { healthy: 0.75, disease: 0.8 },
      [L.brainstem]: { healthy: 0.6 },
      [L.spinalCord]: { healthy: 0.4 },
      [L.cerebellarCortex]: { healthy: 1 },
      [L.cerebellarWhiteMatter]: { healthy: 0.35 },
    },
    0.04,
  ),
  amyloid: table(
    {
      [L.scalp]: { healthy: 0.3 },
      [L.bone]: { healthy: 0.1 },
      [L.diploe]: { healthy: 0.3 },
      [L.softTissue]: { healthy: 0.4 },
      [L.fat]: { healthy: 0.1 },
      [L.eye]: { healthy: 0.2 },
      [L.dura]: { healthy: 0.4 },
      [L.cortex]: { healthy: 1.1, disease: 2.1 },
      [L.whiteMatter]: { healthy: 1.75 },
      [L.callosum]: { healthy: 1.8 },
      [L.thalamus]: { healthy: 1.35, disease: 1.15 },
      [L.caudate]: { healthy: 1.1, disease: 1.8 },
      [L.putamen]: { healthy: 1.25, disease: 1.7 },
      [L.pallidum]: { healthy: 1.5 },
      [L.accumbens]: { healthy: 1.1, disease: 1.9 },
      [L.hippocampusAnterior]: { healthy: 1.1, disease: 1.2 },
      [L.hippocampusPosterior]: { healthy: 1.15, disease: 1.2 },
      [L.amygdala]: { healthy: 1.1, disease: 1.3 },
      [L.brainstem]: { healthy: 1.7 },
      [L.spinalCord]: { healthy: 1.2 },
      [L.cerebellarCortex]: { healthy: 1 },
      [L.cerebellarWhiteMatter]: { healthy: 1.6 },
    },
    0.35,
  ),
  tau: table(
    {
      [L.scalp]: { healthy: 0.3 },
      [L.bone]: { healthy: 0.4 },
      [L.diploe]: { healthy: 0.4 },
      [L.softTissue]: { healthy: 0.4 },
      [L.fat]: { healthy: 0.1 },
      [L.eye]: { healthy: 0.5 },
      [L.dura]: { healthy: 0.6 },
      [L.cortex]: { healthy: 1, disease: 2.2 },
      [L.whiteMatter]: { healthy: 0.95 },
      [L.callosum]: { healthy: 0.9 },
      [L.thalamus]: { healthy: 1.25 },
      [L.caudate]: { healthy: 1.4 },
      [L.putamen]: { healthy: 1.6 },
      [L.pallidum]: { healthy: 1.75 },
      [L.accumbens]: { healthy: 1.3 },
      [L.hippocampusAnterior]: { healthy: 1.1, disease: 1.7 },
      [L.hippocampusPosterior]: { healthy: 1.1, disease: 1.6 },
      [L.amygdala]: { healthy: 1.05, disease: 2.1 },
      [L.brainstem]: { healthy: 1.15 },
      [L.spinalCord]: { healthy: 0.8 },
      [L.cerebellarCortex]: { healthy: 1 },
      [L.cerebellarWhiteMatter]: { healthy: 0.9 },
    },
    0.3,
  ),
};

/**
 * Linear attenuation at 511 keV, 1/cm, by full label: water and soft tissue 0.096 to 0.099, fat 0.09, skull 0.151
 * (the values that segmented attenuation maps use: Zaidi et al. 2003), marrow-filled diploe between.
 */
export function attenuationByLabel(): Float64Array {
  const out = new Float64Array(fullStructures.length).fill(0.099);
  out[L.background] = 0;
  for (const label of [L.scalp, L.softTissue, L.dura, L.eye]) out[label] = 0.097;
  for (const label of fluid) {
    out[label] = 0.096;
    if (isPaired(label)) out[label + 1] = 0.096;
  }
  out[L.bone] = 0.151;
  out[L.diploe] = 0.12;
  out[L.fat] = 0.09;
  return out;
}

/** A person's tracer: relative uptake by full label. */
export interface PersonUptake {
  readonly tracer: Tracer;
  /** How far the disease has come, 0 to 1. */
  readonly burden: number;
  readonly byLabel: Float64Array;
}

/**
 * Draw a person's uptake: every structure's own (8 % standard deviation), sides that differ by 2 %, white matter and
 * everything outside the brain by more, and with a chance of one half a disease of some degree.
 */
export function drawUptake(rng: Rng, tracer: Tracer): PersonUptake {
  const burden = rng.split("diseased").chance(0.5) ? rng.split("burden").uniform() : 0;
  const byLabel = new Float64Array(fullStructures.length);
  for (const [label, { healthy, disease = 1 }] of uptakes[tracer]) {
    const draw = rng.split("structure", label);
    const spread = label < L.cortex || label === L.fat ? 0.3 : 0.08;
    const mean = healthy * (1 + burden * (disease - 1)) * Math.exp(spread * draw.normal());
    byLabel[label] = mean;
    if (isPaired(label)) {
      const side = 0.02 * draw.normal();
      byLabel[label] = mean * (1 + side);
      byLabel[label + 1] = mean * (1 - side);
    }
  }
  return { tracer, burden, byLabel };
}

function isPaired(label: number): boolean {
  return fullStructures[label]!.name.startsWith("left ");
}
