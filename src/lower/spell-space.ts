import { type Shape, sizeOf } from "../core/tensor.js";
import type { Node } from "../graph/node.js";
import { table } from "../ops/table.js";
import type { Emitter, Rewrite, Spelling } from "./target.js";

/** Spellings of what resamples space: standard operators, the fastest of them on the CPU (one thread, medians). */

const attribute = <T>(node: Node, name: string): T => node.attributes[name] as T;
const shapeOf = (node: Node): Shape => node.outputs[0]!.shape;

/**
 * One product, without moving the axis: the matrix from the left on `[outer, axis, inner]`, from the right where
 * nothing is inside. 2x256x26x26 to 44x44, both axes: 3.5 ms; by gathering and weighing neighbours 19.
 */
const mapAxis: Spelling = (node, [x, matrix], e) => {
  const { axis, transposed } = node.attributes as { axis: number; transposed: boolean };
  const from = node.inputs[0]!.shape;
  const [outer, inner] = [sizeOf(from.slice(0, axis)), sizeOf(from.slice(axis + 1))];
  const turned = (wanted: boolean): string =>
    wanted ? e.emit("Transpose", [matrix!], { perm: [1, 0] }) : matrix!;
  const rows = e.emit("Reshape", [
    x!,
    e.ints(inner === 1 ? [outer, from[axis]!] : [outer, from[axis]!, inner]),
  ]);
  const product =
    inner === 1
      ? e.emit("MatMul", [rows, turned(!transposed)])
      : e.emit("MatMul", [turned(transposed), rows]);
  return e.emit("Reshape", [product, e.ints(shapeOf(node))]);
};

const resizeLinear: Spelling = (node, [x], e) =>
  e.emit("Resize", [x!, "", "", e.ints(shapeOf(node))], {
    mode: "linear",
    coordinate_transformation_mode:
      attribute<string>(node, "align") === "alignCorners" ? "align_corners" : "half_pixel",
  });

/**
 * Resize's kernel in 2-D and where a volume shrinks (1x8x256x256 to 512x512: 4.2 ms, as matrix products 17), products
 * where a volume grows (1x16x32³ to 64³: 9.8 ms, Resize 15), and in 1-D, for which Resize has no kernel.
 */
export const resizeLinearByProducts: Rewrite = (node) => {
  const x = node.inputs[0]!;
  const grows = sizeOf(shapeOf(node)) > sizeOf(x.shape);
  if (x.shape.length === 4 || (x.shape.length === 5 && !grows)) return undefined;
  return table.get("resizeLinear")!.expand!(node.inputs, node.attributes);
};

/** Resize in 2-D (1x8x256x256 by 2: 1.2 ms, by copies 2.8); in 3-D copies (1x16x32³ by 2: 5.8 ms, Resize 36). */
const repeat: Spelling = (node, [x], e) => {
  const factor = attribute<readonly number[]>(node, "factor");
  if (factor.length > 2) return repeatByCopies(x!, node.inputs[0]!.shape, factor, e);
  const scales = [1, 1, ...factor];
  const factors = e.tensor({ dtype: "float32", shape: [scales.length], data: Float32Array.from(scales) });
  return e.emit("Resize", [x!, "", factors], {
    mode: "nearest",
    coordinate_transformation_mode: "asymmetric",
    nearest_mode: "floor",
  });
};

/** From the last axis to the first: rows of what lies inside, each beside its copies. */
function repeatByCopies(x: string, shape: Shape, factor: readonly number[], e: Emitter): string {
  const sizes = [...shape];
  let y = x;
  for (let axis = shape.length - 1; axis >= 2; axis--) {
    const times = factor[axis - 2]!;
    if (times === 1) continue;
    const rows = [sizeOf(shape.slice(0, axis + 1)), sizeOf(sizes.slice(axis + 1))];
    const one = e.emit("Reshape", [y, e.ints(rows)]);
    y = e.emit("Concat", new Array<string>(times).fill(one), { axis: 1 });
    sizes[axis] = sizes[axis]! * times;
  }
  return e.emit("Reshape", [y, e.ints(sizes)]);
}

/** As fast as a padding with zeros (1x16x40x56x40 by 1: 1.3 ms; slices and a concatenation 2.8). */
const extend: Spelling = (node, [x], e) =>
  e.emit(
    "Pad",
    [x!, e.ints([...attribute<number[]>(node, "before"), ...attribute<number[]>(node, "after")])],
    {
      mode: attribute<string>(node, "mode"),
    },
  );

export const spaceSpellings: Readonly<Record<string, Spelling>> = { mapAxis, resizeLinear, repeat, extend };
