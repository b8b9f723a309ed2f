import type { Shape } from "../../core/tensor.js";
import type { Emitter } from "../target.js";

/*
 * ONNX Runtime's own convolution kernels for processors, which it keeps for constant weights: channels in blocks of 16
 * (AVX-512) or 8 (AVX2), varying fastest, `[N, C / B, …S, B]`. They run at 107-117 GFLOP/s on one thread where Conv runs
 * at 58-78 in 3-D (a matrix product of that machine: 95).
 */
export const blockedDomain = "com.microsoft.nchwc";

export const product = (extents: Shape): number => extents.reduce((a, b) => a * b, 1);
export const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

/** Channels with those that fill the last block. */
export const wholeBlocks = (channels: number, block: number): number => Math.ceil(channels / block) * block;

/** Whether channels can be brought into blocks, at most half of which is filling. */
export const isBlockable = (channels: number, block: number): boolean =>
  channels % 4 === 0 && 2 * channels >= wholeBlocks(channels, block);

/** Whether a convolution can read them: in blocks, or, being fewer than one, as they are. */
export const isReadable = (channels: number, block: number): boolean =>
  channels < block || isBlockable(channels, block);

/** Channels in blocks, the last one filled with zeros; fewer than a block stay as they are. */
export function toBlocks(x: string, channels: number, e: Emitter, block: number): string {
  return channels < block ? x : e.emit("ReorderInput", [x], {}, blockedDomain);
}

/** The inverse of `toBlocks` for `[N, channels, rows, columns]`, without what fills the last block. */
export function fromBlocks(x: string, channels: number, e: Emitter): string {
  return e.emit("ReorderOutput", [x], { channels }, blockedDomain);
}
