import { koayFactor, ricianDensity, ricianMean } from "./rician.js";

/** A change of scale after which Rician noise has standard deviation 1 nearly everywhere, and the way back. */
export interface Stabiliser {
  /** Magnitudes in units of the noise to the even scale, in place. */
  forward(magnitudes: Float32Array): void;
  /** Means on the even scale to signals in units of the noise, in place: never below 0. */
  inverse(means: Float32Array): void;
}

/** Tables reach this far; beyond, the expansions for strong signals are exact to 1e-4. */
const largestSignal = 20;
const signalStep = 0.05;
const largestMagnitude = largestSignal + 9;
const magnitudeStep = 0.01;
const signals = Math.round(largestSignal / signalStep) + 1;
const magnitudes = Math.round(largestMagnitude / magnitudeStep) + 1;

let built: Stabiliser | undefined;

/**
 * Variance stabilisation for Rician noise with its exact unbiased inverse, after Foi 2011 ("Noise estimation and
 * removal in MR imaging: the variance-stabilization approach").
 *
 * The forward curve starts as the integral of one over the standard deviation at each mean, and its slope is then
 * divided, ten times, by the deviation that is left; Foi's own curve is the result of another optimisation of the
 * same aim. The inverse takes the mean of the transformed magnitudes to the signal, by numerical integration, so
 * that denoising and going back leaves no Rician bias. No curve can stabilise signals below about one noise
 * deviation: there it is between 0.94 and 1.05.
 */
export function ricianStabiliser(): Stabiliser {
  built ??= build();
  return built;
}

function build(): Stabiliser {
  const curve = Float64Array.from({ length: magnitudes }, (_, n) => n * magnitudeStep);
  const nuOfMagnitude = signalsAtMeans();
  const slope = nuOfMagnitude.map((nu) => 1 / Math.sqrt(koayFactor(nu)));
  const density = densities();
  let { means, deviations } = integrate(slope, curve, density);
  for (let round = 0; round < 10; round++) {
    for (let n = 0; n < magnitudes; n++)
      slope[n]! /= deviations[Math.min(signals - 1, Math.round(nuOfMagnitude[n]! / signalStep))]!;
    ({ means, deviations } = integrate(slope, curve, density));
  }
  // Far above the noise the curve is √(z² - 1/2) and a constant.
  const offset = curve[magnitudes - 1]! - Math.sqrt(largestMagnitude ** 2 - 0.5);
  return {
    forward: (values) => applyCurve(values, curve, offset),
    inverse: (values) => applyInverse(values, means, offset),
  };
}

/** For every magnitude, the signal that has it as its mean; 0 below the mean of air. */
function signalsAtMeans(): Float64Array {
  const found = new Float64Array(magnitudes);
  for (let n = 0, nu = 0; n < magnitudes; n++) {
    const z = n * magnitudeStep;
    // Means rise with the signal, so the search goes on from the last one; Newton's step with slope about 1.
    if (z > ricianMean(0)) for (let step = 0; step < 40; step++) nu = Math.max(0, nu + z - ricianMean(nu));
    found[n] = nu;
  }
  return found;
}

/** Integrate the slope into `curve`, and give the curve's mean and deviation under the noise at each signal. */
function integrate(
  slope: Float64Array,
  curve: Float64Array,
  density: Float64Array,
): { means: Float64Array; deviations: Float64Array } {
  curve[0] = 0;
  for (let n = 1; n < magnitudes; n++)
    curve[n] = curve[n - 1]! + ((slope[n - 1]! + slope[n]!) / 2) * magnitudeStep;
  const means = new Float64Array(signals);
  const deviations = new Float64Array(signals);
  for (let s = 0; s < signals; s++) {
    const nu = s * signalStep;
    const [first, last] = within(nu);
    const centre = curve[Math.round(nu / magnitudeStep)]!;
    let [mass, sum, squares] = [0, 0, 0];
    for (let n = first; n <= last; n++) {
      const share = density[s * densityWidth + n - first]!;
      const value = curve[n]! - centre;
      mass += share;
      sum += share * value;
      squares += share * value * value;
    }
    means[s] = centre + sum / mass;
    deviations[s] = Math.sqrt(squares / mass - (sum / mass) ** 2);
  }
  return { means, deviations };
}

const densityWidth = Math.round(16 / magnitudeStep) + 3;

/** The magnitudes in the table, first and last, within eight deviations of a signal. */
function within(nu: number): [number, number] {
  return [
    Math.max(0, Math.floor((nu - 8) / magnitudeStep)),
    Math.min(magnitudes - 1, Math.ceil((nu + 8) / magnitudeStep)),
  ];
}

/** Their densities, `[signals, densityWidth]`. */
function densities(): Float64Array {
  const table = new Float64Array(signals * densityWidth);
  for (let s = 0; s < signals; s++) {
    const [first, last] = within(s * signalStep);
    for (let n = first; n <= last; n++)
      table[s * densityWidth + n - first] = ricianDensity(n * magnitudeStep, s * signalStep);
  }
  return table;
}

function applyCurve(values: Float32Array, curve: Float64Array, offset: number): void {
  for (let v = 0; v < values.length; v++) {
    const at = values[v]! / magnitudeStep;
    const n = Math.floor(at);
    values[v] =
      n < magnitudes - 1
        ? curve[n]! + (at - n) * (curve[n + 1]! - curve[n]!)
        : Math.sqrt(values[v]! ** 2 - 0.5) + offset;
  }
}

function applyInverse(values: Float32Array, means: Float64Array, offset: number): void {
  const lowest = means[0]!;
  const highest = means[signals - 1]!;
  // A second table, even in the means, so that no voxel has to search.
  const step = 0.01;
  const table = new Float64Array(Math.ceil((highest - lowest) / step) + 2);
  for (let n = 0, s = 0; n < table.length; n++) {
    const mean = lowest + n * step;
    while (s < signals - 2 && means[s + 1]! < mean) s++;
    table[n] = (s + (mean - means[s]!) / (means[s + 1]! - means[s]!)) * signalStep;
  }
  for (let v = 0; v < values.length; v++) {
    const mean = values[v]!;
    if (!(mean > lowest)) values[v] = 0;
    else if (mean < highest) {
      const at = (mean - lowest) / step;
      const n = Math.floor(at);
      values[v] = table[n]! + (at - n) * (table[n + 1]! - table[n]!);
    } else {
      const strong = mean - offset;
      values[v] = strong - 0.25 / strong;
    }
  }
}
