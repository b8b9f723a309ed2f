import { fail } from "../core/errors.js";
import type { DType } from "../core/tensor.js";
import { apply1, checked, type Op, outputOf, type Value } from "../graph/node.js";
import {
  isFloat,
  requireBool,
  requireFloats,
  requireNumbers,
  requireOneDtype,
  requireOneShape,
} from "./check.js";
import { asValue, type Operand } from "./leaf.js";
import { broadcast, commonShape } from "./reduce.js";

type UnaryGrad = (x: Value, y: Value, g: Value) => Value;

/** `integers`: whether it is meant for whole numbers too. */
function unaryOp(name: string, grad?: UnaryGrad, integers = false): Op {
  const op: Op = {
    name,
    infer: ([x]) => {
      if (integers) requireNumbers(x!);
      else requireFloats(x!);
      return [{ dtype: x!.dtype, shape: x!.shape }];
    },
  };
  if (grad === undefined) return op;
  return {
    ...op,
    grad: (node, [g]) => [grad(node.inputs[0]!, outputOf(node), g!)],
  };
}

type BinaryGrad = (a: Value, b: Value, g: Value, y: Value) => readonly [Value, Value];

/** Inputs have one shape already: stretching is `broadcast`'s work, whose gradient is a sum. */
function binaryOp(name: string, dtype: DType | "same", grad?: BinaryGrad): Op {
  const op: Op = {
    name,
    infer: ([a, b]) => {
      requireOneDtype(a!, b!);
      requireOneShape(a!, b!);
      if (name !== "equal") requireNumbers(a!);
      return [{ dtype: dtype === "same" ? a!.dtype : dtype, shape: a!.shape }];
    },
  };
  if (grad === undefined) return op;
  return {
    ...op,
    grad: (node, [g]) => grad(node.inputs[0]!, node.inputs[1]!, g!, outputOf(node)),
  };
}

const unary = (op: Op) => (x: Value) => apply1(op, [x], {});
const binary = (op: Op) => (a: Operand, b: Operand) => {
  const [left, right] = [asValue(a), asValue(b)];
  const shape = checked(op.name, [left, right], () => {
    requireOneDtype(left, right);
    return commonShape(op.name, left.shape, right.shape);
  });
  return apply1(op, [broadcast(left, shape), broadcast(right, shape)], {});
};

const one = (y: Value): Value => broadcast(asValue(1), y.shape);
const halfG = (y: Value, g: Value): Value => div(mul(g, 0.5), y);

export const negOp = unaryOp("neg", (_x, _y, g) => neg(g), true);
export const expOp = unaryOp("exp", (_x, y, g) => mul(g, y));
export const logOp = unaryOp("log", (x, _y, g) => div(g, x));
export const sqrtOp = unaryOp("sqrt", (_x, y, g) => halfG(y, g));
export const reciprocalOp = unaryOp("reciprocal", (_x, y, g) => neg(mul(g, mul(y, y))));
export const absOp = unaryOp("abs", (x, _y, g) => mul(g, sign(x)), true);
export const signOp = unaryOp("sign", undefined, true);
export const floorOp = unaryOp("floor");
export const sigmoidOp = unaryOp("sigmoid", (_x, y, g) => mul(g, mul(y, sub(one(y), y))));
export const tanhOp = unaryOp("tanh", (_x, y, g) => mul(g, sub(one(y), mul(y, y))));
export const softplusOp = unaryOp("softplus", (x, _y, g) => mul(g, sigmoid(x)));
export const sinOp = unaryOp("sin", (x, _y, g) => mul(g, cos(x)));
export const cosOp = unaryOp("cos", (x, _y, g) => neg(mul(g, sin(x))));
export const erfOp = unaryOp("erf", (x, _y, g) => mul(g, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI))));

