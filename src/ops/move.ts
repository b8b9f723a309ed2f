import { fail } from "../core/errors.js";
import { type Shape, sameShape, showShape, sizeOf } from "../core/tensor.js";
import { apply1, type Op, type Value } from "../graph/node.js";
import { requireAxes, requireFloats, requireIndices, requireOneDtype, requireOneShape } from "./check.js";

export const reshapeOp: Op<{ shape: Shape }> = {
  name: "reshape",
  infer: ([x], { shape }) => {
    if (sizeOf(x!.shape) !== sizeOf(shape))
      fail("shape", {
        what: `reshape: ${showShape(x!.shape)} and ${showShape(shape)} hold different numbers of elements`,
      });
    return [{ dtype: x!.dtype, shape }];
  },
  grad: (node, [g]) => [reshape(g!, node.inputs[0]!.shape)],
};

export const transposeOp: Op<{ order: readonly number[] }> = {
  name: "transpose",
  infer: ([x], { order }) => {
    if (order.length !== x!.shape.length || [...order].sort((a, b) => a - b).some((axis, i) => axis !== i))
      fail("shape", {
        what: `transpose: ${showShape(order)} is no order of the axes of ${showShape(x!.shape)}`,
      });
    return [{ dtype: x!.dtype, shape: order.map((axis) => x!.shape[axis]!) }];
  },
  grad: (node, [g]) => [
    transpose(
      g!,
      node.attributes.order.map((_, axis) => node.attributes.order.indexOf(axis)),
    ),
  ],
};

export const sliceOp: Op<{ starts: readonly number[]; sizes: readonly number[] }> = {
  name: "slice",
  infer: ([x], { starts, sizes }) => {
    const fits = x!.shape.every(
      (extent, axis) => starts[axis]! >= 0 && sizes[axis]! >= 1 && starts[axis]! + sizes[axis]! <= extent,
    );
    if (!fits || starts.length !== x!.shape.length)
      fail("shape", {
        what: `slice: ${showShape(sizes)} from ${showShape(starts)} is not inside ${showShape(x!.shape)}`,
      });
    return [{ dtype: x!.dtype, shape: sizes }];
  },
  grad: (node, [g]) => {
    const { starts, sizes } = node.attributes;
    const extents = node.inputs[0]!.shape;
    return [
      pad(
        g!,
        starts,
        extents.map((extent, axis) => extent - starts[axis]! - sizes[axis]!),
      ),
    ];
  },
};

/** Constant values around a tensor: zeros unless `value` says otherwise. */
export const padOp: Op<{ before: readonly number[]; after: readonly number[]; value?: number }> = {
  name: "pad",
  infer: ([x], { before, after }) => {
    requireFloats(x!);
    const rank = x!.shape.length;
    if (before.length !== rank || after.length !== rank || [...before, ...after].some((width) => width < 0))
      fail("shape", {
        what: `pad: widths ${showShape(before)} and ${showShape(after)} do not fit ${showShape(x!.shape)}`,
      });
    return [
      { dtype: x!.dtype, shape: x!.shape.map((extent, axis) => extent + before[axis]! + after[axis]!) },
    ];
  },
  grad: (node, [g]) => [slice(g!, node.attributes.before, node.inputs[0]!.shape)],
};

export const concatOp: Op<{ axis: number }> = {
  name: "concat",
  infer: (inputs, { axis }) => {
    requireAxes(inputs[0]!.shape, [axis]);
    requireOneDtype(...inputs);
    const first = inputs[0]!.shape;
    for (const { shape } of inputs)
      if (shape.length !== first.length || shape.some((extent, a) => a !== axis && extent !== first[a]))
        fail("shape", {
          what: `concat along axis ${axis}: ${inputs.map((value) => showShape(value.shape)).join(" and ")} do not fit`,
        });
    const total = inputs.reduce((length, { shape }) => length + shape[axis]!, 0);
    return [{ dtype: inputs[0]!.dtype, shape: first.map((extent, a) => (a === axis ? total : extent)) }];
  },
  grad: (node, [g]) => {
    let offset = 0;
    return node.inputs.map(({ shape }) => {
      const starts = shape.map((_, axis) => (axis === node.attributes.axis ? offset : 0));
      offset += shape[node.attributes.axis]!;
      return slice(g!, starts, shape);
    });
  },
};

