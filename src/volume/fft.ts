import type { Size3 } from "./volume.js";

/**
 * The discrete Fourier transform of a complex volume in place, `Σ x·exp(∓2πi…)`: forward with sign -1, backward with
 * sign +1; neither is divided by the number of voxels. Extents may be anything; products of 2, 3 and 5 are quick.
 *
 * Mixed radices in Stockham's self-sorting form, some lines side by side, in float64 between two float32 volumes.
 */
export function fourier3(real: Float32Array, imaginary: Float32Array, size: Size3, sign: 1 | -1): void {
  const strides = [1, size[0], size[0] * size[1]];
  for (const axis of [0, 1, 2] as const) {
    const length = size[axis];
    if (length === 1) continue;
    const stride = strides[axis]!;
    const run = linesTransform(length, sign);
    // Lines side by side lie next to each other in memory, along i one row below the other.
    const [next, across] = axis === 0 ? [length, real.length / length] : [1, stride];
    const block = axis === 0 ? real.length : stride * length;
    for (let outer = 0; outer < real.length; outer += block)
      for (let first = 0; first < across; first += lanes) {
        const count = Math.min(lanes, across - first);
        run(real, imaginary, outer + first * next, stride, next, count);
      }
  }
}

/** Lines that are transformed at a time. */
const lanes = 16;

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

/** Cosines and sines of the n-th part of a turn, in the transform's sense. */
interface Circle {
  readonly cos: Float64Array;
  readonly sin: Float64Array;
}

/** Positions before and after a stage, complex; the lines' number is the fastest index. */
interface Stage {
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly u: Float64Array;
  readonly v: Float64Array;
  readonly length: number;
  /** Lengths of transforms that are through: each stage multiplies them by its factor. */
  readonly done: number;
}

type Lines = (
  real: Float32Array,
  imaginary: Float32Array,
  start: number,
  stride: number,
  next: number,
  count: number,
) => void;

function linesTransform(length: number, sign: 1 | -1): Lines {
  const factors = factorsOf(length);
  const turn = (n: number): number => (sign * 2 * Math.PI * n) / length;
  const circle: Circle = {
    cos: Float64Array.from({ length }, (_, n) => Math.cos(turn(n))),
    sin: Float64Array.from({ length }, (_, n) => Math.sin(turn(n))),
  };
  const work = [0, 1, 2, 3].map(() => new Float64Array(length * lanes));
  return (real, imaginary, start, stride, next, count) => {
    let [x, y, u, v] = work as [Float64Array, Float64Array, Float64Array, Float64Array];
    for (let n = 0; n < length; n++)
      for (let lane = 0; lane < count; lane++) {
        const at = start + n * stride + lane * next;
        x[n * lanes + lane] = real[at]!;
        y[n * lanes + lane] = imaginary[at]!;
      }
    let done = 1;
    for (const factor of factors) {
      const stage = { x, y, u, v, length, done };
      if (factor === 4) byFour(stage, circle, sign);
      else if (factor === 2) byTwo(stage, circle);
      else byAny(stage, circle, factor);
      [x, y, u, v] = [u, v, x, y];
      done *= factor;
    }
    for (let n = 0; n < length; n++)
      for (let lane = 0; lane < count; lane++) {
        const at = start + n * stride + lane * next;
        real[at] = x[n * lanes + lane]!;
        imaginary[at] = y[n * lanes + lane]!;
      }
  };
}

/** Out q = Σₚ inₚ·exp(i·2π·p·(k + q·done) / (done·factor)), for every group j and place k in it. */
function byAny({ x, y, u, v, length, done }: Stage, { cos, sin }: Circle, factor: number): void {
  const part = length / factor;
  const groups = part / done;
  for (let j = 0; j < groups; j++)
    for (let k = 0; k < done; k++)
      for (let q = 0; q < factor; q++) {
        const to = (j * done * factor + k + q * done) * lanes;
        u.fill(0, to, to + lanes);
        v.fill(0, to, to + lanes);
        for (let p = 0; p < factor; p++) {
          const turn = (p * (k + q * done) * groups) % length;
          const [c, s] = [cos[turn]!, sin[turn]!];
          const from = (j * done + k + p * part) * lanes;
          for (let lane = 0; lane < lanes; lane++) {
            const [a, b] = [x[from + lane]!, y[from + lane]!];
            u[to + lane] = u[to + lane]! + a * c - b * s;
            v[to + lane] = v[to + lane]! + a * s + b * c;
          }
        }
      }
}

function byTwo({ x, y, u, v, length, done }: Stage, { cos, sin }: Circle): void {
  const half = (length / 2) * lanes;
  const groups = length / 2 / done;
  for (let j = 0; j < groups; j++)
    for (let k = 0; k < done; k++) {
      const [c, s] = [cos[k * groups]!, sin[k * groups]!];
      const from = (j * done + k) * lanes;
      const to = (2 * j * done + k) * lanes;
      const other = to + done * lanes;
      for (let lane = 0; lane < lanes; lane++) {
        const [a, b] = [x[from + lane]!, y[from + lane]!];
        const [e, f] = [x[from + half + lane]!, y[from + half + lane]!];
        const [g, h] = [e * c - f * s, e * s + f * c];
        u[to + lane] = a + g;
        v[to + lane] = b + h;
        u[other + lane] = a - g;
        v[other + lane] = b - h;
      }
    }
}

function byFour({ x, y, u, v, length, done }: Stage, { cos, sin }: Circle, sign: 1 | -1): void {
  const part = (length / 4) * lanes;
  const groups = length / 4 / done;
  const step = done * lanes;
  for (let j = 0; j < groups; j++)
    for (let k = 0; k < done; k++) {
      const turn = k * groups;
      const [c1, s1] = [cos[turn]!, sin[turn]!];
      const [c2, s2] = [cos[2 * turn]!, sin[2 * turn]!];
      const [c3, s3] = [cos[3 * turn]!, sin[3 * turn]!];
      const from = (j * done + k) * lanes;
      const to = (4 * j * done + k) * lanes;
      for (let lane = 0; lane < lanes; lane++) {
        const at = from + lane;
        const [a0, b0] = [x[at]!, y[at]!];
        const a1 = x[at + part]! * c1 - y[at + part]! * s1;
        const b1 = x[at + part]! * s1 + y[at + part]! * c1;
        const a2 = x[at + 2 * part]! * c2 - y[at + 2 * part]! * s2;
        const b2 = x[at + 2 * part]! * s2 + y[at + 2 * part]! * c2;
        const a3 = x[at + 3 * part]! * c3 - y[at + 3 * part]! * s3;
        const b3 = x[at + 3 * part]! * s3 + y[at + 3 * part]! * c3;
        // A quarter of a turn is i times the sign.
        const [dr, di] = [-sign * (b1 - b3), sign * (a1 - a3)];
        u[to + lane] = a0 + a2 + a1 + a3;
        v[to + lane] = b0 + b2 + b1 + b3;
        u[to + step + lane] = a0 - a2 + dr;
        v[to + step + lane] = b0 - b2 + di;
        u[to + 2 * step + lane] = a0 + a2 - a1 - a3;
        v[to + 2 * step + lane] = b0 + b2 - b1 - b3;
        u[to + 3 * step + lane] = a0 - a2 - dr;
        v[to + 3 * step + lane] = b0 - b2 - di;
      }
    }
}
