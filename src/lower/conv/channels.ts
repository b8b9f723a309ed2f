import type { Value } from "../../graph/node.js";
import { type ConvGeometry, conv } from "../../ops/conv.js";
import { pad, reshape, slice } from "../../ops/move.js";
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

/**
 * Zeros as further output channels of every group, up to a multiple of four, where the same engine's kernel for groups
 * is wrong: from four output channels a group on it works out four (or two) at once, also across two groups.
 */
export const withGroupsOfFours: Rewrite = (node) => {
  const [x, w] = node.inputs as [Value, Value];
  const geometry = node.attributes as unknown as ConvGeometry;
  const { groups } = geometry;
  const [outChannels, ...rest] = w.shape as [number, ...number[]];
  const own = outChannels / groups;
  if (groups === 1 || own < 4 || own % 4 === 0) return undefined;
  const filled = 4 * Math.ceil(own / 4);
  const none = [0, 0, ...rest.map(() => 0)];
  const far = none.map((_, axis) => (axis === 1 ? filled - own : 0));
  const weights = reshape(pad(reshape(w, [groups, own, ...rest]), none, far), [groups * filled, ...rest]);
  const y = conv(x, weights, geometry);
  const [batch, , ...extents] = y.shape as [number, number, ...number[]];
  const byGroup = reshape(y, [batch, groups, filled, ...extents]);
  const kept = slice(
    byGroup,
    byGroup.shape.map(() => 0),
    [batch, groups, own, ...extents],
  );
  return [reshape(kept, node.outputs[0]!.shape)];
};
