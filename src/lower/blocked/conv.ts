import type { Tensor } from "../../core/tensor.js";
import type { Node, Value } from "../../graph/node.js";
import type { ConvGeometry } from "../../ops/conv.js";
import { portableSpellings } from "../spell.js";
import type { Emitter } from "../target.js";
import { fromBlocks, isBlockable, isReadable, product, range, wholeBlocks } from "./channels.js";
import { convolve, type Finish, type Geometry, isConvolvable } from "./convolve.js";
import { blockWeights } from "./weights.js";

/** Fewer positions than this do not pay for reordering the weights (256 to 256 channels, 4x4x4: 6.3 ms, Conv 5.1). */
export const fewestPositions = 256;

function geometryOf(node: Node): Geometry {
  const { stride, dilation, before, after } = node.attributes as unknown as ConvGeometry;
  const [from, kernel] = node.inputs.map(({ shape }) => shape.slice(2)) as [number[], number[]];
  return { kernel, stride, dilation, before, after, from, to: node.outputs[0]!.shape.slice(2) };
}

/** Whether `spellConv` takes a convolution. */
export function takesConv(node: Node, block: number): boolean {
  const [outChannels, channels, ...kernel] = node.inputs[1]!.shape as [number, number, ...number[]];
  const [batch, , ...out] = node.outputs[0]!.shape as [number, number, ...number[]];
  return (
    node.attributes.groups === 1 &&
    (kernel.length === 2 || kernel.length === 3) &&
    product(kernel) > 1 &&
    batch * product(out) >= fewestPositions &&
    isBlockable(outChannels, block) &&
    isReadable(channels, block) &&
    isConvolvable(geometryOf(node))
  );
}

/** Whether a convolution is better left to the engine: see `spellConv`. */
const isEngines = (node: Node, w: string, e: Emitter): boolean =>
  node.inputs[1]!.shape.length === 4 && e.isConstant(w);

/**
 * A convolution in blocked channels. In 2-D the engine does that by itself where weights are constants, and keeps the
 * blocks from one layer to the next: predictions are 5 to 16 % faster so (workloads c and e of npm run bench).
 */
export function spellConv(node: Node, [x, w]: readonly string[], e: Emitter, block: number): string {
  if (isEngines(node, w!, e)) return portableSpellings.conv!(node, [x!, w!], e) as string;
  return finished(node, x!, w!, e, block);
}

/**
 * leakyRelu(conv * scale + shift), one number of each for every channel, as part of the convolution: the scale into its
 * weights, which has to be a constant, the rest into its last step. Undefined where that cannot be.
 */
export function spellFinishedConv(node: Node, e: Emitter, block: number): string | undefined {
  const [y, scale, shift] = node.inputs as [Value, Value, Value];
  const channels = y.shape[1]!;
  const perChannel = scale.shape.every((extent, axis) => extent === (axis === 1 ? channels : 1));
  if (y.node.op !== "conv" || !perChannel || !takesConv(y.node, block)) return undefined;
  const [x, w] = y.node.inputs.map((input) => e.nameOf(input)) as [string, string];
  const factor = e.nameOf(scale);
  if (!e.isConstant(factor) || isEngines(y.node, w, e)) return undefined;
  const each = e.ints([channels, ...y.node.inputs[1]!.shape.slice(1).map(() => 1)]);
  const weights = isOnes(scale) ? w : e.emit("Mul", [w, e.emit("Reshape", [factor, each])]);
  const flat = e.emit("Reshape", [e.nameOf(shift), e.ints([channels])]);
  const missing = wholeBlocks(channels, block) - channels;
  const bias = missing === 0 ? flat : e.emit("Pad", [flat, e.ints([0, missing])]);
  return finished(y.node, x, weights, e, block, { bias, slope: Number(node.attributes.slope) });
}

const isOnes = ({ node }: Value): boolean =>
  node.op === "constant" && (node.attributes.tensor as Tensor).data.every((value) => Number(value) === 1);

function finished(node: Node, x: string, w: string, e: Emitter, block: number, finish?: Finish): string {
  const geometry = geometryOf(node);
  const { kernel, to } = geometry;
  const shape = node.inputs[1]!.shape;
  const [outChannels, channels] = shape as [number, number];
  const batch = node.outputs[0]!.shape[0]!;
  const weights = blockWeights(w, shape, kernel.map(range), false, e, block);
  const { name, lead, pitch } = convolve(x, batch, channels, weights, geometry, e, block, finish);
  const cut = (y: string, from: number, count: number, axis: number): string =>
    e.emit("Slice", [y, e.ints([from]), e.ints([from + count]), e.ints([axis])]);
  const all = fromBlocks(name, outChannels, e);
  const rows = lead === 0 ? all : cut(all, lead, to[0]! * pitch, 2);
  if (kernel.length === 2) return rows;
  const stacked = e.emit("Reshape", [rows, e.ints([batch, outChannels, to[0]!, pitch, to[2]!])]);
  return pitch === to[1] ? stacked : cut(stacked, 0, to[1]!, 3);
}
