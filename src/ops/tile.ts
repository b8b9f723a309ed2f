import { fail } from "../core/errors.js";
import { showShape } from "../core/tensor.js";
import { checked, type Value } from "../graph/node.js";
import { requireSpatial } from "./check.js";
import { concat, reshape } from "./move.js";
import { broadcast } from "./reduce.js";

/** Copies side by side: axis a of the result is `repeats[a]` times x's, as NumPy tiles. */
export function tile(x: Value, repeats: readonly number[]): Value {
  checked("tile", [x], () => {
    if (repeats.length !== x.shape.length)
      fail("shape", {
        what: `${showShape(repeats)} is not one number for every axis of ${showShape(x.shape)}`,
      });
  });
  const apart = x.shape.flatMap((extent) => [1, extent]);
  const copies = x.shape.flatMap((extent, axis) => [repeats[axis]!, extent]);
  return reshape(
    broadcast(reshape(x, apart), copies),
    x.shape.map((extent, axis) => extent * repeats[axis]!),
  );
}

/** A code `[N, K]` at every voxel of a grid: `[N, K, …spatial]`. */
export function tileCode(code: Value, spatial: readonly number[]): Value {
  const [batch, channels] = code.shape as [number, number];
  checked("tileCode", [code], () => requireSpatial([...code.shape, ...spatial], spatial));
  const thin = reshape(code, [batch, channels, ...spatial.map(() => 1)]);
  return broadcast(thin, [batch, channels, ...spatial]);
}

/** Conditioning: the image `[N, C, …S]` with a code `[N, K]` as further channels, the same at every voxel. */
export function concatCode(x: Value, code: Value): Value {
  return concat([x, tileCode(code, x.shape.slice(2))], 1);
}
