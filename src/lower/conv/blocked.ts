import type { Shape } from "../../core/tensor.js";
import type { Node } from "../../graph/node.js";
import type { ConvGeometry } from "../../ops/conv.js";
import type { Emitter } from "../target.js";

/*
 * ONNX Runtime's own convolution kernels for processors, which it keeps for constant weights: channels in blocks of 16
 * (AVX-512) or 8 (AVX2), varying fastest. They run at 107-117 GFLOP/s on one thread where Conv runs at 58-78 in 3-D
 * (a matrix product of that machine: 95).
 */
export const blockedDomain = "com.microsoft.nchwc";

/** Fewer positions than this do not pay for reordering the weights (256 to 256 channels, 4x4x4: 6.3 ms, Conv 5.1). */
const fewestPositions = 256;

/** Narrower images are padded beforehand: the kernels take edges one voxel at a time (width 6: 39 GFLOP/s for 58). */
const narrow = 16;

const product = (extents: Shape): number => extents.reduce((a, b) => a * b, 1);

/** Channels with those that fill the last block. */
export const wholeBlocks = (channels: number, block: number): number => Math.ceil(channels / block) * block;

/** Whether channels can be brought into blocks, at most half of which is filling. */
export const isBlockable = (channels: number, block: number): boolean =>
  channels % 4 === 0 && 2 * channels >= wholeBlocks(channels, block);

/** Whether `spellConv` takes a convolution. */
export function takesConv(node: Node, block: number): boolean {
  const { groups, stride } = node.attributes as unknown as ConvGeometry;
  const [outChannels, channels, ...kernel] = node.inputs[1]!.shape as [number, number, ...number[]];
  const [batch, , ...out] = node.outputs[0]!.shape as [number, number, ...number[]];
  if (groups !== 1 || product(kernel) === 1 || batch * product(out) < fewestPositions) return false;
  if (!isBlockable(outChannels, block) || !(channels < block || isBlockable(channels, block))) return false;
  if (kernel.length === 2) return true;
  return kernel.length === 3 && stride.every((step) => step === 1) && deepLayout(node) !== undefined;
}

/** A convolution in blocked channels. */
export function spellConv(node: Node, [x, w]: readonly string[], e: Emitter, block: number): string {
  return (node.inputs[1]!.shape.length === 4 ? planar : deep)(node, x!, w!, e, block);
}

function planar(node: Node, x: string, w: string, e: Emitter, block: number): string {
  const { stride, dilation, before, after } = node.attributes as unknown as ConvGeometry;
  const [outChannels, channels, ...kernel] = node.inputs[1]!.shape as [number, number, number, number];
  const isNarrow = node.outputs[0]!.shape[3]! < narrow && before[1]! + after[1]! > 0;
  const padded = isNarrow ? e.emit("Pad", [x, e.ints([0, 0, 0, before[1]!, 0, 0, 0, after[1]!])]) : x;
  const [weights] = blockWeights(w, [1, outChannels, channels, ...kernel], e, block);
  const attributes = {
    strides: stride,
    dilations: dilation,
    pads: isNarrow ? [before[0]!, 0, after[0]!, 0] : [...before, ...after],
    group: 1,
    kernel_shape: kernel,
  };
  const y = e.emit("Conv", [blockInput(padded, channels, e, block), weights!], attributes, blockedDomain);
  return e.emit("ReorderOutput", [y], { channels: outChannels }, blockedDomain);
}

interface Layout {
  /** Rows from one depth slice to the next. */
  readonly pitch: number;
  /** Slices follow each other without rows of zeros between them: what a tap must not see is blanked out. */
  readonly blanked: boolean;
  readonly padsWidth: boolean;
  /** For each tap in height: rows downwards, and the padding of its convolution. */
  readonly taps: readonly { readonly shift: number; readonly pads: readonly number[] }[];
}

/** How slices are laid out as rows; undefined where a tap would need negative padding. */
function deepLayout(node: Node): Layout | undefined {
  const { dilation, before, after } = node.attributes as unknown as ConvGeometry;
  const [height, width] = node.inputs[0]!.shape.slice(3) as [number, number];
  const [outHeight, outWidth] = node.outputs[0]!.shape.slice(3) as [number, number];
  const padsWidth = outWidth < narrow && before[2]! + after[2]! > 0;
  const blanked = outHeight === height && width >= narrow;
  const gap = blanked ? 0 : Math.max(before[1]!, after[1]!, outHeight - height, 0);
  const pitch = height + gap;
  const [left, right] = padsWidth ? [0, 0] : [before[2]!, after[2]!];
  const taps = Array.from({ length: node.inputs[1]!.shape[3]! }, (_, tap) => {
    const shift = tap * dilation[1]! - before[1]!;
    return { shift, pads: [before[0]! * pitch - shift, left, after[0]! * pitch + shift, right] };
  });
  if (taps.some(({ pads }) => pads.some((pad) => pad < 0))) return undefined;
  return { pitch, blanked, padsWidth, taps };
}

