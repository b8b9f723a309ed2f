import { fail } from "../core/errors.js";
import { showShape } from "../core/tensor.js";
import type { Value } from "../graph/node.js";
import { conv, dropout, linear } from "../nn/layers.js";
import { batchNorm } from "../nn/norms.js";
import type { Scope } from "../nn/scope.js";
import { add, relu } from "../ops/elementwise.js";
import { pad, slice } from "../ops/move.js";
import { globalAveragePool, maxPool } from "../ops/pool.js";

/** What passes a block by where its shape changes: a learned 1x1 convolution (B), or zeros for new channels (A). */
export type Shortcut = "projection" | "zeros" | "none";

export interface ResNetOptions {
  /** "large": convolution of 7 with stride 2 and max pooling of 3 with stride 2; "small": one convolution of 3. */
  readonly stem: "large" | "small";
  /** Channels of each stage; every stage but the first halves the extents. */
  readonly widths: readonly number[];
  /** Blocks of each stage. */
  readonly blocks: readonly number[];
  /** "none": the plain counterpart, with the same weights in the same blocks and nothing added past them. */
  readonly shortcut: Shortcut;
  /** Outputs of linear layers before the last one, each followed by dropout. Default none. */
  readonly hidden?: readonly number[];
  readonly dropout?: number;
  readonly classes: number;
}

/** ResNet-18, for 224 x 224 pixels in three channels. */
export const resNet18: ResNetOptions = {
  stem: "large",
  widths: [64, 128, 256, 512],
  blocks: [2, 2, 2, 2],
  shortcut: "projection",
  classes: 1000,
};

/**
 * The networks of 6n + 2 layers with which He et al. showed that deeper plain networks train worse, and residual ones do
 * not: 16, 32 and 64 channels at 32, 16 and 8 pixels. A plain one has as many parameters, as its shortcuts are zeros.
 */
export function networkOfDepth(layers: number, kind: "plain" | "residual", classes = 10): ResNetOptions {
  const n = (layers - 2) / 6;
  if (!(Number.isInteger(n) && n >= 1))
    fail("bad-argument", {
      what: "there is no such network of three stages",
      expected: "6n + 2 layers: 8, 14, 20, 32, 44, 56, 110",
      found: `${layers}`,
    });
  const shortcut = kind === "plain" ? "none" : "zeros";
  return { stem: "small", widths: [16, 32, 64], blocks: [n, n, n], shortcut, classes };
}

/**
 * ResNet of basic blocks: `[N, C, …S]` → logits `[N, classes]`, in 2-D or 3-D. Blocks ReLU(x + norm(conv(ReLU(norm(conv(x))))));
 * convolutions without bias, mean over space, one linear layer.
 *
 * He, Zhang, Ren & Sun, CVPR 2016, arXiv 1512.03385. `resNet18` and `networkOfDepth` are its options in the paper.
 */
export function resNet(scope: Scope, x: Value, options: ResNetOptions): Value {
  const { stem, widths, blocks, shortcut, hidden = [], dropout: rate = 0, classes } = options;
  requireFit(x, options);
  const every = (extent: number): number[] => x.shape.slice(2).map(() => extent);
  const normed = (into: Scope, y: Value, channels: number, extent: number, stride: number): Value => {
    const geometry = { channels, kernel: every(extent), stride, padding: (extent - 1) / 2, bias: false };
    return batchNorm(into.child("norm"), conv(into, y, geometry));
  };
  const large = stem === "large";
  let y = relu(normed(scope.child("stem"), x, widths[0]!, large ? 7 : 3, large ? 2 : 1));
  // Values are 0 or more: zeros around them are never the largest but where all are 0.
  if (large) y = maxPool(padded(y), every(3), every(2));
  widths.forEach((channels, stage) => {
    for (let n = 0; n < blocks[stage]!; n++) {
      const into = scope.child(`stage${stage}`).child(`block${n}`);
      const stride = stage > 0 && n === 0 ? 2 : 1;
      const inner = relu(normed(into.child("first"), y, channels, 3, stride));
      const outer = normed(into.child("second"), inner, channels, 3, 1);
      const changes = stride > 1 || y.shape[1] !== channels;
      const past = (): Value => {
        if (!changes) return y;
        return shortcut === "projection"
          ? normed(into.child("past"), y, channels, 1, stride)
          : withZeros(y, outer);
      };
      y = relu(shortcut === "none" ? outer : add(outer, past()));
    }
  });
  y = globalAveragePool(y);
  hidden.forEach((channels, n) => {
    const into = scope.child(`hidden${n}`);
    y = dropout(into, linear(into, y, { channels }), rate);
  });
  return linear(scope.child("head"), y, { channels: classes });
}

/** One zero around all spatial axes. */
function padded(x: Value): Value {
  const width = x.shape.map((_, axis) => (axis < 2 ? 0 : 1));
  return pad(x, width, width);
}

/** Every second voxel, and zeros for the channels that there are more (option A). */
function withZeros(x: Value, like: Value): Value {
  const [batch, channels, ...spatial] = x.shape as [number, number, ...number[]];
  // Every second voxel is a pooling of one voxel at stride 2.
  const stride = spatial.map((extent, axis) => Math.ceil(extent / like.shape[axis + 2]!));
  const thinned = stride.some((step) => step > 1)
    ? maxPool(
        x,
        spatial.map(() => 1),
        stride,
      )
    : x;
  const fitted = slice(thinned, [0, 0, ...spatial.map(() => 0)], [batch, channels, ...like.shape.slice(2)]);
  const more = x.shape.map((_, axis) => (axis === 1 ? like.shape[1]! - channels : 0));
  return pad(
    fitted,
    more.map(() => 0),
    more,
  );
}

function requireFit(x: Value, { widths, blocks }: ResNetOptions): void {
  if (x.shape.length !== 4 && x.shape.length !== 5)
    fail("shape", {
      what: "ResNet cannot take this input",
      expected: "[N, C, j, i] or [N, C, k, j, i]",
      found: showShape(x.shape),
    });
  if (widths.length === 0 || widths.length !== blocks.length)
    fail("bad-argument", {
      what: "a ResNet has a number of blocks for every stage",
      expected: `${widths.length} numbers`,
      found: blocks.join(", "),
    });
}
