import { fail } from "../core/errors.js";
import { showShape } from "../core/tensor.js";
import type { Value } from "../graph/node.js";
import { glorotUniform, heNormal } from "../nn/initialize.js";
import { conv, dropout, linear } from "../nn/layers.js";
import { batchNorm } from "../nn/norms.js";
import type { Scope } from "../nn/scope.js";
import { relu } from "../ops/elementwise.js";
import { reshape } from "../ops/move.js";
import { maxPool } from "../ops/pool.js";

export interface VoxCnnOptions {
  /** Convolutions before each pooling, from the first block on. */
  readonly blocks: readonly { readonly convs: number; readonly channels: number }[];
  /** "valid", as in the paper, loses two voxels an axis at every convolution; "same" keeps them. */
  readonly padding: "same" | "valid";
  /** Outputs of the hidden fully connected layers; batch norm and dropout follow the first one. */
  readonly hidden: readonly number[];
  readonly classes: number;
  readonly dropout: number;
  /** Batch norm before every ReLU of the convolutions: no part of the paper, and much sooner useful. Default false. */
  readonly norm?: boolean;
  /** First weights: "glorot" as in the paper's code, or "he", which keeps the scale of activations. Default "he". */
  readonly initialize?: "he" | "glorot";
}

/** The network of the paper, for 110³ voxels. */
export const voxCnnOfPaper: VoxCnnOptions = {
  blocks: [
    { convs: 2, channels: 8 },
    { convs: 2, channels: 16 },
    { convs: 3, channels: 32 },
    { convs: 3, channels: 64 },
  ],
  padding: "valid",
  hidden: [128, 64],
  classes: 2,
  dropout: 0.7,
  initialize: "glorot",
};

/**
 * VoxCNN: volumes `[N, C, k, j, i]` → logits `[N, classes]`, in the manner of VGG. Blocks of 3³ convolutions with ReLU,
 * each ending in max pooling by 2; fully connected layers with ReLU, batch norm and dropout after the first.
 *
 * Korolev, Safiullin, Belyaev & Dodonova, ISBI 2017, arXiv 1701.06643; the paper's is `voxCnnOfPaper`. Pooling leaves a
 * last odd voxel out, and axes of one voxel alone. The usual mistake: its convolutions without padding on anything much
 * smaller than 110³.
 */
export function voxCnn(scope: Scope, x: Value, options: VoxCnnOptions): Value {
  const { blocks, padding, hidden, classes, dropout: rate, norm = false } = options;
  requireVolumes(x, options);
  const initialize = options.initialize === "glorot" ? glorotUniform() : heNormal();
  let y = x;
  blocks.forEach(({ convs, channels }, block) => {
    for (let n = 0; n < convs; n++) {
      const into = scope.child(`block${block}`).child(`conv${n}`);
      y = conv(into, y, { channels, kernel: [3, 3, 3], padding: padding === "same" ? 1 : 0, initialize });
      y = relu(norm ? batchNorm(into.child("norm"), y) : y);
    }
    y = maxPool(
      y,
      y.shape.slice(2).map((extent) => Math.min(2, extent)),
    );
  });
  y = reshape(y, [x.shape[0]!, -1]);
  hidden.forEach((channels, n) => {
    const into = scope.child(`hidden${n}`);
    y = relu(linear(into, y, { channels, initialize }));
    if (n === 0) y = dropout(into, batchNorm(into.child("norm"), y), rate);
  });
  return linear(scope.child("head"), y, { channels: classes, initialize });
}

function requireVolumes(x: Value, { blocks, padding }: VoxCnnOptions): void {
  if (x.shape.length !== 5)
    fail("shape", {
      what: "VoxCNN cannot take this input",
      expected: "[N, C, k, j, i]",
      found: showShape(x.shape),
    });
  if (blocks.length === 0) fail("bad-argument", { what: "VoxCNN needs at least one block" });
  if (padding === "same") return;
  // Backwards: what must be there for one voxel to be left.
  const least = blocks.reduceRight((extent, { convs }) => 2 * extent + 2 * convs, 1);
  if (x.shape.slice(2).some((extent) => extent < least))
    fail("shape", {
      what: "VoxCNN without padding has nothing left of this input",
      expected: `at least ${least} voxels along each axis`,
      found: x.shape.slice(2).reverse().join(" x "),
      fix: 'Enlarge the images (input.size), drop convolutions, or use padding "same"',
    });
}
