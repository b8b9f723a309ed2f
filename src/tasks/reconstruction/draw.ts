import { fail } from "../../core/errors.js";
import type { Rng } from "../../core/rng.js";
import { axisBinOf, type PetGeometry } from "../../sim/pet/geometry.js";
import type { PetScan } from "../../sim/pet/model.js";
import { drawPoisson } from "../../sim/pet/poisson.js";

/** A simulated slice: what was counted in it, what was expected, and the truth. */
export interface TrainingScan {
  readonly id: string;
  /** Who is in the scanner: splits keep a phantom's slices together. */
  readonly phantom: string;
  readonly scan: PetScan;
  /** Expected true coincidences; absent where only the counts are known. */
  readonly trues?: Float32Array | undefined;
  /** kBq/ml. */
  readonly truth: Float32Array;
}

export interface DrawOptions {
  /** Expected prompts of a slice, drawn between these, evenly in their logarithm. */
  readonly counts: readonly [low: number, high: number];
  /** Left and right change places in half of the slices. */
  readonly mirror: boolean;
}

/**
 * Count the same slice once more: another scan time, other Poisson numbers, perhaps the mirror image of it. Throws
 * `bad-data` where the expected trues are not known.
 */
export function drawScan(
  one: TrainingScan,
  rng: Rng,
  { counts: [low, high], mirror }: DrawOptions,
): { readonly scan: PetScan; readonly truth: Float32Array } {
  const { scan, truth } = one;
  const trues = requireTrues(one);
  const { geometry } = scan;
  const wanted = low * (high / low) ** rng.split("counts").uniform();
  // Bins that do not lie alike on both sides of the axis have no mirror image among themselves.
  const even = geometry.startDegrees === 0 && axisBinOf(geometry) === (geometry.bins - 1) / 2;
  const mirrored = mirror && even && rng.split("mirror").chance(0.5);
  const turn = (values: Float32Array): Float32Array =>
    mirrored ? mirroredSinogram(values, geometry) : values.slice();
  const [expected, scatter, randoms] = [
    turn(trues),
    scan.scatter && turn(scan.scatter),
    scan.randoms && turn(scan.randoms),
  ];
  let total = 0;
  for (let n = 0; n < expected.length; n++) total += expected[n]! + (scatter?.[n] ?? 0) + (randoms?.[n] ?? 0);
  const factor = wanted / total;
  const noise = rng.split("noise");
  const prompts = expected;
  for (let n = 0; n < prompts.length; n++) {
    if (scatter !== undefined) scatter[n] = scatter[n]! * factor;
    if (randoms !== undefined) randoms[n] = randoms[n]! * factor;
    prompts[n] = drawPoisson(noise, expected[n]! * factor + (scatter?.[n] ?? 0) + (randoms?.[n] ?? 0));
  }
  return {
    scan: {
      ...scan,
      prompts,
      scatter,
      randoms,
      attenuation: scan.attenuation && turn(scan.attenuation),
      efficiency: scan.efficiency && turn(scan.efficiency),
      calibration: scan.calibration * factor,
    },
    truth: mirrored ? mirroredImage(truth, geometry) : truth,
  };
}

/** The expected trues of a slice. Throws `bad-data` where they are not known. */
export function requireTrues({ id, trues }: TrainingScan): Float32Array {
  return (
    trues ??
    fail("bad-data", {
      what: "the slice cannot be counted anew: its expected trues are not known",
      where: id,
      expected: "trues.hs beside prompts.hs",
      fix: "Simulate the data anew, or train with --set noise=recorded",
    })
  );
}

/**
 * The sinogram of the image with left and right exchanged, for views from 0 degrees on: with `-x` for `x` the line at φ
 * is the one at 180° - φ. View 0 looks along the axis of the mirror and has its bins exchanged instead.
 */
export function mirroredSinogram(sinogram: Float32Array, { views, bins }: PetGeometry): Float32Array {
  const out = new Float32Array(sinogram.length);
  for (let bin = 0; bin < bins; bin++) out[bin] = sinogram[bins - 1 - bin]!;
  for (let view = 1; view < views; view++)
    out.set(sinogram.subarray((views - view) * bins, (views - view + 1) * bins), view * bins);
  return out;
}

export function mirroredImage(image: Float32Array, { imageSize }: PetGeometry): Float32Array {
  const out = new Float32Array(image.length);
  for (let at = 0; at < image.length; at += imageSize)
    for (let i = 0; i < imageSize; i++) out[at + i] = image[at + imageSize - 1 - i]!;
  return out;
}
