import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { rng } from "../../../src/core/rng.js";
import { writeVolume } from "../../../src/io/node.js";
import { acquireSlices } from "../../../src/sim/mr/slices.js";
import { scalingAffine } from "../../../src/volume/affine.js";
import type { ImageVolume, Size3 } from "../../../src/volume/volume.js";

/** Bright and dark shells of many balls, with sharp edges in all directions, cubes of 1 mm. */
export function shells(seed: number | string, size: Size3 = [36, 40, 32]): ImageVolume {
  const random = rng(seed);
  const [ni, nj, nk] = size;
  const data = new Float32Array(ni * nj * nk).fill(20);
  const short = Math.min(...size);
  for (let ball = 0; ball < 14; ball++) {
    const middle = size.map((n) => random.between(0.1, 0.9) * (n - 1));
    const radius = random.between(0.15, 0.4) * short;
    const [value, shell] = [random.between(20, 200), random.between(1.5, 5)];
    for (let k = 0, v = 0; k < nk; k++)
      for (let j = 0; j < nj; j++)
        for (let i = 0; i < ni; i++, v++) {
          const away = Math.hypot(i - middle[0]!, j - middle[1]!, k - middle[2]!);
          const share =
            Math.min(1, Math.max(0, radius - away + 0.5)) -
            Math.min(1, Math.max(0, radius - shell - away + 0.5));
          data[v] = data[v]! * (1 - share) + value * share;
        }
  }
  return { data, size, affine: scalingAffine([1, 1, 1], [-10, 4, 7]), channels: 1 };
}

/** The same in slices of 4 mm. */
export function thickShells(seed: number | string, size?: Size3, axis: 0 | 1 | 2 = 2): ImageVolume {
  return acquireSlices(shells(seed, size), { axis, thicknessMm: 4 });
}

/** A folder of scans with thick slices. */
export async function writeShells(folder: string, cases: number): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (let n = 0; n < cases; n++)
    await writeVolume(join(folder, `scan-${n}.nii.gz`), thickShells(`case ${n}`));
  return folder;
}

/** Settings that make a run quick: networks of one narrow block, small patches. */
export const quickShells: Readonly<Record<string, string>> = {
  "network.width": "8",
  "network.blocks": "1",
  patch: "16",
  batch: "4",
  rotations: "3",
  average: "0.9",
  stepsPerEpoch: "2",
  validations: "2",
};
