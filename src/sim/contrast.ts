import { fail } from "../core/errors.js";
import type { Rng } from "../core/rng.js";
import type { ImageVolume } from "../volume/volume.js";
import { fullStructures, L } from "./labels.js";
import { mixValues, type RenderedBrain } from "./render.js";
import { emptyLattice, sampleLattice } from "./shape/lattice.js";

/** What makes a tissue bright or dark: longitudinal relaxation time and visible protons relative to water. */
export interface Tissue {
  readonly t1Ms: number;
  readonly protonDensity: number;
}

/**
 * Tissues at 3 T, by full label without side. T1 of grey and white matter: Wansapura et al. 1999 (1331 and
 * 832 ms), of the nuclei between them in the order that Gelman et al. 2001 measured; fluid: Rooney et al. 2007;
 * muscle: Stanisz et al. 2005; fat and marrow: de Bazelaire et al. 2004. Proton densities: Tofts 2003. Bone and
 * dura give little signal because their T2 is short, which the visible proton density stands for here.
 */
export const tissuesAt3T: ReadonlyMap<number, Tissue> = new Map([
  [L.scalp, { t1Ms: 420, protonDensity: 0.45 }],
  [L.bone, { t1Ms: 900, protonDensity: 0.06 }],
  [L.diploe, { t1Ms: 590, protonDensity: 0.36 }],
  [L.softTissue, { t1Ms: 1410, protonDensity: 0.72 }],
  [L.fat, { t1Ms: 380, protonDensity: 0.52 }],
  [L.eye, { t1Ms: 4000, protonDensity: 0.98 }],
  [L.dura, { t1Ms: 1200, protonDensity: 0.42 }],
  [L.csf, { t1Ms: 4300, protonDensity: 1 }],
  [L.cortex, { t1Ms: 1331, protonDensity: 0.82 }],
  [L.whiteMatter, { t1Ms: 832, protonDensity: 0.7 }],
  [L.callosum, { t1Ms: 810, protonDensity: 0.7 }],
  [L.lateralVentricle, { t1Ms: 4300, protonDensity: 1 }],
  [L.temporalHorn, { t1Ms: 4300, protonDensity: 1 }],
  [L.thirdVentricle, { t1Ms: 4300, protonDensity: 1 }],
  [L.fourthVentricle, { t1Ms: 4300, protonDensity: 1 }],
  [L.thalamus, { t1Ms: 1080, protonDensity: 0.77 }],
  [L.caudate, { t1Ms: 1270, protonDensity: 0.82 }],
  [L.putamen, { t1Ms: 1200, protonDensity: 0.81 }],
  [L.pallidum, { t1Ms: 950, protonDensity: 0.74 }],
  [L.accumbens, { t1Ms: 1280, protonDensity: 0.82 }],
  [L.hippocampusAnterior, { t1Ms: 1310, protonDensity: 0.82 }],
  [L.hippocampusPosterior, { t1Ms: 1310, protonDensity: 0.82 }],
  [L.amygdala, { t1Ms: 1340, protonDensity: 0.83 }],
  [L.brainstem, { t1Ms: 900, protonDensity: 0.73 }],
  [L.spinalCord, { t1Ms: 950, protonDensity: 0.73 }],
  [L.cerebellarCortex, { t1Ms: 1300, protonDensity: 0.83 }],
  [L.cerebellarWhiteMatter, { t1Ms: 850, protonDensity: 0.71 }],
]);

/** A magnetisation-prepared gradient-echo sequence (MPRAGE); times in ms, the inversion time to the middle echo. */
export interface Mprage {
  readonly repetitionMs: number;
  readonly inversionMs: number;
  readonly echoSpacingMs: number;
  readonly echoes: number;
  readonly flipDegrees: number;
}

/** The timing that the ADNI study used at 3 T (Jack et al. 2008). */
export const adniMprage: Mprage = {
  repetitionMs: 2300,
  inversionMs: 900,
  echoSpacingMs: 7,
  echoes: 170,
  flipDegrees: 9,
};

/**
 * Signal of the middle echo in the steady state, in units of the equilibrium magnetisation: inversion, free
 * recovery, a train of spoiled pulses that each leave `cos(flip)` of the longitudinal magnetisation, recovery
 * to the next inversion (Deichmann et al. 2000). Throws `bad-argument` for a train longer than its cycle.
 */
