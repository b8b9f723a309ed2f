import type { Volume } from "../volume/volume.js";
import { nodeFiles } from "./disk.node.js";
import type { EncodeOptions } from "./nifti.js";
import { type ReadOptions, type ReadVolume, readVolumeFrom, writeVolumeTo } from "./volumes.js";

export { nodeFiles } from "./disk.node.js";

/** Read a volume from the disk: `.nii`, `.nii.gz`, `.hdr/.img`, Analyze or `.png`. See `readVolumeFrom`. */
export function readVolume(
  path: string,
  options: ReadOptions & { readonly as: "float32" },
): Promise<ReadVolume<Float32Array>>;
export function readVolume(path: string, options?: ReadOptions): Promise<ReadVolume>;
export function readVolume(path: string, options?: ReadOptions): Promise<ReadVolume> {
  return readVolumeFrom(nodeFiles, path, options);
}

/** Write a volume to the disk, whole or not at all; the name says the format. See `writeVolumeTo`. */
export function writeVolume(path: string, volume: Volume, options?: EncodeOptions): Promise<void> {
  return writeVolumeTo(nodeFiles, path, volume, options);
}
