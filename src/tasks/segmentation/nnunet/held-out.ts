import { fail } from "../../../core/errors.js";
import { tensor } from "../../../core/tensor.js";
import type { FileSystem } from "../../../io/files.js";
import { decodeSafetensors, encodeSafetensors } from "../../../io/safetensors.js";
import { voxelCount } from "../../../volume/volume.js";
import type { PreparedGeometry } from "./preprocess.js";

/**
 * What a fold's network says of a case that it was not trained on: `[K, D, H, W]` on the prepared grid, softmax over the
 * classes or, with regions, a sigmoid each. `restoreProbabilities` and `restoreClasses` take it from here, so that
 * configurations are compared and averaged on the scan's own voxels.
 */
export interface HeldOut {
  readonly id: string;
  readonly probabilities: Float32Array;
  readonly geometry: PreparedGeometry;
}

const format = "gyrus nnunet held-out case";

/** Largest part of what a network says that goes into one file: files above 2 GiB cannot be read in one piece. */
export const largestPart = 2 ** 30;

/** As the bytes of a safetensors file. */
export function encodeHeldOut(held: HeldOut): Uint8Array {
  return encodePart(held, 0, outputsOf(held), 1);
}

function outputsOf({ probabilities, geometry }: HeldOut): number {
  return probabilities.length / voxelCount(geometry.resizing.to);
}

/** Outputs from one on, of a case that takes so many files. */
function encodePart(
  { id, probabilities, geometry }: HeldOut,
  from: number,
  until: number,
  parts: number,
): Uint8Array {
  const [ni, nj, nk] = geometry.resizing.to;
  const voxels = voxelCount(geometry.resizing.to);
  const own = probabilities.subarray(from * voxels, until * voxels);
  const tensors = { probabilities: tensor("float32", [until - from, nk, nj, ni], own) };
  const several = parts === 1 ? {} : { parts: `${parts}`, numbers: `${probabilities.length}` };
  return encodeSafetensors(tensors, { format, id, geometry: JSON.stringify(geometry), ...several });
}

/** Where the part of a case lies: the first is the case's own file, written last. */
export function heldOutPart(path: string, part: number): string {
  return part === 0 ? path : path.replace(/(\.safetensors)?$/, `.part-${part}$1`);
}

/** Write a case, in several files of whole outputs where one would be larger than `largest` bytes. */
export async function writeHeldOut(
  files: Pick<FileSystem, "write">,
  path: string,
  held: HeldOut,
  largest = largestPart,
): Promise<void> {
  const outputs = outputsOf(held);
  const each = Math.max(1, Math.floor((largest * outputs) / held.probabilities.byteLength));
  const parts = Math.ceil(outputs / each);
  for (let part = parts - 1; part >= 0; part--) {
    const bytes = encodePart(held, part * each, Math.min(outputs, (part + 1) * each), parts);
    await files.write(heldOutPart(path, part), bytes);
  }
}

/** Read a case from its file or files. Throws `bad-file` for files that hold something else, or not all of it. */
export async function readHeldOut(files: Pick<FileSystem, "read">, path: string): Promise<HeldOut> {
  const { parts, numbers, ...first } = decodePart(await files.read(path), path);
  if (parts === 1) return first;
  const probabilities = new Float32Array(numbers);
  probabilities.set(first.probabilities);
  let at = first.probabilities.length;
  for (let part = 1; part < parts; part++) {
    const own = heldOutPart(path, part);
    const more = decodePart(await files.read(own), own).probabilities;
    if (at + more.length > numbers) refusePart(own, `${numbers} numbers in ${parts} files`, "more");
    probabilities.set(more, at);
    at += more.length;
  }
  if (at < numbers) refusePart(path, `${numbers} numbers in ${parts} files`, `${at}`);
  return { ...first, probabilities };
}

function refusePart(where: string, expected: string, found: string): never {
  return fail("bad-file", {
    what: "the files of this held-out case do not belong together",
    where,
    expected,
    found,
    fix: "Remove them and train with --resume: what is missing is predicted again",
  });
}

/** A case that is in one file. Throws `bad-file` for a file that holds something else, or a part only. */
export function decodeHeldOut(bytes: Uint8Array, path: string): HeldOut {
  const { parts, numbers: _, ...held } = decodePart(bytes, path);
  if (parts > 1)
    fail("bad-file", {
      what: "this is a part of a held-out case only",
      where: path,
      expected: "a case in one file",
      found: `the first of ${parts}`,
      fix: "Read it with readHeldOut, which puts the files together",
    });
  return held;
}

/** How many files a case takes, and how many numbers they hold together. */
interface Parts {
  readonly parts: number;
  readonly numbers: number;
}

function decodePart(bytes: Uint8Array, path: string): HeldOut & Parts {
  const { tensors, metadata } = decodeSafetensors(bytes, path);
  const { probabilities } = tensors;
  if (metadata.format !== format || probabilities === undefined || metadata.geometry === undefined)
    fail("bad-file", {
      what: "this is no held-out case of a fold",
      where: path,
      expected: "a file that gyrus train nnunet wrote",
      fix: "Remove it and train with --resume: what is missing is predicted again",
    });
  return {
    id: metadata.id ?? "",
    probabilities: probabilities.data as Float32Array,
    geometry: JSON.parse(metadata.geometry) as PreparedGeometry,
    parts: Number(metadata.parts ?? 1),
    numbers: Number(metadata.numbers ?? probabilities.data.length),
  };
}
