import { GyrusError } from "../core/errors.js";
import {
  cornerDistanceMm,
  determinant,
  identityAffine,
  showAffine,
  showMm,
  spacingMm,
} from "../volume/affine.js";
import { findNonFinite, rangeOf } from "../volume/intensity.js";
import { orientationOf } from "../volume/orient.js";
import { type Affine, type Size3, type Volume, voxelCount } from "../volume/volume.js";
import { loadCaseFrom } from "./case.js";
import { type DataSet, type DataSetOptions, openDataSetFrom } from "./dataset.js";
import { baseName, type FileSystem } from "./files.js";
import { formatOf, readVolumeFrom } from "./formats.js";
import { headerAffine, type NiftiHeader } from "./nifti.js";
import { headerQform } from "./nifti-geometry.js";
import { storedTypeOf } from "./voxel-types.js";

/** Something wrong, where, and what would fix it. An `error` cannot be used; a `caution` should be looked at. */
export interface Problem {
  readonly level: "error" | "caution";
  readonly where: string;
  readonly what: string;
  readonly fix: string;
}

export interface FileInspection {
  readonly kind: "file";
  readonly path: string;
  readonly format: string;
  /** Absent when the file could not be read. */
  readonly facts?: VolumeFacts;
  readonly problems: readonly Problem[];
}

export interface VolumeFacts {
  readonly size: Size3;
  readonly channels: number;
  readonly spacingMm: readonly [number, number, number];
  readonly orientation: string;
  readonly storedAs: string;
  readonly range: readonly [number, number];
  readonly affine: Affine;
  /** Where the affine came from. */
  readonly geometry: "sform" | "qform" | "voxel sizes alone" | "none";
  /** Whole numbers only: a label map, or an image stored as integers. */
  readonly whole: boolean;
  /** How many different values, up to 256. */
  readonly distinct: number;
}

export interface DataSetInspection {
  readonly kind: "dataset";
  readonly path: string;
  readonly dataset: DataSet;
  readonly summary: DataSetSummary;
  readonly problems: readonly Problem[];
}

export interface DataSetSummary {
  readonly cases: number;
  readonly subjects: number;
  readonly labelled: number;
  /** Smallest, median and largest over the cases that could be read, in the canonical frame, axis by axis. */
  readonly size: readonly Spread[];
  readonly spacingMm: readonly Spread[];
  /** Volume of each label in mm³ over the labelled cases, and in how many of them it occurs. */
  readonly labels: readonly { readonly name: string; readonly volumeMm3: Spread; readonly present: number }[];
}

export type Spread = readonly [smallest: number, median: number, largest: number];

/**
 * What a file or a data set folder is, what is wrong with it and what would fix it. Files are read whole, and of a
 * data set every case. Problems come as a list; only a path that is not there throws.
 */
export async function inspectPathFrom(
  files: FileSystem,
  path: string,
  options: DataSetOptions = {},
): Promise<FileInspection | DataSetInspection> {
  return (await files.list(path)) === undefined
    ? inspectFile(files, path)
    : inspectDataSet(files, await openDataSetFrom(files, path, options));
}

async function inspectFile(files: FileSystem, path: string): Promise<FileInspection> {
  const head = await files.read(path, 132);
  try {
    const reader = formatOf(path, head).name;
    const { volume, header } = await readVolumeFrom(files, path);
    const format = header === undefined ? reader : formatNames[header.format];
    const facts = factsOf(volume, header, path);
    return { kind: "file", path, format, facts, problems: problemsOf(volume, header, facts, path) };
  } catch (error) {
    return { kind: "file", path, format: "not readable", problems: [problemOf(error, path)] };
  }
}

const formatNames = { nifti1: "NIfTI-1", nifti2: "NIfTI-2", analyze: "Analyze 7.5" } as const;

function problemOf(error: unknown, where: string): Problem {
  if (!(error instanceof GyrusError)) throw error;
  const { what, expected, found, fix } = error.details;
  const more = [expected && `expected ${expected}`, found && `found ${found}`].filter(Boolean).join(", ");
  return {
    level: "error",
    where: error.details.where ?? where,
    what: more === "" ? what : `${what} (${more})`,
    fix: fix ?? "See the documentation of the format",
  };
}

function factsOf(volume: Volume, header: NiftiHeader | undefined, path: string): VolumeFacts {
  const distinct = new Set<number>();
  let whole = true;
  for (let at = 0; at < volume.data.length && (whole || distinct.size < 256); at++) {
    const x = volume.data[at]!;
    if (!Number.isInteger(x)) whole = false;
    if (distinct.size < 256) distinct.add(x);
  }
  const forms = header === undefined ? "none" : header.qformCode > 0 ? "qform" : "voxel sizes alone";
  return {
    size: volume.size,
    channels: volume.channels,
    spacingMm: [...spacingMm(volume.affine)] as [number, number, number],
    orientation: orientationOf(volume.affine).code,
    storedAs:
      header === undefined ? `uint${volume.data.BYTES_PER_ELEMENT * 8}` : storedTypeOf(header.datatype, path),
    range: rangeOf(volume.data),
    affine: volume.affine,
    geometry: header !== undefined && header.sformCode > 0 ? "sform" : forms,
    whole,
    distinct: distinct.size,
  };
}

