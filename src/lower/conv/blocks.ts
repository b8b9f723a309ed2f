import type { Shape } from "../../core/tensor.js";
import type { Value } from "../../graph/node.js";
import { reshape, transpose } from "../../ops/move.js";

const product = (extents: Shape): number => extents.reduce((a, b) => a * b, 1);

/** Below so many elements a row, as in kernels, one transposition is faster than two. */
const shortRow = 256;

/*
 * Both directions move whole rows first (or last) and deal out the elements of a row in a transposition of its own:
 * two passes at the speed of memory, where one 8-D transposition takes four times as long (3 ms against 12 to 15 ms
 * for 2x16x40x56x40 on one thread).
 */

/** `[N, C, …S·s] → [N, C · Πs, …S]`: blocks of voxels become channels, the block's offset varying fastest. */
export function spaceToDepth(x: Value, block: readonly number[]): Value {
  const [batch, channels, ...extents] = x.shape as [number, number, ...number[]];
  if (product(block) === 1) return x;
  const outer = extents.map((extent, axis) => extent / block[axis]!);
  if (product(outer) < shortRow) {
    const pairs = outer.flatMap((extent, axis) => [extent, block[axis]!]);
    const order = [0, ...axesOf(block.length, 2), ...axesOf(block.length, 1)];
    const blocks = transpose(reshape(x, [batch * channels, ...pairs]), order);
    return reshape(blocks, [batch, channels * product(block), ...outer]);
  }
  const rows = block.length - 1;
  const split = reshape(x, [
    batch * channels,
    ...outer.slice(0, rows).flatMap((extent, axis) => [extent, block[axis]!]),
    extents[rows]!,
  ]);
  const order = [0, ...axesOf(rows, 2), ...axesOf(rows, 1), 2 * rows + 1];
  const byRow = reshape(transpose(split, order), [
    batch * channels * product(block.slice(0, rows)),
    product(outer),
    block[rows]!,
  ]);
  return reshape(transpose(byRow, [0, 2, 1]), [batch, channels * product(block), ...outer]);
}

/** The inverse of `spaceToDepth`. */
export function depthToSpace(x: Value, block: readonly number[]): Value {
  const [batch, all, ...outer] = x.shape as [number, number, ...number[]];
  if (product(block) === 1) return x;
  const channels = all / product(block);
  const extents = outer.map((extent, axis) => extent * block[axis]!);
  if (product(outer) < shortRow) {
    const order = [0, ...block.flatMap((_, axis) => [1 + block.length + axis, 1 + axis])];
    const pairs = transpose(reshape(x, [batch * channels, ...block, ...outer]), order);
    return reshape(pairs, [batch, channels, ...extents]);
  }
  const rows = block.length - 1;
  const byRow = reshape(x, [batch * channels * product(block.slice(0, rows)), block[rows]!, product(outer)]);
  const width = outer[rows]! * block[rows]!;
  const split = reshape(transpose(byRow, [0, 2, 1]), [
    batch * channels,
    ...block.slice(0, rows),
    ...outer.slice(0, rows),
    width,
  ]);
  const order = [0, ...block.slice(0, rows).flatMap((_, axis) => [1 + rows + axis, 1 + axis]), 2 * rows + 1];
  return reshape(transpose(split, order), [batch, channels, ...extents]);
}

/** Every second axis of `rows` pairs, from `first`. */
function axesOf(rows: number, first: number): number[] {
  return Array.from({ length: rows }, (_, axis) => first + 2 * axis);
}
