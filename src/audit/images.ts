import { baseName, type FileSystem } from "../io/files.js";
import { readVolumeFrom, volumeFormats } from "../io/formats.js";
import { isJpeg, parseJpeg } from "../io/jpeg.js";
import { parsePng } from "../io/png.js";
import type { ImageVolume, Volume } from "../volume/volume.js";

const flat = /\.(png|jpe?g)$/i;

/** Whether a name is that of an image that an audit looks at: what Gyrus trains on, and JPEG, as slices are often passed around. */
export const isImageName = (name: string): boolean =>
  flat.test(name) || volumeFormats.some((format) => format.matches(baseName(name)));

/** Whether a file has its rows from the top, as pictures have: the frame of a scan begins below. */
export const isPicture = (name: string): boolean => flat.test(name);

/** An image of any of these formats; of pictures the first bytes count, not the name. Throws what the readers do. */
export async function readImage(files: FileSystem, path: string): Promise<ImageVolume> {
  if (!isPicture(path)) return (await readVolumeFrom(files, path, { as: "float32" })).volume as ImageVolume;
  const bytes = await files.read(path);
  const jpeg = isJpeg(bytes) || (bytes[0] !== 0x89 && /\.jpe?g$/i.test(path));
  const { data, ...rest }: Volume = jpeg ? parseJpeg(bytes, path) : parsePng(bytes, path);
  return { ...rest, data: Float32Array.from(data) };
}
