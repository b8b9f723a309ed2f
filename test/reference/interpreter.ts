import { type Shape, sizeOf, stridesOf } from "../../src/core/tensor.js";
import type { Node, Value } from "../../src/graph/node.js";
import { nodesOf } from "../../src/graph/program.js";
import { type ConvGeometry, convShape } from "../../src/ops/conv.js";
import { table } from "../../src/ops/table.js";

/** Plain loops in float64 over the op table: slow, obvious, the oracle for every back end. */
export type Numbers = Float64Array;
type Rule = (inputs: readonly Numbers[], node: Node) => Numbers | readonly Numbers[];

export function interpret(outputs: readonly Value[], feeds: Readonly<Record<string, Numbers>>): Numbers[] {
  const results = new Map<Node, readonly Numbers[]>();
  const run = (values: readonly Value[]): Numbers[] => {
    for (const node of nodesOf(values)) {
      if (results.has(node)) continue;
      results.set(
        node,
        evaluate(
          node,
          node.inputs.map((input) => results.get(input.node)![input.output]!),
        ),
      );
    }
    return values.map((value) => results.get(value.node)![value.output]!);
  };
  const evaluate = (node: Node, inputs: readonly Numbers[]): readonly Numbers[] => {
    if (node.op === "input") return [feeds[String(node.attributes.name)]!];
    const rule = rules[node.op];
    if (rule !== undefined) {
      const made = rule(inputs, node);
      return made instanceof Float64Array ? [made] : made;
    }
    const expand = table.get(node.op)?.expand;
    if (expand === undefined) throw new Error(`the interpreter knows no op "${node.op}"`);
    return run(expand(node.inputs, node.attributes));
  };
  return run(outputs);
}

const map1 =
  (f: (x: number) => number): Rule =>
  ([x]) =>
    x!.map(f);
const map2 =
  (f: (a: number, b: number) => number): Rule =>
  ([a, b]) =>
    a!.map((value, i) => f(value, b![i]!));

/** Every multi-index of a shape, in row-major order. */
function* indices(shape: Shape): Generator<number[]> {
  const total = sizeOf(shape);
  const strides = stridesOf(shape);
  for (let i = 0; i < total; i++) yield shape.map((extent, axis) => Math.floor(i / strides[axis]!) % extent);
}

const at = (index: readonly number[], shape: Shape): number => {
  const strides = stridesOf(shape);
  return index.reduce((sum, value, axis) => sum + value * strides[axis]!, 0);
};

const outShape = (node: Node, output = 0): Shape => node.outputs[output]!.shape;
const inShape = (node: Node, i = 0): Shape => node.inputs[i]!.shape;

function gather(node: Node, x: Numbers, source: (index: number[]) => number[] | undefined): Numbers {
  const y = new Float64Array(sizeOf(outShape(node)));
  let i = 0;
  for (const index of indices(outShape(node))) {
    const from = source(index);
    y[i++] = from === undefined ? 0 : x[at(from, inShape(node))]!;
  }
  return y;
}

function reduce(node: Node, x: Numbers, start: number, combine: (a: number, b: number) => number): Numbers {
  const shape = outShape(node);
  const y = new Float64Array(sizeOf(shape)).fill(start);
  let i = 0;
  for (const index of indices(inShape(node))) {
    const to = at(
      index.map((value, axis) => (shape[axis] === 1 ? 0 : value)),
      shape,
    );
    y[to] = combine(y[to]!, x[i++]!);
  }
  return y;
}

/** Visit every (x, w, y) triple of flat positions that a convolution multiplies. */
function contract(
  x: Shape,
  w: Shape,
  geometry: ConvGeometry,
  visit: (x: number, w: number, y: number) => void,
): void {
  const y = convShape(x, w, geometry);
  for (const out of indices(y))
    for (const tap of indices(w.slice(1))) {
      const inChannel = Math.floor(out[1]! / (w[0]! / geometry.groups)) * w[1]! + tap[0]!;
      const spatial = out
        .slice(2)
        .map(
          (o, axis) =>
            o * geometry.stride[axis]! + tap[axis + 1]! * geometry.dilation[axis]! - geometry.before[axis]!,
        );
      if (spatial.some((s, axis) => s < 0 || s >= x[axis + 2]!)) continue;
      visit(at([out[0]!, inChannel, ...spatial], x), at([out[1]!, ...tap], w), at(out, y));
    }
}

