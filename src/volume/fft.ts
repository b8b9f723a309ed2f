import type { Size3 } from "./volume.js";

/**
 * The discrete Fourier transform of a complex volume in place, `Σ x·exp(∓2πi…)`: forward with sign -1, backward with
 * sign +1; neither is divided by the number of voxels. Extents may be anything; products of 2, 3 and 5 are quick.
 *
 * Mixed radices, a line at a time (Stockham's self-sorting form), in float64 between two float32 volumes.
 */
export function fourier3(real: Float32Array, imaginary: Float32Array, size: Size3, sign: 1 | -1): void {
  const strides = [1, size[0], size[0] * size[1]];
  for (const axis of [0, 1, 2] as const) {
    const length = size[axis];
    if (length === 1) continue;
    const run = lineTransform(length, sign);
    const stride = strides[axis]!;
    const [re, im] = [new Float64Array(length), new Float64Array(length)];
    const block = stride * length;
    for (let outer = 0; outer < real.length; outer += block)
      for (let inner = 0; inner < stride; inner++) {
        const start = outer + inner;
        for (let n = 0, at = start; n < length; n++, at += stride) {
          re[n] = real[at]!;
          im[n] = imaginary[at]!;
        }
        const [x, y] = run(re, im);
        for (let n = 0, at = start; n < length; n++, at += stride) {
          real[at] = x[n]!;
          imaginary[at] = y[n]!;
        }
      }
  }
}

/** The least product of 2, 3 and 5 that is not below a length. */
export function quickLength(length: number): number {
  for (let n = length; ; n++) if (factorsOf(n).every((factor) => factor <= 5)) return n;
}

function factorsOf(length: number): number[] {
  const factors: number[] = [];
  let rest = length;
  for (const factor of [4, 2, 3, 5])
    while (rest % factor === 0) {
      factors.push(factor);
      rest /= factor;
    }
  for (let factor = 7; rest > 1; factor += 2)
    while (rest % factor === 0) {
      factors.push(factor);
      rest /= factor;
    }
  return factors;
}

type Line = (re: Float64Array, im: Float64Array) => readonly [Float64Array, Float64Array];

/** A transform of lines of one length, which lends its result until the next one. */
function lineTransform(length: number, sign: 1 | -1): Line {
  const factors = factorsOf(length);
  const turn = (n: number): number => (sign * 2 * Math.PI * (n % length)) / length;
  const cos = Float64Array.from({ length }, (_, n) => Math.cos(turn(n)));
  const sin = Float64Array.from({ length }, (_, n) => Math.sin(turn(n)));
  const [re2, im2] = [new Float64Array(length), new Float64Array(length)];
  return (re, im) => {
    let [x, y, u, v]: Float64Array[] = [re, im, re2, im2];
    // Before a stage, `done` transforms' lengths are through; each stage multiplies them by its factor.
    let done = 1;
    for (const factor of factors) {
      stage(x!, y!, u!, v!, length, factor, done, cos, sin);
      [x, y, u, v] = [u, v, x, y];
      done *= factor;
    }
    return [x!, y!];
  };
}

/** One factor: `out[(j·r + q)·m … ]` from `in[j·m + p·length/r …]`, twiddled. */
function stage(
  x: Float64Array,
  y: Float64Array,
  u: Float64Array,
  v: Float64Array,
  length: number,
  factor: number,
  done: number,
  cos: Float64Array,
  sin: Float64Array,
): void {
  const part = length / factor;
  const groups = part / done;
  for (let j = 0; j < groups; j++)
    for (let k = 0; k < done; k++) {
      const from = j * done + k;
      const to = j * done * factor + k;
      for (let q = 0; q < factor; q++) {
        let [a, b] = [0, 0];
        // exp(i·sign·2π·p·(k + q·done) / (done·factor)), in steps of the whole length's table.
        const step = (k + q * done) * groups;
        for (let p = 0, at = 0; p < factor; p++) {
          const [c, s] = [cos[at]!, sin[at]!];
          const [re, im] = [x[from + p * part]!, y[from + p * part]!];
          a += re * c - im * s;
          b += re * s + im * c;
          at += step;
          if (at >= length) at %= length;
        }
        u[to + q * done] = a;
        v[to + q * done] = b;
      }
    }
}