/**
 * Depth slices stacked as rows of one tall image: a tap in depth is a dilation of one pitch, a tap in height a
 * shift of the padding. One 2-D convolution for each tap in height, each added to the one before.
 *
 * A tap that leaves a slice upwards or downwards must read zeros: either rows of zeros lie between the slices, or, where
 * nothing but 3x3x3 and the like is wanted, the rows in question are multiplied by zero before (two passes on all
 * threads, where putting rows in and taking them out again are two on one thread: 1.4 and 2.3 ms of 12 for 16 to 16
 * channels in 2x40x56x40).
 */
function deep(node: Node, x: string, w: string, e: Emitter, block: number): string {
  const { dilation, before, after } = node.attributes as unknown as ConvGeometry;
  const [outChannels, channels, ...kernel] = node.inputs[1]!.shape as [
    number,
    number,
    number,
    number,
    number,
  ];
  const [batch, , depth, height, width] = node.inputs[0]!.shape as [number, number, number, number, number];
  const [, , outDepth, outHeight, outWidth] = node.outputs[0]!.shape as [
    number,
    number,
    number,
    number,
    number,
  ];
  const { pitch, blanked, padsWidth, taps } = deepLayout(node)!;
  const [left, right] = padsWidth ? [before[2]!, after[2]!] : [0, 0];
  const pads = [0, 0, 0, 0, left, 0, 0, 0, pitch - height, right];
  const apart = pads.every((pad) => pad === 0) ? x : e.emit("Pad", [x, e.ints(pads)]);
  const image = e.emit("Reshape", [apart, e.ints([batch, channels, depth * pitch, left + width + right])]);
  const input = blockInput(image, channels, e, block);

  /** Without the rows that a tap, `shift` rows further down, would see from the next slice or the one before. */
  const blank = (shift: number): string => {
    if (!blanked || shift === 0) return input;
    const rows = [depth * height, 1];
    const kept = Float32Array.from({ length: depth * height }, (_, row) => {
      const from = (row % height) - shift;
      return Number(from >= 0 && from < height);
    });
    const mask = e.tensor({ dtype: "float32", shape: rows, data: kept });
    const inBlocks = channels < block ? 1 : block;
    const raw = [(batch * wholeBlocks(channels, inBlocks)) / inBlocks, depth * height, width * inBlocks];
    const some = e.emit("Mul", [e.emit("Reshape", [input, e.ints(raw)]), mask]);
    return e.emit("Reshape", [some, e.ints([batch, wholeBlocks(channels, inBlocks), depth * height, width])]);
  };

  const byHeight = e.emit("Transpose", [w], { perm: [3, 0, 1, 2, 4] });
  const weights = blockWeights(byHeight, [kernel[1], outChannels, channels, kernel[0], kernel[2]], e, block);
  const y = weights.reduce((sum, part, tap) => {
    const from = blank(taps[tap]!.shift);
    const attributes = {
      strides: [1, 1],
      dilations: [dilation[0]! * pitch, dilation[2]!],
      pads: taps[tap]!.pads,
      group: 1,
      kernel_shape: [kernel[0], kernel[2]],
    };
    return e.emit("Conv", sum === "" ? [from, part] : [from, part, "", sum], attributes, blockedDomain);
  }, "");
  const rows = e.emit("ReorderOutput", [y], { channels: outChannels }, blockedDomain);
  const stacked = e.emit("Reshape", [rows, e.ints([batch, outChannels, outDepth, pitch, outWidth])]);
  if (outHeight === pitch) return stacked;
  return e.emit("Slice", [stacked, e.ints([0]), e.ints([outHeight]), e.ints([3])]);
}

/** Channels in blocks, the last one filled with zeros; fewer than a block are read as they are. */
function blockInput(x: string, channels: number, e: Emitter, block: number): string {
  return channels < block ? x : e.emit("ReorderInput", [x], {}, blockedDomain);
}

/** `[parts, K, C, kh, kw]` to the kernels' order `[K / B, C / B, kh, kw, B of C, B of K]`, one tensor for each part. */
function blockWeights(w: string, shape: Shape, e: Emitter, block: number): readonly string[] {
  const [parts, outChannels, channels, high, wide] = shape as [number, number, number, number, number];
  const each = e.emit("Reshape", [w, e.ints([parts * outChannels, channels, high, wide])]);
  const byInput = blockInput(each, channels, e, block);
  const filled = channels < block ? channels : wholeBlocks(channels, block);
  const flat = e.emit("Reshape", [byInput, e.ints([parts, outChannels, filled * high, wide])]);
  const ordered = e.emit("ReorderInput", [flat], {}, blockedDomain);
  const whole = e.ints([parts * wholeBlocks(outChannels, block), filled, high, wide]);
  const weights = e.emit("Reshape", [ordered, whole]);
  return parts === 1 ? [weights] : e.emitMany("Split", [weights], { axis: 0, num_outputs: parts }, parts);
}
