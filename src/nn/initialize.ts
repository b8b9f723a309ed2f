import type { Rng } from "../core/rng.js";
import { type Shape, sizeOf } from "../core/tensor.js";

/** First values of a parameter of the given shape. */
export type Initializer = (shape: Shape, rng: Rng) => Float32Array;

/** Number of inputs that one output sums: weights are `[out, in, …kernel]`. */
const fanIn = (shape: Shape): number => sizeOf(shape.slice(1));
const fanOut = (shape: Shape): number => shape[0]! * sizeOf(shape.slice(2));

/** The same number everywhere. */
export function constantly(value: number): Initializer {
  return (shape) => new Float32Array(sizeOf(shape)).fill(value);
}

export const zeros = constantly(0);
export const ones = constantly(1);

/** Normal with the given standard deviation; pix2pix-style GANs use 0.02. */
export function normal(standardDeviation: number, mean = 0): Initializer {
  return (shape, rng) =>
    Float32Array.from({ length: sizeOf(shape) }, () => rng.normal(mean, standardDeviation));
}

/**
 * Normal with variance 2 / ((1 + slope²) fan-in): keeps the scale of activations through (leaky) ReLU layers.
 * He et al., ICCV 2015, arXiv 1502.01852; U-Net's sqrt(2 / N) is this with slope 0.
 */
export function heNormal(slope = 0): Initializer {
  return (shape, rng) => normal(Math.sqrt(2 / ((1 + slope * slope) * fanIn(shape))))(shape, rng);
}

/** Uniform in ±sqrt(6 / (fan-in + fan-out)). Glorot & Bengio, AISTATS 2010. */
export function glorotUniform(): Initializer {
  return (shape, rng) => {
    const bound = Math.sqrt(6 / (fanIn(shape) + fanOut(shape)));
    return Float32Array.from({ length: sizeOf(shape) }, () => rng.between(-bound, bound));
  };
}
