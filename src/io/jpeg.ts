import jpeg from "jpeg-js";
import { GyrusError } from "../core/errors.js";
import { identityAffine } from "../volume/affine.js";
import type { Volume } from "../volume/volume.js";
import { volume } from "../volume/volume.js";

/** True when the first bytes can only be a JPEG file, whatever its name. */
export const isJpeg = (head: Uint8Array): boolean => head[0] === 0xff && head[1] === 0xd8 && head[2] === 0xff;

/**
 * Read a JPEG file, baseline or progressive, as a 2-D volume `[width, height, 1]` of grey values from 0 to 255, with voxels of
 * 1 mm: rows run from the first to the last. Colours become their luminance (ITU-R BT.601), which is what JPEG itself
 * stores of them. What compression has lost is lost: JPEG is read to be looked at, not to be trained on. A damaged file, one that
 * ends early, and one of more than 100 million pixels throw `bad-file`.
 */
export function parseJpeg(bytes: Uint8Array, name: string): Volume<Uint8Array> {
  const { width, height, data } = decodeOrFail(bytes, name);
  const grey = new Uint8Array(width * height);
  for (let at = 0, from = 0; at < grey.length; at++, from += 3)
    grey[at] = Math.round(0.299 * data[from]! + 0.587 * data[from + 1]! + 0.114 * data[from + 2]!);
  return volume(grey, { size: [width, height, 1], affine: identityAffine });
}

function decodeOrFail(bytes: Uint8Array, name: string) {
  try {
    // Tolerant decoding would fill what is missing with grey.
    return jpeg.decode(bytes, { useTArray: true, formatAsRGBA: false, tolerantDecoding: false });
  } catch (cause) {
    throw new GyrusError("bad-file", {
      what: "the JPEG file is damaged, ends early, or is of a kind that is not read",
      where: name,
      expected: "8 bits, baseline or progressive",
      found: cause instanceof Error ? cause.message : String(cause),
      fix: "Copy or download the file again, or convert it to grey PNG",
      cause,
    });
  }
}
