import type { Value } from "../../src/graph/node.js";
import * as activation from "../../src/ops/activation.js";
import * as conv from "../../src/ops/conv.js";
import * as differences from "../../src/ops/differences.js";
import * as el from "../../src/ops/elementwise.js";
import * as extend from "../../src/ops/extend.js";
import * as extremes from "../../src/ops/extremes.js";
import { constant } from "../../src/ops/leaf.js";
import * as linalg from "../../src/ops/linalg.js";
import * as move from "../../src/ops/move.js";
import * as norm from "../../src/ops/norm.js";
import * as pool from "../../src/ops/pool.js";
import * as random from "../../src/ops/random.js";
import * as reduce from "../../src/ops/reduce.js";
import * as resize from "../../src/ops/resize.js";
import * as take from "../../src/ops/take.js";
import * as tile from "../../src/ops/tile.js";

/** One row per op and awkward shape: everything that is tested about ops comes from here. */
export interface Sample {
  readonly op: string;
  readonly note?: string;
  /** Shapes of the float inputs. */
  readonly shapes: readonly (readonly number[])[];
  /** Inputs are drawn from ±[low, high], or [low, high] when positive. */
  readonly low?: number;
  readonly high?: number;
  readonly positive?: boolean;
  readonly build: (...inputs: Value[]) => Value;
  /** False: piecewise constant or integer, there is nothing to differentiate. */
  readonly differentiable?: boolean;
}

const ints = (...values: number[]): Value =>
  constant({ dtype: "int64", shape: [values.length], data: BigInt64Array.from(values, BigInt) });

const one = (op: string, build: (x: Value) => Value, options: Partial<Sample> = {}): Sample => ({
  op,
  shapes: [[2, 3, 1]],
  build,
  ...options,
});
const two = (op: string, build: (a: Value, b: Value) => Value, options: Partial<Sample> = {}): Sample => ({
  op,
  shapes: [
    [2, 3],
    [2, 3],
  ],
  build,
  ...options,
});

function convSamples(): Sample[] {
  const cases: [string, number[], number[], conv.ConvOptions][] = [
    ["2-D same", [2, 3, 4, 5], [2, 3, 3, 3], { padding: "same" }],
    ["2-D valid, even kernel", [1, 2, 5, 4], [3, 2, 2, 3], {}],
    ["2-D strided, remainder left over", [2, 2, 6, 5], [3, 2, 3, 3], { stride: 2, padding: 1 }],
    ["2-D strided, kernel smaller than stride", [1, 2, 7, 7], [2, 2, 2, 1], { stride: 3 }],
    ["2-D dilated", [1, 2, 7, 6], [2, 2, 3, 2], { dilation: 2, padding: 1 }],
    ["2-D asymmetric stride and padding", [1, 1, 5, 6], [2, 1, 3, 3], { stride: [1, 2], padding: [2, 0] }],
    ["2-D grouped", [1, 4, 4, 4], [6, 2, 3, 3], { groups: 2, padding: 1 }],
    ["2-D grouped and strided", [2, 2, 5, 5], [2, 1, 3, 3], { groups: 2, stride: 2, padding: 1 }],
    ["2-D blockwise", [2, 2, 4, 6], [3, 2, 2, 2], { stride: 2 }],
    ["3-D same", [1, 2, 3, 4, 3], [2, 2, 3, 3, 3], { padding: "same" }],
    ["3-D 1x1x1", [2, 3, 2, 2, 2], [2, 3, 1, 1, 1], {}],
    ["3-D strided, odd extents", [2, 1, 5, 4, 3], [2, 1, 3, 3, 3], { stride: 2, padding: 1 }],
    ["3-D anisotropic", [1, 2, 2, 5, 4], [2, 2, 1, 3, 3], { stride: [1, 2, 2], padding: [0, 1, 1] }],
    ["3-D blockwise", [1, 2, 4, 2, 4], [3, 2, 2, 2, 2], { stride: 2 }],
    ["3-D grouped", [1, 4, 3, 4, 3], [2, 2, 3, 3, 2], { groups: 2, padding: [1, 1, 0] }],
    ["3-D dilated and strided", [1, 2, 6, 5, 5], [2, 2, 2, 3, 2], { dilation: 2, stride: 2, padding: 1 }],
    ["1-D", [2, 2, 7], [3, 2, 3], { padding: 1 }],
  ];
  return cases.flatMap(([note, x, w, options]) => {
    const geometry = conv.convGeometry(w.slice(2), options);
    const y = conv.convShape(x, w, geometry);
    return [
      { op: "conv", note, shapes: [x, w], build: (a, b) => conv.conv(a!, b!, geometry) },
      { op: "convInputGrad", note, shapes: [y, w], build: (a, b) => conv.convInputGrad(a!, b!, x, geometry) },
      {
        op: "convWeightGrad",
        note,
        shapes: [x, y],
        build: (a, b) => conv.convWeightGrad(a!, b!, w, geometry),
      },
    ] satisfies Sample[];
  });
}

