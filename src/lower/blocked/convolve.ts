import type { Shape } from "../../core/tensor.js";
import type { OnnxAttribute } from "../../graph/onnx/model.js";
import type { Emitter } from "../target.js";
import { blockedDomain, range, toBlocks, wholeBlocks } from "./channels.js";
import { padded } from "./pad.js";

/** Narrower images are padded beforehand: the kernels take edges one voxel at a time (width 6: 39 GFLOP/s for 58). */
const narrow = 16;

/** A convolution, one number for every spatial axis. */
export interface Geometry {
  readonly kernel: Shape;
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** Extents of the input and of the output. */
  readonly from: Shape;
  readonly to: Shape;
}

/** What is done to a result before it is written: a number added to each channel, and a leaky ReLU. */
export interface Finish {
  /** One number for each channel, whole blocks of them. */
  readonly bias?: string;
  /** Default 1: none. */
  readonly slope?: number;
}

/** A leaky ReLU as the runtime's convolutions know it. */
export function activationOf(slope: number): Record<string, OnnxAttribute> {
  if (slope === 1) return {};
  if (slope === 0) return { activation: "Relu" };
  return { activation: "LeakyRelu", activation_params: { floats: [slope] } };
}

/** The result in blocks, `[N, K / B, rows, width, B]`. */
export interface Blocked {
  readonly name: string;
  /** Rows before the first depth slice that mean nothing. */
  readonly lead: number;
  /** Rows from one depth slice to the next; the first of them, as many as the output is high, count. */
  readonly pitch: number;
}

interface Layout {
  readonly lead: number;
  readonly pitch: number;
  /** Slices follow each other without rows of zeros between them: what a tap must not see is blanked out. */
  readonly blanked: boolean;
  /** Columns of zeros that are put in beforehand. */
  readonly columns: readonly [left: number, right: number];
  /** For each tap in height: how many rows further down, and the padding of its convolution. */
  readonly taps: readonly { readonly shift: number; readonly pads: readonly number[] }[];
}

/** How depth slices are laid out as rows; an image is one slice. */
function layoutOf({ kernel, dilation, before, after, from, to }: Geometry): Layout {
  const last = kernel.length - 1;
  const [left, right] = [before[last]!, after[last]!];
  const isNarrow = to[last]! < narrow && left + right > 0;
  const columns = isNarrow ? ([left, right] as const) : ([0, 0] as const);
  const sides = isNarrow ? [0, 0] : [left, right];
  if (last === 1) {
    const taps = [{ shift: 0, pads: [before[0]!, sides[0]!, after[0]!, sides[1]!] }];
    return { lead: 0, pitch: from[0]!, blanked: false, columns, taps };
  }
  const blanked = to[1] === from[1] && !isNarrow;
  const gap = blanked ? 0 : Math.max(before[1]!, after[1]!, to[1]! - from[1]!, 0);
  const pitch = from[1]! + gap;
  const shifts = range(kernel[1]!).map((tap) => tap * dilation[1]! - before[1]!);
  const lead = Math.max(0, shifts.at(-1)! - before[0]! * pitch);
  const taps = shifts.map((shift) => {
    const above = before[0]! * pitch - shift + lead;
    return { shift, pads: [above, sides[0]!, after[0]! * pitch + shift, sides[1]!] };
  });
  return { lead, pitch, blanked, columns, taps };
}

/** Whether `convolve` can do it. */
export function isConvolvable(geometry: Geometry): boolean {
  const deep = geometry.kernel.length === 3;
  if (deep && geometry.stride.some((step) => step !== 1)) return false;
  const layout = layoutOf(geometry);
  return (
    layout.columns.every((pad) => pad >= 0) && layout.taps.every(({ pads }) => pads.every((pad) => pad >= 0))
  );
}

/**
 * x `[batch, channels, …S]` and weights as `blockWeights` gives them to the output in blocks.
 *
 * 3-D: depth slices stacked as rows of one tall image. A tap in depth is then a dilation of one pitch, a tap in height a
 * shift of the padding: one 2-D convolution for each tap in height, each added to the one before.
 *
 * Where no tap lies in the slice before, rows from further down would need a negative padding: the result then begins
 * with some rows too many.
 *
 * A tap that leaves a slice upwards or downwards must read zeros: either rows of zeros lie between the slices, or, where
 * the output is as high as the input, the rows in question are multiplied by zero before: two passes on all threads,
 * where putting rows in and taking them out again are two on one thread (1.4 and 2.3 ms of 12 for 16 to 16 channels in
 * 2x40x56x40).
 */
export function convolve(
  x: string,
  batch: number,
  channels: number,
  weights: readonly string[],
  geometry: Geometry,
  e: Emitter,
  block: number,
  finish: Finish = {},
): Blocked {
  const { kernel, stride, dilation, from } = geometry;
  const { lead, pitch, blanked, columns, taps } = layoutOf(geometry);
  const deep = kernel.length === 3;
  const [left, right] = columns;
  const extents = deep ? from : [1, ...from];
  const [depth, height, width] = extents as [number, number, number];
  const outer = deep ? [0, 0, 0] : [0, 0];
  const apart = padded(
    x,
    [batch, channels, ...from],
    [...outer, 0, left],
    [...outer, pitch - height, right],
    e,
  );
  const rows = depth * pitch;
  const image = deep
    ? e.emit("Reshape", [apart, e.ints([batch, channels, rows, left + width + right])])
    : apart;
  const input = toBlocks(image, channels, e, block);

  /** Without the rows that a tap, `shift` rows further down, would see from the next slice or the one before. */
  const blank = (shift: number): string => {
    if (!blanked || shift === 0) return input;
    const kept = Float32Array.from({ length: rows }, (_, row) => {
      const reader = (row % height) - shift;
      return Number(reader >= 0 && reader < height);
    });
    const mask = e.tensor({ dtype: "float32", shape: [rows, 1], data: kept });
    const each = channels < block ? 1 : block;
    const whole = wholeBlocks(channels, each);
    const raw = e.emit("Reshape", [input, e.ints([(batch * whole) / each, rows, width * each])]);
    return e.emit("Reshape", [e.emit("Mul", [raw, mask]), e.ints([batch, whole, rows, width])]);
  };

  const last = kernel.length - 1;
  const name = weights.reduce((sum, part, tap) => {
    const source = blank(taps[tap]!.shift);
    const attributes = {
      strides: deep ? [1, 1] : stride,
      dilations: [dilation[0]! * (deep ? pitch : 1), dilation[last]!],
      pads: taps[tap]!.pads,
      group: 1,
      kernel_shape: [kernel[0]!, kernel[last]!],
      ...(tap === weights.length - 1 ? activationOf(finish.slope ?? 1) : {}),
    };
    const bias = tap === weights.length - 1 ? (finish.bias ?? "") : "";
    const inputs = [source, part, ...(bias + sum === "" ? [] : [bias]), ...(sum === "" ? [] : [sum])];
    return e.emit("Conv", inputs, attributes, blockedDomain);
  }, "");
  return { name, lead, pitch: deep ? pitch : geometry.to[0]! };
}
