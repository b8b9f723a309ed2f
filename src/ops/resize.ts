import { fail } from "../core/errors.js";
import { floats, type Shape, sameShape, showShape, sizeOf, type Tensor } from "../core/tensor.js";
import { apply1, checked, type Op, type Value } from "../graph/node.js";
import { requireAxes, requireFloats, requireSpatial } from "./check.js";
import { constant } from "./leaf.js";
import { matmul } from "./linalg.js";
import { reshape } from "./move.js";
import { avgPool, repeat } from "./pool.js";
import { sum } from "./reduce.js";

/**
 * A matrix `[to, from]` applied along one axis: y[…, o, …] = Σ matrix[o, i] x[…, i, …]; `transposed` reads it
 * `[from, to]`. What is linear and separable in space is made of it: resizing, pooling with overlap, and their
 * adjoints.
 */
export const mapAxisOp: Op<{ axis: number; transposed: boolean }> = {
  name: "mapAxis",
  infer: ([x, matrix], { axis, transposed }) => {
    requireFloats(x!, matrix!);
    requireAxes(x!.shape, [axis]);
    const [to, from] = transposed ? [...matrix!.shape].reverse() : matrix!.shape;
    if (matrix!.shape.length !== 2 || from !== x!.shape[axis])
      fail("shape", {
        what: `mapAxis: ${showShape(matrix!.shape)}${transposed ? "ᵀ" : ""} does not fit axis ${axis} of ${showShape(x!.shape)}`,
      });
    return [{ dtype: x!.dtype, shape: x!.shape.map((extent, a) => (a === axis ? to! : extent)) }];
  },
  grad: ({ inputs: [x, matrix], attributes: { axis, transposed } }, [g]) => {
    const rows = (value: Value): Value => {
      const { shape } = value;
      return reshape(value, [sizeOf(shape.slice(0, axis)), shape[axis]!, sizeOf(shape.slice(axis + 1))]);
    };
    const [left, right] = transposed ? [rows(x!), rows(g!)] : [rows(g!), rows(x!)];
    return [mapAxis(g!, matrix!, axis, !transposed), sum(matmul(left, right, false, true), [0])];
  },
};

/** Where the samples of a resized image lie in the original: see `resize`. */
export type Alignment = "halfPixel" | "alignCorners";

/**
 * Linear interpolation of `[N, C, …S]` to `[N, C, …size]`: linear, bilinear, trilinear. No filter goes before it
 * when it shrinks; beyond the outermost samples the nearest one counts.
 */
export const resizeLinearOp: Op<{ size: readonly number[]; align: Alignment }> = {
  name: "resizeLinear",
  infer: ([x], { size }) => {
    requireFloats(x!);
    requireSpatial(x!.shape, size);
    return [{ dtype: x!.dtype, shape: [...x!.shape.slice(0, 2), ...size] }];
  },
  expand: ([x], { size, align }) => [
    mapSpace(
      x!,
      size.map((to, axis) => linearMatrix(x!.shape[axis + 2]!, to, align)),
    ),
  ],
};

/** Place of sample `index` of `to` in an axis of `from` samples, in samples. */
function position(index: number, from: number, to: number, align: Alignment): number {
  if (align === "alignCorners") return to === 1 ? 0 : (index * (from - 1)) / (to - 1);
  return ((index + 0.5) * from) / to - 0.5;
}

function matrixOf(to: number, from: number, weigh: (row: number, put: Put) => void): Tensor<"float32"> {
  const data = new Float32Array(to * from);
  for (let row = 0; row < to; row++)
    weigh(row, (column, weight) => {
      data[row * from + column]! += weight;
    });
  return floats([to, from], data);
}
type Put = (column: number, weight: number) => void;

function linearMatrix(from: number, to: number, align: Alignment): Tensor<"float32"> {
  return matrixOf(to, from, (row, put) => {
    const at = Math.min(Math.max(position(row, from, to, align), 0), from - 1);
    const below = Math.min(Math.floor(at), Math.max(0, from - 2));
    put(below, 1 - (at - below));
    if (below + 1 < from) put(below + 1, at - below);
  });
}

function nearestMatrix(from: number, to: number, align: Alignment): Tensor<"float32"> {
  return matrixOf(to, from, (row, put) => {
    // In whole numbers: a tie must not hang on how a quotient is rounded.
    const half = Math.floor(((2 * row + 1) * from) / (2 * to));
    put(align === "halfPixel" ? half : Math.round(position(row, from, to, align)), 1);
  });
}

/** One matrix for every spatial axis; what shrinks goes first, then the last axis, so that there is less to do. */
function mapSpace(x: Value, matrices: readonly Tensor[]): Value {
  const growth = ({ shape: [to, from] }: Tensor): number => to! / from!;
  return matrices
    .map((matrix, axis) => ({ matrix, axis: axis + 2 }))
    .filter(({ matrix }) => !isIdentity(matrix))
    .sort((a, b) => growth(a.matrix) - growth(b.matrix) || b.axis - a.axis)
    .reduce((y, { matrix, axis }) => mapAxis(y, constant(matrix), axis), x);
}

