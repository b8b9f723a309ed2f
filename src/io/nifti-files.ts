import { fail } from "../core/errors.js";
import type { Volume } from "../volume/volume.js";
import { type FileSystem, isGzip } from "./files.js";
import {
  checkLength,
  type EncodeOptions,
  encodeNifti,
  encodeNiftiPair,
  type NiftiHeader,
  niftiLayout,
  type ParseOptions,
  parseNifti,
} from "./nifti.js";
import { decodeHeader, headerLength } from "./nifti-header.js";

/**
 * Read a NIfTI or Analyze volume. The header is read and checked before the voxels are expanded or allocated.
 * Of a pair, either file may be given. Throws an error that names the file.
 */
export async function readNiftiFrom(
  files: FileSystem,
  path: string,
  options: Omit<ParseOptions, "image"> = {},
): Promise<{ volume: Volume; header: NiftiHeader }> {
  const [headerPath, imagePath] = await pairPaths(files, path);
  const start = headerLength.nifti2 + 4;
  const first = await files.read(headerPath, start);
  const packed = isGzip(first) ? await files.read(headerPath) : first;
  const head = isGzip(packed) ? await files.gzip.expand(packed, headerPath, start) : packed;
  const header = decodeHeader(head, headerPath);
  const layout = niftiLayout(header, headerPath);
  const whole = async (file: string, needed: number | undefined): Promise<Uint8Array> => {
    const bytes = isGzip(packed) && file === headerPath ? packed : await files.read(file);
    return isGzip(bytes) ? files.gzip.expand(bytes, file, needed) : bytes;
  };
  const needed = layout.offset + layout.byteCount;
  if (!header.pair) return parseNifti(await whole(headerPath, needed), path, options);
  if (imagePath === undefined)
    fail("not-found", {
      what: "this header belongs to a pair, and its voxels are missing",
      where: headerPath,
      expected: "a .img or .img.gz file of the same name beside it",
      fix: "Put both files into one folder",
    });
  const image = await whole(imagePath, needed);
  checkLength(image.length, layout, imagePath);
  return parseNifti(await whole(headerPath, undefined), headerPath, { ...options, image });
}

function isPacked(path: string): boolean {
  return /\.gz$/i.test(path);
}

/** Of a `.hdr` or `.img` path, both files of the pair (the image only if it is there); else the path itself. */
export async function pairPaths(
  files: FileSystem,
  path: string,
): Promise<[header: string, image: string | undefined]> {
  const [stem, extension] = splitPair(path);
  if (extension === undefined) return [path, undefined];
  const there = async (kind: "hdr" | "img"): Promise<string | undefined> => {
    const same = extension.replace(/hdr|img/i, (old) =>
      old === old.toUpperCase() ? kind.toUpperCase() : kind,
    );
    for (const name of new Set([`${stem}.${same}`, `${stem}.${kind}`, `${stem}.${kind}.gz`]))
      if (await files.read(name, 0).then(Boolean, () => false)) return name;
    return undefined;
  };
  if (/^hdr/i.test(extension)) return [path, await there("img")];
  const header = await there("hdr");
  if (header === undefined)
    fail("not-found", {
      what: "the voxels of a pair have no header",
      where: path,
      expected: "a .hdr file of the same name beside it",
      fix: "Put both files into one folder",
    });
  return [header, path];
}

function splitPair(path: string): [stem: string, extension: string | undefined] {
  const match = /^(.*)\.((?:hdr|img)(?:\.gz)?)$/is.exec(path);
  return match ? [match[1]!, match[2]!] : [path, undefined];
}

/**
 * Write a volume; the name says how: `.nii`, `.nii.gz`, or `.hdr`/`.img` for a pair.
 * Every file is written whole or not at all. Throws `disk`, `bad-data` or `bad-argument` naming the file.
 */
export async function writeNiftiTo(
  files: FileSystem,
  path: string,
  volume: Volume,
  options: EncodeOptions = {},
): Promise<void> {
  const named = { name: path, ...options };
  const [stem, extension] = splitPair(path);
  if (extension === undefined) {
    const bytes = encodeNifti(volume, named);
    return files.write(path, isPacked(path) ? await files.gzip.compress(bytes) : bytes);
  }
  const { header, image } = encodeNiftiPair(volume, named);
  const pack = async (bytes: Uint8Array) => (isPacked(path) ? files.gzip.compress(bytes) : bytes);
  const ending = isPacked(path) ? ".gz" : "";
  await files.write(`${stem}.img${ending}`, await pack(image));
  await files.write(`${stem}.hdr${ending}`, await pack(header));
}
