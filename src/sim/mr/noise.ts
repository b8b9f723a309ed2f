import { fail } from "../../core/errors.js";
import type { Rng } from "../../core/rng.js";
import { spacingMm } from "../../volume/affine.js";
import { rangeOf } from "../../volume/intensity.js";
import { type Grid, type ImageVolume, volume, voxelCount } from "../../volume/volume.js";
import { requirePercent } from "../artefacts.js";
import { emptyLattice, sampleLattice } from "../shape/lattice.js";
import { drawWaves, waveAt } from "../shape/waves.js";

export interface MrNoise {
  /** Standard deviation in each channel of the signal, percent of the brightest voxel (or of `peak`). */
  readonly percent: number;
  /** What the percentage is of, in the image's units; default: the brightest voxel of the image itself. */
  readonly peak?: number;
  /** How many times as strong the noise is, voxel by voxel: see `unevenness`. */
  readonly map?: Float32Array;
  /** Receiver coils whose squares are summed, each with an equal share of the signal; default 1: Rician noise. */
  readonly coils?: number;
}

/**
 * Noise of a magnitude image: `√((x + n₁)² + n₂²)`, n₁ and n₂ normal with standard deviation `percent`/100 of the
 * brightest voxel, the convention of BrainWeb and of Ran et al. 2019. With several coils the squares of all are
 * summed, `√Σ((x/√L + n)² + n²)`, whose distribution is the non-central chi with 2L degrees (Constantinides et al.
 * 1997): air is then no longer Rayleigh.
 *
 * Gives the image and the standard deviation that was used, without the map. The draw depends on the generator alone.
 */
export function withMrNoise(
  image: ImageVolume,
  rng: Rng,
  { percent, peak = rangeOf(image.data)[1], map, coils = 1 }: MrNoise,
): { image: ImageVolume; sigma: number } {
  requirePercent("percent", percent);
  if (!(peak > 0 && Number.isFinite(peak)))
    fail("bad-argument", {
      what: "a percentage of noise needs a brightest voxel above 0",
      where: "peak",
      expected: "a positive number",
      found: `${peak}`,
    });
  if (!(Number.isInteger(coils) && coils >= 1 && coils <= 64))
    fail("bad-argument", {
      what: "the number of coils is not possible",
      where: "coils",
      expected: "a whole number from 1 to 64",
      found: `${coils}`,
    });
  if (map !== undefined && map.length !== voxelCount(image.size))
    fail("shape", {
      what: "the map of the noise does not fit the image",
      expected: `${voxelCount(image.size)} voxels`,
      found: `${map.length}`,
    });
  const sigma = (percent / 100) * peak;
  const out = new Float32Array(image.data.length);
  const share = 1 / Math.sqrt(coils);
  const voxels = voxelCount(image.size);
  for (let v = 0; v < out.length; v++) {
    const local = map === undefined ? sigma : sigma * map[v % voxels]!;
    const signal = image.data[v]! * share;
    let squares = 0;
    for (let coil = 0; coil < coils; coil++) {
      const real = signal + rng.normal(0, local);
      const imaginary = rng.normal(0, local);
      squares += real * real + imaginary * imaginary;
    }
    out[v] = Math.sqrt(squares);
  }
  return { image: volume(out, image, image.channels), sigma };
}

/**
 * A smooth map of how much stronger the noise is from place to place, as parallel imaging makes it: from 1 to
 * `largest`, waves of `wavelengthMm` through the field.
 */
export function unevenness(
  grid: Grid,
  rng: Rng,
  { largest = 3, wavelengthMm = 120 }: { readonly largest?: number; readonly wavelengthMm?: number } = {},
): Float32Array {
  if (!(largest >= 1 && largest <= 100 && wavelengthMm > 0))
    fail("bad-argument", {
      what: "the unevenness of the noise is not possible",
      expected: "largest from 1 to 100, a wavelength above 0 mm",
      found: `${largest}, ${wavelengthMm} mm`,
    });
  const spacing = spacingMm(grid.affine);
  const extent = grid.size.map((n, axis) => n * spacing[axis]!) as [number, number, number];
  const stepMm = wavelengthMm / 15;
  const lattice = emptyLattice([0, 0, 0], extent, stepMm, 1);
  const waves = drawWaves(rng, 12, wavelengthMm, 0.25);
  let n = 0;
  for (let k = 0; k < lattice.size[2]; k++)
    for (let j = 0; j < lattice.size[1]; j++)
      for (let i = 0; i < lattice.size[0]; i++)
        lattice.data[n++] = waveAt(waves, i * stepMm, j * stepMm, k * stepMm);
  const map = new Float32Array(voxelCount(grid.size));
  const at = new Float64Array(1);
  let v = 0;
  for (let k = 0; k < grid.size[2]; k++)
    for (let j = 0; j < grid.size[1]; j++)
      for (let i = 0; i < grid.size[0]; i++, v++) {
        sampleLattice(lattice, i * spacing[0], j * spacing[1], k * spacing[2], at);
        map[v] = at[0]!;
      }
  const [low, high] = rangeOf(map);
  const scale = high > low ? (largest - 1) / (high - low) : 0;
  for (let at = 0; at < map.length; at++) map[at] = 1 + (map[at]! - low) * scale;
  return map;
}
