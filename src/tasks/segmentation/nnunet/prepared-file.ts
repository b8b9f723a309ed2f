import { fail } from "../../../core/errors.js";
import { type Tensor, tensor } from "../../../core/tensor.js";
import type { FileSystem } from "../../../io/files.js";
import { sha256 } from "../../../io/fingerprint.js";
import { decodeSafetensors, encodeSafetensors, peekSafetensors } from "../../../io/safetensors.js";
import type { LabelVolume } from "../../../volume/volume.js";
import type { Configuration, Plan } from "./plan.js";
import type { PreparedCase, PreparedGeometry } from "./preprocess.js";

/** Changes when the same plan would give other numbers than before. */
const recipeVersion = 1;

const preparedFormat = "gyrus prepared case";

/** What a prepared file was made from. */
export interface Provenance {
  /** Hash of the bytes of the image and label files. */
  readonly inputs: string;
  /** Hash of the part of the plan that decides the numbers. */
  readonly recipe: string;
}

/** Hash of everything in a plan that prepared data depend on; patch, batch and network do not count. */
export async function recipeHash(
  plan: Plan,
  { dimensions, spacingMm }: Pick<Configuration, "dimensions" | "spacingMm">,
): Promise<string> {
  const { axes, channels, resampling, dataset } = plan;
  const { classes, regions, ignoredClass, labelValues } = dataset;
  const parts = { recipeVersion, axes, channels, resampling, classes, regions, ignoredClass, labelValues };
  return hashText(JSON.stringify({ ...parts, dimensions, spacingMm }));
}

export function hashText(text: string): Promise<string> {
  return sha256(new TextEncoder().encode(text));
}

/** A prepared case as the bytes of a safetensors file: image, label, locations, and in the metadata all hashes. */
export async function encodePrepared(
  { id, image, label, locations, geometry }: PreparedCase,
  { inputs, recipe }: Provenance,
): Promise<Uint8Array> {
  const extents = [image.size[2], image.size[1], image.size[0]];
  const tensors: Record<string, Tensor> = {
    image: tensor("float32", [image.channels, ...extents], image.data),
  };
  if (label !== undefined)
    tensors.label =
      label.data instanceof Uint8Array
        ? tensor("uint8", extents, label.data)
        : tensor("int32", extents, Int32Array.from(label.data));
  locations?.forEach((found, at) => {
    tensors[`locations/${at}`] = tensor("int32", [found.length], found);
  });
  const content = await contentHash(tensors);
  const about = JSON.stringify({ ...geometry, preparedAffine: image.affine });
  return encodeSafetensors(tensors, {
    format: preparedFormat,
    id,
    inputs,
    recipe,
    content,
    geometry: about,
  });
}

async function contentHash(tensors: Readonly<Record<string, Tensor>>): Promise<string> {
  const parts: string[] = [];
  for (const name of Object.keys(tensors).sort()) {
    const { data } = tensors[name]!;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    parts.push(`${name} ${await sha256(bytes)}`);
  }
  return hashText(parts.join("\n"));
}

/** A prepared case as far as the memory that its prediction takes depends on it. */
export type PreparedShape = Pick<PreparedGeometry, "size" | "resizing">;

/** Read the grids of a prepared case from its file's header alone. Throws `bad-file` for another file. */
export async function peekPrepared(files: Pick<FileSystem, "read">, path: string): Promise<PreparedShape> {
  const { format, geometry } = await peekSafetensors(files, path);
  if (format !== preparedFormat || geometry === undefined) refusePrepared(path);
  return JSON.parse(geometry) as PreparedGeometry;
}

function refusePrepared(path: string): never {
  return fail("bad-file", {
    what: "this is no prepared case",
    where: path,
    expected: "a file that gyrus plan --prepare wrote",
    fix: "Remove it and prepare the data again",
  });
}

/** A prepared case from its file. Throws `bad-file` when its content is not what it was when it was written. */
export async function decodePrepared(
  bytes: Uint8Array,
  path: string,
): Promise<PreparedCase & { readonly provenance: Provenance }> {
  const { tensors, metadata } = decodeSafetensors(bytes, path);
  const { id, inputs, recipe, content, geometry, format } = metadata;
  const image = tensors.image;
  if (format !== preparedFormat || image === undefined || geometry === undefined) refusePrepared(path);
  if (content !== (await contentHash(tensors)))
    fail("bad-file", {
      what: "the prepared case was changed or damaged",
      where: path,
      expected: `content ${content}`,
      fix: "Remove it and prepare the data again",
    });
  const { preparedAffine, ...rest } = JSON.parse(geometry) as PreparedGeometry & { preparedAffine: number[] };
  const [channels, nk, nj, ni] = image.shape as [number, number, number, number];
  const grid = { size: [ni, nj, nk] as const, affine: preparedAffine };
  const locations = Object.keys(tensors)
    .filter((name) => name.startsWith("locations/"))
    .map((_, at) => tensors[`locations/${at}`]!.data as Int32Array);
  const label: LabelVolume | undefined =
    tensors.label === undefined
      ? undefined
      : {
          ...grid,
          channels: 1,
          data:
            tensors.label.dtype === "uint8"
              ? (tensors.label.data as Uint8Array)
              : Uint16Array.from(tensors.label.data as Int32Array),
        };
  return {
    id: id ?? "",
    image: { ...grid, channels, data: image.data as Float32Array },
    ...(label === undefined ? {} : { label, locations }),
    geometry: rest,
    provenance: { inputs: inputs ?? "", recipe: recipe ?? "" },
  };
}
