import type { Shape } from "../../core/tensor.js";
import type { Node } from "../../graph/node.js";
import type { ConvGeometry } from "../../ops/conv.js";
import type { Emitter, Spelling } from "../target.js";

/*
 * ONNX Runtime's own convolution kernels for x86, which it keeps for constant weights: channels in blocks of 16
 * (AVX-512) or 8 (AVX2), varying fastest. They run at 107-117 GFLOP/s on one thread where Conv runs at 58-78 in 3-D
 * (a matrix product of that machine: 95). The operators reorder by whatever the block is, so the graph does not know
 * it; channels are multiples of 16, or too few to be blocked.
 */
export const blockedDomain = "com.microsoft.nchwc";
const widestBlock = 16;
const narrowestBlock = 8;

/** Fewer positions than this do not pay for reordering the weights (256 to 256 channels, 4x4x4: 6.3 ms, Conv 5.1). */
const fewestPositions = 256;

const product = (extents: Shape): number => extents.reduce((a, b) => a * b, 1);
export const isBlockable = (channels: number): boolean => channels % widestBlock === 0;

interface Rows {
  /** Rows kept between two depth slices, and the rows from one slice to the next. */
  readonly gap: number;
  readonly pitch: number;
}

/** Zeros between depth slices, so that a kernel that leaves a slice upwards or downwards reads zeros. */
function rowsOf(height: number, outHeight: number, before: number, after: number): Rows {
  const gap = Math.max(before, after, outHeight - height, 0);
  return { gap, pitch: height + gap };
}

/** The convolution as blocked kernels, or undefined where these do not fit. */
export function spellBlocked(node: Node, names: readonly string[], e: Emitter): string | undefined {
  const [x, w] = node.inputs.map((input) => input.shape) as [Shape, Shape];
  const out = node.outputs[0]!.shape;
  const { groups, stride } = node.attributes as unknown as ConvGeometry;
  const [outChannels, channels, ...kernel] = w as [number, number, ...number[]];
  const fits =
    groups === 1 && isBlockable(outChannels) && (isBlockable(channels) || channels < narrowestBlock);
  if (!fits || product(kernel) === 1 || out[0]! * product(out.slice(2)) < fewestPositions) return undefined;
  if (kernel.length === 2) return spell2d(node, names, e);
  if (kernel.length !== 3 || stride.some((step) => step !== 1)) return undefined;
  return spell3d(node, x, names, e);
}

function spell2d(node: Node, [x, w]: readonly string[], e: Emitter): string {
  const { stride, dilation, before, after } = node.attributes as unknown as ConvGeometry;
  const [outChannels, channels, ...kernel] = node.inputs[1]!.shape as [number, number, ...number[]];
  const [weights] = blockWeights(w!, [1, outChannels, channels, ...kernel], e);
  const attributes = {
    strides: stride,
    dilations: dilation,
    pads: [...before, ...after],
    group: 1,
    kernel_shape: kernel,
  };
  const y = e.emit("Conv", [blockInput(x!, channels, e), weights!], attributes, blockedDomain);
  return e.emit("ReorderOutput", [y], { channels: outChannels }, blockedDomain);
}

/**
 * Depth slices stacked as rows of one tall image: a tap in depth is a dilation of one pitch, a tap in height a
 * shift of the padding. One 2-D convolution for each tap in height, each added to the one before; nothing is copied
 * but the rows between the slices.
 */
function spell3d(node: Node, x: Shape, [xName, wName]: readonly string[], e: Emitter): string | undefined {
  const { dilation, before, after } = node.attributes as unknown as ConvGeometry;
  const [outChannels, channels, ...kernel] = node.inputs[1]!.shape as [
    number,
    number,
    number,
    number,
    number,
  ];
  const [batch, , depth, height, width] = x as [number, number, number, number, number];
  const [, , outDepth, outHeight, outWidth] = node.outputs[0]!.shape as [
    number,
    number,
    number,
    number,
    number,
  ];
  const { gap, pitch } = rowsOf(height, outHeight, before[1]!, after[1]!);
  const pads = Array.from({ length: kernel[1] }, (_, tap) => {
    const shift = before[1]! - tap * dilation[1]!;
    return [before[0]! * pitch + shift, before[2]!, after[0]! * pitch - shift, after[2]!];
  });
  if (pads.flat().some((pad) => pad < 0)) return undefined;
  const apart = gap === 0 ? xName! : e.emit("Pad", [xName!, e.ints([0, 0, 0, 0, 0, 0, 0, 0, gap, 0])]);
  const image = e.emit("Reshape", [apart, e.ints([batch, channels, depth * pitch, width])]);
  const input = blockInput(image, channels, e);
  const byHeight = e.emit("Transpose", [wName!], { perm: [3, 0, 1, 2, 4] });
  const weights = blockWeights(byHeight, [kernel[1], outChannels, channels, kernel[0], kernel[2]], e);
  const y = weights.reduce(
    (sum, part, tap) =>
      e.emit(
        "Conv",
        sum === "" ? [input, part] : [input, part, "", sum],
        {
          strides: [1, 1],
          dilations: [dilation[0]! * pitch, dilation[2]!],
          pads: pads[tap]!,
          group: 1,
          kernel_shape: [kernel[0], kernel[2]],
        },
        blockedDomain,
      ),
    "",
  );
  const rows = e.emit("ReorderOutput", [y], { channels: outChannels }, blockedDomain);
  const stacked = e.emit("Reshape", [rows, e.ints([batch, outChannels, outDepth, pitch, outWidth])]);
  return outHeight === pitch
    ? stacked
    : e.emit("Slice", [stacked, e.ints([0]), e.ints([outHeight]), e.ints([3])]);
}

/** Few channels are read as they are. */
function blockInput(x: string, channels: number, e: Emitter): string {
  return channels < narrowestBlock ? x : e.emit("ReorderInput", [x], {}, blockedDomain);
}

/** `[parts, K, C, kh, kw]` to the kernels' order `[K / B, C / B, kh, kw, B of C, B of K]`, one tensor for each part. */
function blockWeights(w: string, shape: Shape, e: Emitter): readonly string[] {
  const [parts, outChannels, channels, high, wide] = shape as [number, number, number, number, number];
  const each = [parts * outChannels, channels, high, wide];
  const byInput = blockInput(e.emit("Reshape", [w, e.ints(each)]), channels, e);
  const flat = e.emit("Reshape", [byInput, e.ints([parts, outChannels, channels * high, wide])]);
  const ordered = e.emit("Reshape", [e.emit("ReorderInput", [flat], {}, blockedDomain), e.ints(each)]);
  return parts === 1 ? [ordered] : e.emitMany("Split", [ordered], { axis: 0, num_outputs: parts }, parts);
}

/** Blocked kernels where they fit, else what `otherwise` writes. */
export const blockedOr =
  (otherwise: Spelling): Spelling =>
  (node, inputs, e) =>
    spellBlocked(node, inputs, e) ?? otherwise(node, inputs, e);
