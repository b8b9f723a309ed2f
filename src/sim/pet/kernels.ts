import { assemble, type Kernel, type Line } from "./assemble.js";
import { perPosition, positionMask, positionShift } from "./strips.js";

/** Addresses are bytes in the projector's memory, counts are numbers of elements. */
export interface Kernels {
  /** Share four images' pixels out to positions: rows from `starts` (u of each row) and `lengths` (pixels of each). */
  share(pixels: number, fine: number, starts: number, lengths: number, rows: number, advance: number): void;
  /** Add to four images' pixels what their positions hold: the transpose of `share`. */
  spread(pixels: number, fine: number, starts: number, lengths: number, rows: number, advance: number): void;
  /** `out[b] = Σ_k fine[b · stride + k] · weights[k]`, k below `taps`, a multiple of 4; the stride in bytes. */
  cast(fine: number, weights: number, out: number, bins: number, taps: number, stride: number): void;
  /** `fine[b · stride + k] += row[b] · weights[k]`: the transpose of `cast`. */
  average(fine: number, weights: number, row: number, bins: number, taps: number, stride: number): void;
  /** `out[n] = Σ_k from[n + k · stride] · weights[k]` for `count` numbers, a multiple of 4; the stride in bytes. */
  filter(from: number, weights: number, out: number, count: number, taps: number, stride: number): void;
  /** `first[m] = four[m][0] + four[last - m][1]`, `second[m] = four[m][2] + four[last - m][3]`. */
  fold(four: number, first: number, second: number, count: number): void;
  /** `four[m] = (first[m], first[last - m], second[m], second[last - m])`: the transpose of `fold`. */
  unfold(four: number, first: number, second: number, count: number): void;
}

const get = (local: number): Line => ["local.get", local];
const set = (local: number): Line => ["local.set", local];
const constant = (value: number): Line => ["i32.const", value];
const step = (local: number, by: number): Line[] => [get(local), constant(by), ["i32.add"], set(local)];

/** `body` again and again until `local` has reached the address in `end`; not at all where it is there already. */
const until = (local: number, end: number, body: readonly Line[]): Line[] => [
  ["block"],
  ["loop"],
  get(local),
  get(end),
  ["i32.ge_u"],
  ["br_if", 1],
  ...body,
  ["br", 0],
  ["end"],
  ["end"],
];

/** Over rows and their pixels, with the address of the position in `at` and the fraction in the vector `part`. */
function overPixels(
  body: (names: { pixel: number; at: number; part: number; free: number }) => Line[],
): Kernel {
  const [pixel, fine, starts, lengths, rows, advance] = [0, 1, 2, 3, 4, 5];
  const [u, end, at, last] = [6, 7, 8, 9];
  const [part, free] = [10, 11];
  return {
    parameters: 6,
    i32: 4,
    f32: 0,
    v128: 3,
    body: [
      ...[get(starts), get(rows), constant(4), ["i32.mul"] as const, ["i32.add"] as const, set(last)],
      ...until(starts, last, [
        ...[get(starts), ["i32.load", 0] as const, set(u)],
        ...[get(pixel), get(lengths), ["i32.load", 0] as const, constant(16), ["i32.mul"] as const],
        ...[["i32.add"] as const, set(end)],
        ...until(pixel, end, [
          ...[get(fine), get(u), constant(positionShift), ["i32.shr_s"] as const, constant(4)],
          ...[["i32.shl"] as const, ["i32.add"] as const, set(at)],
          ...[get(u), constant(positionMask), ["i32.and"] as const, ["f32.convert_i32_s"] as const],
          ...[["f32.const", perPosition] as const, ["f32.mul"] as const, ["f32x4.splat"] as const, set(part)],
          ...body({ pixel, at, part, free }),
          ...[get(u), get(advance), ["i32.add"] as const, set(u)],
          ...step(pixel, 16),
        ]),
        ...step(starts, 4),
        ...step(lengths, 4),
      ]),
    ],
  };
}

const share = overPixels(({ pixel, at, part, free: x }) => {
  const next = x + 1;
  return [
    ...[get(pixel), ["v128.load", 0] as const, ["local.tee", x] as const],
    ...[get(part), ["f32x4.mul"] as const, set(next)],
    ...[get(at), get(at), ["v128.load", 0] as const, get(x), get(next)],
    ...[["f32x4.sub"] as const, ["f32x4.add"] as const, ["v128.store", 0] as const],
    ...[get(at), get(at), ["v128.load", 16] as const, get(next)],
    ...[["f32x4.add"] as const, ["v128.store", 16] as const],
  ];
});

const spread = overPixels(({ pixel, at, part, free: here }) => [
  ...[get(at), ["v128.load", 0] as const, set(here)],
  ...[get(pixel), get(pixel), ["v128.load", 0] as const, get(here), ["f32x4.add"] as const],
  ...[get(at), ["v128.load", 16] as const, get(here), ["f32x4.sub"] as const, get(part)],
  ...[["f32x4.mul"] as const, ["f32x4.add"] as const, ["v128.store", 0] as const],
]);

