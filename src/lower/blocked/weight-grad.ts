import type { Shape } from "../../core/tensor.js";
import type { Node } from "../../graph/node.js";
import type { ConvGeometry } from "../../ops/conv.js";
import type { Emitter } from "../target.js";
import { blockedDomain, fromBlocks, isBlockable, product, range, wholeBlocks } from "./channels.js";
import { padded } from "./pad.js";

/**
 * Bytes of the output gradient that are worked on at once. Every input channel reads them anew: up to here from the
 * processor's own cache at 87-115 GFLOP/s on one thread, from 7 MB on at 30-40.
 */
const bytesAtOnce = 2 ** 21;

/** Whether `spellWeightGrad` takes a weight gradient. */
export function takesWeightGrad(node: Node, block: number): boolean {
  const { groups, stride } = node.attributes as unknown as ConvGeometry;
  const [outChannels, , ...kernel] = node.outputs[0]!.shape as [number, number, ...number[]];
  if (groups !== 1 || !isBlockable(outChannels, block) || product(kernel) === 1) return false;
  return kernel.length === 2 || (kernel.length === 3 && stride[0] === stride[1]);
}

interface Layout {
  /** Rows from slice to slice, of both tensors. */
  readonly pitch: number;
  /** Rows of zeros before each slice of the gradient. */
  readonly lead: number;
  /** For each tap in height the rows of zeros on top of its convolution. */
  readonly shifts: readonly number[];
}

/** How depth slices are laid out as rows, so that no tap needs to begin below the first row. */
function layoutOf(node: Node): Layout {
  const [from, to, kernel] = [node.inputs[0]!, node.inputs[1]!, node.outputs[0]!].map(
    ({ shape }) => shape,
  ) as [Shape, Shape, Shape];
  if (kernel.length === 4) return { pitch: 1, lead: 0, shifts: [0] };
  const { stride, dilation, before } = node.attributes as unknown as ConvGeometry;
  const [step, apart, above] = [stride[1]!, dilation[1]!, before[1]!];
  const reach = apart * (kernel[3]! - 1);
  const lead = Math.ceil((reach - above) / step);
  const below = step * (to[3]! - 1) + reach - above - (from[3]! - 1);
  const pitch = Math.max(from[3]! + Math.max(above, below, 0), lead + to[3]!);
  return { pitch, lead, shifts: range(kernel[3]!).map((tap) => lead * step + above - tap * apart) };
}

/** From and to where along an axis; zeros where that lies outside. */
type Span = readonly [start: number, end: number];

/** One sample of `[N, C, …S]`, each spatial axis cut or filled to a span. */
function crop(x: string, shape: Shape, sample: number, spans: readonly Span[], e: Emitter): string {
  const begins = [-sample, 0, ...spans.map(([start]) => -start)];
  const ends = [sample + 1 - shape[0]!, 0, ...spans.map(([, end], axis) => end - shape[axis + 2]!)];
  return padded(x, shape, begins, ends, e);
}

/** How many images are worked on at once: as input channels that are too few for a block, read as they are. */
function imagesAtOnce(node: Node, block: number): number {
  const [outChannels] = node.outputs[0]!.shape as [number];
  const [batch, , ...extents] = node.inputs[1]!.shape as [number, number, ...number[]];
  if (extents.length !== 2) return 1;
  return Math.min(batch, block - 1, Math.floor(bytesAtOnce / (4 * outChannels * product(extents))));
}

/**
 * As `spellWeightGrad`, several small images at a time: each is an input channel, over which a convolution sums anyway.
 * A fifth of the nodes, and the gradient in the blocks that the input gradient reads too.
 */
