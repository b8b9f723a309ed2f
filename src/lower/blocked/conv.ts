import type { Node } from "../../graph/node.js";
import type { ConvGeometry } from "../../ops/conv.js";
import { portableSpellings } from "../spell.js";
import type { Emitter } from "../target.js";
import { fromBlocks, isBlockable, isReadable, product, range } from "./channels.js";
import { convolve, type Geometry, isConvolvable } from "./convolve.js";
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

/**
 * A convolution in blocked channels. In 2-D the engine does that by itself where weights are constants, and keeps the
 * blocks from one layer to the next: predictions are 5 to 16 % faster so (workloads c and e of npm run bench).
 */
export function spellConv(node: Node, [x, w]: readonly string[], e: Emitter, block: number): string {
  if (node.inputs[1]!.shape.length === 4 && e.isConstant(w!))
    return portableSpellings.conv!(node, [x!, w!], e) as string;
  const geometry = geometryOf(node);
  const { kernel, to } = geometry;
  const shape = node.inputs[1]!.shape;
  const [outChannels, channels] = shape as [number, number];
  const batch = node.outputs[0]!.shape[0]!;
  const weights = blockWeights(w!, shape, kernel.map(range), false, e, block);
  const { name, pitch } = convolve(x!, batch, channels, weights, geometry, e, block);
  const rows = fromBlocks(name, outChannels, e);
  if (kernel.length === 2) return rows;
  const stacked = e.emit("Reshape", [rows, e.ints([batch, outChannels, to[0]!, pitch, to[2]!])]);
  return pitch === to[1] ? stacked : e.emit("Slice", [stacked, e.ints([0]), e.ints([to[1]!]), e.ints([3])]);
}
