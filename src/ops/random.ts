import { fail } from "../core/errors.js";
import { rng } from "../core/rng.js";
import { type Shape, showShape, sizeOf } from "../core/tensor.js";
import { apply1, type Op, type Value } from "../graph/node.js";
import { cos, log, mul, sin, sqrt, sub } from "./elementwise.js";
import { concat, reshape, slice } from "./move.js";

/**
 * Uniform numbers in [0, 1) from a key, int32 `[2]`, that is fed; 24 bits each, the same on every back end.
 *
 * Counter-based: with h the 32-bit mixer of `mixing` and (a, b) = key xor stream, element i is
 * h(h(i xor a) xor b) >>> 8, times 2^-24. No state, no order: the key and the place decide. `stream` parts the
 * draws of one key.
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

/**
 * x ^= x >>> 16; x *= 0x21f0aaad; x ^= x >>> 15; x *= 0xd35a2d97; x ^= x >>> 15: every bit of the input changes
 * every bit of the output with a probability within 10^-4 of one half (Wellons, hash-prospector, "lowbias32" of
 * least bias).
 */
export const mixing = { shifts: [16, 15, 15], factors: [0x21f0aaad | 0, 0xd35a2d97 | 0] } as const;

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
  const angle = mul(randomUniform(key, `${name}/angle`, [pairs]), 2 * Math.PI);
  const both = concat([mul(radius, cos(angle)), mul(radius, sin(angle))], 0);
  return reshape(slice(both, [0], [total]), shape);
}