export const flipOp: Op<{ axes: readonly number[] }> = {
  name: "flip",
  infer: ([x], { axes }) => {
    requireAxes(x!.shape, axes);
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  grad: ({ attributes }, [g]) => [flip(g!, attributes.axes)],
};

/** The elements of a whole tensor at flat int64 positions: `y[i] = x.flat[indices[i]]`, in the indices' shape. */
export const gatherFlatOp: Op<{ unique: boolean }> = {
  name: "gatherFlat",
  infer: ([x, indices]) => {
    requireIndices(indices!);
    return [{ dtype: x!.dtype, shape: indices!.shape }];
  },
  grad: ({ inputs: [x, indices], attributes }, [g]) => [
    scatterFlat(g!, indices!, x!.shape, attributes.unique),
    undefined,
  ],
};

/** The adjoint of `gatherFlat`: zeros of `shape`, to which the values are added at flat int64 positions. */
export const scatterFlatOp: Op<{ shape: Shape; unique: boolean }> = {
  name: "scatterFlat",
  infer: ([x, indices], { shape }) => {
    requireFloats(x!);
    requireIndices(indices!);
    requireOneShape(x!, indices!);
    return [{ dtype: x!.dtype, shape }];
  },
  grad: ({ inputs: [, indices], attributes }, [g]) => [
    gatherFlat(g!, indices!, attributes.unique),
    undefined,
  ],
};

/** The same elements in the same order, in another shape. One extent may be -1. */
export function reshape(x: Value, shape: Shape): Value {
  const known = sizeOf(shape.filter((extent) => extent !== -1));
  const full = shape.map((extent) => (extent === -1 ? Math.floor(sizeOf(x.shape) / known) : extent));
  return sameShape(x.shape, full) ? x : apply1(reshapeOp, [x], { shape: full });
}

/** Axes in another order: `y.shape[i] = x.shape[order[i]]`. */
export function transpose(x: Value, order: readonly number[]): Value {
  const same = order.length === x.shape.length && order.every((axis, i) => axis === i);
  return same ? x : apply1(transposeOp, [x], { order });
}

/** A box of a tensor: from `starts`, of extents `sizes`, on every axis. */
export function slice(x: Value, starts: readonly number[], sizes: Shape): Value {
  return sameShape(x.shape, sizes) ? x : apply1(sliceOp, [x], { starts, sizes });
}

/** A constant around a tensor: zeros by default. */
export function pad(x: Value, before: readonly number[], after: readonly number[], value = 0): Value {
  if ([...before, ...after].every((width) => width === 0)) return x;
  return apply1(padOp, [x], { before, after, ...(value === 0 ? {} : { value }) });
}

/** Tensors one after the other along `axis`. */
export function concat(values: readonly Value[], axis: number): Value {
  return values.length === 1 ? values[0]! : apply1(concatOp, values, { axis });
}

/** The order reversed along `axes`. */
export function flip(x: Value, axes: readonly number[]): Value {
  return apply1(flipOp, [x], { axes });
}

/** See `gatherFlatOp`; `unique` promises that no position occurs twice, which makes the adjoint cheaper. */
export function gatherFlat(x: Value, indices: Value, unique = false): Value {
  return apply1(gatherFlatOp, [x, indices], { unique });
}

/** See `scatterFlatOp`. */
export function scatterFlat(x: Value, indices: Value, shape: Shape, unique = false): Value {
  return apply1(scatterFlatOp, [x, indices], { shape, unique });
}
