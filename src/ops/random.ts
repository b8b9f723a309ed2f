import { fail } from "../core/errors.js";
import { rng } from "../core/rng.js";
import { type Shape, showShape, sizeOf } from "../core/tensor.js";
import { apply1, type Op, type Value } from "../graph/node.js";
import { add, log, mul, sqrt, square, sub } from "./elementwise.js";
import { asValue } from "./leaf.js";
import { concat, reshape, slice } from "./move.js";

/**
 * Uniform numbers in [0, 1) from a key, int32 `[2]`, that is fed; 24 bits each, the same on every back end.
 *
 * Counter-based: no state, no order; the key and the place decide. With (a, b) = key + stream, all in int32 that
 * wraps around and with quotients that are cut off: x = i `spread` + a; then `rounds` times x = f(x) with its halves
 * swapped, f(x) = x (2 x + 1), b being added after the first; the number is (x / 256 + 2^23) / 2^24. f is RC6's (Rivest
 * et al. 1998): a permutation of 32 bits whose high half depends on all of them. Products and sums alone are what GPUs
 * have kernels for; shifts and exclusive or, they have not.
 *
 * `stream` parts the draws of one key.
 */
export const randomUniformOp: Op<{ shape: Shape; stream: readonly number[] }> = {
  name: "randomUniform",
  infer: ([key], { shape }) => {
    if (key!.dtype !== "int32" || key!.shape.length !== 1 || key!.shape[0] !== 2)
      fail("shape", {
        what: `a key is int32[2], not ${key!.dtype}${showShape(key!.shape)}`,
        expected: "int32[2]",
      });
    return [{ dtype: "float32", shape }];
  },
};

/** Measured over 11 keys: four rounds pass avalanche, pairs, triples, lags and neighbouring keys; three do not. */
export const mixing = { spread: 0x9e3779b1 | 0, rounds: 5 } as const;

/** 32 bits as a signed number, as int32 tensors hold them. */
const word = (uniform: number): number => Math.floor(uniform * 4294967296) | 0;

/** A key for `randomUniform` and `randomNormal` from a seed and names. */
export function randomKey(seed: number | string, ...names: readonly (string | number)[]): Int32Array {
  const branch = rng(seed).split(...names);
  return Int32Array.of(word(branch.uniform()), word(branch.uniform()));
}

/** See `randomUniformOp`; draws of one key are told apart by name. */
export function randomUniform(key: Value, name: string, shape: Shape): Value {
  return apply1(randomUniformOp, [key], { shape, stream: [...randomKey(name)] });
}

/**
 * Standard normal numbers by the method of Box and Muller (1958) from the bits of `randomUniform`; at most 5.77 in
 * size, equal on all back ends up to rounding.
 */
export function randomNormal(key: Value, name: string, shape: Shape): Value {
  const total = sizeOf(shape);
  const pairs = Math.ceil(total / 2);
  const radius = sqrt(mul(log(sub(1, randomUniform(key, `${name}/radius`, [pairs]))), -2));
  const [sine, cosine] = direction(sub(randomUniform(key, `${name}/angle`, [pairs]), 0.5));
  const both = concat([mul(radius, cosine), mul(radius, sine)], 0);
  return reshape(slice(both, [0], [total]), shape);
}

/**
 * Sine and cosine of 2 π t for t in [-½, ½): series for a quarter of the angle, doubled twice, to 3e-7. A GPU's own are
 * off by up to 2^-11.
 */
function direction(t: Value): [Value, Value] {
  const angle = mul(t, Math.PI / 2);
  const s2 = square(angle);
  const series = (...factors: number[]): Value => factors.map(asValue).reduce((y, c) => add(mul(y, s2), c));
  let sine = mul(angle, series(1 / 362880, -1 / 5040, 1 / 120, -1 / 6, 1));
  let cosine = series(1 / 40320, -1 / 720, 1 / 24, -1 / 2, 1);
  for (let doubling = 0; doubling < 2; doubling++)
    [sine, cosine] = [mul(mul(sine, cosine), 2), sub(1, mul(square(sine), 2))];
  return [sine, cosine];
}