function spellTogether(node: Node, x: string, dy: string, atOnce: number, e: Emitter, block: number): string {
  const { stride, dilation, before } = node.attributes as unknown as ConvGeometry;
  const [outChannels, channels, ...kernel] = node.outputs[0]!.shape as [number, number, number, number];
  const from = node.inputs[0]!.shape as [number, number, number, number];
  const [batch, , ...extents] = node.inputs[1]!.shape as [number, number, number, number];
  // Columns are filled beforehand, rows are by the convolution; of either no more is kept than is read.
  const [high, wide] = extents.map(
    (extent, axis) => stride[axis]! * (extent - 1) + 1 + dilation[axis]! * (kernel[axis]! - 1),
  ) as [number, number];
  const below = high - before[0]! - from[2];
  const whole = wholeBlocks(outChannels, block);
  const blocks = whole / block;
  const [rows, columns] = extents as [number, number];
  const ordered = e.emit("ReorderInput", [dy], {}, blockedDomain);
  const gradient = e.emit("Reshape", [ordered, e.ints([batch, blocks, rows, columns * block])]);

  const parts = Math.ceil(batch / atOnce);
  let sum = "";
  for (const part of range(parts)) {
    const [start, end] = [part, part + 1].map((edge) => Math.round((edge * batch) / parts)) as [
      number,
      number,
    ];
    const count = end - start;
    const ends = [end - batch, 0, Math.min(0, below), wide - before[1]! - from[3]];
    const filled = padded(x, from, [-start, 0, 0, before[1]!], ends, e);
    const some =
      count === batch ? gradient : e.emit("Slice", [gradient, ...[start, end, 0].map((n) => e.ints([n]))]);
    const image = channelsFirst(filled, channels, count, e);
    const filter = channelsFirst(some, blocks, count, e);
    const inputs = [
      e.emit("Reshape", [image, e.ints([channels, count, from[2] + Math.min(0, below), wide])]),
      e.emit("Reshape", [filter, e.ints([whole, count, rows, columns])]),
    ];
    const attributes = {
      strides: dilation,
      dilations: stride,
      pads: [before[0]!, 0, Math.max(0, below), 0],
      group: 1,
      kernel_shape: [rows, columns],
    };
    sum = e.emit("Conv", sum === "" ? inputs : [...inputs, "", sum], attributes, blockedDomain);
  }
  return weightsOf(sum, [outChannels, channels, ...kernel], e, block);
}

/** `[N, C, rows, columns]` to `[C, N, …]`. */
const channelsFirst = (x: string, channels: number, count: number, e: Emitter): string =>
  channels === 1 || count === 1 ? x : e.emit("Transpose", [x], { perm: [1, 0, 2, 3] });

/** Results `[C, K / B, …k, B]` to `[K, C, …k]`: the block comes first in one reordering where all blocks are whole. */
function weightsOf(sum: string, shape: Shape, e: Emitter, block: number): string {
  const [outChannels, channels, ...kernel] = shape as [number, number, ...number[]];
  const size = product(kernel);
  if (outChannels > block && outChannels % block > 0)
    return e.emit("Transpose", [fromBlocks(sum, outChannels, e)], { perm: [1, 0, 2, 3] });
  const blocks = wholeBlocks(outChannels, block) / block;
  const each = e.emit("Reshape", [sum, e.ints([channels, blocks, 1, size * block])]);
  const apart = channelsFirst(each, blocks, channels, e);
  const tall = e.emit("Reshape", [apart, e.ints([blocks, block, channels, size])]);
  const plain = fromBlocks(tall, Math.min(outChannels, block), e);
  return e.emit("Reshape", [plain, e.ints(shape)]);
}

/**
 * Weight gradient as a convolution in blocked channels: an input channel is an image, the output gradient a kernel
 * as large as the image, the weights are the few results. Where matrix products (`shiftedProducts`) make 18 copies of
 * one tensor or the other, this makes two.
 *
 * 3-D: depth slices are rows of one tall image, as in `convolve`, with rows of zeros after the input's slices and
 * before the gradient's. A tap in depth is then an output row, a tap in width an output column, and each tap in
 * height a convolution of its own, with another padding on top.
 */
