import type { Node } from "../../graph/node.js";
import type { ConvGeometry } from "../../ops/conv.js";
import type { Emitter } from "../target.js";
import { fromBlocks, isBlockable, isReadable, product, range, wholeBlocks } from "./channels.js";
import { fewestPositions } from "./conv.js";
import { convolve, type Geometry, isConvolvable } from "./convolve.js";
import { blockWeights, type Taps } from "./weights.js";

/** What the voxels of dx have in common that lie at one place modulo the stride: a convolution of dy of their own. */
interface Phase {
  readonly taps: Taps;
  readonly geometry: Geometry;
}

/**
 * The phases of an input gradient, the last axis varying fastest. Along each axis dx[stride i + p] is a sum of
 * dy[i + o] w[k] over the taps k with p + before - dilation k = stride o. Undefined where a phase has no taps.
 */
function phasesOf(node: Node): Phase[] | undefined {
  const { stride, dilation, before } = node.attributes as unknown as ConvGeometry;
  const to = node.outputs[0]!.shape.slice(2);
  const [from, kernel] = node.inputs.map(({ shape }) => shape.slice(2)) as [number[], number[]];
  const extents = to.map((extent, axis) => Math.ceil(extent / stride[axis]!));
  const axes = kernel.map((length, axis) =>
    range(stride[axis]!).map((phase) => {
      const offset = (tap: number): number => (phase + before[axis]! - dilation[axis]! * tap) / stride[axis]!;
      // The furthest back in dy first.
      const taps = range(length)
        .filter((tap) => Number.isInteger(offset(tap)))
        .reverse();
      const offsets = taps.map(offset);
      return {
        taps,
        dilation: taps.length > 1 ? offsets[1]! - offsets[0]! : 1,
        before: -offsets[0]!,
        after: extents[axis]! + offsets.at(-1)! - from[axis]!,
      };
    }),
  );
  if (axes.flat().some(({ taps }) => taps.length === 0)) return undefined;
  return axes
    .reduce<(typeof axes)[number][]>(
      (all, ones) => all.flatMap((one) => ones.map((next) => [...one, next])),
      [[]],
    )
    .map((each) => ({
      taps: each.map(({ taps }) => taps),
      geometry: {
        kernel: each.map(({ taps }) => taps.length),
        stride: each.map(() => 1),
        dilation: each.map(({ dilation }) => dilation),
        before: each.map(({ before }) => before),
        after: each.map(({ after }) => after),
        from,
        to: extents,
      },
    }));
}

/** Whether `spellInputGrad` takes an input gradient. */
export function takesInputGrad(node: Node, block: number): boolean {
  const [from, to] = node.inputs[1]!.shape as [number, number];
  const [batch, , ...extents] = node.inputs[0]!.shape as [number, number, ...number[]];
  if (node.attributes.groups !== 1 || !(extents.length === 2 || extents.length === 3)) return false;
  if (batch * product(extents) < fewestPositions) return false;
  if (!isBlockable(to, block) || !isReadable(from, block)) return false;
  return phasesOf(node)?.every(({ geometry }) => isConvolvable(geometry)) ?? false;
}

/**
 * Input gradient in blocked channels: with stride 1 a convolution with the weights turned over; else one for each place
 * modulo the stride, with the taps that reach it, and the voxels dealt out in whole blocks of channels. Up-convolutions
 * are this too. ConvTranspose runs at 8-17 GFLOP/s in 3-D (decision 0001).
 */
export function spellInputGrad(node: Node, [dy, w]: readonly string[], e: Emitter, block: number): string {
  const shape = node.inputs[1]!.shape;
  const [from, to] = shape as [number, number];
  const [batch, , ...extents] = node.outputs[0]!.shape as [number, number, ...number[]];
  const { stride } = node.attributes as unknown as ConvGeometry;
  const phases = phasesOf(node)!;
  const parts = phases.map(({ taps, geometry }) =>
    convolve(dy!, batch, from, blockWeights(w!, shape, taps, true, e, block), geometry, e, block),
  );
  const dims = e.ints([batch, to, ...extents]);
  const deep = extents.length === 3;
  const { to: coarse } = phases[0]!.geometry;
  const pitchOf = (part: number): number => parts[part]!.pitch;
  const leadOf = (part: number): number => parts[part]!.lead;
  if (parts.length === 1 && leadOf(0) === 0 && (!deep || pitchOf(0) === coarse[1]))
    return e.emit("Reshape", [fromBlocks(parts[0]!.name, to, e), dims]);

  const whole = wholeBlocks(to, block);
  const width = coarse.at(-1)!;
  const sizes = parts.map(({ lead, pitch }) =>
    deep ? (lead + coarse[0]! * pitch) * width : product(coarse),
  );
  const starts = sizes.map((_, part) => sizes.slice(0, part).reduce((a, b) => a + b, 0));
  const flat = parts.map(({ name }, part) =>
    e.emit("Reshape", [name, e.ints([(batch * whole) / block, sizes[part]!, block])]),
  );
  const joined = flat.length === 1 ? flat[0]! : e.emit("Concat", flat, { axis: 1 });
  const places = deep ? extents : [1, ...extents];
  const steps = deep ? stride : [1, ...stride];
  const index: number[] = [];
  for (let d = 0; d < places[0]!; d++)
    for (let h = 0; h < places[1]!; h++)
      for (let column = 0; column < places[2]!; column++) {
        const [z, y, x] = [d % steps[0]!, h % steps[1]!, column % steps[2]!];
        const part = (z * steps[1]! + y) * steps[2]! + x;
        const row = leadOf(part) + ((d - z) / steps[0]!) * (deep ? pitchOf(part) : 0) + (h - y) / steps[1]!;
        index.push(starts[part]! + row * width + (column - x) / steps[2]!);
      }
  const dealt = e.emit("Gather", [joined, e.ints(index)], { axis: 1 });
  const image = e.emit("Reshape", [dealt, e.ints([batch, whole, index.length / places[2]!, places[2]!])]);
  return e.emit("Reshape", [fromBlocks(image, to, e), dims]);
}
