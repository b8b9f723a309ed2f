import { fail } from "./errors.js";

/** Row-major extents, last axis fastest. `[]` is a scalar. */
export type Shape = readonly number[];

/** Element types that graphs and tensors know. `bool` is stored as one byte of 0 or 1. */
export type DType = "float32" | "float64" | "int32" | "int64" | "uint8" | "bool";

export interface DTypeArrays {
  float32: Float32Array;
  float64: Float64Array;
  int32: Int32Array;
  int64: BigInt64Array;
  uint8: Uint8Array;
  bool: Uint8Array;
}

/** Numbers with a shape. Immutable by convention: nobody writes into a tensor that was handed to them. */
export interface Tensor<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: Shape;
  readonly data: DTypeArrays[D];
}

/** Number of elements of a shape; 1 for a scalar. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** Row-major strides in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/** `[2, 3]` as text, for messages. */
export function showShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** Wrap data in a tensor. Throws `shape` when the length and the shape disagree. */
export function tensor<D extends DType>(dtype: D, shape: Shape, data: DTypeArrays[D]): Tensor<D> {
  if (data.length !== sizeOf(shape))
    fail("shape", {
      what: "the number of elements does not fit the shape",
      expected: `${sizeOf(shape)} elements for ${showShape(shape)}`,
      found: `${data.length}`,
    });
  return { dtype, shape, data };
}

const makers: { [D in DType]: (length: number) => DTypeArrays[D] } = {
  float32: (length) => new Float32Array(length),
  float64: (length) => new Float64Array(length),
  int32: (length) => new Int32Array(length),
  int64: (length) => new BigInt64Array(length),
  uint8: (length) => new Uint8Array(length),
  bool: (length) => new Uint8Array(length),
};

/** Bytes that a tensor of this type takes. */
export function bytesOf({ dtype, shape }: { readonly dtype: DType; readonly shape: Shape }): number {
  return sizeOf(shape) * makers[dtype](0).BYTES_PER_ELEMENT;
}

/** A tensor of zeros. */
export function zerosTensor<D extends DType>(dtype: D, shape: Shape): Tensor<D> {
  return { dtype, shape, data: makers[dtype](sizeOf(shape)) };
}

/** A float32 tensor from plain numbers. */
export function floats(shape: Shape, values: Iterable<number>): Tensor<"float32"> {
  return tensor("float32", shape, Float32Array.from(values));
}

/** A float32 scalar. */
export function scalar(value: number): Tensor<"float32"> {
  return floats([], [value]);
}
