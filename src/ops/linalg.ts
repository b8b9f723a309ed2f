import { fail } from "../core/errors.js";
import { sameShape, showShape } from "../core/tensor.js";
import { apply1, type Op, type Value } from "../graph/node.js";
import { requireFloats } from "./check.js";
import { transpose } from "./move.js";

/** Batched matrix product; leading axes are equal, a side may be taken transposed. */
export const matmulOp: Op<{ transA: boolean; transB: boolean }> = {
  name: "matmul",
  infer: ([a, b], { transA, transB }) => {
    requireFloats(a!, b!);
    const rank = a!.shape.length;
    const [rows, inner] = sides(a!.shape, transA);
    const [innerB, columns] = sides(b!.shape, transB);
    const batch = a!.shape.slice(0, -2);
    if (rank < 2 || b!.shape.length !== rank || inner !== innerB || !sameShape(batch, b!.shape.slice(0, -2)))
      fail("shape", {
        what: `matmul: ${showShape(a!.shape)}${transA ? "ᵀ" : ""} and ${showShape(b!.shape)}${transB ? "ᵀ" : ""} do not fit`,
      });
    return [{ dtype: a!.dtype, shape: [...batch, rows, columns] }];
  },
  grad: ({ inputs: [a, b], attributes: { transA, transB } }, [g]) => [
    transA ? matmul(b!, g!, transB, true) : matmul(g!, b!, false, !transB),
    transB ? matmul(g!, a!, true, transA) : matmul(a!, g!, !transA, false),
  ],
};

function sides(shape: readonly number[], transposed: boolean): [number, number] {
  const [rows, columns] = [shape.at(-2) ?? 0, shape.at(-1) ?? 0];
  return transposed ? [columns, rows] : [rows, columns];
}

/** `[..., m, k] x [..., k, n] → [..., m, n]`; `transA`, `transB` read the last two axes of that side swapped. */
export function matmul(a: Value, b: Value, transA = false, transB = false): Value {
  return apply1(matmulOp, [a, b], { transA, transB });
}

/** The last two axes swapped. */
export function swapLast(x: Value): Value {
  const order = x.shape.map((_, axis) => axis);
  return transpose(x, [...order.slice(0, -2), order.length - 1, order.length - 2]);
}
