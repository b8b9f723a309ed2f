import type { Grid } from "../volume/volume.js";
import { voxelCount } from "../volume/volume.js";
import { type FileSystem, isGzip } from "./files.js";
import { formatOf, readVolumeFrom } from "./formats.js";
import { niftiLayout } from "./nifti.js";
import { decodeHeader, headerLength } from "./nifti-header.js";
import { pngDescription } from "./png.js";

/** What a file will take when it is read. */
export interface Peeked extends Grid {
  readonly channels: number;
  /** Bytes of the voxels as they are stored, expanded. */
  readonly storedBytes: number;
  /** What a NIfTI file says of itself in its header, a PNG in its text. */
  readonly description?: string;
}

/**
 * Grid and size of a volume without its voxels: of a NIfTI file the header alone is expanded, others, which are small
 * pictures, are read. Throws what reading would throw for a header that makes no sense.
 */
export async function peekVolumeFrom(files: FileSystem, path: string): Promise<Peeked> {
  const start = headerLength.nifti2 + 4;
  const first = await files.read(path, start);
  const packed = isGzip(first);
  const head = packed ? await files.gzip.expand(await files.read(path), path, start) : first;
  const isNifti =
    /\.(nii|hdr)(\.gz)?$/i.test(path) && formatOf(path, head.subarray(0, 132)).name.includes("NIfTI");
  if (!isNifti) {
    const { volume } = await readVolumeFrom(files, path);
    const { size, affine, channels, data } = volume;
    const description = /\.png$/i.test(path) ? pngDescription(await files.read(path), path) : undefined;
    const about = description === undefined ? {} : { description };
    return { size, affine, channels, storedBytes: data.byteLength, ...about };
  }
  const header = decodeHeader(head, path);
  const { size, affine, channels, byteCount } = niftiLayout(header, path);
  return { size, affine, channels, storedBytes: byteCount, description: header.descrip };
}

/** Bytes that a volume takes while it is read and turned: as stored, in float32, and a copy in another order. */
export function readingBytes({ size, channels, storedBytes }: Peeked): number {
  return storedBytes + 2 * 4 * channels * voxelCount(size);
}
