import { fail } from "../core/errors.js";
import { type DType, type Shape, sameShape, showShape } from "../core/tensor.js";
import type { TensorType } from "../graph/node.js";

/** What `infer` asks of its inputs. Whoever calls adds the op, the inputs' types and the line: see `checked`. */

export const isFloat = (dtype: DType): boolean => dtype === "float32" || dtype === "float64";
const isInteger = (dtype: DType): boolean => dtype === "int32" || dtype === "int64";

/** Floating point and of one type, all of them. */
export function requireFloats(...values: readonly TensorType[]): void {
  for (const { dtype } of values)
    if (!isFloat(dtype))
      fail("shape", { what: `${dtype} where floating point is wanted`, fix: 'Use cast(x, "float32")' });
  requireOneDtype(...values);
}

/** Numbers of any kind: no bool. */
export function requireNumbers(...values: readonly TensorType[]): void {
  if (values.some(({ dtype }) => dtype === "bool"))
    fail("shape", { what: "bool where numbers are wanted", fix: 'Use cast(x, "float32")' });
}

export function requireIndices({ dtype }: TensorType): void {
  if (!isInteger(dtype))
    fail("shape", { what: `${dtype} where indices are wanted`, fix: 'Use cast(x, "int64")' });
}

export function requireBool({ dtype }: TensorType): void {
  if (dtype !== "bool")
    fail("shape", { what: `${dtype} where a condition (bool) is wanted`, fix: "Compare: greater(x, 0)" });
}

export function requireOneDtype(...values: readonly TensorType[]): void {
  for (const { dtype } of values)
    if (dtype !== values[0]!.dtype)
      fail("shape", { what: `dtypes ${values[0]!.dtype} and ${dtype} differ`, fix: "Use cast()" });
}

/** One shape, all of them. */
export function requireOneShape(...values: readonly TensorType[]): void {
  for (const { shape } of values)
    if (!sameShape(shape, values[0]!.shape))
      fail("shape", { what: `shapes ${showShape(values[0]!.shape)} and ${showShape(shape)} differ` });
}

/** A shape that another one decides. */
export function requireShape(found: TensorType, expected: Shape): void {
  if (!sameShape(found.shape, expected))
    fail("shape", {
      what: `${showShape(found.shape)} does not fit`,
      expected: showShape(expected),
    });
}

/** Axes that exist. */
export function requireAxes(shape: Shape, axes: readonly number[]): void {
  for (const axis of axes)
    if (!(axis >= 0 && axis < shape.length))
      fail("shape", { what: `axis ${axis} does not exist in ${showShape(shape)}` });
}

/** `[N, C, …S]` with one number in `each` for every spatial axis. */
export function requireSpatial(shape: Shape, each: readonly number[]): void {
  if (shape.length !== each.length + 2 || each.length === 0)
    fail("shape", {
      what: `${showShape(each)} wants ${each.length} spatial axes`,
      expected: `[N, C, …S] of rank ${each.length + 2}`,
    });
}
