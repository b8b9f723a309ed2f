import { fail } from "../core/errors.js";
import { orderStatistics } from "../volume/order.js";
import type { ImageVolume, Size3 } from "../volume/volume.js";
import { requireVolume } from "./options.js";
import { rayleighMean } from "./rician.js";

export interface BackgroundNoise {
  /** Standard deviation of the noise in each of the two channels of the signal, in the image's units. */
  readonly sigma: number;
  /** Share of the field that was found to be air. */
  readonly airShare: number;
}

/** Air is looked for in cubes of this side. */
const side = 4;
const cube = side ** 3;
/** The mean square of 64 Rayleigh magnitudes lies this far about its expectation 95 times in 100. */
const within = 1.96 / Math.sqrt(cube);
/** Mean over root mean square: √π/2 for air, 1 where there is signal. 64 voxels are within this of it. */
const airRatio = rayleighMean / Math.SQRT2;
const ratioWithin = 0.07;
/** Air is darker than this share of bright tissue; what is not are folds of tissue that look as uneven. */
const darkest = 0.4;

/**
 * The noise of a magnitude image from its air, where it has the Rayleigh distribution: σ² is half the mean square.
 *
 * Air is found without a threshold, after PIESNO (Koay, Özarslan & Pierpaoli 2009) with cubes of one image in place
 * of repeated images: cubes whose values spread as Rayleigh's do, and of these the largest number that agree in their
 * mean square. Throws `bad-data` where there is no such air: masked, cropped away or set to 0.
 */
export function noiseFromBackground(image: ImageVolume, where?: string): BackgroundNoise {
  requireVolume(image, where);
  const { squares, total, bright } = airLikeCubes(image.data, image.size);
  squares.sort();
  const { best, first, beside } = darkestLevel(squares);
  const isAir = best >= Math.max(20, 0.005 * total) && best >= 2 * beside;
  if (!isAir || Math.sqrt(squares[first]!) > darkest * bright)
    fail("bad-data", {
      what: "the scan has no air from which its noise could be estimated",
      where,
      expected: "a background with the noise of the scanner in it",
      found: `${((100 * best) / total).toFixed(1)} % of the field like air: it is set to a constant, or cropped away`,
      fix: "Estimate the noise from the image itself, or give its standard deviation",
    });
  let mean = average(squares, first, first + best);
  for (let round = 0; round < 20; round++) {
    const from = lowerBound(squares, mean * (1 - within));
    const to = lowerBound(squares, mean * (1 + within));
    if (to > from) mean = average(squares, from, to);
  }
  return { sigma: Math.sqrt(mean / 2), airShare: best / total };
}

/**
 * The window of mean squares that may belong to one noise level and holds most cubes, first of the windows that hold a
 * quarter of the most: air is the darkest of what looks like it, and textured tissue may be more.
 */
function darkestLevel(squares: Float64Array): { best: number; first: number; beside: number } {
  const width = (1 + within) / (1 - within);
  const counts = new Int32Array(squares.length);
  for (let low = 0, high = 0; low < squares.length; low++) {
    while (high < squares.length && squares[high]! <= squares[low]! * width) high++;
    counts[low] = high - low;
  }
  const most = counts.reduce((top, count) => Math.max(top, count), 0);
  let first = counts.findIndex((count) => 4 * count >= most);
  const limit = (squares[first] ?? 0) * width;
  for (let low = first; low < squares.length && squares[low]! <= limit; low++)
    if (counts[low]! > counts[first]!) first = low;
  const best = counts[first] ?? 0;
  // One level stands out from what is as far again to either side; tissue that looks uneven has all levels.
  const below = first - lowerBound(squares, (squares[first] ?? 0) / width);
  const above = counts[first + best] ?? 0;
  return { best, first, beside: Math.max(below, above) };
}

interface Cubes {
  /** Mean squares of the cubes whose values spread as in air. */
  readonly squares: Float64Array;
  /** Number of all cubes. */
  readonly total: number;
  /** Root mean square that nine in ten of all cubes are below. */
  readonly bright: number;
}

function airLikeCubes(data: Float32Array, [ni, nj, nk]: Size3): Cubes {
  const [ci, cj, ck] = [Math.floor(ni / side), Math.floor(nj / side), Math.floor(nk / side)];
  const squares = new Float64Array(ci * cj * ck);
  const levels = new Float32Array(squares.length);
  let seen = 0;
  let found = 0;
  for (let c = 0; c < ck; c++)
    for (let b = 0; b < cj; b++)
      for (let a = 0; a < ci; a++) {
        let [sum, square, zeros] = [0, 0, 0];
        const first = (c * side * nj + b * side) * ni + a * side;
        for (let k = 0; k < side; k++)
          for (let j = 0; j < side; j++) {
            const row = first + (k * nj + j) * ni;
            for (let v = row; v < row + side; v++) {
              sum += data[v]!;
              if (data[v] === 0) zeros++;
              square += data[v]! * data[v]!;
            }
          }
        levels[seen++] = Math.sqrt(square / cube);
        const ratio = sum / Math.sqrt(square * cube);
        // Rayleigh magnitudes are hardly ever 0: cubes cut by a mask are no air.
        if (zeros > cube / 8 || !(square > 0) || Math.abs(ratio - airRatio) > ratioWithin) continue;
        const variance = square / cube - (sum / cube) ** 2;
        if (roughness(data, first, ni, nj) >= leastRoughness * variance) squares[found++] = square / cube;
      }
  const [bright = 0] = orderStatistics(levels, [Math.floor(0.9 * seen)]);
  return { squares: squares.slice(0, found), total: squares.length, bright };
}

/**
 * Half the mean squared difference of neighbours in a cube: the variance where they are independent, less than a
 * quarter of it where an edge runs through. Interpolated scans have half as much as independent noise, or more.
 */
function roughness(data: Float32Array, first: number, ni: number, nj: number): number {
  const last = side - 1;
  let sum = 0;
  for (let k = 0; k < side; k++)
    for (let j = 0; j < side; j++)
      for (let i = 0; i < side; i++) {
        const v = first + (k * nj + j) * ni + i;
        const x = i < last ? data[v + 1]! - data[v]! : 0;
        const y = j < last ? data[v + ni]! - data[v]! : 0;
        const z = k < last ? data[v + ni * nj]! - data[v]! : 0;
        sum += x * x + y * y + z * z;
      }
  return sum / (6 * last * side * side);
}

/** Cubes whose neighbours differ less than this share of independent noise hold an edge. */
const leastRoughness = 0.4;

function average(values: Float64Array, from: number, to: number): number {
  let sum = 0;
  for (let n = from; n < to; n++) sum += values[n]!;
  return sum / (to - from);
}

/** How many of the sorted values are below `limit`. */
function lowerBound(sorted: Float64Array, limit: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
