import { fail } from "../core/errors.js";
import { type Shape, sameShape, showShape } from "../core/tensor.js";
import { type Attributes, apply1, type Op, type Value } from "../graph/node.js";
import { requireFloats } from "./check.js";

/** Geometry of a convolution, one number for every spatial axis. */
export interface ConvGeometry extends Attributes {
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly groups: number;
}

/**
 * Cross-correlation, as every deep learning library understands convolution:
 * x `[N, C, …S]`, w `[K, C / groups, …k]` → `[N, K, …S']`, S' = floor((S + before + after - dilation (k - 1) - 1) / stride) + 1.
 *
 * The three ops of this file are the three ways to contract one trilinear form <conv(x, w), dy>, so each one's
 * gradients are the other two, to any order.
 */
export const convOp: Op<ConvGeometry> = {
  name: "conv",
  infer: ([x, w], geometry) => {
    requireFloats(x!, w!);
    return [{ dtype: x!.dtype, shape: convShape(x!.shape, w!.shape, geometry) }];
  },
  grad: ({ inputs: [x, w], attributes }, [g]) => [
    convInputGrad(g!, w!, x!.shape, attributes),
    convWeightGrad(x!, g!, w!.shape, attributes),
  ],
};

/** Adjoint of `conv` in x: dy `[N, K, …S']`, w → `[N, C, …S]`. Also known as transposed convolution. */
export const convInputGradOp: Op<ConvGeometry & { readonly shape: Shape }> = {
  name: "convInputGrad",
  infer: ([dy, w], { shape, ...geometry }) => {
    requireFloats(dy!, w!);
    requireShape("convInputGrad", dy!.shape, convShape(shape, w!.shape, geometry as ConvGeometry));
    return [{ dtype: dy!.dtype, shape }];
  },
  grad: ({ inputs: [dy, w], attributes }, [g]) => [
    conv(g!, w!, attributes),
    convWeightGrad(g!, dy!, w!.shape, attributes),
  ],
};

/** Adjoint of `conv` in w: x `[N, C, …S]`, dy `[N, K, …S']` → `[K, C / groups, …k]`. */
export const convWeightGradOp: Op<ConvGeometry & { readonly shape: Shape }> = {
  name: "convWeightGrad",
  infer: ([x, dy], { shape, ...geometry }) => {
    requireFloats(x!, dy!);
    requireShape("convWeightGrad", dy!.shape, convShape(x!.shape, shape, geometry as ConvGeometry));
    return [{ dtype: x!.dtype, shape }];
  },
  grad: ({ inputs: [x, dy], attributes }, [g]) => [
    convInputGrad(dy!, g!, x!.shape, attributes),
    conv(x!, g!, attributes),
  ],
};

function requireShape(name: string, found: Shape, expected: Shape): void {
  if (!sameShape(found, expected))
    fail("shape", {
      what: `${name}: the output gradient does not fit`,
      expected: showShape(expected),
      found: showShape(found),
    });
}

/** Shape of a convolution's output; throws `shape` with both shapes when they do not fit. */
export function convShape(
  x: Shape,
  w: Shape,
  { stride, dilation, before, after, groups }: ConvGeometry,
): Shape {
  const rank = x.length - 2;
  const problem = (what: string): never =>
    fail("shape", { what: `conv of ${showShape(x)} with weights ${showShape(w)}: ${what}` });
  if (w.length !== x.length || rank < 1 || stride.length !== rank)
    problem(`${rank} spatial axes wanted in all`);
  if (x[1] !== w[1]! * groups || w[0]! % groups !== 0) problem(`channels do not fit ${groups} group(s)`);
  const spatial = x.slice(2).map((extent, axis) => {
    const reach = dilation[axis]! * (w[axis + 2]! - 1) + 1;
    const room = extent + before[axis]! + after[axis]! - reach;
    if (room < 0)
      problem(`the kernel reaches ${reach} voxels, axis ${axis} has ${room + reach} with padding`);
    return Math.floor(room / stride[axis]!) + 1;
  });
  return [x[0]!, w[0]!, ...spatial];
}

export interface ConvOptions {
  /** Step between outputs, one number for all axes or one for each. Default 1. */
  readonly stride?: number | readonly number[];
  /** Step between kernel taps. Default 1. */
  readonly dilation?: number | readonly number[];
  /** Zeros on both sides; "same" keeps the extents at stride 1. Default 0. */
  readonly padding?: number | readonly number[] | "same";
  readonly groups?: number;
}

/** Fill in `ConvOptions` for kernels of the given extents. */
export function convGeometry(kernel: Shape, options: ConvOptions = {}): ConvGeometry {
  const each = (value: number | readonly number[]): readonly number[] =>
    typeof value === "number" ? kernel.map(() => value) : value;
  const stride = each(options.stride ?? 1);
  const dilation = each(options.dilation ?? 1);
  const { padding = 0, groups = 1 } = options;
  const reach = kernel.map((extent, axis) => dilation[axis]! * (extent - 1));
  const before = padding === "same" ? reach.map((r) => Math.floor(r / 2)) : each(padding);
  const after = padding === "same" ? reach.map((r) => Math.ceil(r / 2)) : before;
  return { stride, dilation, before, after, groups };
}

const only = ({ stride, dilation, before, after, groups }: ConvGeometry): ConvGeometry => ({
  stride,
  dilation,
  before,
  after,
  groups,
});

/** Convolution of x `[N, C, …S]` with weights `[K, C / groups, …k]` → `[N, K, …S']`. */
export function conv(x: Value, w: Value, geometry: ConvGeometry): Value {
  return apply1(convOp, [x, w], only(geometry));
}

/** See `convInputGradOp`; `shape` is the input's. */
export function convInputGrad(dy: Value, w: Value, shape: Shape, geometry: ConvGeometry): Value {
  return apply1(convInputGradOp, [dy, w], { ...only(geometry), shape });
}

/** See `convWeightGradOp`; `shape` is the weights'. */
export function convWeightGrad(x: Value, dy: Value, shape: Shape, geometry: ConvGeometry): Value {
  return apply1(convWeightGradOp, [x, dy], { ...only(geometry), shape });
}
