import { fail } from "../core/errors.js";
import { type Shape, showShape, sizeOf } from "../core/tensor.js";
import { apply1, type Op, type Value } from "../graph/node.js";
import { requireAxes, requireFloats, requireIndices } from "./check.js";
import { cast, equal } from "./elementwise.js";
import { constant } from "./leaf.js";
import { reshape } from "./move.js";
import { mapAxis } from "./resize.js";

function requireList({ shape }: Value): void {
  if (shape.length !== 1)
    fail("shape", { what: "indices are a list", expected: "[n]", found: showShape(shape) });
}

const withExtent = (shape: Shape, axis: number, extent: number): Shape =>
  shape.map((e, a) => (a === axis ? extent : e));

/** Elements along one axis by a list of indices `[n]`: y[…, k, …] = x[…, indices[k], …]. */
export const takeOp: Op<{ axis: number }> = {
  name: "take",
  infer: ([x, indices], { axis }) => {
    requireIndices(indices!);
    requireList(indices!);
    requireAxes(x!.shape, [axis]);
    return [{ dtype: x!.dtype, shape: withExtent(x!.shape, axis, indices!.shape[0]!) }];
  },
  grad: ({ inputs: [x, indices], attributes: { axis } }, [g]) => [
    putAdd(g!, indices!, axis, x!.shape[axis]!),
    undefined,
  ],
};

/** The adjoint of `take`: zeros with extent `size` on `axis`, to which the values are added at the indices. */
export const putAddOp: Op<{ axis: number; size: number }> = {
  name: "putAdd",
  infer: ([x, indices], { axis, size }) => {
    requireFloats(x!);
    requireIndices(indices!);
    requireList(indices!);
    requireAxes(x!.shape, [axis]);
    if (indices!.shape[0] !== x!.shape[axis])
      fail("shape", {
        what: `${showShape(indices!.shape)} indices for axis ${axis} of ${showShape(x!.shape)}`,
      });
    return [{ dtype: x!.dtype, shape: withExtent(x!.shape, axis, size) }];
  },
  grad: ({ inputs: [, indices], attributes: { axis } }, [g]) => [take(g!, indices!, axis), undefined],
  // A product with the indices as one-hot columns: every target has it, and classes, ages and codes are few.
  expand: ([x, indices], { axis, size }) => {
    const rows = constant({
      dtype: "int32",
      shape: [size, 1],
      data: Int32Array.from({ length: size }, (_, row) => row),
    });
    const columns = reshape(cast(indices!, "int32"), [1, indices!.shape[0]!]);
    return [mapAxis(x!, cast(equal(rows, columns), x!.dtype), axis)];
  },
};

/** See `takeOp`. Indices of any shape: `x[…, K, …]` by `[…I]` → `[…, …I, …]`; a table `[K, E]` by `[N]` → `[N, E]`. */
export function take(x: Value, indices: Value, axis: number): Value {
  if (indices.shape.length === 1) return apply1(takeOp, [x, indices], { axis });
  const y = apply1(takeOp, [x, reshape(indices, [sizeOf(indices.shape)])], { axis });
  return reshape(y, [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)]);
}

/** See `putAddOp`. */
export function putAdd(x: Value, indices: Value, axis: number, size: number): Value {
  return apply1(putAddOp, [x, indices], { axis, size });
}
