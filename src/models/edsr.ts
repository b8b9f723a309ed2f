import { fail } from "../core/errors.js";
import { showShape } from "../core/tensor.js";
import type { Value } from "../graph/node.js";
import { heNormal, zeros } from "../nn/initialize.js";
import { conv } from "../nn/layers.js";
import type { Scope } from "../nn/scope.js";
import { add, mul, relu } from "../ops/elementwise.js";

export interface EdsrOptions {
  /** Channels of every convolution but the last. */
  readonly width: number;
  /** Residual blocks. */
  readonly blocks: number;
  /** What a block adds is multiplied by this: 0.1 keeps wide networks stable. Default 0.1. */
  readonly scaling?: number;
  /**
   * The result is added to the input, and is 0 at first: the network begins as the identity. No part of the paper, and
   * much sooner useful. Default false.
   */
  readonly addInput?: boolean;
}

/**
 * EDSR for images that are as large as their result: `[N, 1, H, W]` → the same. A convolution of 3², residual blocks
 * (convolution, ReLU, convolution, times `scaling`, plus the block's input; no norm), a convolution, the sum with the
 * first one's result, a last convolution. The part that enlarges is left out, as SMORE's inputs are interpolated.
 *
 * Lim et al., CVPR workshops 2017, arXiv 1707.02921; its largest network is `{ width: 256, blocks: 32 }`, its baseline
 * `{ width: 64, blocks: 16, scaling: 1 }`. He-normal weights, biases of 0.
 */
export function edsr(
  scope: Scope,
  x: Value,
  { width, blocks, scaling = 0.1, addInput = false }: EdsrOptions,
): Value {
  if (x.shape.length !== 4 || x.shape[1] !== 1)
    fail("shape", {
      what: "EDSR cannot take this input",
      expected: "[N, 1, H, W]",
      found: showShape(x.shape),
    });
  const convolution = (name: string, y: Value, channels: number, first = heNormal()): Value =>
    conv(scope.child(name), y, { channels, kernel: [3, 3], padding: 1, initialize: first });
  const head = convolution("head", x, width);
  let y = head;
  for (let n = 0; n < blocks; n++) {
    const inner = convolution(`block${n}b`, relu(convolution(`block${n}a`, y, width)), width);
    y = add(y, scaling === 1 ? inner : mul(inner, scaling));
  }
  const whole = add(convolution("body", y, width), head);
  const result = convolution("tail", whole, 1, addInput ? zeros : heNormal());
  return addInput ? add(result, x) : result;
}
