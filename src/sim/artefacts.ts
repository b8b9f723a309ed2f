import { fail } from "../core/errors.js";
import type { Rng } from "../core/rng.js";
import { type ImageVolume, volume } from "../volume/volume.js";
import { emptyLattice, sampleLattice } from "./shape/lattice.js";
import { drawWaves, waveAt } from "./shape/waves.js";

/**
 * Multiply an image by a smooth field, as the sensitivity of the coils does: the exponential of band-limited
 * noise of 180 mm wavelength whose standard deviation is `percent` / 100. 0 leaves the image as it is.
 */
export function withBiasField(image: ImageVolume, rng: Rng, percent: number): ImageVolume {
  requirePercent("biasPercent", percent);
  if (percent === 0) return image;
  const { size, affine: m } = image;
  const spacing = [0, 1, 2].map((c) => Math.hypot(m[c]!, m[4 + c]!, m[8 + c]!));
  const waves = drawWaves(rng, 12, 180, 0.25);
  const field = emptyLattice(
    [0, 0, 0],
    [size[0] * spacing[0]!, size[1] * spacing[1]!, size[2] * spacing[2]!],
    12,
    1,
  );
  let n = 0;
  for (let k = 0; k < field.size[2]; k++)
    for (let j = 0; j < field.size[1]; j++)
      for (let i = 0; i < field.size[0]; i++)
        field.data[n++] = Math.exp((percent / 100) * waveAt(waves, i * 12, j * 12, k * 12));
  const out = new Float32Array(image.data.length);
  const at = new Float64Array(1);
  let v = 0;
  for (let k = 0; k < size[2]; k++)
    for (let j = 0; j < size[1]; j++)
      for (let i = 0; i < size[0]; i++, v++) {
        sampleLattice(field, i * spacing[0]!, j * spacing[1]!, k * spacing[2]!, at);
        out[v] = image.data[v]! * at[0]!;
      }
  return volume(out, image, image.channels);
}

/**
 * Rician noise: the magnitude of the signal with independent normal noise of standard deviation `sigma` in its
 * real and its imaginary part (Gudbjartsson and Patz 1995). Air gets the Rayleigh floor, as in a real scan.
 */
export function withRicianNoise(image: ImageVolume, rng: Rng, sigma: number): ImageVolume {
  if (!(Number.isFinite(sigma) && sigma >= 0))
    fail("bad-argument", {
      what: "the standard deviation of the noise is not possible",
      where: "sigma",
      expected: "0 or above, in the image's units",
      found: `${sigma}`,
    });
  if (sigma === 0) return image;
  const out = new Float32Array(image.data.length);
  for (let v = 0; v < out.length; v++) {
    const real = image.data[v]! + rng.normal(0, sigma);
    const imaginary = rng.normal(0, sigma);
    out[v] = Math.sqrt(real * real + imaginary * imaginary);
  }
  return volume(out, image, image.channels);
}

/** Throws `bad-argument` unless the number is a percentage from 0 to 100. */
export function requirePercent(name: string, percent: number): void {
  if (!(percent >= 0 && percent <= 100))
    fail("bad-argument", {
      what: "a percentage is out of range",
      where: name,
      expected: "0 to 100",
      found: `${percent}`,
    });
}
