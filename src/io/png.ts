import { type DecodedPng, decode, encode, hasPngSignature } from "fast-png";
import { fail, GyrusError } from "../core/errors.js";
import { identityAffine } from "../volume/affine.js";
import type { Volume } from "../volume/volume.js";
import { volume } from "../volume/volume.js";
import { largestBytes } from "./nifti.js";

/**
 * Read a grey PNG as a 2-D volume `[width, height, 1]` with voxels of 1 mm: a PNG knows no millimetres, and its
 * rows run from the first to the last. 8 and 16 bits come as stored, 1 to 4 bits as small integers, one a pixel.
 *
 * Colours are read only where they are grey (red = green = blue in every pixel); an opaque alpha channel is
 * dropped. Everything else throws `unsupported`, a damaged file `bad-file`.
 */
export function parsePng(bytes: Uint8Array, name: string): Volume<Uint8Array | Uint16Array> {
  checkHeader(bytes, name);
  const png = decodeOrFail(bytes, name);
  const grid = { size: [png.width, png.height, 1] as const, affine: identityAffine };
  return volume(png.palette === undefined ? grey(png, name) : fromPalette(png, name), grid);
}

/** The size stands in the first chunk, so that an absurd one is refused before anything is allocated. */
function checkHeader(bytes: Uint8Array, name: string): void {
  if (bytes.length < 33 || !hasPngSignature(bytes))
    fail("bad-file", {
      what: bytes.length < 33 ? "the file ends inside its header" : "this is not a PNG file",
      where: name,
      expected: "the eight bytes that begin every PNG, and a header of 25 more",
      found: `${bytes.length} bytes`,
      fix: "Copy or download the file again",
    });
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  if (width < 1 || height < 1 || width * height * 8 > largestBytes)
    fail("bad-file", {
      what: "the size of the image is impossible",
      where: name,
      expected: "a width and a height of at least 1, and at most 2 GiB in all",
      found: `${width} x ${height}`,
      fix: "Copy or download the file again",
    });
}

function decodeOrFail(bytes: Uint8Array, name: string): DecodedPng {
  try {
    return decode(bytes, { checkCrc: true });
  } catch (cause) {
    throw new GyrusError("bad-file", {
      what: "the PNG file is damaged or ends early",
      where: name,
      found: cause instanceof Error ? cause.message : String(cause),
      fix: "Copy or download the file again",
      cause,
    });
  }
}

function grey(png: DecodedPng, name: string): Uint8Array | Uint16Array {
  const { width, height, depth, channels } = png;
  if (depth < 8) return unpack(png);
  const source = png.data instanceof Uint16Array ? png.data : Uint8Array.from(png.data);
  if (channels === 1) return source;
  const out =
    source instanceof Uint16Array ? new Uint16Array(width * height) : new Uint8Array(width * height);
  const alpha = channels === 2 || channels === 4;
  const opaque = depth === 16 ? 65535 : 255;
  for (let at = 0; at < out.length; at++) {
    const pixel = at * channels;
    const value = source[pixel]!;
    const coloured = channels > 2 && (source[pixel + 1] !== value || source[pixel + 2] !== value);
    if (coloured || (alpha && source[pixel + channels - 1] !== opaque))
      refuse(coloured ? "has colours" : "is transparent in places", at, width, name);
    out[at] = value;
  }
  return out;
}

function unpack({ data, width, height, depth, channels }: DecodedPng): Uint8Array {
  const out = new Uint8Array(width * height * channels);
  const rowBytes = Math.ceil((width * channels * depth) / 8);
  const mask = (1 << depth) - 1;
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      const bit = column * depth;
      const byte = data[row * rowBytes + (bit >> 3)]!;
      out[row * width + column] = (byte >> (8 - depth - (bit & 7))) & mask;
    }
  return out;
}

function fromPalette(png: DecodedPng, name: string): Uint8Array {
  const indices = png.depth < 8 ? unpack(png) : png.data;
  return Uint8Array.from(indices, (index, at) => {
    const [red, green, blue] = png.palette![index] ?? [0, 1, 0];
    if (red !== green || red !== blue) refuse("has colours", at, png.width, name);
    return red!;
  });
}

function refuse(what: string, at: number, width: number, name: string): never {
  return fail("unsupported", {
    what: `the image ${what}`,
    where: name,
    expected: "one grey value a pixel",
    found: `otherwise at column ${at % width}, row ${Math.floor(at / width)}`,
    fix: "Convert it to grey (or to one label a pixel) first; which colour means what, only you know",
  });
}

/** What a PNG says of itself under `Description`: see `encodePng`. Throws `bad-file` for a file that is damaged. */
export function pngDescription(bytes: Uint8Array, name: string): string | undefined {
  checkHeader(bytes, name);
  return decodeOrFail(bytes, name).text.Description;
}

/**
 * A 2-D volume of one channel and of whole numbers as a grey PNG, with 8 or 16 bits as its array has, and a description
 * in plain letters as its text.
 */
export function encodePng(
  { data, size, channels }: Volume,
  name = "image.png",
  description?: string,
): Uint8Array {
  if (size[2] !== 1 || channels !== 1)
    fail("bad-argument", {
      what: "a PNG holds one flat image",
      where: name,
      expected: "one slice and one channel",
      found: `${size.join("x")} voxels, ${channels} channel(s)`,
      fix: "Write it as .nii.gz",
    });
  const deep = !data.every((x) => x <= 255);
  const bad = data.findIndex((x) => !(Number.isInteger(x) && x >= 0 && x <= 65535));
  if (bad >= 0)
    fail("bad-data", {
      what: `pixel ${bad} cannot be stored in a PNG`,
      where: name,
      expected: "whole numbers from 0 to 65535",
      found: `${data[bad]}`,
      fix: "Write it as .nii.gz, or scale it first",
    });
  const depth = deep || data instanceof Uint16Array ? 16 : 8;
  const pixels = depth === 16 ? Uint16Array.from(data) : Uint8Array.from(data);
  if (description !== undefined && !/^[\x20-\x7e]*$/.test(description))
    fail("bad-argument", {
      what: "the description cannot be stored in a PNG",
      where: name,
      expected: "plain letters (ASCII)",
      found: description,
      fix: "Leave other letters out",
    });
  const text = description === undefined ? {} : { text: { Description: description } };
  return encode({ width: size[0], height: size[1], data: pixels, depth, channels: 1, ...text });
}
