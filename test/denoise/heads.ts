import { rng } from "../../src/core/rng.js";
import { simulateSubject } from "../../src/sim/cohort.js";
import { withMrNoise } from "../../src/sim/mr/noise.js";
import type { ImageVolume, Size3 } from "../../src/volume/volume.js";

/** A simulated head without noise or bias field, small enough for tests. */
export function cleanHead(size: Size3 = [48, 56, 44], spacingMm = 3.6): ImageVolume {
  return simulateSubject(
    { subjects: 1, seed: 5, spacingMm, size, noisePercent: 0, biasPercent: 0, ageYears: [30, 40] },
    0,
  ).t1;
}

export function noisyHead(
  clean: ImageVolume,
  percent: number,
  seed = 1,
): { image: ImageVolume; sigma: number } {
  return withMrNoise(clean, rng(seed), { percent });
}

/** Integer values by a formula that the Python scripts of the golden values share. */
export function patterned([ni, nj, nk]: Size3): ImageVolume {
  const data = new Float32Array(ni * nj * nk);
  for (let k = 0, v = 0; k < nk; k++)
    for (let j = 0; j < nj; j++)
      for (let i = 0; i < ni; i++, v++) {
        const steps = Math.floor(i / 4) + Math.floor(j / 5) + Math.floor(k / 3);
        data[v] = ((i * 37 + j * 17 + k * 29) % 64) + (steps % 7) * 16;
      }
  return { data, size: [ni, nj, nk], affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], channels: 1 };
}