function problemsOf(
  volume: Volume,
  header: NiftiHeader | undefined,
  facts: VolumeFacts,
  where: string,
): Problem[] {
  const problems: Problem[] = [];
  const add = (level: Problem["level"], what: string, fix: string) =>
    problems.push({ level, where, what, fix });
  const broken = findNonFinite(volume.data);
  if (broken !== undefined)
    add(
      "error",
      `${broken.count} of ${volume.data.length} voxels are NaN or infinite, the first at ${broken.first}`,
      "Replace them (often by 0, the background) where the image is made",
    );
  if (facts.range[0] === facts.range[1])
    add(
      "error",
      `the image is constant: ${facts.range[0]} in all voxels`,
      "Check that this is the scan and not an empty file",
    );
  const voxelMm = facts.spacingMm;
  const ratio = Math.max(...voxelMm) / Math.min(...voxelMm);
  const flat = volume.size.some((n) => n === 1);
  if (ratio > 3 && !flat)
    add(
      "caution",
      `voxels of ${showMm(voxelMm)} mm are ${ratio.toFixed(1)} times as long as wide`,
      "Train in 2-D, or with patches and strides that follow the spacing",
    );
  if (voxelMm.some((mm, axis) => volume.size[axis]! > 1 && (mm > 20 || mm < 0.02)))
    add(
      "caution",
      `a voxel of ${showMm(voxelMm)} mm is no size of a brain scan`,
      "Check the header's unit of length",
    );
  if (header !== undefined) problems.push(...geometryProblems(volume, header, where));
  return problems;
}

function geometryProblems(volume: Volume, header: NiftiHeader, where: string): Problem[] {
  const problems: Problem[] = [];
  const add = (what: string, fix: string) => problems.push({ level: "caution", where, what, fix });
  if (header.sformCode <= 0 && header.qformCode <= 0)
    add(
      "neither qform nor sform is set, so left and right are a guess (the first axis is taken to run to the left)",
      "Copy the geometry from the original scan, for example with fslcpgeom",
    );
  if (volume.affine.every((x, at) => x === identityAffine[at]))
    add(
      "the affine is the identity: voxels of 1 mm from 0 on, which most often means that the geometry was lost",
      "Copy the geometry from the original scan, for example with fslcpgeom",
    );
  const codes = header.sformCode > 0 && header.qformCode > 0;
  const qform = headerQform(header);
  if (codes && Math.abs(determinant(qform)) > 0) {
    const apart = cornerDistanceMm(volume.size, headerAffine(header, where), qform);
    if (apart > 0.1 * Math.min(...spacingMm(volume.affine)) && header.sformCode === header.qformCode)
      add(
        `sform and qform claim the same space and lie up to ${apart.toPrecision(3)} mm apart; the sform is used`,
        "Find out which is right and write it into both",
      );
  }
  const stored = header.pixdim.slice(1, 4).map(Math.abs);
  const actual = spacingMm(volume.affine);
  const unit = [1, 1000, 1, 1e-3][header.xyztUnits & 7] ?? 1;
  if (stored.some((mm, axis) => mm > 0 && Math.abs(mm * unit - actual[axis]!) > 0.01 * actual[axis]!))
    add(
      `pixdim says voxels of ${showMm(stored)}, the affine ${showMm(actual)} mm; the affine is used`,
      "Write the file again with a tool that keeps both in step",
    );
  if (volume.channels > 1)
    add(
      `the file holds ${volume.channels} volumes`,
      "Use it as so many channels, or extract the one that is wanted",
    );
  return problems;
}

async function inspectDataSet(files: FileSystem, dataset: DataSet): Promise<DataSetInspection> {
  const problems: Problem[] = [];
  const sizes: number[][] = [];
  const spacings: number[][] = [];
  const volumes: number[][] = dataset.labels.map(() => []);
  for (const one of dataset.cases) {
    try {
      const { image, label } = await loadCaseFrom(files, dataset, one);
      sizes.push([...image.size]);
      const mm = spacingMm(image.affine);
      spacings.push([...mm]);
      if (label === undefined) continue;
      const counts = new Array<number>(dataset.labels.length + 1).fill(0);
      for (let at = 0; at < label.data.length; at++) counts[label.data[at]!]!++;
      const voxelMm3 = Math.abs(determinant(image.affine));
      volumes.forEach((of, at) => {
        of.push(counts[at + 1]! * voxelMm3);
      });
      if (dataset.labels.length > 0 && counts[0] === voxelCount(label.size))
        problems.push({
          level: "caution",
          where: one.label!,
          what: "the label map is empty",
          fix: "Fine if nothing is there to be found; otherwise correct it",
        });
    } catch (error) {
      problems.push(problemOf(error, one.id));
    }
  }
  problems.push(...dataSetProblems(dataset));
  return {
    kind: "dataset",
    path: dataset.root,
    dataset,
    summary: {
      cases: dataset.cases.length,
      subjects: new Set(dataset.cases.map(({ subject }) => subject)).size,
      labelled: dataset.cases.filter(({ label }) => label !== undefined).length,
      size: spreads(sizes),
      spacingMm: spreads(spacings),
      labels: dataset.labels.map(({ name }, at) => ({
        name,
        volumeMm3: spread(volumes[at]!),
        present: volumes[at]!.filter((mm3) => mm3 > 0).length,
      })),
    },
    problems,
  };
}

