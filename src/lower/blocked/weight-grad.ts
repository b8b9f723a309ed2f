import type { Shape } from "../../core/tensor.js";
import type { Node } from "../../graph/node.js";
import type { ConvGeometry } from "../../ops/conv.js";
import type { Emitter } from "../target.js";
import { blockedDomain, isBlockable, product, range, wholeBlocks } from "./channels.js";

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

/**
 * Weight gradient as a convolution in blocked channels: an input channel is an image, the output gradient a kernel
 * as large as the image, the weights are the few results. Where matrix products (`shiftedProducts`) copy both tensors
 * 18 times over, this copies each once.
 *
 * 3-D: depth slices are rows of one tall image, as in `spellBlocked`, with rows of zeros after the input's slices and
 * before the gradient's. A tap in depth is then an output row, a tap in width an output column, and each tap in
 * height a convolution of its own, with another padding on top.
 */
export function spellWeightGrad(node: Node, [x, dy]: readonly string[], e: Emitter, block: number): string {
  const deep = node.outputs[0]!.shape.length === 5;
  const { stride, dilation, before } = node.attributes as unknown as ConvGeometry;
  const [outChannels, channels, ...kernel] = node.outputs[0]!.shape as [number, number, ...number[]];
  const from = node.inputs[0]!.shape;
  const [batch, , ...out] = node.inputs[1]!.shape as [number, number, ...number[]];
  const last = kernel.length - 1;
  const reach = kernel.map((extent, axis) => dilation[axis]! * (extent - 1));
  const layout = deep ? rowsOf() : { pitch: 1, lead: 0, shifts: [0] };

  /** Rows from slice to slice, rows of zeros before the gradient's slices, and the padding for each tap in height. */
  function rowsOf(): { pitch: number; lead: number; shifts: readonly number[] } {
    const [above, step] = [before[1]!, stride[1]!];
    const lead = Math.ceil((reach[1]! - above) / step);
    const below = step * (out[1]! - 1) + reach[1]! - above - (from[3]! - 1);
    const pitch = Math.max(from[3]! + Math.max(above, below, 0), lead + out[1]!);
    return { pitch, lead, shifts: range(kernel[1]!).map((tap) => lead * step + above - tap * dilation[1]!) };
  }
  const { pitch, lead, shifts } = layout;

  const slabs = out[0]!;
  const bytes = 4 * outChannels * pitch * out[last]!;
  const parts = Math.max(1, Math.ceil(slabs / Math.max(1, Math.floor(bytesAtOnce / bytes))));
  const sums = shifts.map(() => "");
  for (const sample of range(batch)) {
    for (const part of range(parts)) {
      const [start, end] = [part, part + 1].map((at) => Math.round((at * slabs) / parts)) as [number, number];
      const rows = (end - start) * pitch;
      const gradient = crop(dy!, [batch, outChannels, ...out], sample, start, end, (axis) =>
        deep && axis === 1 ? [lead, pitch - lead] : [0, out[axis]!],
      );
      const flat = e.emit("Reshape", [gradient, e.ints([1, outChannels, rows, out[last]!])]);
      const ordered = e.emit("ReorderInput", [flat], {}, blockedDomain);
      const filter = e.emit("Reshape", [
        ordered,
        e.ints([wholeBlocks(outChannels, block), 1, rows, out[last]!]),
      ]);
      const low = start * stride[0]! - before[0]!;
      const high = (end - 1) * stride[0]! + 1 + reach[0]! - before[0]!;
      const width = stride[last]! * (out[last]! - 1) + 1 + reach[last]!;
      const image = crop(x!, from, sample, low, high, (axis) =>
        axis === last ? [before[last]!, width - before[last]!] : [0, pitch],
      );
      const stacked = e.emit("Reshape", [image, e.ints([channels, 1, (high - low) * pitch, width])]);
      for (const [tap, shift] of shifts.entries()) {
        const inputs = sums[tap] === "" ? [stacked, filter] : [stacked, filter, "", sums[tap]!];
        sums[tap] = e.emit(
          "Conv",
          inputs,
          {
            strides: [dilation[0]! * pitch, dilation[last]!],
            dilations: [stride[0]!, stride[last]!],
            pads: [shift, 0, Math.max(0, (stride[0]! - 1) * (pitch - 1) - shift), 0],
            group: 1,
            kernel_shape: [rows, out[last]!],
          },
          blockedDomain,
        );
      }
    }
  }

  /** One sample, from `start` to `end` along the first axis, the others from -before to an end: zeros or cuts. */
  function crop(
    name: string,
    shape: Shape,
    sample: number,
    start: number,
    end: number,
    around: (axis: number) => readonly [before: number, end: number],
  ): string {
    const begins = [-sample, 0, -start];
    const ends = [sample + 1 - shape[0]!, 0, end - shape[2]!];
    for (const axis of range(shape.length - 2).slice(1)) {
      const [before, until] = around(axis);
      begins.push(before);
      ends.push(until - shape[axis + 2]!);
    }
    const pads = [...begins, ...ends];
    return pads.every((pad) => pad === 0) ? name : e.emit("Pad", [name, e.ints(pads)]);
  }

  // [C, K, k0, k last] for each tap in height → [K, C, …k]
  const plain = sums.map((sum) => e.emit("ReorderOutput", [sum], { channels: outChannels }, blockedDomain));
  if (!deep) return e.emit("Transpose", plain, { perm: [1, 0, 2, 3] });
  const each = e.ints([channels, outChannels, kernel[0]!, 1, kernel[2]!]);
  const taps = plain.map((one) => e.emit("Reshape", [one, each]));
  const joined = taps.length === 1 ? taps[0]! : e.emit("Concat", taps, { axis: 3 });
  return e.emit("Transpose", [joined], { perm: [1, 0, 2, 3, 4] });
}
