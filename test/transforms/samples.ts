import { rng } from "../../src/core/rng.js";
import type { Sample } from "../../src/transforms/sample.js";
import type { Size3 } from "../../src/volume/volume.js";

/** A smooth random image and a label map with 0, 1, 2 on one grid. */
export function sample(size: Size3, spacing: Size3 = [1, 1, 1], channels = 1): Sample {
  const affine = [spacing[0], 0, 0, -20, 0, spacing[1], 0, 11, 0, 0, spacing[2], 5, 0, 0, 0, 1];
  const count = size[0] * size[1] * size[2];
  const data = new Float32Array(count * channels);
  const labels = new Uint8Array(count);
  const random = rng("sample");
  for (let v = 0; v < data.length; v++) data[v] = random.normal();
  for (let v = 0; v < count; v++) labels[v] = random.integer(3);
  return { image: { data, size, affine, channels }, label: { data: labels, size, affine, channels: 1 } };
}

/** A sample whose image is its label map: whatever moves one must move the other. */
export function twin(labels: Uint8Array, size: Size3, spacing: Size3 = [1, 1, 1]): Sample {
  const affine = [spacing[0], 0, 0, 0, 0, spacing[1], 0, 0, 0, 0, spacing[2], 0, 0, 0, 0, 1];
  return {
    image: { data: Float32Array.from(labels), size, affine, channels: 1 },
    label: { data: labels, size, affine, channels: 1 },
  };
}

/** A ball of the label, centred, radius in mm. */
export function ball(size: Size3, spacing: Size3, radiusMm: number, centreMm: Size3 = [0, 0, 0]): Uint8Array {
  const mask = new Uint8Array(size[0] * size[1] * size[2]);
  for (let k = 0, v = 0; k < size[2]; k++)
    for (let j = 0; j < size[1]; j++)
      for (let i = 0; i < size[0]; i++, v++) {
        const x = (i - (size[0] - 1) / 2) * spacing[0] - centreMm[0];
        const y = (j - (size[1] - 1) / 2) * spacing[1] - centreMm[1];
        const z = (k - (size[2] - 1) / 2) * spacing[2] - centreMm[2];
        mask[v] = Math.hypot(x, y, z) <= radiusMm ? 1 : 0;
      }
  return mask;
}

/** Centre of mass of a mask in mm from the centre of the image. */
export function centreOfMass(mask: ArrayLike<number>, size: Size3, spacing: Size3): [number, number, number] {
  const sum = [0, 0, 0, 0];
  for (let k = 0, v = 0; k < size[2]; k++)
    for (let j = 0; j < size[1]; j++)
      for (let i = 0; i < size[0]; i++, v++) {
        const value = mask[v]!;
        sum[0]! += value * (i - (size[0] - 1) / 2) * spacing[0];
        sum[1]! += value * (j - (size[1] - 1) / 2) * spacing[1];
        sum[2]! += value * (k - (size[2] - 1) / 2) * spacing[2];
        sum[3]! += value;
      }
  return [sum[0]! / sum[3]!, sum[1]! / sum[3]!, sum[2]! / sum[3]!];
}
