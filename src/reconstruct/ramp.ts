import { fail } from "../core/errors.js";

/** How high frequencies are held down: `ram-lak` not at all below the cut-off. */
export const fbpWindows = ["ram-lak", "shepp-logan", "cosine", "hann"] as const;
export type FbpWindow = (typeof fbpWindows)[number];

export interface RampOptions {
  readonly window?: FbpWindow;
  /** Where the window ends, as a fraction of the bins' Nyquist frequency: above 0, at most 1. */
  readonly cutOff?: number;
}

/** Factors by frequency over the cut-off, 0 to 1. */
const windows: Readonly<Record<FbpWindow, (x: number) => number>> = {
  "ram-lak": () => 1,
  "shepp-logan": (x) => (x === 0 ? 1 : Math.sin((Math.PI * x) / 2) / ((Math.PI * x) / 2)),
  cosine: (x) => Math.cos((Math.PI * x) / 2),
  hann: (x) => 0.5 + 0.5 * Math.cos(Math.PI * x),
};

/**
 * The windowed ramp filter as weights by lag, 0 to `bins - 1`, times the bin size: convolving a view with them gives
 * the filtered view per mm. The ramp is the transform of its band-limited samples (Kak & Slaney 1988, eq. 3.61), not
 * of `|f|` sampled, which loses the mean of the image; with `ram-lak` at cut-off 1 the weights are those samples.
 */
export function rampWeights(bins: number, binSizeMm: number, options: RampOptions = {}): Float64Array {
  const { window = "ram-lak", cutOff = 1 } = options;
  const key = [bins, binSizeMm, window, cutOff].join();
  // The slices of a stack ask for the same filter one after the other.
  if (last?.key !== key) last = { key, weights: windowedRamp(bins, binSizeMm, window, cutOff) };
  return last.weights.slice();
}

let last: { readonly key: string; readonly weights: Float64Array } | undefined;

function windowedRamp(bins: number, binSizeMm: number, window: FbpWindow, cutOff: number): Float64Array {
  if (!(cutOff > 0 && cutOff <= 1))
    fail("bad-argument", {
      what: "the cut-off of the ramp filter is not possible",
      where: "cutOff",
      expected: "a fraction of the Nyquist frequency above 0, at most 1",
      found: `${cutOff}`,
    });
  const ramp = new Float64Array(bins);
  ramp[0] = 1 / (4 * binSizeMm);
  for (let n = 1; n < bins; n += 2) ramp[n] = -1 / (n * n * Math.PI * Math.PI * binSizeMm);
  if (window === "ram-lak" && cutOff === 1) return ramp;
  const half = 2 ** Math.ceil(Math.log2(2 * bins));
  const response = rampResponse(half, binSizeMm);
  for (let k = 0; k <= half; k++) {
    const x = k / half / cutOff;
    response[k] = x > 1 ? 0 : response[k]! * windows[window](x);
  }
  return cosineSeries(response, bins);
}

/** The band-limited ramp's frequency response at k / half of the Nyquist frequency, from 2·half lags. */
function rampResponse(half: number, binSizeMm: number): Float64Array {
  const response = new Float64Array(half + 1).fill(1 / (4 * binSizeMm));
  const cosines = Float64Array.from({ length: 2 * half }, (_, n) => Math.cos((Math.PI * n) / half));
  for (let n = 1; n <= half; n += 2) {
    // The last lag occurs once in the period, all others on both sides.
    const weight = ((n === half ? -1 : -2) / (n * n * Math.PI * Math.PI * binSizeMm)) as number;
    for (let k = 0, at = 0; k <= half; k++, at = (at + n) % (2 * half))
      response[k] = response[k]! + weight * cosines[at]!;
  }
  return response;
}

/** The inverse: samples at lags 0 to `count - 1` of an even response given from 0 to the Nyquist frequency. */
function cosineSeries(response: Float64Array, count: number): Float64Array {
  const half = response.length - 1;
  const cosines = Float64Array.from({ length: 2 * half }, (_, n) => Math.cos((Math.PI * n) / half));
  return Float64Array.from({ length: count }, (_, n) => {
    let sum = response[0]! + response[half]! * (n % 2 === 0 ? 1 : -1);
    for (let k = 1, at = n; k < half; k++, at = (at + n) % (2 * half)) sum += 2 * response[k]! * cosines[at]!;
    return sum / (2 * half);
  });
}