const key = (a: number, b: number): Value =>
  constant({ dtype: "int32", shape: [2], data: Int32Array.of(a, b) });
const sumOf = (values: readonly Value[]): Value => values.map((v) => reduce.sum(el.square(v))).reduce(el.add);

function extendSamples(): Sample[] {
  const cases: [string, number[], number[], number[]][] = [
    ["2-D", [1, 2, 4, 5], [0, 0, 1, 2], [0, 0, 1, 1]],
    ["wide: all that there is", [1, 1, 3, 4], [0, 0, 2, 3], [0, 0, 2, 0]],
    ["3-D", [1, 1, 4, 3, 4], [0, 0, 1, 1, 0], [0, 0, 1, 0, 1]],
  ];
  return cases.flatMap(([note, shape, before, after]) =>
    (["reflect", "edge"] as const).flatMap((mode) => [
      one("extend", (x) => extend.extend(x, mode, before, after), {
        note: `${mode} ${note}`,
        shapes: [shape],
      }),
      one("extendAdjoint", (g) => extend.extendAdjoint(g, mode, before, after), {
        note: `${mode} ${note}`,
        shapes: [shape.map((extent, axis) => extent + before[axis]! + after[axis]!)],
      }),
    ]),
  );
}

function unpoolSamples(): Sample[] {
  const cases: [string, number[], number[]][] = [
    ["2-D", [2, 2, 5, 4], [2, 2]],
    ["3-D", [1, 2, 4, 3, 2], [2, 2, 2]],
  ];
  return cases.map(([note, shape, kernel]) =>
    one(
      "scatterFlat",
      (x) => {
        const [y, indices] = pool.maxPoolWithIndices(x, kernel);
        return pool.maxUnpool(el.mul(y, y), indices, shape);
      },
      { note: `max unpooling ${note}`, shapes: [shape] },
    ),
  );
}

function resizeSamples(): Sample[] {
  const cases: [string, number[], number[]][] = [
    ["up by 2", [1, 2, 3, 2], [6, 4]],
    ["up by fractions", [2, 1, 3, 4], [5, 7]],
    ["down", [1, 2, 5, 6], [2, 4]],
    ["one up, one down", [1, 1, 2, 5], [5, 2]],
    ["from and to one", [1, 1, 1, 3], [3, 1]],
    ["3-D up", [1, 2, 2, 3, 2], [4, 5, 2]],
    ["3-D down", [1, 1, 4, 3, 5], [2, 2, 3]],
    ["1-D", [2, 1, 4], [7]],
  ];
  return cases.flatMap(([note, shape, size]) =>
    (["linear", "nearest"] as const).flatMap((mode) =>
      (["halfPixel", "alignCorners"] as const).map((align) =>
        one(mode === "linear" ? "resizeLinear" : "mapAxis", (x) => resize.resize(x, size, { mode, align }), {
          note: `${mode} ${align} ${note}`,
          shapes: [shape],
        }),
      ),
    ),
  );
}

