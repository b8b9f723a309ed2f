import { fail } from "../core/errors.js";
import { type Shape, sizeOf } from "../core/tensor.js";
import type { Value } from "../graph/node.js";
import { parametricRelu } from "../ops/activation.js";
import { type ConvOptions, convGeometry, convInputGrad, conv as convOp } from "../ops/conv.js";
import { add, cast, greaterEqual, mul } from "../ops/elementwise.js";
import { matmul } from "../ops/linalg.js";
import { reshape } from "../ops/move.js";
import { repeat } from "../ops/pool.js";
import { heNormal, type Initializer, zeros } from "./initialize.js";
import { channelsPerGroup } from "./norms.js";
import type { Scope } from "./scope.js";

export interface ConvLayerOptions extends ConvOptions {
  readonly channels: number;
  /** Extents of the kernel: one number for every spatial axis. */
  readonly kernel: readonly number[];
  /** Default true; a convolution before a norm needs none. */
  readonly bias?: boolean;
  /** Default `heNormal()`. */
  readonly initialize?: Initializer;
}

const perChannel = (x: Value): number[] => [1, -1, ...x.shape.slice(2).map(() => 1)];

/** Add a learned number per channel (axis 1). */
export function bias(scope: Scope, x: Value): Value {
  const b = scope.parameter("bias", [x.shape[1]!], zeros, { decay: false });
  return add(x, reshape(b, perChannel(x)));
}

/** Convolution in 1-D, 2-D or 3-D: `[N, C, …S]` → `[N, channels, …S']`; parameters `weight`, `bias`. */
export function conv(scope: Scope, x: Value, options: ConvLayerOptions): Value {
  const { channels, kernel, initialize = heNormal(), groups = 1 } = options;
  const weight = scope.parameter("weight", [channels, channelsPerGroup(x, groups), ...kernel], initialize);
  const y = convOp(x, weight, convGeometry(kernel, options));
  return options.bias === false ? y : bias(scope, y);
}

export interface UpConvOptions {
  readonly channels: number;
  /** Kernel and stride at once: every voxel becomes a block of this size. */
  readonly factor: readonly number[];
  readonly bias?: boolean;
  readonly initialize?: Initializer;
}

/**
 * Transposed convolution with kernel = stride ("up-convolution"): `[N, C, …S]` → `[N, channels, …S · factor]`.
 * Parameter `weight` is `[C, channels, …factor]`, as in PyTorch.
 */
export function upConv(scope: Scope, x: Value, options: UpConvOptions): Value {
  const { channels, factor, initialize = heNormal() } = options;
  const [batch, inChannels, ...spatial] = x.shape as [number, number, ...number[]];
  const weight = scope.parameter("weight", [inChannels, channels, ...factor], initialize);
  const shape = [batch, channels, ...spatial.map((extent, axis) => extent * factor[axis]!)];
  const y = convInputGrad(x, weight, shape, convGeometry(factor, { stride: factor }));
  return options.bias === false ? y : bias(scope, y);
}

/** Nearest-neighbour upsampling of `[N, C, …S]`. */
export function upsampleNearest(x: Value, factor: readonly number[]): Value {
  return repeat(x, factor);
}

/** Fully connected layer: `[N, features]` → `[N, channels]`; parameters `weight` `[channels, features]`, `bias`. */
export function linear(
  scope: Scope,
  x: Value,
  options: { readonly channels: number; readonly bias?: boolean; readonly initialize?: Initializer },
): Value {
  const { channels, initialize = heNormal() } = options;
  const weight = scope.parameter("weight", [channels, x.shape[1]!], initialize);
  const y = matmul(x, weight, false, true);
  return options.bias === false ? y : bias(scope, y);
}

/** Leaky ReLU with a learned slope per channel, 0.25 at first; parameter `slope`. He et al., arXiv 1502.01852. */
export function prelu(scope: Scope, x: Value, initialSlope = 0.25): Value {
  const first: Initializer = (shape) => new Float32Array(sizeOf(shape)).fill(initialSlope);
  const slope = scope.parameter("slope", [x.shape[1]!], first, { decay: false });
  return parametricRelu(x, reshape(slope, perChannel(x)));
}

/**
 * Inverted dropout: while training, zero with probability `rate` and scale the rest by 1 / (1 - rate).
 * Srivastava et al., JMLR 2014.
 */
export function dropout(scope: Scope, x: Value, rate: number): Value {
  return dropped(scope, x, rate, x.shape);
}

/** Dropout of whole channels of `[N, C, …S]`, for images whose neighbours say the same. Tompson et al., arXiv 1411.4280. */
export function channelDropout(scope: Scope, x: Value, rate: number): Value {
  return dropped(scope, x, rate, [...x.shape.slice(0, 2), ...x.shape.slice(2).map(() => 1)]);
}

function dropped(scope: Scope, x: Value, rate: number, shape: Shape): Value {
  if (!(rate >= 0 && rate < 1))
    fail("bad-argument", {
      what: "the rate of dropout is out of range",
      expected: "at least 0 and below 1",
      found: `${rate}`,
    });
  if (!scope.training || rate === 0) return x;
  const kept = cast(greaterEqual(scope.random("mask", shape), rate), "float32");
  return mul(x, mul(kept, 1 / (1 - rate)));
}