function dataSetProblems({ kind, cases, root, labels, participants }: DataSet): Problem[] {
  const problems: Problem[] = [];
  const subjects = new Set(cases.map(({ subject }) => subject));
  if (subjects.size === 1)
    problems.push({
      level: "error",
      where: root,
      what: `the data set has one subject (${[...subjects][0]}), so nothing can be held out`,
      fix: "Add scans of other subjects",
    });
  else if (kind === "msd")
    problems.push({
      level: "caution",
      where: root,
      what: "dataset.json does not say which cases are of one person, so each counts as a subject of its own",
      fix: "Where two scans or two sides are of one person, a split by case may put them on both sides: say so with the result",
    });
  const unlabelled = cases.filter(({ label }) => label === undefined).map(({ id }) => id);
  if (labels.length > 0 && unlabelled.length > 0)
    problems.push({
      level: "caution",
      where: root,
      what: `${unlabelled.length} of ${cases.length} cases have no label map: ${few(unlabelled)}`,
      fix: "They are left out of training and evaluation; add their maps to use them",
    });
  const listed = participants?.map((row) => row.participant_id).filter((id) => id !== undefined) ?? [];
  const missing = listed.filter((id) => !subjects.has(id));
  const unlisted = participants === undefined ? [] : [...subjects].filter((id) => !listed.includes(id));
  for (const [who, what] of [
    [missing, "in participants.tsv have no images"],
    [unlisted, "have images and no line in participants.tsv"],
  ] as const)
    if (who.length > 0)
      problems.push({
        level: "caution",
        where: `${baseName(root)}/participants.tsv`,
        what: `${who.length} subjects ${what}: ${few(who)}`,
        fix: "Bring the table and the folders in step",
      });
  return problems;
}

function few(names: readonly string[]): string {
  return names.length > 5 ? `${names.slice(0, 5).join(", ")} and ${names.length - 5} more` : names.join(", ");
}

function spreads(rows: readonly (readonly number[])[]): Spread[] {
  return [0, 1, 2].map((axis) => spread(rows.map((row) => row[axis]!)));
}

function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, middle, high] = [0, Math.floor((sorted.length - 1) / 2), sorted.length - 1].map(
    (at) => sorted[at] ?? 0,
  );
  return [low!, middle!, high!];
}

/** An inspection as lines for people: what it is first, then what is wrong. */
export function describeInspection(found: FileInspection | DataSetInspection): string[] {
  const lines = found.kind === "file" ? describeFile(found) : describeDataSet(found);
  for (const { level, where, what, fix } of found.problems)
    lines.push(
      `${level === "error" ? "ERROR" : "caution"}  ${where === found.path ? "" : `${where}: `}${what}. ${fix}.`,
    );
  if (found.problems.length === 0) lines.push("nothing wrong found");
  return lines;
}

function describeFile({ path, format, facts }: FileInspection): string[] {
  if (facts === undefined) return [`${path}: ${format}`];
  const { size, channels, orientation, storedAs, range, affine, geometry, whole, distinct } = facts;
  return [
    `${path}: ${format}`,
    `size      ${size.join(" x ")}${channels > 1 ? `, ${channels} channels` : ""}`,
    `spacing   ${facts.spacingMm.map((mm) => Number(mm.toPrecision(5))).join(" x ")} mm`,
    `axes      ${orientation} (${geometry})`,
    `stored    ${storedAs}, ${range[0]} to ${range[1]}${whole ? `, whole numbers, ${distinct >= 256 ? "256 or more" : distinct} values` : ""}`,
    `affine    ${showAffine(affine)}`,
  ];
}

function describeDataSet({ path, dataset, summary }: DataSetInspection): string[] {
  const range = ([low, middle, high]: Spread) =>
    low === high ? `${round(low)}` : `${round(low)} to ${round(high)} (median ${round(middle)})`;
  return [
    `${path}: ${{ msd: "Decathlon or nnU-Net", bids: "BIDS", pairs: "pairs of images and labels" }[dataset.kind]}, "${dataset.name}"`,
    `cases     ${summary.cases} of ${summary.subjects} subjects, ${summary.labelled} with labels`,
    `channels  ${dataset.channels.join(", ")}`,
    `size      ${summary.size.map(range).join(" x ")} voxels`,
    `spacing   ${summary.spacingMm.map(range).join(" x ")} mm`,
    ...summary.labels.map(
      ({ name, volumeMm3, present }, at) =>
        `label ${dataset.labelValues[at + 1]}   ${name}: ${range(volumeMm3)} mm³, in ${present} of ${summary.labelled} cases`,
    ),
  ];
}

function round(x: number): number {
  return Number(x.toPrecision(4));
}
