import type { Rng } from "../../core/rng.js";

/** A sum of plane cosines: rows of kx, ky, kz (radians per mm) and phase. */
export type Waves = Float64Array;

/**
 * Band-limited noise: `count` plane waves of random direction and phase whose wavelengths lie within
 * `spread` (relative, one standard deviation) of `wavelengthMm`. Its zero set is the labyrinth of about half a
 * wavelength between lines that the folds of the cortex are drawn from.
 */
export function drawWaves(rng: Rng, count: number, wavelengthMm: number, spread: number): Waves {
  const rows = new Float64Array(count * 4);
  for (let i = 0; i < count; i++) {
    const cosine = rng.between(-1, 1);
    const sine = Math.sqrt(1 - cosine * cosine);
    const angle = rng.between(0, 2 * Math.PI);
    const wavelength = wavelengthMm * Math.max(0.4, 1 + spread * rng.normal());
    const k = (2 * Math.PI) / wavelength;
    rows[i * 4] = k * sine * Math.cos(angle);
    rows[i * 4 + 1] = k * sine * Math.sin(angle);
    rows[i * 4 + 2] = k * cosine;
    rows[i * 4 + 3] = rng.between(0, 2 * Math.PI);
  }
  return rows;
}

/** The noise at a point: mean 0, variance 1 over space. */
export function waveAt(waves: Waves, x: number, y: number, z: number): number {
  let sum = 0;
  for (let o = 0; o < waves.length; o += 4)
    sum += Math.cos(waves[o]! * x + waves[o + 1]! * y + waves[o + 2]! * z + waves[o + 3]!);
  return sum * Math.sqrt(8 / waves.length);
}
