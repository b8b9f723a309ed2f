import type { Shape } from "../../core/tensor.js";
import type { Emitter } from "../target.js";
import { blockedDomain, product, range, wholeBlocks } from "./channels.js";

/** Which taps of a kernel a convolution has: for each axis, in its own order. */
export type Taps = readonly (readonly number[])[];

/**
 * Weights `[K, C, …k]` in the order of the blocked kernels, `[out / B, in / B, taps, B of in, B of out]`: from C to K
 * channels, or, `turned`, from K to C as input gradients want them. In 3-D one tensor for each tap in height.
 *
 * Two reorderings bring both channels into blocks whatever the taps, and whole blocks are then picked in order: all on
 * all threads, where turning weights over by transposing and slicing backwards takes one thread a tenth of a step of
 * networks with many channels.
 */
export function blockWeights(
  w: string,
  shape: Shape,
  taps: Taps,
  turned: boolean,
  e: Emitter,
  block: number,
): readonly string[] {
  const [outer, inner, ...kernel] = shape as [number, number, ...number[]];
  const size = product(kernel);
  const [from, to] = turned ? [outer, inner] : [inner, outer];
  const filled = from < block ? from : wholeBlocks(from, block);
  const whole = wholeBlocks(to, block);
  const reorder = (x: string, dims: Shape): string =>
    e.emit("ReorderInput", [e.emit("Reshape", [x, e.ints(dims)])], {}, blockedDomain);
  // The channels that vary fastest in the end are brought into blocks last.
  const first = turned ? [1, outer, inner * size, 1] : [outer, inner, size, 1];
  const once = from < block ? w : reorder(w, first);
  const twice = turned
    ? reorder(once, from < block ? [outer, inner, size, 1] : [filled / block, inner, size * block, 1])
    : reorder(once, [1, outer, filled * size, 1]);

  // Now [K / B or K, C / B or C, taps, a block].
  const inBlocks = from < block ? from : filled / block;
  const outBlocks = whole / block;
  const middle = turned ? outBlocks : inBlocks;
  const all = inBlocks * outBlocks * size;
  const blocks = e.emit("Reshape", [twice, e.ints([all, (filled / inBlocks) * block])]);
  const steps = kernel.map((_, axis) => product(kernel.slice(axis + 1)));
  const parts = kernel.length === 3 ? taps[1]!.map((tap) => [taps[0]!, [tap], taps[2]!]) : [taps];
  const picked = parts.flatMap((part) => {
    const offsets = part.reduce<number[]>(
      (all, ones, axis) => all.flatMap((offset) => ones.map((tap) => offset + tap * steps[axis]!)),
      [0],
    );
    return range(outBlocks).flatMap((out) =>
      range(inBlocks).flatMap((input) => {
        const row = turned ? input * middle + out : out * middle + input;
        return offsets.map((offset) => row * size + offset);
      }),
    );
  });
  const inOrder =
    picked.length === all && picked.every((from, to) => from === to)
      ? blocks
      : e.emit("Gather", [blocks, e.ints(picked)], { axis: 0 });
  const [high, wide] = [taps[0]!.length, taps.at(-1)!.length];
  const stacked = e.emit("Reshape", [inOrder, e.ints([parts.length * whole, filled, high, wide])]);
  if (parts.length === 1) return [stacked];
  return e.emitMany("Split", [stacked], { axis: 0, num_outputs: parts.length }, parts.length);
}