export const samples: readonly Sample[] = [
  one("neg", el.neg),
  one("exp", el.exp),
  one("log", el.log, { positive: true }),
  one("sqrt", el.sqrt, { positive: true }),
  one("reciprocal", el.reciprocal),
  one("abs", el.abs),
  one("sign", el.sign, { differentiable: false }),
  one("floor", el.floor, { differentiable: false }),
  one("sigmoid", el.sigmoid),
  one("tanh", el.tanh),
  one("softplus", el.softplus),
  one("sin", el.sin),
  one("cos", el.cos),
  one("erf", el.erf),
  one("cast", (x) => el.cast(el.cast(x, "int64"), "float32"), { differentiable: false, high: 3 }),
  one("leakyRelu", (x) => el.leakyRelu(x, 0.01)),
  one("leakyRelu", el.relu, { note: "relu" }),
  one("elu", (x) => activation.elu(x, 0.7)),
  one("elu", activation.selu, { note: "selu" }),
  one("erf", activation.gelu, { note: "gelu" }),
  two("leakyRelu", activation.parametricRelu, {
    note: "learned slope",
    shapes: [
      [2, 3, 2],
      [3, 1],
    ],
  }),
  one("pow", (x) => el.pow(x, 3)),
  one("pow", (x) => el.pow(x, 1.7), { note: "fraction", positive: true }),
  one("pow", (x) => el.add(el.pow(x, 2), el.add(el.pow(x, -1), el.pow(x, 0))), { note: "cheaper ops" }),
  one("clip", (x) => el.clip(x, -0.7, 0.9)),
  one("stopGradient", norm.stopGradient, { differentiable: false }),
  two("gate", (x, g) => el.gate(x, g, 0.2)),
  two("add", el.add),
  two("add", el.add, {
    note: "outer stretch",
    shapes: [
      [3, 1],
      [2, 1, 4],
    ],
  }),
  two("sub", el.sub, { note: "scalar", shapes: [[2, 3], []] }),
  two("mul", el.mul, {
    note: "per channel",
    shapes: [
      [2, 3, 4],
      [3, 1],
    ],
  }),
  two("div", el.div),
  two("maximum", el.maximum),
  two("minimum", el.minimum),
  two("where", (a, b) => el.where(el.greater(a, 0), a, b)),
  two("greater", (a, b) => el.cast(el.greater(a, b), "float32"), { differentiable: false }),
  two("greaterEqual", (a, b) => el.cast(el.greaterEqual(a, b), "float32"), { differentiable: false }),
  two("greater", (a, b) => el.cast(el.less(a, b), "float32"), { note: "less", differentiable: false }),
  two("greaterEqual", (a, b) => el.cast(el.lessEqual(a, b), "float32"), {
    note: "lessEqual",
    differentiable: false,
  }),
  two("equal", (a, b) => el.cast(el.equal(el.floor(a), el.floor(b)), "float32"), { differentiable: false }),
  one("broadcast", (x) => reduce.broadcast(x, [4, 2, 3, 5])),
  one("sum", (x) => reduce.sum(x, [0, 2])),
  one("sum", (x) => reduce.sum(x), { note: "to a scalar" }),
  one("max", (x) => reduce.max(x, [1]), { differentiable: false }),
  one("amax", (x) => extremes.amax(x, [1, 2]), { shapes: [[2, 3, 4]] }),
  one("amax", (x) => extremes.amin(x), { note: "least of all" }),
  one("amax", (x) => extremes.amax(move.concat([x, x], 1), [1]), { note: "ties share" }),
  one("cumSum", (x) => reduce.cumSum(x, 1), { shapes: [[2, 4, 3]] }),
  one("cumSum", (x) => reduce.cumSum(x, 0, true), { note: "backwards", shapes: [[3, 2]] }),
  one("argMax", (x) => el.cast(extremes.argMin(x, 1), "float32"), { note: "argMin", differentiable: false }),
  one("argMax", (x) => el.cast(reduce.argMax(x, 1), "float32"), { differentiable: false }),
  one("reshape", (x) => move.reshape(x, [3, -1])),
  one("transpose", (x) => move.transpose(x, [2, 0, 1])),
  one("slice", (x) => move.slice(x, [1, 0, 0], [1, 2, 1])),
  one("pad", (x) => move.pad(x, [0, 1, 2], [1, 0, 0])),
  one("pad", (x) => move.pad(x, [1, 0, 0], [0, 1, 0], -3), { note: "value" }),
  two("concat", (a, b) => move.concat([a, b, a], 1), {
    shapes: [
      [2, 3],
      [2, 1],
    ],
  }),
  one("flip", (x) => move.flip(x, [0, 1])),
  one("gatherFlat", (x) => move.gatherFlat(x, ints(5, 0, 0, 3))),
  one("scatterFlat", (x) => move.scatterFlat(move.reshape(x, [6]), ints(7, 1, 1, 3, 0, 1), [2, 4])),
  one("scatterFlat", (x) => move.scatterFlat(move.reshape(x, [6]), ints(7, 1, 2, 3, 0, 6), [2, 4], true), {
    note: "unique",
  }),
  one("take", (x) => take.take(x, ints(2, 0, 0, 1), 1), { shapes: [[2, 3, 2]] }),
  one("take", (x) => take.take(x, move.reshape(ints(2, 0, 0, 1, 3, 3), [3, 2]), 0), {
    note: "table of codes",
    shapes: [[4, 5]],
  }),
  one("putAdd", (x) => take.putAdd(x, ints(4, 1, 1), 1, 5), { shapes: [[2, 3, 2]] }),
  ...extendSamples(),
  one("broadcast", (x) => tile.tile(x, [2, 1, 3]), { note: "tile" }),
  two("concat", (x, code) => tile.concatCode(x, code), {
    note: "image with a code",
    shapes: [
      [2, 1, 3, 2],
      [2, 3],
    ],
  }),
  one("slice", (x) => sumOf(differences.imageGradients(x)), {
    note: "image gradients",
    shapes: [[1, 2, 3, 4]],
  }),
  one("slice", (x) => differences.centralDifference(x, 1), { note: "central difference", shapes: [[2, 5]] }),
  ...[false, true].flatMap((a) =>
    [false, true].map((b) =>
      two("matmul", (x, y) => linalg.matmul(x, y, a, b), {
        note: `${a ? "Aᵀ" : "A"} ${b ? "Bᵀ" : "B"}`,
        shapes: [
          [2, ...(a ? [3, 4] : [4, 3])],
          [2, ...(b ? [5, 3] : [3, 5])],
        ],
      }),
    ),
  ),
  ...convSamples(),
  one("maxPool", (x) => pool.maxPool(x, [2, 2]), { shapes: [[2, 2, 5, 4]] }),
  one("maxPool", (x) => pool.maxPool(x, [3, 3], [2, 1]), { note: "overlapping", shapes: [[1, 2, 5, 4]] }),
  one("maxPool", (x) => pool.maxPool(x, [2, 2, 2]), { note: "3-D", shapes: [[1, 2, 4, 3, 2]] }),
  one("avgPool", (x) => pool.avgPool(x, [2, 3]), { shapes: [[1, 2, 4, 3]] }),
  one("avgPool", (x) => pool.avgPool(x, [2, 1, 2]), { note: "3-D", shapes: [[1, 2, 4, 3, 2]] }),
  one("repeat", (x) => pool.repeat(x, [2, 3]), { shapes: [[1, 2, 2, 3]] }),
  one("repeat", (x) => pool.repeat(x, [2, 1, 3]), { note: "3-D", shapes: [[1, 2, 2, 3, 1]] }),
  ...unpoolSamples(),
  one("amax", pool.globalMaxPool, { note: "global", shapes: [[2, 2, 3, 2]] }),
  one("sum", pool.globalAveragePool, { note: "global mean", shapes: [[2, 2, 3, 2]] }),
  two("mapAxis", (x, m) => resize.mapAxis(x, m, 1), {
    shapes: [
      [2, 3, 2],
      [4, 3],
    ],
  }),
  two("mapAxis", (x, m) => resize.mapAxis(x, m, 2, true), {
    note: "transposed, last axis",
    shapes: [
      [2, 2, 3],
      [3, 4],
    ],
  }),
  ...resizeSamples(),
  one("mapAxis", (x) => resize.averagePool(x, { kernel: [3, 2], stride: [2, 1], padding: [1, 0] }), {
    note: "mean over windows that overlap",
    shapes: [[1, 2, 5, 4]],
  }),
  one(
    "mapAxis",
    (x) => resize.averagePool(x, { kernel: [3, 3], stride: [2, 2], padding: [1, 1], countPadding: false }),
    { note: "mean without the margin", shapes: [[1, 1, 5, 4]] },
  ),
  one("mapAxis", (x) => resize.adaptiveAveragePool(x, [2, 2]), {
    note: "adaptive mean",
    shapes: [[1, 2, 5, 3]],
  }),
  one("avgPool", (x) => resize.adaptiveAveragePool(x, [2, 1]), {
    note: "adaptive, whole",
    shapes: [[1, 2, 4, 3]],
  }),
  one("moments", (x) => norm.moments(x, [0, 2]).mean, { note: "mean", shapes: [[2, 3, 4]] }),
  one("moments", (x) => norm.moments(x, [0, 2]).variance, { note: "variance, batch", shapes: [[2, 3, 4]] }),
  one("moments", (x) => norm.moments(x, [1, 2]).variance, { note: "variance, layer", shapes: [[2, 3, 4]] }),
  one("moments", (x) => el.add(...(Object.values(norm.moments(x, [2, 3])) as [Value, Value])), {
    note: "both, instance",
    shapes: [[2, 2, 3, 2]],
  }),
  ...[
    { note: "batch", scale: [1, 3, 1, 1] },
    { note: "instance", scale: [2, 3, 1, 1] },
    { note: "layer", scale: [2, 1, 1, 1] },
    { note: "odd axes", scale: [1, 1, 2, 1] },
  ].map(({ note, scale }) => ({
    op: "scaleShift",
    note,
    shapes: [[2, 3, 2, 5], scale, scale],
    build: (x?: Value, a?: Value, b?: Value) => norm.scaleShift(x!, a!, b!, note === "batch" ? 0.2 : 1),
  })),
  {
    op: "leakyRelu",
    note: "of a norm",
    shapes: [
      [2, 3, 70],
      [2, 3, 1],
      [2, 3, 1],
    ],
    build: (x, a, b) => el.leakyRelu(norm.scaleShift(x!, a!, b!), 0.1),
  },
  ...[
    { note: "batch", axes: [0, 2] },
    { note: "instance", axes: [2] },
    { note: "layer", axes: [1, 2] },
    { note: "odd axes", axes: [1] },
  ].map(({ note, axes }) => ({
    op: "sumProduct",
    note,
    shapes: [
      [2, 3, 4],
      [2, 3, 4],
    ],
    build: (a?: Value, b?: Value) => norm.sumProduct(a!, b!, axes),
  })),
  one("logSoftmax", (x) => norm.logSoftmax(x, 1)),
  one("softmax", (x) => norm.softmax(x, 1), { shapes: [[2, 3, 2, 2]] }),
  one("softmax", (x) => norm.logSumExp(x, 1), { note: "logSumExp", shapes: [[2, 3, 2]] }),
  one("randomUniform", (x) => el.add(el.mul(x, 0), random.randomUniform(key(7, -9), "a", [2, 3])), {
    shapes: [[]],
    differentiable: false,
  }),
  one("randomUniform", (x) => el.add(x, random.randomNormal(key(-1, 3), "b", [3, 5])), {
    note: "normal, added",
    shapes: [[3, 5]],
  }),
];
