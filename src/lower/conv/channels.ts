import type { Value } from "../../graph/node.js";
import { type ConvGeometry, conv } from "../../ops/conv.js";
import { pad } from "../../ops/move.js";
import type { Rewrite } from "../target.js";

/**
 * Zeros as further input channels, up to a multiple of four, where ONNX Runtime's WebGPU kernel is wrong: 1.30 reads
 * channels in threes when their number is a multiple of three but not of four, and gives wrong sums from six on
 * (microsoft/onnxruntime issue 29651).
 */
export const withWholeFours: Rewrite = (node) => {
  const [x, w] = node.inputs as [Value, Value];
  const geometry = node.attributes as unknown as ConvGeometry;
  const channels = x.shape[1]!;
  if (geometry.groups !== 1 || channels <= 3 || channels % 4 === 0 || channels % 3 !== 0) return undefined;
  const none = x.shape.map(() => 0);
  const missing = none.map((_, axis) => (axis === 1 ? 4 - (channels % 4) : 0));
  return [conv(pad(x, none, missing), pad(w, none, missing), geometry)];
};
