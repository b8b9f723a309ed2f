import { fail } from "../../core/errors.js";
import type { Rng } from "../../core/rng.js";
import { blurImage } from "./blur.js";
import { type PetGeometry, withImageSize } from "./geometry.js";
import type { PetScan } from "./model.js";
import { drawPoisson } from "./poisson.js";
import { buildProjector, type Projector } from "./projector.js";

/** A scanner beside its geometry. */
export interface ScannerPhysics {
  readonly psfFwhmMm: number;
  /** Scattered coincidences over trues and scattered ones. */
  readonly scatterFraction: number;
  /** Width of the Gaussian that smears activity into the shape of scatter. */
  readonly scatterFwhmMm: number;
  /** Random coincidences over all. */
  readonly randomsFraction: number;
  /** Trues per second and kBq in the slice, without attenuation. */
  readonly sensitivityCpsPerKBq: number;
  readonly scanTimeS: number;
  readonly sliceThicknessMm: number;
  /** Standard deviation of the logarithm of the detectors' efficiency; 0 for equal ones. */
  readonly efficiencySpread: number;
}

/** PETSTEP's GE Discovery 690 (Berthon et al. 2015; parameters of its public preset); slices of 3.27 mm. */
export const discovery690: ScannerPhysics = {
  psfFwhmMm: 4.9,
  scatterFraction: 0.34375,
  scatterFwhmMm: 200,
  randomsFraction: 0.0717,
  sensitivityCpsPerKBq: 6.5,
  scanTimeS: 180,
  sliceThicknessMm: 3.27,
  efficiencySpread: 0,
};

/** Activity and attenuation of a slice on one square grid over the scanner's field of view, as fine as one likes. */
export interface PetSlice {
  /** kBq/ml. */
  readonly activity: Float32Array;
  /** Linear attenuation coefficients at 511 keV, 1/cm: water 0.096. */
  readonly attenuationPerCm: Float32Array;
}

export interface SimulateScanOptions {
  /** Expected prompts in the slice: scan time follows. By default activity, sensitivity and scan time decide. */
  readonly counts?: number;
}

/** A simulated scan, with what only a simulator knows. */
export interface SimulatedScan extends PetScan {
  readonly attenuation: Float32Array;
  readonly scatter: Float32Array;
  readonly randoms: Float32Array;
  /** Expected true coincidences: `prompts` are Poisson numbers around these, scatter and randoms. */
  readonly trues: Float32Array;
  readonly scanTimeS: number;
}

export interface SimulatedScanner {
  readonly geometry: PetGeometry;
  readonly physics: ScannerPhysics;
  /** Pixels along a side of the slices that `simulate` takes. */
  readonly sliceSize: number;
  simulate(slice: PetSlice, rng: Rng, options?: SimulateScanOptions): SimulatedScan;
}

/**
 * A scanner to simulate slices with, after PETSTEP (Berthon et al. 2015): blur by the point-spread function, line
 * integrals, attenuation, scatter as the same slice smeared widely, uniform randoms, Poisson noise. Slices have
 * `oversampling` times the image's pixels along each side, so that data are not made on the grid on which they are
 * reconstructed.
 */
export function buildScanner(
  geometry: PetGeometry,
  physics: ScannerPhysics = discovery690,
  oversampling = 2,
): SimulatedScanner {
  checkPhysics(physics);
  const fine = withImageSize(geometry, geometry.imageSize * oversampling);
  const projector = buildProjector(fine);
  return {
    geometry,
    physics,
    sliceSize: fine.imageSize,
    simulate: (slice, rng, options = {}) => simulateScan(geometry, physics, projector, slice, rng, options),
  };
}