/** x to a fixed power; for negative x whole powers only. */
export const powOp: Op<{ exponent: number }> = {
  name: "pow",
  infer: ([x]) => {
    requireFloats(x!);
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  grad: ({ inputs: [x], attributes: { exponent } }, [g]) => [mul(g!, mul(pow(x!, exponent - 1), exponent))],
};

/** x within [low, high]; the gradient flows where x was left as it is, borders included. */
export const clipOp: Op<{ low: number; high: number }> = {
  name: "clip",
  infer: ([x]) => {
    requireFloats(x!);
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  grad: (node, [g]) => [where(equal(node.inputs[0]!, outputOf(node)), g!, 0)],
};

export const addOp = binaryOp("add", "same", (_a, _b, g) => [g, g]);
export const subOp = binaryOp("sub", "same", (_a, _b, g) => [g, neg(g)]);
export const mulOp = binaryOp("mul", "same", (a, b, g) => [mul(g, b), mul(g, a)]);
export const divOp = binaryOp("div", "same", (_a, b, g, y) => {
  const left = div(g, b);
  return [left, neg(mul(left, y))];
});
export const maximumOp = binaryOp("maximum", "same", (a, b, g) => split(greaterEqual(a, b), g));
export const minimumOp = binaryOp("minimum", "same", (a, b, g) => split(greaterEqual(b, a), g));
export const greaterOp = binaryOp("greater", "bool");
export const greaterEqualOp = binaryOp("greaterEqual", "bool");
export const equalOp = binaryOp("equal", "bool");

function split(first: Value, g: Value): readonly [Value, Value] {
  return [where(first, g, 0), where(first, 0, g)];
}

export const whereOp: Op = {
  name: "where",
  infer: ([condition, a, b]) => {
    requireBool(condition!);
    requireOneDtype(a!, b!);
    requireOneShape(condition!, a!, b!);
    return [{ dtype: a!.dtype, shape: a!.shape }];
  },
  grad: ({ inputs: [condition] }, [g]) => [undefined, ...split(condition!, g!)],
};

export const castOp: Op<{ dtype: DType }> = {
  name: "cast",
  infer: ([x], { dtype }) => [{ dtype, shape: x!.shape }],
  grad: (node, [g]) => [isFloat(node.inputs[0]!.dtype) ? cast(g!, node.inputs[0]!.dtype) : undefined],
};

/**
 * `x > 0 ? x : slope * x` for a slope in [0, 1).
 * Its gradient `gate` is an op of its own because it is linear in g and has cheap spellings on every target.
 */
export const leakyReluOp: Op<{ slope: number }> = {
  name: "leakyRelu",
  infer: ([x]) => {
    requireFloats(x!);
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  grad: (node, [g]) => [gate(outputOf(node), g!, node.attributes.slope)],
};

/** `x > 0 ? g : slope * g`. */
export const gateOp: Op<{ slope: number }> = {
  name: "gate",
  infer: ([x, g]) => {
    requireFloats(x!, g!);
    requireOneShape(x!, g!);
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  grad: ({ inputs: [x], attributes }, [g]) => [undefined, gate(x!, g!, attributes.slope)],
};

/** -x. */
export const neg = unary(negOp);
/** e^x. */
export const exp = unary(expOp);
/** Natural logarithm. */
export const log = unary(logOp);
/** Square root. */
export const sqrt = unary(sqrtOp);
/** 1 / x. */
export const reciprocal = unary(reciprocalOp);
/** |x|; the gradient at 0 is 0. */
export const abs = unary(absOp);
/** -1, 0 or 1; carries no gradient. */
export const sign = unary(signOp);
/** Largest whole number that is not above x; carries no gradient. */
export const floor = unary(floorOp);
/** 1 / (1 + e^-x). */
export const sigmoid = unary(sigmoidOp);
/** Hyperbolic tangent. */
export const tanh = unary(tanhOp);
/** log(1 + e^x). */
export const softplus = unary(softplusOp);
/** Sine of radians; a GPU's is off by up to 2^-11. */
export const sin = unary(sinOp);
/** Cosine of radians; a GPU's is off by up to 2^-11. */
export const cos = unary(cosOp);
/** The error function. */
export const erf = unary(erfOp);
/** a + b; shapes stretch to a common one, as in all functions of two values. */
export const add = binary(addOp);
/** a - b. */
export const sub = binary(subOp);
/** a b, element by element. */
export const mul = binary(mulOp);
/** a / b; whole numbers are cut off. */
export const div = binary(divOp);
/** The larger of two; equal ones send the gradient to the first. */
export const maximum = binary(maximumOp);
/** The smaller of two; equal ones send the gradient to the first. */
export const minimum = binary(minimumOp);
/** a > b, as bool. */
export const greater = binary(greaterOp);
/** a >= b, as bool. */
export const greaterEqual = binary(greaterEqualOp);
/** a = b, as bool. */
export const equal = binary(equalOp);
/** a < b. */
export const less = (a: Operand, b: Operand): Value => greater(b, a);
/** a <= b. */
export const lessEqual = (a: Operand, b: Operand): Value => greaterEqual(b, a);
/** x². */
export const square = (x: Value): Value => mul(x, x);

/** x to a fixed power, for negative x a whole one. Whole powers up to 2, roots and reciprocals become cheaper ops. */
export function pow(x: Value, exponent: number): Value {
  if (exponent === 0) return broadcast(asValue(1), x.shape);
  if (exponent === 1) return x;
  if (exponent === 2) return square(x);
  if (exponent === 0.5) return sqrt(x);
  if (exponent === -1) return reciprocal(x);
  return apply1(powOp, [x], { exponent });
}

/** See `clipOp`. Throws `bad-argument` when low is above high. */
export function clip(x: Value, low: number, high: number): Value {
  checked("clip", [x], () => {
    if (!(low <= high))
      fail("bad-argument", { what: "the lower bound is above the upper one", found: `${low} and ${high}` });
  });
  return apply1(clipOp, [x], { low, high });
}

/** `condition ? a : b`, element by element; `condition` is bool. */
export function where(condition: Value, a: Operand, b: Operand): Value {
  const [left, right] = [asValue(a), asValue(b)];
  const shape = checked("where", [condition, left, right], () => {
    requireBool(condition);
    requireOneDtype(left, right);
    return commonShape("where", commonShape("where", left.shape, right.shape), condition.shape);
  });
  return apply1(whereOp, [broadcast(condition, shape), broadcast(left, shape), broadcast(right, shape)], {});
}

/** The same values in another element type; towards integers it truncates. */
export function cast(x: Value, dtype: DType): Value {
  return x.dtype === dtype ? x : apply1(castOp, [x], { dtype });
}

/** Rectified linear unit with a slope for negative values. */
export function leakyRelu(x: Value, slope = 0.01): Value {
  return apply1(leakyReluOp, [x], { slope });
}

/** max(x, 0). */
export function relu(x: Value): Value {
  return leakyRelu(x, 0);
}

/** See `gateOp`. */
export function gate(x: Value, g: Value, slope: number): Value {
  return apply1(gateOp, [x, g], { slope });
}
