import { cornerDistanceMm, determinant, identityAffine, showMm, spacingMm } from "../volume/affine.js";
import { findNonFinite, rangeOf } from "../volume/intensity.js";
import { orientationOf } from "../volume/orient.js";
import type { Affine, Size3, Volume } from "../volume/volume.js";
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

/** What a volume is, in numbers. */
export function factsOf(volume: Volume, header: NiftiHeader | undefined, path: string): VolumeFacts {
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

/** What is wrong with a volume that could be read, or ought to be looked at. */
export function problemsOf(
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
