import type { Tensor } from "../core/tensor.js";
import type { ImageVolume, LabelVolume, Volume } from "../volume/volume.js";
import {
  type LoadedCase,
  loadCaseFrom,
  loadImageFrom,
  type Native,
  writeImageLikeTo,
  writeLabelLikeTo,
} from "./case.js";
import { type Case, type DataSet, type DataSetOptions, openDataSetFrom } from "./dataset.js";
import { nodeFiles } from "./disk.node.js";
import { type Fingerprint, fingerprintFrom } from "./fingerprint.js";
import { type ReadOptions, type ReadVolume, readVolumeFrom, writeVolumeTo } from "./formats.js";
import { type DataSetInspection, type FileInspection, inspectPathFrom } from "./inspect.js";
import type { EncodeOptions } from "./nifti.js";
import { type People, readPeopleFrom } from "./people.js";
import { decodeSafetensors, encodeSafetensors, type TensorFile } from "./safetensors.js";
import { readSubjectsFrom, type SubjectsOptions, type SubjectTable } from "./subjects.js";
import { formatTable, parseTable, type Table } from "./tables.js";

export { nodeFiles } from "./disk.node.js";

/** Read a volume from the disk: `.nii`, `.nii.gz`, `.hdr/.img`, Analyze or `.png`. See `readVolumeFrom`. */
export function readVolume(
  path: string,
  options: ReadOptions & { readonly as: "float32" },
): Promise<ReadVolume<ImageVolume>>;
export function readVolume(path: string, options?: ReadOptions): Promise<ReadVolume>;
export function readVolume(path: string, options?: ReadOptions): Promise<ReadVolume> {
  return readVolumeFrom(nodeFiles, path, options);
}

/** Write a volume to the disk, whole or not at all; the name says the format. See `writeVolumeTo`. */
export function writeVolume(path: string, volume: Volume, options?: EncodeOptions): Promise<void> {
  return writeVolumeTo(nodeFiles, path, volume, options);
}

/** Read tensors and metadata from a `.safetensors` file. */
export async function readSafetensors(path: string): Promise<TensorFile> {
  return decodeSafetensors(await nodeFiles.read(path), path);
}

/** Write tensors and metadata to a `.safetensors` file, whole or not at all. */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, Tensor>>,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  await nodeFiles.write(path, encodeSafetensors(tensors, metadata));
}

/** Read a `.tsv` or `.csv` table from the disk. */
export async function readTable(path: string): Promise<Table> {
  return parseTable(new TextDecoder().decode(await nodeFiles.read(path)), path);
}

/** Write a `.tsv` or `.csv` table, whole or not at all. */
export async function writeTable(path: string, table: Table): Promise<void> {
  await nodeFiles.write(path, new TextEncoder().encode(formatTable(table, path)));
}

/** Write text (JSON, HTML) to the disk, whole or not at all. */
export async function writeText(path: string, text: string): Promise<void> {
  await nodeFiles.write(path, new TextEncoder().encode(text));
}

/** Open a data set folder: Decathlon, nnU-Net, BIDS or pairs of images and labels. See `openDataSetFrom`. */
export function openDataSet(folder: string, options?: DataSetOptions): Promise<DataSet> {
  return openDataSetFrom(nodeFiles, folder, options);
}

/** Who is in a table. See `readPeopleFrom`. */
export function readPeople(path: string): Promise<People> {
  return readPeopleFrom(nodeFiles, path);
}

/** Who has which image and which diagnosis: of a BIDS folder or a table. See `readSubjectsFrom`. */
export function readSubjects(source: string, options?: SubjectsOptions): Promise<SubjectTable> {
  return readSubjectsFrom(nodeFiles, source, options);
}

/** Read and check a case of a data set. See `loadCaseFrom`. */
export function loadCase(
  dataset: Pick<DataSet, "channels" | "labelValues">,
  chosen: Case,
): Promise<LoadedCase> {
  return loadCaseFrom(nodeFiles, dataset, chosen);
}

/** Read and check a scan that belongs to no data set. See `loadImageFrom`. */
export function loadImage(
  paths: readonly string[],
  channels: readonly string[],
): Promise<Pick<LoadedCase, "image" | "native">> {
  return loadImageFrom(nodeFiles, paths, channels);
}

/** Write classes as a label map on the scan's own grid. See `writeLabelLikeTo`. */
export function writeLabelLike(
  path: string,
  classes: LabelVolume,
  native: Native,
  labelValues?: readonly number[],
  description?: string,
): Promise<void> {
  return writeLabelLikeTo(nodeFiles, path, classes, native, labelValues, description);
}

/** Write an image on the scan's own grid as float32. See `writeImageLikeTo`. */
export function writeImageLike(path: string, image: ImageVolume, native: Native): Promise<void> {
  return writeImageLikeTo(nodeFiles, path, image, native);
}

/** Hash a data set's files. See `fingerprintFrom`. */
export function fingerprint(dataset: Pick<DataSet, "cases">): Promise<Fingerprint> {
  return fingerprintFrom(nodeFiles, dataset);
}

/** What a file or a data set folder is and what is wrong with it. See `inspectPathFrom`. */
export function inspectPath(
  path: string,
  options?: DataSetOptions,
): Promise<FileInspection | DataSetInspection> {
  return inspectPathFrom(nodeFiles, path, options);
}
