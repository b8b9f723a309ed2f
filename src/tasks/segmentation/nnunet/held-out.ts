import { fail } from "../../../core/errors.js";
import { tensor } from "../../../core/tensor.js";
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

/** As the bytes of a safetensors file. */
export function encodeHeldOut({ id, probabilities, geometry }: HeldOut): Uint8Array {
  const [ni, nj, nk] = geometry.resizing.to;
  const outputs = probabilities.length / voxelCount(geometry.resizing.to);
  const tensors = { probabilities: tensor("float32", [outputs, nk, nj, ni], probabilities) };
  return encodeSafetensors(tensors, { format, id, geometry: JSON.stringify(geometry) });
}

/** Throws `bad-file` for a file that holds something else. */
export function decodeHeldOut(bytes: Uint8Array, path: string): HeldOut {
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
  };
}
