import { fail } from "../core/errors.js";
import { multiplyAffines, scalingAffine } from "./affine.js";
import type { Affine, Size3 } from "./volume.js";

/**
 * One channel with fewer voxels over the same field of view, each the mean of what it covers, parts of voxels by their
 * share: nothing is skipped, and the mean of the whole stays what it was. Throws `bad-argument` for an axis that grows.
 */
export function shrinkChannel(data: Float32Array, size: Size3, target: Size3): Float32Array {
  if (target.some((extent, axis) => !Number.isInteger(extent) || extent < 1 || extent > size[axis]!))
    fail("bad-argument", {
      what: "an image cannot be shrunk to this size",
      expected: `1 to ${size.join(", ")} voxels`,
      found: target.join(", "),
    });
  let current = data;
  const extents: [number, number, number] = [...size];
  for (const axis of [2, 1, 0] as const) {
    if (extents[axis] === target[axis]) continue;
    current = shrinkAxis(current, extents, axis, target[axis]);
    extents[axis] = target[axis];
  }
  return current === data ? data.slice() : current;
}

function shrinkAxis(data: Float32Array, size: Size3, axis: 0 | 1 | 2, length: number): Float32Array {
  const extent = size[axis];
  const inner = axis === 0 ? 1 : axis === 1 ? size[0] : size[0] * size[1];
  const outer = data.length / (inner * extent);
  const out = new Float32Array(outer * length * inner);
  const width = extent / length;
  for (let m = 0; m < length; m++) {
    const [from, to] = [m * width, (m + 1) * width];
    for (let n = Math.floor(from); n < Math.min(extent, Math.ceil(to)); n++) {
      const share = (Math.min(to, n + 1) - Math.max(from, n)) / width;
      for (let o = 0; o < outer; o++) {
        const source = (o * extent + n) * inner;
        const target = (o * length + m) * inner;
        for (let at = 0; at < inner; at++) out[target + at]! += share * data[source + at]!;
      }
    }
  }
  return out;
}

/** The affine of a field of view that is cut into other voxels: their outer edges stay where they were. */
export function resizedAffine(affine: Affine, size: Size3, target: Size3): Affine {
  const steps = size.map((extent, axis) => extent / target[axis]!) as [number, number, number];
  const offset = steps.map((step) => (step - 1) / 2) as [number, number, number];
  return multiplyAffines(affine, scalingAffine(steps, offset));
}