function simulateScan(
  geometry: PetGeometry,
  physics: ScannerPhysics,
  projector: Projector,
  { activity, attenuationPerCm }: PetSlice,
  rng: Rng,
  options: SimulateScanOptions,
): SimulatedScan {
  const { imageSize, pixelSizeMm } = projector.geometry;
  requireSlice(activity, imageSize, "the activity", "kBq/ml");
  requireSlice(attenuationPerCm, imageSize, "the attenuation map", "1/cm");
  const blur = (image: Float32Array, fwhmMm: number) => blurImage(image, imageSize, fwhmMm, pixelSizeMm);
  const seen = blur(activity, physics.psfFwhmMm);
  const attenuation = attenuationFactors(projector, blur(attenuationPerCm, physics.psfFwhmMm));
  const efficiency =
    physics.efficiencySpread > 0
      ? drawEfficiency(geometry, physics.efficiencySpread, rng.split("efficiency"))
      : undefined;
  const trues = projector.forward(seen);
  for (let n = 0; n < trues.length; n++) trues[n] = trues[n]! * attenuation[n]! * (efficiency?.[n] ?? 1);
  const smeared = projector.forward(blur(seen, physics.scatterFwhmMm));
  const { calibration, scanTimeS } = calibrate(geometry, physics, sum(trues), options.counts);
  scaleTo(trues, calibration * sum(trues));
  const { scatterFraction, randomsFraction } = physics;
  const scatter = scaleTo(smeared, (scatterFraction / (1 - scatterFraction)) * sum(trues));
  const randoms = scaleTo(
    new Float32Array(trues.length).fill(1),
    (randomsFraction / (1 - randomsFraction)) * (sum(trues) + sum(scatter)),
  );
  const prompts = new Float32Array(trues.length);
  const noise = rng.split("counts");
  for (let n = 0; n < prompts.length; n++)
    prompts[n] = drawPoisson(noise, trues[n]! + scatter[n]! + randoms[n]!);
  return {
    geometry,
    psfFwhmMm: physics.psfFwhmMm,
    attenuation,
    efficiency,
    calibration,
    prompts,
    scatter,
    randoms,
    trues,
    scanTimeS,
  };
}

/** `exp(-∫ μ)` for every bin, of a map in 1/cm on the projector's image: above 0, at most 1. */
export function attenuationFactors(projector: Projector, attenuationPerCm: Float32Array): Float32Array {
  const out = projector.forward(attenuationPerCm);
  for (let n = 0; n < out.length; n++) out[n] = Math.exp(-Math.max(0, out[n]!) / 10);
  return out;
}

/**
 * Counts per kBq/ml and mm. A slice with the activity x holds `Σ x · pixel area · thickness` kBq, of which every view
 * sees its share: so `c = sensitivity · time · thickness / 1000 · bin size / views`.
 */
function calibrate(
  { binSizeMm, views }: PetGeometry,
  { sensitivityCpsPerKBq, scanTimeS, sliceThicknessMm, scatterFraction, randomsFraction }: ScannerPhysics,
  integral: number,
  counts: number | undefined,
): { readonly calibration: number; readonly scanTimeS: number } {
  const perSecond = (sensitivityCpsPerKBq * sliceThicknessMm * binSizeMm) / (1000 * views);
  if (!(integral > 0))
    fail("bad-data", {
      what: "a slice without activity cannot be scanned",
      expected: "activity within the field of view",
      found: "0 kBq/ml everywhere",
    });
  if (counts === undefined) return { calibration: perSecond * scanTimeS, scanTimeS };
  if (!(counts > 0 && counts <= 1e12))
    fail("bad-argument", {
      what: "the number of counts is not possible",
      where: "counts",
      expected: "expected prompts in the slice, above 0",
      found: `${counts}`,
    });
  const calibration = (counts * (1 - scatterFraction) * (1 - randomsFraction)) / integral;
  return { calibration, scanTimeS: calibration / perSecond };
}

