import { fail } from "../core/errors.js";
import type { Volume } from "../volume/volume.js";
import { baseName, type FileSystem } from "./files.js";
import type { EncodeOptions, NiftiHeader, ParseOptions } from "./nifti.js";
import { readNiftiFrom, writeNiftiTo } from "./nifti-files.js";
import { encodePng, parsePng } from "./png.js";

export type ReadOptions = Omit<ParseOptions, "image">;

export interface ReadVolume<V extends Volume = Volume> {
  readonly volume: V;
  /** What a NIfTI file said beside its voxels; give it back as `like` to write a result the same way. */
  readonly header?: NiftiHeader;
}

/** A format that is read and written: one entry, one reader. */
export interface VolumeFormat {
  readonly name: string;
  /** How names end, and what to say about them in help. */
  readonly endings: string;
  /** True when the name belongs to the format. */
  matches(name: string): boolean;
  /** True when the first 132 bytes can only be this format, whatever the name. */
  recognises(head: Uint8Array): boolean;
  read(files: FileSystem, path: string, options: ReadOptions): Promise<ReadVolume>;
  write(files: FileSystem, path: string, volume: Volume, options: EncodeOptions): Promise<void>;
}

/** The format of volumes in millimetres. */
export const nifti: VolumeFormat = {
  name: "NIfTI-1, NIfTI-2 or Analyze 7.5",
  endings: ".nii, .nii.gz, .hdr with .img",
  matches: (name) => /\.(nii|hdr|img)(\.gz)?$/i.test(name),
  recognises: (head) => [348, 540].some((n) => int32(head, true) === n || int32(head, false) === n),
  read: readNiftiFrom,
  write: writeNiftiTo,
};

const png: VolumeFormat = {
  name: "PNG",
  endings: ".png (grey)",
  matches: (name) => /\.png$/i.test(name),
  recognises: (head) => head[0] === 0x89 && head[1] === 0x50 && head[2] === 0x4e && head[3] === 0x47,
  read: async (files, path, { as = "exact" }) => {
    const volume = parsePng(await files.read(path), path);
    return { volume: as === "exact" ? volume : { ...volume, data: Float32Array.from(volume.data) } };
  },
  write: (files, path, volume, { description }) => files.write(path, encodePng(volume, path, description)),
};

/** Every format that volumes are read from and written to. */
export const volumeFormats: readonly VolumeFormat[] = [nifti, png];

/** Formats of the field that are known and not read, and what turns them into NIfTI. */
const refusedFormats: readonly {
  readonly name: string;
  readonly ending: RegExp;
  readonly head?: (head: Uint8Array) => boolean;
  readonly fix: string;
}[] = [
  {
    name: "Philips PAR/REC",
    ending: /\.(par|rec)(\.gz)?$/i,
    fix: "Convert it with dcm2niix, or nibabel's parrec2nii",
  },
  {
    name: "FreeSurfer MGH",
    ending: /\.(mgh|mgz|mgh\.gz)$/i,
    fix: "Convert it with FreeSurfer: mri_convert IN.mgz OUT.nii.gz",
  },
  {
    name: "MINC",
    ending: /\.mnc(\.gz)?$/i,
    head: (b) => text(b, 0, 3) === "CDF" || text(b, 1, 3) === "HDF",
    fix: "Convert it with mnc2nii of the MINC tools",
  },
  { name: "AFNI", ending: /\.(head|brik)(\.gz)?$/i, fix: "Convert it with AFNI: 3dAFNItoNIFTI" },
  {
    name: "DICOM",
    ending: /\.(dcm|ima|dicom)$/i,
    head: (b) => text(b, 128, 4) === "DICM",
    fix: "Convert the series with dcm2niix",
  },
  {
    name: "NRRD",
    ending: /\.(nrrd|nhdr)$/i,
    head: (b) => text(b, 0, 4) === "NRRD",
    fix: "Convert it with SimpleITK or 3D Slicer",
  },
  {
    name: "An Interfile header",
    ending: /\.(hs|hv)$/i,
    head: (b) => text(b, 0, 10).toUpperCase() === "!INTERFILE",
    fix: "Sinograms (.hs) become an image with gyrus reconstruct; convert an image (.hv) to NIfTI with STIR",
  },
  { name: "MetaImage", ending: /\.(mha|mhd)$/i, fix: "Convert it with SimpleITK or 3D Slicer" },
  {
    name: "TIFF or JPEG",
    ending: /\.(tiff?|jpe?g)$/i,
    fix: "Convert it to grey PNG, or to NIfTI with its voxel sizes",
  },
  {
    name: "GIFTI or CIFTI",
    ending: /\.(gii|(dconn|dscalar|dtseries|dlabel|pconn|ptseries)\.nii)$/i,
    fix: "These are surfaces and matrices, not volumes: export a volume with Connectome Workbench",
  },
];

/** The format of a file, by its first bytes, else by its name. Throws `unsupported` listing what is read. */
export function formatOf(name: string, head?: Uint8Array): VolumeFormat {
  const base = baseName(name);
  const refused = refusedFormats.find((format) => format.ending.test(base) || (head && format.head?.(head)));
  if (refused !== undefined)
    fail("unsupported", {
      what: `${refused.name} is not read`,
      where: name,
      expected: supportedList(),
      fix: refused.fix,
    });
  const byName = volumeFormats.find((format) => format.matches(base));
  const byHead = head && volumeFormats.find((format) => format.recognises(head));
  // A name that says one format and bytes that say another: the bytes are what will be read.
  const format = byHead ?? byName;
  if (format !== undefined) return format;
  return fail("unsupported", {
    what: "this is no format that is read",
    where: name,
    expected: supportedList(),
    found:
      head === undefined ? `a name that ends in ${/\.[^.]*$/.exec(base)?.[0] ?? "nothing"}` : "other bytes",
    fix: "Convert it to .nii.gz",
  });
}

function supportedList(): string {
  return volumeFormats.map(({ name, endings }) => `${name} (${endings})`).join(", ");
}

function int32(bytes: Uint8Array, littleEndian: boolean): number {
  return bytes.length < 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, littleEndian);
}

function text(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}

/**
 * Read a volume of any supported format, chosen by its bytes and name. Throws one error that names the file.
 * With `as: "float32"` voxels come as networks take them, otherwise in the narrowest type that holds them.
 */
export async function readVolumeFrom(
  files: FileSystem,
  path: string,
  options: ReadOptions = {},
): Promise<ReadVolume> {
  const head = await files.read(path, 132);
  if (head.length === 0)
    fail("bad-file", { what: "the file is empty", where: path, fix: "Copy or download it again" });
  return (await formatOf(path, head)).read(files, path, options);
}

/**
 * Write a volume, whole or not at all; the name says the format: `.nii.gz`, `.nii`, `.hdr`, `.img` or `.png`.
 * Throws `bad-argument` for other names, `bad-data` for values the format cannot hold, `disk`.
 */
export async function writeVolumeTo(
  files: FileSystem,
  path: string,
  volume: Volume,
  options: EncodeOptions = {},
): Promise<void> {
  return formatToWrite(path).write(files, path, volume, options);
}

/** The format that a name says; of those given, or of all. Throws `bad-argument`. */
export function formatToWrite(path: string, among: readonly VolumeFormat[] = volumeFormats): VolumeFormat {
  return (
    among.find((candidate) => candidate.matches(baseName(path))) ??
    fail("bad-argument", {
      what: "the name does not say which format to write",
      where: path,
      expected: `a name that ends in one of ${among.map(({ endings }) => endings).join(", ")}`,
      fix: "Add .nii.gz to the name",
    })
  );
}
