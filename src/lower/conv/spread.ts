import type { Value } from "../../graph/node.js";
import { type ConvGeometry, conv } from "../../ops/conv.js";
import { flip, pad, reshape, slice, transpose } from "../../ops/move.js";
import type { Rewrite } from "../target.js";

/**
 * Input gradient of any convolution as a convolution of stride 1: the output gradient is spread to the stride with
 * zeros between, the kernel turned round, in- and output channels swapped within each group. It multiplies the zeros
 * too, and so is the last resort where there is no ConvTranspose: in 3-D on WebGPU, for what `inputGrad` leaves.
 */
export const spreadInputGrad: Rewrite = (node) => {
  const [dy, w] = node.inputs as [Value, Value];
  const { stride, dilation, before, groups } = node.attributes as unknown as ConvGeometry;
  const extents = node.outputs[0]!.shape.slice(2);
  const [outChannels, perGroup, ...kernel] = w.shape as [number, number, ...number[]];
  const axes = kernel.map((_, axis) => axis);
  const turned = flip(
    reshape(
      transpose(reshape(w, [groups, outChannels / groups, perGroup, ...kernel]), [
        0,
        2,
        1,
        ...axes.map((axis) => axis + 3),
      ]),
      [groups * perGroup, outChannels / groups, ...kernel],
    ),
    axes.map((axis) => axis + 2),
  );
  const spread = axes.reduce((x, axis) => withZerosBetween(x, axis + 2, stride[axis]!), dy);
  const reach = axes.map((axis) => dilation[axis]! * (kernel[axis]! - 1));
  const starts = axes.map((axis) => reach[axis]! - before[axis]!);
  // Output voxel i sees the spread gradient from i - starts on, for reach + 1 voxels.
  const from = [0, 0, ...starts.map((start) => Math.max(0, -start))];
  const padded = pad(
    spread,
    [0, 0, ...starts.map((start) => Math.max(0, start))],
    [
      0,
      0,
      ...axes.map((axis) =>
        Math.max(0, extents[axis]! + reach[axis]! - starts[axis]! - spread.shape[axis + 2]!),
      ),
    ],
  );
  const sizes = [...dy.shape.slice(0, 2), ...axes.map((axis) => extents[axis]! + reach[axis]!)];
  const none = axes.map(() => 0);
  const geometry = { stride: axes.map(() => 1), dilation, before: none, after: none, groups };
  return [conv(slice(padded, from, sizes), turned, geometry)];
};

/** `step - 1` zeros after every entry along one axis. */
function withZerosBetween(x: Value, axis: number, step: number): Value {
  if (step === 1) return x;
  const pairs = reshape(x, [...x.shape.slice(0, axis + 1), 1, ...x.shape.slice(axis + 1)]);
  const none = pairs.shape.map(() => 0);
  const wide = pad(
    pairs,
    none,
    none.map((_, at) => (at === axis + 1 ? step - 1 : 0)),
  );
  return reshape(
    wide,
    x.shape.map((extent, at) => (at === axis ? extent * step : extent)),
  );
}
