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

/** Edge of the cube after which a `NoiseTile` repeats, mm. */
const tileMm = 128;
const tileStepMm = 4;
const tileNodes = tileMm / tileStepMm;

/** Band-limited noise tabulated on a cube that repeats: for texture, where a look-up per sample must be cheap. */
export type NoiseTile = Float32Array;

/** Noise as of `drawWaves`, its waves rounded to the nearest that fit the cube. */
export function drawTile(rng: Rng, count: number, wavelengthMm: number, spread: number): NoiseTile {
  const unit = (2 * Math.PI) / tileMm;
  const waves = drawWaves(rng, count, wavelengthMm, spread).map((value, n) =>
    n % 4 === 3 ? value : Math.round(value / unit) * unit,
  );
  const tile = new Float32Array(tileNodes ** 3);
  let n = 0;
  for (let k = 0; k < tileNodes; k++)
    for (let j = 0; j < tileNodes; j++)
      for (let i = 0; i < tileNodes; i++)
        tile[n++] = waveAt(waves, i * tileStepMm, j * tileStepMm, k * tileStepMm);
  return tile;
}

/** The tile's noise at a point, by trilinear interpolation. */
export function tileAt(tile: NoiseTile, x: number, y: number, z: number): number {
  const fx = x / tileStepMm;
  const fy = y / tileStepMm;
  const fz = z / tileStepMm;
  const i = Math.floor(fx);
  const j = Math.floor(fy);
  const k = Math.floor(fz);
  const u = fx - i;
  const v = fy - j;
  const w = fz - k;
  const mask = tileNodes - 1;
  const i0 = i & mask;
  const i1 = (i + 1) & mask;
  const j0 = (j & mask) * tileNodes;
  const j1 = ((j + 1) & mask) * tileNodes;
  const k0 = (k & mask) * tileNodes * tileNodes;
  const k1 = ((k + 1) & mask) * tileNodes * tileNodes;
  const low =
    (1 - v) * (tile[k0 + j0 + i0]! * (1 - u) + tile[k0 + j0 + i1]! * u) +
    v * (tile[k0 + j1 + i0]! * (1 - u) + tile[k0 + j1 + i1]! * u);
  const high =
    (1 - v) * (tile[k1 + j0 + i0]! * (1 - u) + tile[k1 + j0 + i1]! * u) +
    v * (tile[k1 + j1 + i0]! * (1 - u) + tile[k1 + j1 + i1]! * u);
  return low * (1 - w) + high * w;
}
