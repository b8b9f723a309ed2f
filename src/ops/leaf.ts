import { type DType, floats, type Shape, sizeOf, type Tensor } from "../core/tensor.js";
import { apply1, type Op, type Value } from "../graph/node.js";

export const inputOp: Op<{ name: string; dtype: DType; shape: Shape }> = {
  name: "input",
  infer: (_, { dtype, shape }) => [{ dtype, shape }],
};

export const constantOp: Op<{ tensor: Tensor }> = {
  name: "constant",
  infer: (_, { tensor }) => [{ dtype: tensor.dtype, shape: tensor.shape }],
};

/** A value that is fed at every run, by name. */
export function input(name: string, shape: Shape, dtype: DType = "float32"): Value {
  return apply1(inputOp, [], { name, dtype, shape });
}

/** A value that is part of the graph. */
export function constant(tensor: Tensor): Value {
  return apply1(constantOp, [], { tensor });
}

/** A float32 tensor filled with one number. */
export function full(shape: Shape, value: number): Value {
  return constant(floats(shape, new Float32Array(sizeOf(shape)).fill(value)));
}

/** A number stands for a float32 scalar wherever a value is expected. */
export type Operand = Value | number;

export function asValue(operand: Operand): Value {
  return typeof operand === "number" ? full([], operand) : operand;
}
