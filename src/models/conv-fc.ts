import { fail } from "../core/errors.js";
import { type Shape, showShape } from "../core/tensor.js";
import type { Value } from "../graph/node.js";
import { conv, dropout, linear } from "../nn/layers.js";
import { batchNorm } from "../nn/norms.js";
import type { Scope } from "../nn/scope.js";
import { relu } from "../ops/elementwise.js";
import { pad, reshape } from "../ops/move.js";
import { globalAveragePool, maxPoolWithIndices } from "../ops/pool.js";

/** The part of the network that looks: one stage for each width. */
export interface ConvPartOptions {
  /** Channels of each stage. */
  readonly widths: readonly number[];
  /** "same" keeps extents, "valid" loses two of each. */
  readonly padding: "same" | "valid";
  /** Rate at which the running statistics follow. Default 0.1. */
  readonly momentum?: number;
}

export interface ConvFcOptions extends ConvPartOptions {
  /** Outputs of the hidden fully connected layers. */
  readonly hidden: readonly number[];
  readonly classes: number;
  /** Of the features that the convolutions found. */
  readonly dropout: number;
  /**
   * Each feature's mean over space instead of its value at every place: no part of the paper, and so few parameters that a
   * hundred subjects teach them something. Default false.
   */
  readonly average?: boolean;
}

/** Conv5_FC3, for whole volumes: 128 x 6 x 7 x 6 features of a volume of 169 x 208 x 179 voxels. */
export const conv5Fc3: ConvFcOptions = {
  widths: [8, 16, 32, 64, 128],
  padding: "same",
  hidden: [1300, 50],
  classes: 2,
  dropout: 0.5,
};

/** Conv4_FC3, for cubes of 50 voxels: 50 x 2³ features. */
export const conv4Fc3: ConvFcOptions = {
  widths: [15, 25, 50, 50],
  padding: "valid",
  hidden: [50, 40],
  classes: 2,
  dropout: 0,
};

/**
 * The networks that Wen et al. compared: `[N, C, …S]` → logits `[N, classes]`. Stages of convolution (3 along each axis),
 * batch norm, ReLU and max pooling by 2, where an odd extent is filled up with zeros at its beginning; then dropout and
 * fully connected layers with ReLU between.
 *
 * Wen et al., Medical Image Analysis 63, 2020, arXiv 1904.07773. An axis that has come down to one voxel is pooled no
 * further, so that flat volumes (slabs of few slices) work. The number of features, and with it that of the parameters,
 * depends on the extents: one set of weights fits one grid.
 */
export function convFc(scope: Scope, x: Value, options: ConvFcOptions): Value {
  const { y } = convPart(scope, x, options);
  return fullyConnected(scope, options.average === true ? globalAveragePool(y) : y, options);
}

/** What `convFc` puts after its convolutions. */
export function fullyConnected(
  scope: Scope,
  x: Value,
  { hidden, classes, dropout: rate }: Pick<ConvFcOptions, "hidden" | "classes" | "dropout">,
): Value {
  let y = dropout(scope.child("dropout"), reshape(x, [x.shape[0]!, -1]), rate);
  hidden.forEach((channels, n) => {
    y = relu(linear(scope.child(`hidden${n}`), y, { channels }));
  });
  return linear(scope.child("head"), y, { channels: classes });
}

/** A stage's pooling, as unpooling needs it: where the maxima were, what was filled up, the shape that was pooled. */
export interface Pooled {
  readonly indices: Value;
  readonly before: Shape;
  readonly shape: Shape;
}

/** The convolutions of `convFc`, with what each pooling did. Parameters are called `stage<n>.…`. */
export function convPart(
  scope: Scope,
  x: Value,
  { widths, padding, momentum = 0.1 }: ConvPartOptions,
): { readonly y: Value; readonly pooled: readonly Pooled[] } {
  requireImages(x, widths);
  const pooled: Pooled[] = [];
  let y = x;
  widths.forEach((channels, n) => {
    const into = scope.child(`stage${n}`);
    const kernel = y.shape.slice(2).map(() => 3);
    if (padding === "valid" && y.shape.slice(2).some((extent) => extent < 3))
      fail("shape", {
        what: `convolution ${n + 1} of ${widths.length} without padding finds fewer than 3 voxels along an axis`,
        expected: "larger images",
        found: showShape(x.shape.slice(2)),
        fix: 'Use larger patches, fewer stages, or padding "same"',
      });
    y = conv(into, y, { channels, kernel, padding: padding === "same" ? 1 : 0 });
    y = relu(batchNorm(into.child("norm"), y, { momentum }));
    const [small, how] = poolByTwo(y);
    pooled.push(how);
    y = small;
  });
  return { y, pooled };
}

/** Max pooling by 2 of values of 0 and above: odd extents are filled up at the beginning, extents of 1 left alone. */
function poolByTwo(x: Value): [Value, Pooled] {
  const before = x.shape.map((extent, axis) => (axis >= 2 && extent > 1 ? extent % 2 : 0));
  const filled = before.some((n) => n > 0)
    ? pad(
        x,
        before,
        before.map(() => 0),
      )
    : x;
  const kernel = x.shape.slice(2).map((extent) => Math.min(2, extent));
  const [y, indices] = maxPoolWithIndices(filled, kernel);
  return [y, { indices, before, shape: filled.shape }];
}

function requireImages(x: Value, widths: readonly number[]): void {
  if (x.shape.length !== 4 && x.shape.length !== 5)
    fail("shape", {
      what: "the classifier cannot take this input",
      expected: "[N, C, k, j, i] or [N, C, j, i]",
      found: showShape(x.shape),
    });
  if (widths.length === 0) fail("bad-argument", { what: "the classifier needs at least one width" });
}
