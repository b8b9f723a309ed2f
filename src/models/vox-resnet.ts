import { fail } from "../core/errors.js";
import { showShape } from "../core/tensor.js";
import type { Value } from "../graph/node.js";
import { conv, linear } from "../nn/layers.js";
import { batchNorm } from "../nn/norms.js";
import type { Scope } from "../nn/scope.js";
import { add, relu } from "../ops/elementwise.js";
import { reshape } from "../ops/move.js";
import { maxPoolWhole } from "../ops/pool.js";

export interface VoxResNetOptions {
  /** Channels of the convolutions at full resolution. */
  readonly stem: readonly number[];
  /** Each begins with a convolution of stride 2 and has `blocks` residual blocks after it. */
  readonly stages: readonly { readonly channels: number; readonly blocks: number }[];
  /** Extent of the max pooling windows at the end, which overlap where they do not tile; axes with fewer voxels become one. */
  readonly pool: number;
  /** Outputs of the hidden fully connected layer. */
  readonly hidden: number;
  readonly classes: number;
  /** false: the plain counterpart, the same layers with the same parameters and nothing added past them. */
  readonly shortcuts: boolean;
  /** Rate at which the running statistics follow. Default 0.1. */
  readonly momentum?: number;
}

/** The network of the paper, for 110³ voxels. */
export const voxResNetOfPaper: VoxResNetOptions = {
  stem: [32, 32],
  stages: [
    { channels: 64, blocks: 2 },
    { channels: 64, blocks: 2 },
    { channels: 128, blocks: 2 },
  ],
  pool: 7,
  hidden: 128,
  classes: 2,
  shortcuts: true,
};

/**
 * VoxResNet as a classifier: volumes `[N, C, k, j, i]` → logits `[N, classes]`. 3³ convolutions with padding throughout;
 * blocks x + conv(ReLU(norm(conv(ReLU(norm(x)))))), "full pre-activation" of He et al. 2016 (arXiv 1603.05027).
 *
 * Korolev et al., ISBI 2017, arXiv 1701.06643, after Chen et al.'s VoxResNet for segmentation; the paper's is
 * `voxResNetOfPaper`. The usual mistake: batches of 3 and statistics that follow fast, so that prediction differs from
 * training.
 */
export function voxResNet(scope: Scope, x: Value, options: VoxResNetOptions): Value {
  const { stem, stages, pool, hidden, classes, shortcuts, momentum = 0.1 } = options;
  if (x.shape.length !== 5)
    fail("shape", {
      what: "VoxResNet cannot take this input",
      expected: "[N, C, k, j, i]",
      found: showShape(x.shape),
    });
  if (stages.length === 0) fail("bad-argument", { what: "VoxResNet needs at least one stage" });
  const active = (into: Scope, y: Value): Value => relu(batchNorm(into, y, { momentum }));
  const convolution = (into: Scope, y: Value, channels: number, stride = 1): Value =>
    conv(into, y, { channels, kernel: [3, 3, 3], padding: 1, stride });
  let y = x;
  stem.forEach((channels, n) => {
    const into = scope.child(`stem${n}`);
    y = active(into.child("norm"), convolution(into, y, channels));
  });
  stages.forEach(({ channels, blocks }, stage) => {
    const into = scope.child(`stage${stage}`);
    if (stage > 0) y = active(into.child("norm"), y);
    y = convolution(into.child("down"), y, channels, 2);
    for (let n = 0; n < blocks; n++) {
      const block = into.child(`block${n}`);
      let inner = y;
      for (const half of ["first", "second"]) {
        const place = block.child(half);
        inner = convolution(place, active(place.child("norm"), inner), channels);
      }
      y = shortcuts ? add(y, inner) : inner;
    }
  });
  y = reshape(maxPoolWhole(y, pool), [x.shape[0]!, -1]);
  y = relu(linear(scope.child("hidden"), y, { channels: hidden }));
  return linear(scope.child("head"), y, { channels: classes });
}