export function mprageSignal({ t1Ms, protonDensity }: Tissue, sequence: Mprage): number {
  const { repetitionMs, inversionMs, echoSpacingMs, echoes, flipDegrees } = sequence;
  const half = Math.floor(echoes / 2);
  const before = inversionMs - half * echoSpacingMs;
  const after = repetitionMs - before - echoes * echoSpacingMs;
  if (!(before >= 0 && after >= 0 && t1Ms > 0))
    fail("bad-argument", {
      what: "the echo train does not fit between inversion and the end of the cycle",
      where: "mprageSignal",
      expected: "inversionMs at least half the train, repetitionMs at least the rest, t1Ms above 0",
      found: `train ${echoes * echoSpacingMs} ms, inversion ${inversionMs} ms, repetition ${repetitionMs} ms, T1 ${t1Ms} ms`,
    });
  const flip = (flipDegrees * Math.PI) / 180;
  const cosine = Math.cos(flip);
  const kept = Math.exp(-echoSpacingMs / t1Ms);
  const recover = (m: number, ms: number): number => 1 - (1 - m) * Math.exp(-ms / t1Ms);
  let m = 1;
  let signal = 0;
  // The cycle forgets its start by exp(-TR / T1) each time: 60 cycles settle even pure water.
  for (let cycle = 0; cycle < 60; cycle++) {
    m = recover(-m, before);
    for (let echo = 0; echo < echoes; echo++) {
      if (echo === half) signal = m;
      m = 1 - (1 - m * cosine) * kept;
    }
    m = recover(m, after);
  }
  return protonDensity * Math.abs(signal) * Math.sin(flip);
}

/**
 * Signal of every full label relative to cerebral white matter. With an `rng`, relaxation times and proton
 * densities are the person's own (2.5 % and 1 % standard deviation per tissue, the same on both sides).
 */
export function t1Signals(sequence: Mprage = adniMprage, rng?: Rng): Float64Array {
  const out = new Float64Array(fullStructures.length);
  const own = (label: number): Tissue => {
    const tissue = tissuesAt3T.get(label)!;
    const draw = rng?.split("tissue", label);
    return draw === undefined
      ? tissue
      : {
          t1Ms: tissue.t1Ms * (1 + 0.025 * draw.normal()),
          protonDensity: tissue.protonDensity * (1 + 0.01 * draw.normal()),
        };
  };
  const white = mprageSignal(own(L.whiteMatter), sequence);
  for (const label of tissuesAt3T.keys()) {
    const signal = mprageSignal(own(label), sequence) / white;
    out[label] = signal;
    const isPaired = fullStructures[label]!.name.startsWith("left ");
    if (isPaired) out[label + 1] = signal;
  }
  return out;
}

/**
 * The noise-free T1-weighted image of a head, white matter about 1: partial volumes mixed, and a smooth
 * variation within tissue (`textureFraction`, one standard deviation, correlated over about 5 mm).
 */
export function t1Image(
  brain: RenderedBrain,
  rng: Rng,
  textureFraction = 0.02,
  sequence: Mprage = adniMprage,
): ImageVolume {
  const image = mixValues(brain, t1Signals(sequence, rng.split("tissues")));
  const { size, affine } = image;
  const step = 5;
  const spacing = [0, 1, 2].map((c) => Math.hypot(affine[c]!, affine[4 + c]!, affine[8 + c]!));
  const texture = emptyLattice(
    [0, 0, 0],
    [size[0] * spacing[0]!, size[1] * spacing[1]!, size[2] * spacing[2]!],
    step,
    1,
  );
  const draw = rng.split("texture");
  for (let n = 0; n < texture.data.length; n++) texture.data[n] = draw.normal();
  const at = new Float64Array(1);
  let v = 0;
  for (let k = 0; k < size[2]; k++)
    for (let j = 0; j < size[1]; j++)
      for (let i = 0; i < size[0]; i++, v++) {
        if (image.data[v] === 0) continue;
        sampleLattice(texture, i * spacing[0]!, j * spacing[1]!, k * spacing[2]!, at);
        // Trilinear interpolation of white noise keeps about 0.54 of its standard deviation on average.
        image.data[v] = image.data[v]! * (1 + (textureFraction / 0.54) * at[0]!);
      }
  return image;
}