/** Efficiencies of pairs of detectors: of every bin and of every view a factor of their own, mean 1. */
function drawEfficiency({ views, bins }: PetGeometry, spread: number, rng: Rng): Float32Array {
  const own = (name: string, count: number): Float64Array => {
    const draw = rng.split(name);
    return Float64Array.from({ length: count }, () => Math.exp((spread / Math.SQRT2) * draw.normal()));
  };
  const [ofView, ofBin] = [own("view", views), own("bin", bins)];
  const out = new Float32Array(views * bins);
  for (let n = 0; n < out.length; n++) out[n] = ofView[Math.floor(n / bins)]! * ofBin[n % bins]!;
  return scaleTo(out, out.length);
}

/**
 * Prompts without scatter and randoms, divided by attenuation, efficiency and calibration: line integrals in kBq/ml
 * times mm, which filtered backprojection and DeepPET start from. May be negative. Where hardly any photon gets
 * through, the division stops at a thousandth of the calibration.
 */
export function precorrected({
  prompts,
  scatter,
  randoms,
  attenuation,
  efficiency,
  calibration,
}: PetScan): Float32Array {
  const out = new Float32Array(prompts.length);
  for (let n = 0; n < out.length; n++) {
    const factor = (attenuation?.[n] ?? 1) * (efficiency?.[n] ?? 1);
    const trues = prompts[n]! - (scatter?.[n] ?? 0) - (randoms?.[n] ?? 0);
    // A dead detector has nothing to say, one behind much tissue little.
    out[n] = factor === 0 ? 0 : trues / (calibration * Math.max(factor, 1e-3));
  }
  return out;
}

/** The image that a scanner of fewer pixels could at best show: means over blocks of `factor²` pixels. */
export function meanOverBlocks(image: Float32Array, size: number, factor: number): Float32Array {
  const n = Math.floor(size / factor);
  const out = new Float32Array(n * n);
  for (let j = 0; j < n * factor; j++)
    for (let i = 0; i < n * factor; i++) {
      const to = Math.floor(j / factor) * n + Math.floor(i / factor);
      out[to] = out[to]! + image[j * size + i]! / (factor * factor);
    }
  return out;
}

function scaleTo(values: Float32Array, total: number): Float32Array {
  const now = sum(values);
  const factor = now > 0 ? total / now : 0;
  for (let n = 0; n < values.length; n++) values[n] = values[n]! * factor;
  return values;
}

function sum(values: Float32Array): number {
  let total = 0;
  for (let n = 0; n < values.length; n++) total += values[n]!;
  return total;
}

function requireSlice(image: Float32Array, size: number, what: string, unit: string): void {
  if (image.length !== size * size)
    fail("geometry", {
      what: `${what} is on another grid than the scanner simulates`,
      expected: `${size * size} numbers: ${size}x${size} pixels`,
      found: `${image.length}`,
    });
  const bad = image.findIndex((value) => !(value >= 0 && value < 1e9));
  if (bad >= 0)
    fail("bad-data", {
      what: `${what} holds a value that is not possible`,
      where: `column ${bad % size}, row ${Math.floor(bad / size)}`,
      expected: `finite values of 0 or more, ${unit}`,
      found: `${image[bad]}`,
    });
}

function checkPhysics(physics: ScannerPhysics): void {
  const limits: Readonly<Record<keyof ScannerPhysics, readonly [number, number]>> = {
    psfFwhmMm: [0, 100],
    scatterFraction: [0, 0.95],
    scatterFwhmMm: [0, 2000],
    randomsFraction: [0, 0.95],
    sensitivityCpsPerKBq: [1e-6, 1000],
    scanTimeS: [1e-6, 1e6],
    sliceThicknessMm: [1e-3, 1000],
    efficiencySpread: [0, 1],
  };
  for (const [name, [low, high]] of Object.entries(limits)) {
    const value = physics[name as keyof ScannerPhysics];
    if (!(value >= low && value <= high))
      fail("bad-argument", {
        what: "a scanner is not possible",
        where: name,
        expected: `${low} to ${high}`,
        found: `${value}`,
      });
  }
}
