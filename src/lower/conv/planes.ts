import type { Value } from "../../graph/node.js";
import { type ConvGeometry, conv } from "../../ops/conv.js";
import { concat, pad, reshape, slice, transpose } from "../../ops/move.js";
import type { Rewrite } from "../target.js";

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

/**
 * A 3-D convolution as a 2-D one: slices along depth become the batch, and each brings the slices that the kernel
 * reaches along as channels. WebGPU has tuned kernels in 2-D only: its 3-D convolution is one loop per voxel, and
 * there is none in groups.
 */
export const asPlanes: Rewrite = (node) => {
  if (node.inputs[0]!.shape.length !== 5) return undefined;
  const [x, w] = node.inputs as [Value, Value];
  const geometry = node.attributes as unknown as ConvGeometry;
  const { stride, dilation, before, after, groups } = geometry;
  const [batch, channels, depth, height, width] = x.shape as [number, number, number, number, number];
  const [outChannels, perGroup, taps, ...plane] = w.shape as [number, number, number, number, number];
  const [, , outDepth, outHeight, outWidth] = node.outputs[0]!.shape as [
    number,
    number,
    number,
    number,
    number,
  ];
  const rest = {
    stride: stride.slice(1),
    dilation: dilation.slice(1),
    before: before.slice(1),
    after: after.slice(1),
    groups,
  };
  const [step, apart] = [stride[0]!, dilation[0]!];
  if (
    taps === 1 &&
    step === 1 &&
    before[0] === 0 &&
    after[0] === 0 &&
    plane.every((extent) => extent === 1)
  ) {
    const flat = isPlain(rest) ? [depth * height, width] : undefined;
    if (flat !== undefined) {
      const y = conv(reshape(x, [batch, channels, ...flat]), reshape(w, [outChannels, perGroup, 1, 1]), rest);
      return [reshape(y, node.outputs[0]!.shape)];
    }
  }
  const needed = (taps - 1) * apart + outDepth * step;
  const missing = Math.max(0, needed - depth - before[0]!);
  const padded = pad(x, [0, 0, before[0]!, 0, 0], [0, 0, missing, 0, 0]);
  const slices = reshape(transpose(padded, [0, 2, 1, 3, 4]), [
    batch,
    padded.shape[2]!,
    groups,
    perGroup,
    height,
    width,
  ]);
  const near = range(taps).map((tap) => everyOther(slices, tap * apart, outDepth, step));
  const stacked = reshape(concat(near, 3), [batch * outDepth, channels * taps, height, width]);
  const weights = reshape(transpose(w, [0, 2, 1, 3, 4]), [outChannels, taps * perGroup, ...plane]);
  const y = reshape(conv(stacked, weights, rest), [batch, outDepth, outChannels, outHeight, outWidth]);
  return [transpose(y, [0, 2, 1, 3, 4])];
};

function isPlain({ stride, before, after }: ConvGeometry): boolean {
  return stride.every((s) => s === 1) && [...before, ...after].every((width) => width === 0);
}

/** `count` entries along axis 1, from `start` in steps of `step`. */
function everyOther(x: Value, start: number, count: number, step: number): Value {
  const [batch, , ...rest] = x.shape as [number, number, ...number[]];
  const none = rest.map(() => 0);
  const run = slice(x, [0, start, ...none], [batch, count * step, ...rest]);
  if (step === 1) return run;
  const pairs = reshape(run, [batch, count, step, ...rest]);
  return reshape(slice(pairs, [0, 0, 0, ...none], [batch, count, 1, ...rest]), [batch, count, ...rest]);
}