function convRule(role: "y" | "x" | "w"): Rule {
  return ([a, b], node) => {
    const geometry = node.attributes as unknown as ConvGeometry;
    const x = role === "x" ? outShape(node) : inShape(node, 0);
    const w = role === "w" ? outShape(node) : inShape(node, 1);
    const result = new Float64Array(sizeOf(outShape(node)));
    contract(x, w, geometry, (ix, iw, iy) => {
      if (role === "y") result[iy]! += a![ix]! * b![iw]!;
      if (role === "x") result[ix]! += a![iy]! * b![iw]!;
      if (role === "w") result[iw]! += a![ix]! * b![iy]!;
    });
    return result;
  };
}

const erf = (x: number): number => {
  // Maclaurin series: exact to double precision for the small arguments of the tests.
  let term = x;
  let total = x;
  for (let n = 1; n < 60; n++) {
    term *= -(x * x) / n;
    total += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * total;
};

const maxPool: Rule = ([x], node) => {
  const { kernel, stride } = node.attributes as { kernel: number[]; stride: number[] };
  const size = sizeOf(outShape(node));
  const [best, where] = [new Float64Array(size).fill(-Infinity), new Float64Array(size)];
  let i = 0;
  for (const out of indices(outShape(node))) {
    for (const tap of indices(kernel)) {
      const from = at([out[0]!, out[1]!, ...tap.map((t, a) => out[a + 2]! * stride[a]! + t)], inShape(node));
      if (x![from]! > best[i]!) [best[i], where[i]] = [x![from]!, from];
    }
    i++;
  }
  return [best, where];
};

/** Whether flat position `i` of a padded tensor lies outside what was padded. */
function isMargin(node: Node, i: number): boolean {
  const strides = stridesOf(outShape(node));
  return outShape(node).some((extent, axis) => {
    const v = (Math.floor(i / strides[axis]!) % extent) - (node.attributes.before as number[])[axis]!;
    return v < 0 || v >= inShape(node)[axis]!;
  });
}

/** The index that an index of an extended image was copied from. */
function carriedFrom(index: readonly number[], shape: Shape, node: Node): number[] {
  return index.map((v, axis) => {
    const last = shape[axis]! - 1;
    const i = v - (node.attributes.before as number[])[axis]!;
    if (node.attributes.mode === "edge") return Math.min(Math.max(i, 0), last);
    return i < 0 ? -i : i > last ? 2 * last - i : i;
  });
}

/** Where sample `v` of a resized axis lies in the original, never outside. */
function placeBefore(v: number, from: number, to: number, align: string): number {
  if (from === to) return v;
  const corners = to === 1 ? 0 : (v * (from - 1)) / (to - 1);
  const place = align === "alignCorners" ? corners : ((v + 0.5) * from) / to - 0.5;
  return Math.min(Math.max(place, 0), from - 1);
}

/** Number `i` of `randomUniform` for a key that the stream was added to, in JavaScript's own integers. */
export function uniformAt(i: number, a: number, b: number): number {
  let x = (Math.imul(i, 0x9e3779b1) + a) | 0;
  for (let round = 0; round < 5; round++) {
    if (round === 1) x = (x + b) | 0;
    x = Math.imul(x, (2 * x + 1) | 0);
    x = (Math.imul(x, 65536) + Math.trunc(x / 65536)) | 0;
  }
  return (Math.trunc(x / 256) + 2 ** 23) / 2 ** 24;
}

const rules: Readonly<Record<string, Rule>> = {
  constant: (_, node) =>
    Float64Array.from(
      (node.attributes.tensor as { data: ArrayLike<number | bigint> }).data as ArrayLike<number>,
      Number,
    ),
  stopGradient: ([x]) => x!,
  neg: map1((x) => -x),
  exp: map1(Math.exp),
  log: map1(Math.log),
  sqrt: map1(Math.sqrt),
  reciprocal: map1((x) => 1 / x),
  abs: map1(Math.abs),
  sign: map1(Math.sign),
  floor: map1(Math.floor),
  sigmoid: map1((x) => 1 / (1 + Math.exp(-x))),
  tanh: map1(Math.tanh),
  softplus: map1((x) => Math.log1p(Math.exp(x))),
  sin: map1(Math.sin),
  cos: map1(Math.cos),
  erf: map1(erf),
  cast: ([x], node) => (/float/.test(String(node.attributes.dtype)) ? x! : x!.map(Math.trunc)),
  elu: ([x], node) => x!.map((v) => (v > 0 ? v : Number(node.attributes.alpha) * Math.expm1(v))),
  pow: ([x], node) => x!.map((v) => v ** Number(node.attributes.exponent)),
  clip: ([x], node) =>
    x!.map((v) => Math.min(Math.max(v, Number(node.attributes.low)), Number(node.attributes.high))),
  leakyRelu: ([x], node) => x!.map((v) => (v > 0 ? v : v * Number(node.attributes.slope))),
  gate: ([x, g], node) => g!.map((v, i) => (x![i]! > 0 ? v : v * Number(node.attributes.slope))),
  add: map2((a, b) => a + b),
  sub: map2((a, b) => a - b),
  mul: map2((a, b) => a * b),
  div: map2((a, b) => a / b),
  maximum: map2(Math.max),
  minimum: map2(Math.min),
  greater: map2((a, b) => Number(a > b)),
  greaterEqual: map2((a, b) => Number(a >= b)),
  equal: map2((a, b) => Number(a === b)),
  where: ([c, a, b]) => c!.map((v, i) => (v ? a![i]! : b![i]!)),
  broadcast: ([x], node) =>
    gather(node, x!, (index) => {
      const from = inShape(node);
      return from.map((extent, axis) => (extent === 1 ? 0 : index[axis + index.length - from.length]!));
    }),
  sum: ([x], node) => reduce(node, x!, 0, (a, b) => a + b),
  max: ([x], node) => reduce(node, x!, -Infinity, Math.max),
  amax: ([x], node) => reduce(node, x!, -Infinity, Math.max),
  cumSum: ([x], node) => {
    const { axis, backwards } = node.attributes as { axis: number; backwards: boolean };
    const shape = inShape(node);
    const y = new Float64Array(x!.length);
    let i = 0;
    for (const index of indices(shape)) {
      for (let k = 0; k < shape[axis]!; k++)
        if (backwards ? k <= index[axis]! : k >= index[axis]!)
          y[
            at(
              index.map((v, a) => (a === axis ? k : v)),
              shape,
            )
          ]! += x![i]!;
      i++;
    }
    return y;
  },
  argMax: ([x], node) => {
    const axis = Number(node.attributes.axis);
    const y = new Float64Array(sizeOf(outShape(node)));
    let i = 0;
    for (const index of indices(outShape(node))) {
      let best = 0;
      const valueAt = (k: number): number =>
        x![
          at(
            index.map((v, a) => (a === axis ? k : v)),
            inShape(node),
          )
        ]!;
      for (let k = 1; k < inShape(node)[axis]!; k++) if (valueAt(k) > valueAt(best)) best = k;
      y[i++] = best;
    }
    return y;
  },
  reshape: ([x]) => x!,
  transpose: ([x], node) =>
    gather(node, x!, (index) => {
      const order = node.attributes.order as number[];
      return order.map((_, axis) => index[order.indexOf(axis)]!);
    }),
  slice: ([x], node) =>
    gather(node, x!, (index) => index.map((v, a) => v + (node.attributes.starts as number[])[a]!)),
  pad: ([x], node) =>
    gather(node, x!, (index) => {
      const from = index.map((v, a) => v - (node.attributes.before as number[])[a]!);
      return from.some((v, a) => v < 0 || v >= inShape(node)[a]!) ? undefined : from;
    }).map((v, i) => (v === 0 && isMargin(node, i) ? Number(node.attributes.value ?? 0) : v)),
  take: ([x, i], node) =>
    gather(node, x!, (index) => index.map((v, a) => (a === Number(node.attributes.axis) ? i![v]! : v))),
  putAdd: ([x, i], node) => {
    const y = new Float64Array(sizeOf(outShape(node)));
    let n = 0;
    for (const index of indices(inShape(node)))
      y[
        at(
          index.map((v, a) => (a === Number(node.attributes.axis) ? i![v]! : v)),
          outShape(node),
        )
      ]! += x![n++]!;
    return y;
  },
  extend: ([x], node) => gather(node, x!, (index) => carriedFrom(index, inShape(node), node)),
  extendAdjoint: ([g], node) => {
    const y = new Float64Array(sizeOf(outShape(node)));
    let n = 0;
    for (const index of indices(inShape(node)))
      y[at(carriedFrom(index, outShape(node), node), outShape(node))]! += g![n++]!;
    return y;
  },
  mapAxis: ([x, m], node) => {
    const { axis, transposed } = node.attributes as { axis: number; transposed: boolean };
    const [from, to] = [inShape(node), outShape(node)];
    const y = new Float64Array(sizeOf(to));
    let n = 0;
    for (const index of indices(to)) {
      for (let k = 0; k < from[axis]!; k++) {
        const weight = transposed ? m![k * to[axis]! + index[axis]!]! : m![index[axis]! * from[axis]! + k]!;
        y[n]! +=
          weight *
          x![
            at(
              index.map((v, a) => (a === axis ? k : v)),
              from,
            )
          ]!;
      }
      n++;
    }
    return y;
  },
  resizeLinear: ([x], node) => {
    const [from, to] = [inShape(node), outShape(node)];
    const y = new Float64Array(sizeOf(to));
    let n = 0;
    for (const index of indices(to)) {
      const places = index.map((v, a) => placeBefore(v, from[a]!, to[a]!, String(node.attributes.align)));
      for (const corner of indices(places.map(() => 2))) {
        const weight = places.reduce(
          (w, place, a) => w * (corner[a] ? place - Math.floor(place) : 1 - (place - Math.floor(place))),
          1,
        );
        if (weight > 0)
          y[n]! +=
            weight *
            x![
              at(
                places.map((place, a) => Math.floor(place) + corner[a]!),
                from,
              )
            ]!;
      }
      n++;
    }
    return y;
  },
  randomUniform: ([key], node) => {
    const [a, b] = (node.attributes.stream as number[]).map((word, i) => (key![i]! + word) | 0);
    return Float64Array.from({ length: sizeOf(outShape(node)) }, (_, i) => uniformAt(i, a!, b!));
  },
  concat: (inputs, node) => {
    const axis = Number(node.attributes.axis);
    const y = new Float64Array(sizeOf(outShape(node)));
    let offset = 0;
    inputs.forEach((x, k) => {
      let i = 0;
      for (const index of indices(inShape(node, k)))
        y[
          at(
            index.map((v, a) => (a === axis ? v + offset : v)),
            outShape(node),
          )
        ] = x[i++]!;
      offset += inShape(node, k)[axis]!;
    });
    return y;
  },
  flip: ([x], node) =>
    gather(node, x!, (index) =>
      index.map((v, a) => ((node.attributes.axes as number[]).includes(a) ? inShape(node)[a]! - 1 - v : v)),
    ),
  gatherFlat: ([x, i]) => i!.map((position) => x![position]!),
  scatterFlat: ([x, i], node) => {
    const y = new Float64Array(sizeOf(outShape(node)));
    i!.forEach((position, k) => {
      y[position]! += x![k]!;
    });
    return y;
  },
  matmul: ([a, b], node) => {
    const { transA, transB } = node.attributes as { transA: boolean; transB: boolean };
    const [m, n] = outShape(node).slice(-2) as [number, number];
    const k = inShape(node).at(transA ? -2 : -1)!;
    const y = new Float64Array(sizeOf(outShape(node)));
    for (let batch = 0; batch < y.length / (m * n); batch++)
      for (let i = 0; i < m; i++)
        for (let j = 0; j < n; j++)
          for (let l = 0; l < k; l++)
            y[(batch * m + i) * n + j]! +=
              a![batch * m * k + (transA ? l * m + i : i * k + l)]! *
              b![batch * k * n + (transB ? j * k + l : l * n + j)]!;
    return y;
  },
  conv: convRule("y"),
  convInputGrad: convRule("x"),
  convWeightGrad: convRule("w"),
  maxPool,
  avgPool: ([x], node) => {
    const factor = node.attributes.factor as number[];
    const y = new Float64Array(sizeOf(outShape(node)));
    let i = 0;
    for (const index of indices(inShape(node)))
      y[
        at(
          index.map((v, a) => (a < 2 ? v : Math.floor(v / factor[a - 2]!))),
          outShape(node),
        )
      ]! += x![i++]! / sizeOf(factor);
    return y;
  },
  repeat: ([x], node) => {
    const factor = node.attributes.factor as number[];
    return gather(node, x!, (index) => index.map((v, a) => (a < 2 ? v : Math.floor(v / factor[a - 2]!))));
  },
  softmax: ([x], node) => softmaxAlong(x!, node, (value, top, total) => Math.exp(value - top) / total),
  logSoftmax: ([x], node) => softmaxAlong(x!, node, (value, top, total) => value - top - Math.log(total)),
};

function softmaxAlong(
  x: Numbers,
  node: Node,
  f: (value: number, top: number, total: number) => number,
): Numbers {
  const axis = Number(node.attributes.axis);
  const shape = outShape(node);
  const stride = stridesOf(shape)[axis]!;
  return x.map((value, i) => {
    const first = i - (Math.floor(i / stride) % shape[axis]!) * stride;
    const row = Array.from({ length: shape[axis]! }, (_, k) => x[first + k * stride]!);
    const top = Math.max(...row);
    return f(
      value,
      top,
      row.reduce((total, v) => total + Math.exp(v - top), 0),
    );
  });
}