export function spellWeightGrad(node: Node, [x, dy]: readonly string[], e: Emitter, block: number): string {
  const atOnce = imagesAtOnce(node, block);
  if (atOnce > 1) return spellTogether(node, x!, dy!, atOnce, e, block);
  const { stride, dilation, before } = node.attributes as unknown as ConvGeometry;
  const [outChannels, channels, ...kernel] = node.outputs[0]!.shape as [number, number, ...number[]];
  const from = node.inputs[0]!.shape;
  const to = node.inputs[1]!.shape;
  const last = kernel.length - 1;
  const deep = last === 2;
  const { pitch, lead, shifts } = layoutOf(node);
  const [slabs, outWidth] = [to[2]!, to.at(-1)!];
  const reach = kernel.map((extent, axis) => dilation[axis]! * (extent - 1));
  const width = stride[last]! * (outWidth - 1) + 1 + reach[last]!;

  /** The gradient of some slabs as a kernel, and the input that it meets. */
  const piece = (
    sample: number,
    start: number,
    end: number,
  ): { image: string; filter: string; rows: number } => {
    const rows = (end - start) * pitch;
    const high: Span[] = deep ? [[-lead, pitch - lead]] : [];
    const gradient = crop(dy!, to, sample, [[start, end], ...high, [0, outWidth]], e);
    const flat = e.emit("Reshape", [gradient, e.ints([1, outChannels, rows, outWidth])]);
    const ordered = e.emit("ReorderInput", [flat], {}, blockedDomain);
    const filter = e.emit("Reshape", [ordered, e.ints([wholeBlocks(outChannels, block), 1, rows, outWidth])]);
    const low = start * stride[0]! - before[0]!;
    const top = (end - 1) * stride[0]! + 1 + reach[0]! - before[0]!;
    const spans: Span[] = [
      [low, top],
      ...(deep ? [[0, pitch] as const] : []),
      [-before[last]!, width - before[last]!],
    ];
    const shape = e.ints([channels, 1, (top - low) * pitch, width]);
    return { image: e.emit("Reshape", [crop(x!, from, sample, spans, e), shape]), filter, rows };
  };

  const perPart = Math.max(1, Math.floor(bytesAtOnce / (4 * outChannels * pitch * outWidth)));
  const parts = Math.ceil(slabs / perPart);
  const sums = shifts.map(() => "");
  for (const at of range(to[0]! * parts)) {
    const part = at % parts;
    const [start, end] = [part, part + 1].map((edge) => Math.round((edge * slabs) / parts)) as [
      number,
      number,
    ];
    const { image, filter, rows } = piece(Math.floor(at / parts), start, end);
    for (const [tap, shift] of shifts.entries()) {
      const inputs = sums[tap] === "" ? [image, filter] : [image, filter, "", sums[tap]!];
      const attributes = {
        strides: [dilation[0]! * pitch, dilation[last]!],
        dilations: [stride[0]!, stride[last]!],
        pads: [shift, 0, Math.max(0, (stride[0]! - 1) * (pitch - 1) - shift), 0],
        group: 1,
        kernel_shape: [rows, outWidth],
      };
      sums[tap] = e.emit("Conv", inputs, attributes, blockedDomain);
    }
  }

  // [C, K, k0, k last] for each tap in height → [K, C, …k]
  if (!deep) return weightsOf(sums[0]!, node.outputs[0]!.shape, e, block);
  const plain = sums.map((sum) => fromBlocks(sum, outChannels, e));
  const each = e.ints([channels, outChannels, kernel[0]!, 1, kernel[2]!]);
  const taps = plain.map((one) => e.emit("Reshape", [one, each]));
  const joined = taps.length === 1 ? taps[0]! : e.emit("Concat", taps, { axis: 3 });
  return e.emit("Transpose", [joined], { perm: [1, 0, 2, 3, 4] });
}
