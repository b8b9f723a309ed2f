import { see } from "../../src/audit/audit.js";
import type { Seen } from "../../src/audit/check-content.js";
import type { AuditItem, Part } from "../../src/audit/types.js";
import { rng } from "../../src/core/rng.js";
import { identityAffine } from "../../src/volume/affine.js";
import type { ImageVolume, Size3 } from "../../src/volume/volume.js";

const size: Size3 = [40, 48, 14];

/**
 * A bright ellipsoid in a ring, the same for all, with folds of its own: waves of 4 to 14 voxels in all directions. Cheap, where a
 * simulated head takes a second.
 */
const made = new Map<number, ImageVolume>();
export function head(index: number): ImageVolume {
  const known = made.get(index) ?? drawHead(index);
  made.set(index, known);
  return known;
}

function drawHead(index: number): ImageVolume {
  const draw = rng("head").split(index);
  const waves = Array.from({ length: 24 }, () => {
    const direction = [draw.normal(), draw.normal(), draw.normal()];
    const scale = (2 * Math.PI) / draw.between(5, 14) / Math.hypot(...direction);
    return [...direction.map((d) => d * scale), draw.between(0, 2 * Math.PI)];
  });
  const [ni, nj, nk] = size;
  const data = new Float32Array(ni * nj * nk);
  for (let k = 0, v = 0; k < nk; k++)
    for (let j = 0; j < nj; j++)
      for (let i = 0; i < ni; i++, v++) {
        const radius = Math.hypot((i - 19.5) / 16, (j - 23.5) / 20, (k - 6.5) / 18);
        if (radius > 1) continue;
        let folds = 0;
        for (const [a, b, c, phase] of waves) folds += Math.cos(a! * i + b! * j + 0.5 * c! * k + phase!);
        data[v] = radius > 0.92 ? 400 : 800 + 60 * folds;
      }
  return { data, size, affine: identityAffine, channels: 1 };
}

/** Slice `at` of the six in the middle of a head. */
export function slice(index: number, at: number): ImageVolume {
  const { data, size, affine } = head(index);
  const area = size[0] * size[1];
  const from = ((size[2] >> 1) - 3 + at) * area;
  return { data: data.slice(from, from + area), size: [size[0], size[1], 1], affine, channels: 1 };
}

export const seenSlice = (
  index: number,
  at: number,
  part: Part,
  more: Partial<AuditItem> = {},
): Promise<Seen> => see({ id: `${index}-${at}`, part, ...more }, slice(index, at));
