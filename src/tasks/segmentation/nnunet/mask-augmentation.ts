import type { Rng } from "../../../core/rng.js";
import { connectedComponents } from "../../../volume/components.js";
import { distanceTransform } from "../../../volume/distance.js";
import { type Size3, voxelCount } from "../../../volume/volume.js";

/** How often the labels of the stage before are changed, and how (v2; radii are below the second number). */
const morphologyProbability = 0.4;
const radii = [1, 8] as const;
const removalProbability = 0.2;

/** A component of this share of the patch or more is never removed. */
const largestRemoved = 0.15;

const operators = ["dilate", "erode", "close", "open"] as const;

/**
 * Make the one-hot labels of a coarser network worse, in place: `[labels, k, j, i]` of zeros and ones. The finer
 * network would otherwise learn to copy them, since on its training cases they are better than on new ones. With
 * probability 0.4 every label is dilated, eroded, closed or opened by a ball of 1 to 7 voxels, taking voxels from the
 * others where it grows; with probability 0.2 every label loses one of its components (Isensee 2021, supplement).
 */
export function augmentMask(masks: Float32Array, size: Size3, random: Rng): void {
  const voxels = voxelCount(size);
  const labels = masks.length / voxels;
  const maskOf = (label: number): Float32Array => masks.subarray(label * voxels, (label + 1) * voxels);
  if (random.split("morphology").chance(morphologyProbability))
    for (const label of random.split("order").shuffle(Array.from({ length: labels }, (_, n) => n))) {
      const draws = random.split("operator", label);
      const operator = operators[draws.integer(operators.length)]!;
      const radius = radii[0] + draws.integer(radii[1] - radii[0]);
      replace(masks, label, voxels, morphology(Uint8Array.from(maskOf(label)), size, operator, radius));
    }
  if (random.split("removal").chance(removalProbability))
    for (let label = 0; label < labels; label++)
      removeOne(maskOf(label), size, random.split("component", label));
}

/** A mask changed by a ball; outside the patch there is nothing. */
export function morphology(
  mask: Uint8Array,
  size: Size3,
  operator: (typeof operators)[number],
  radius: number,
): Uint8Array {
  const dilate = (from: Uint8Array): Uint8Array => {
    const distance = distanceTransform(from, size, [1, 1, 1]);
    return Uint8Array.from(distance, (voxels) => (voxels <= radius ? 1 : 0));
  };
  const erode = (from: Uint8Array): Uint8Array => {
    const outside = distanceTransform(
      from.map((value) => 1 - value),
      size,
      [1, 1, 1],
    );
    return Uint8Array.from(outside, (voxels) => (voxels > radius ? 1 : 0));
  };
  if (operator === "dilate") return dilate(mask);
  if (operator === "erode") return erode(mask);
  return operator === "close" ? erode(dilate(mask)) : dilate(erode(mask));
}

/** A label gets a new mask; voxels that it gained are taken from all others. */
function replace(masks: Float32Array, label: number, voxels: number, mask: Uint8Array): void {
  const labels = masks.length / voxels;
  for (let at = 0; at < voxels; at++) {
    const before = masks[label * voxels + at];
    masks[label * voxels + at] = mask[at]!;
    if (mask[at] === 1 && before === 0)
      for (let other = 0; other < labels; other++) if (other !== label) masks[other * voxels + at] = 0;
  }
}

function removeOne(mask: Float32Array, size: Size3, random: Rng): void {
  const affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
  const { volume, sizes } = connectedComponents({ data: mask, size, affine, channels: 1 });
  const small = sizes.flatMap((count, at) => (count < largestRemoved * mask.length ? [at + 1] : []));
  if (small.length === 0) return;
  const gone = small[random.integer(small.length)]!;
  for (let at = 0; at < mask.length; at++) if (volume.data[at] === gone) mask[at] = 0;
}