/** Over bins with the window of positions in `from` to `end`, the weights from `w`. */
function overBins(before: readonly Line[], inner: readonly Line[], after: readonly Line[]): Kernel {
  const [fine, weights, row, bins, taps, stride] = [0, 1, 2, 3, 4, 5];
  const [last, from, end, w] = [6, 7, 8, 9];
  return {
    parameters: 6,
    i32: 4,
    f32: 0,
    v128: 1,
    body: [
      ...[get(row), get(bins), constant(4), ["i32.mul"] as const, ["i32.add"] as const, set(last)],
      ...until(row, last, [
        ...before,
        ...[get(weights), set(w), get(fine), ["local.tee", from] as const],
        ...[get(taps), constant(4), ["i32.mul"] as const, ["i32.add"] as const, set(end)],
        ...until(from, end, [...inner, ...step(from, 16), ...step(w, 16)]),
        ...after,
        ...[get(fine), get(stride), ["i32.add"] as const, set(fine)],
        ...step(row, 4),
      ]),
    ],
  };
}

const [rowAt, fromAt, weightAt, vector] = [2, 7, 9, 10];
const lane = (n: number): Line[] => [get(vector), ["f32x4.extract_lane", n]];

const cast = overBins(
  [["f32.const", 0], ["f32x4.splat"], set(vector)],
  [
    ...[get(fromAt), ["v128.load", 0] as const, get(weightAt), ["v128.load", 0] as const],
    ...[["f32x4.mul"] as const, get(vector), ["f32x4.add"] as const, set(vector)],
  ],
  [
    ...[get(rowAt), ...lane(0), ...lane(1), ["f32.add"] as const, ...lane(2), ...lane(3)],
    ...[["f32.add"] as const, ["f32.add"] as const, ["f32.store", 0] as const],
  ],
);

const average = overBins(
  [get(rowAt), ["f32.load", 0], ["f32x4.splat"], set(vector)],
  [
    ...[get(fromAt), get(fromAt), ["v128.load", 0] as const, get(weightAt), ["v128.load", 0] as const],
    ...[get(vector), ["f32x4.mul"] as const, ["f32x4.add"] as const, ["v128.store", 0] as const],
  ],
  [],
);

const filter: Kernel = (() => {
  const [from, weights, out, count, taps, stride] = [0, 1, 2, 3, 4, 5];
  const [last, at, w, end, sum] = [6, 7, 8, 9, 10];
  return {
    parameters: 6,
    i32: 4,
    f32: 0,
    v128: 1,
    body: [
      ...[get(out), get(count), constant(4), ["i32.mul"] as const, ["i32.add"] as const, set(last)],
      ...[get(weights), get(taps), constant(4), ["i32.mul"] as const, ["i32.add"] as const, set(end)],
      ...until(out, last, [
        ...[["f32.const", 0] as const, ["f32x4.splat"] as const, set(sum)],
        ...[get(from), set(at), get(weights), set(w)],
        ...until(w, end, [
          ...[get(at), ["v128.load", 0] as const, get(w), ["f32.load", 0] as const, ["f32x4.splat"] as const],
          ...[["f32x4.mul"] as const, get(sum), ["f32x4.add"] as const, set(sum)],
          ...[get(at), get(stride), ["i32.add"] as const, set(at)],
          ...step(w, 4),
        ]),
        ...[get(out), get(sum), ["v128.store", 0] as const],
        ...step(from, 16),
        ...step(out, 16),
      ]),
    ],
  };
})();

/** Over positions m, with the addresses of m and of last - m in all three arrays. */
function overPositions(
  body: (names: Readonly<Record<"m" | "mirrored", readonly number[]>>) => Line[],
): Kernel {
  const [four, first, second, count] = [0, 1, 2, 3];
  const [end, fourBack, firstBack, secondBack] = [4, 5, 6, 7];
  const toLast = (base: number, size: number, to: number): Line[] => [
    ...[get(base), get(count), constant(1), ["i32.sub"] as const, constant(size), ["i32.mul"] as const],
    ...[["i32.add"] as const, set(to)],
  ];
  return {
    parameters: 4,
    i32: 4,
    f32: 0,
    v128: 0,
    body: [
      ...[get(first), get(count), constant(4), ["i32.mul"] as const, ["i32.add"] as const, set(end)],
      ...toLast(four, 16, fourBack),
      ...toLast(first, 4, firstBack),
      ...toLast(second, 4, secondBack),
      ...until(first, end, [
        ...body({ m: [four, first, second], mirrored: [fourBack, firstBack, secondBack] }),
        ...[...step(four, 16), ...step(first, 4), ...step(second, 4)],
        ...[...step(fourBack, -16), ...step(firstBack, -4), ...step(secondBack, -4)],
      ]),
    ],
  };
}

const fold = overPositions(({ m: [four, first, second], mirrored: [back] }) =>
  [
    [first!, 0],
    [second!, 8],
  ].flatMap(([to, offset]): Line[] => [
    ...[get(to!), get(four!), ["f32.load", offset!] as const, get(back!)],
    ...[["f32.load", offset! + 4] as const, ["f32.add"] as const, ["f32.store", 0] as const],
  ]),
);

const unfold = overPositions(({ m: [four, first, second], mirrored: [, firstBack, secondBack] }) =>
  [first!, firstBack!, second!, secondBack!].flatMap((from, n): Line[] => [
    ...[get(four!), get(from), ["f32.load", 0] as const, ["f32.store", 4 * n] as const],
  ]),
);

let compiled: WebAssembly.Module | undefined;

/** The kernels over a memory of their own user's. */
export function kernelsOver(memory: WebAssembly.Memory): Kernels {
  compiled ??= new WebAssembly.Module(assemble({ share, spread, cast, average, filter, fold, unfold }));
  return new WebAssembly.Instance(compiled, { env: { memory } }).exports as unknown as Kernels;
}