function isIdentity({ shape: [to, from], data }: Tensor): boolean {
  return to === from && data.every((value, i) => Number(value) === (i % (from! + 1) === 0 ? 1 : 0));
}

/** See `mapAxisOp`. */
export function mapAxis(x: Value, matrix: Value, axis: number, transposed = false): Value {
  return apply1(mapAxisOp, [x, matrix], { axis, transposed });
}

function requireExtents(size: readonly number[]): void {
  if (size.some((extent) => !(Number.isInteger(extent) && extent >= 1)))
    fail("bad-argument", { what: "every extent must be a whole number from 1", found: showShape(size) });
}

export interface ResizeOptions {
  /** Default "linear". */
  readonly mode?: "linear" | "nearest";
  /**
   * "halfPixel" (default): voxels are cells of one extent, the images' outer borders coincide; PyTorch's
   * `align_corners=False`, for nearest its "nearest-exact". "alignCorners": the centres of the corner voxels
   * coincide; PyTorch's `align_corners=True`.
   */
  readonly align?: Alignment;
}

/**
 * `[N, C, …S]` → `[N, C, …size]` by interpolation, larger or smaller, in 1-D, 2-D or 3-D. Nearest takes the sample
 * in whose cell the centre lies, the later one on a border; for whole factors it is `repeat`.
 */
export function resize(x: Value, size: Shape, options: ResizeOptions = {}): Value {
  const { mode = "linear", align = "halfPixel" } = options;
  checked("resize", [x], () => {
    requireSpatial(x.shape, size);
    requireExtents(size);
  });
  const spatial = x.shape.slice(2);
  if (sameShape(spatial, size)) return x;
  if (mode === "linear") return apply1(resizeLinearOp, [x], { size, align });
  if (align === "halfPixel" && size.every((extent, axis) => extent % spatial[axis]! === 0))
    return repeat(
      x,
      size.map((extent, axis) => extent / spatial[axis]!),
    );
  return mapSpace(
    x,
    size.map((to, axis) => nearestMatrix(spatial[axis]!, to, align)),
  );
}

export interface AveragePoolOptions {
  readonly kernel: readonly number[];
  /** Default: the kernel. */
  readonly stride?: readonly number[];
  /** Zeros on both sides. Default 0. */
  readonly padding?: readonly number[];
  /** Whether the zeros count in the mean. Default true, as in PyTorch. */
  readonly countPadding?: boolean;
}

/** Means over windows of `[N, C, …S]`, which may overlap and reach over the border. */
export function averagePool(x: Value, options: AveragePoolOptions): Value {
  const { kernel, stride = kernel, padding = kernel.map(() => 0), countPadding = true } = options;
  const spatial = x.shape.slice(2);
  checked("averagePool", [x], () => {
    requireSpatial(x.shape, kernel);
    if (kernel.some((extent, axis) => extent > spatial[axis]! + 2 * padding[axis]!))
      fail("shape", { what: `a window of ${showShape(kernel)} does not fit ${showShape(x.shape)}` });
  });
  const tiles = spatial.every((extent, axis) => extent % kernel[axis]! === 0 && padding[axis] === 0);
  if (tiles && sameShape(kernel, stride)) return avgPool(x, kernel);
  return mapSpace(
    x,
    spatial.map((from, axis) => {
      const [width, around] = [kernel[axis]!, padding[axis]!];
      const to = Math.floor((from + 2 * around - width) / stride[axis]!) + 1;
      return matrixOf(to, from, (row, put) => {
        const start = row * stride[axis]! - around;
        const [first, last] = [Math.max(0, start), Math.min(from, start + width)];
        for (let i = first; i < last; i++) put(i, 1 / (countPadding ? width : last - first));
      });
    }),
  );
}

/** Means over windows that share `[N, C, …S]` out to `[N, C, …size]`: window o is floor(o S / size) to ceil((o + 1) S / size). */
export function adaptiveAveragePool(x: Value, size: readonly number[]): Value {
  checked("adaptiveAveragePool", [x], () => {
    requireSpatial(x.shape, size);
    requireExtents(size);
  });
  const spatial = x.shape.slice(2);
  if (spatial.every((extent, axis) => extent % size[axis]! === 0))
    return avgPool(
      x,
      spatial.map((extent, axis) => extent / size[axis]!),
    );
  return mapSpace(
    x,
    spatial.map((from, axis) =>
      matrixOf(size[axis]!, from, (row, put) => {
        const start = Math.floor((row * from) / size[axis]!);
        const end = Math.ceil(((row + 1) * from) / size[axis]!);
        for (let i = start; i < end; i++) put(i, 1 / (end - start));
      }),
    ),
  );
}
