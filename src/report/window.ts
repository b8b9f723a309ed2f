import { fail } from "../core/errors.js";
import { percentiles } from "../volume/intensity.js";
import { type ImageVolume, voxelCount } from "../volume/volume.js";

/**
 * One channel as grey levels from 0 to 255, windowed between its 0.5th and 99.5th percentile; a constant image
 * becomes mid-grey. Throws `bad-data` for a voxel that is not finite.
 */
export function greyLevels(image: ImageVolume, channel: number, where: string | undefined): Float32Array {
  const count = voxelCount(image.size);
  const values = image.data.subarray(channel * count, (channel + 1) * count);
  // A quarter of a million voxels settle a percentile; sorting every voxel of a whole head would take seconds.
  const stride = Math.max(1, Math.floor(count / 250_000));
  const sample = new Float32Array(Math.ceil(count / stride));
  for (let at = 0; at < count; at++) {
    const value = values[at]!;
    if (!Number.isFinite(value))
      fail("bad-data", {
        what: `voxel ${at} of channel ${channel} is not a finite number`,
        where,
        found: `${value}`,
        fix: "Run gyrus inspect on the image",
      });
    if (at % stride === 0) sample[at / stride] = value;
  }
  let [low, high] = percentiles(sample, [0.5, 99.5]) as [number, number];
  // Nearly all voxels alike, as in a small mask: the whole range then, or nothing would be seen.
  if (high <= low) [low, high] = percentiles(sample, [0, 100]) as [number, number];
  const out = new Float32Array(count);
  if (high <= low) return out.fill(128);
  const gain = 255 / (high - low);
  for (let at = 0; at < count; at++) out[at] = Math.min(255, Math.max(0, (values[at]! - low) * gain));
  return out;
}
