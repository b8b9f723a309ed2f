import type { Value } from "../graph/node.js";
import { conv } from "../nn/layers.js";
import { batchNorm } from "../nn/norms.js";
import type { Scope } from "../nn/scope.js";
import { relu } from "../ops/elementwise.js";
import { slice } from "../ops/move.js";
import { maxUnpool } from "../ops/pool.js";
import { type ConvPartOptions, convPart } from "./conv-fc.js";

/**
 * The convolutions of `convFc` and their mirror image: `[N, C, …S]` → `[N, C, …S]`, to be compared with the input. Every
 * stage back puts values where the maxima had been (unpooling by indices), cuts off what pooling had filled up, and
 * convolves (transposed at stride 1) to the width before; batch norm and ReLU between, the last one linear.
 *
 * Wen et al. 2020 pre-train their 3-D networks so; unpooling by indices is of Zeiler & Fergus, ECCV 2014. Parameters of
 * the way down lie under `encoder` and have the names that they have in `convFc`. The usual mistake: pre-training on all
 * subjects and splitting later.
 */
export function convAutoencoder(scope: Scope, x: Value, options: ConvPartOptions): Value {
  const { widths, padding, momentum = 0.1 } = options;
  const found = convPart(scope.child("encoder"), x, options);
  let { y } = found;
  for (let n = widths.length - 1; n >= 0; n--) {
    const into = scope.child(`decoder${n}`);
    const { indices, before, shape } = found.pooled[n]!;
    y = maxUnpool(y, indices, shape);
    const inner = shape.map((extent, axis) => extent - before[axis]!);
    if (before.some((width) => width > 0)) y = slice(y, before, inner);
    // A transposed convolution at stride 1 is one with as much more padding as the other had less.
    const border = padding === "same" ? 1 : 2;
    const channels = n === 0 ? x.shape[1]! : widths[n - 1]!;
    y = conv(into, y, { channels, kernel: x.shape.slice(2).map(() => 3), padding: border });
    if (n > 0) y = relu(batchNorm(into.child("norm"), y, { momentum }));
  }
  return y;
}
