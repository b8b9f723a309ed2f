import { describe, expect, it } from "vitest";
import { GyrusError } from "../../src/core/errors.js";
import { type DType, type Shape, showShape } from "../../src/core/tensor.js";
import { apply, type Node, type TensorType, type Value } from "../../src/graph/node.js";
import { nodesOf } from "../../src/graph/program.js";
import { klStandardNormal } from "../../src/loss/divergence.js";
import { forwardDifference } from "../../src/ops/differences.js";
import { clip, less, pow, where } from "../../src/ops/elementwise.js";
import { reflectPad } from "../../src/ops/extend.js";
import { input } from "../../src/ops/leaf.js";
import { logSumExp } from "../../src/ops/norm.js";
import { maxUnpool } from "../../src/ops/pool.js";
import { adaptiveAveragePool, averagePool, resize } from "../../src/ops/resize.js";
import { table } from "../../src/ops/table.js";
import { take } from "../../src/ops/take.js";
import { concatCode, tile } from "../../src/ops/tile.js";
import { samples } from "../reference/samples.js";

/** Ways to spoil one input of an op. */
const spoils: Readonly<Record<string, (type: TensorType) => TensorType>> = {
  dtype: ({ dtype, shape }) => ({ dtype: dtype === "float32" ? "bool" : "float32", shape }),
  otherDtype: ({ dtype, shape }) => ({ dtype: dtype === "float32" ? "int32" : "float32", shape }),
  larger: ({ dtype, shape }) => ({ dtype, shape: shape.map((extent) => extent + 1) }),
  rank: ({ dtype, shape }) => ({ dtype, shape: [...shape, 7] }),
};

/**
 * What an op takes by its meaning, by input: a function of single elements takes every shape. Whatever is not
 * listed here must be refused.
 */
const anyShape = ["larger", "rank"];
const accepts: Readonly<Record<string, readonly (readonly string[])[]>> = {
  ...Object.fromEntries(
    "exp log sqrt reciprocal floor sigmoid tanh softplus sin cos erf leakyRelu elu pow clip"
      .split(" ")
      .map((op) => [op, [anyShape]]),
  ),
  ...Object.fromEntries("neg abs sign".split(" ").map((op) => [op, [["otherDtype", ...anyShape]]])),
  cast: [["dtype", "otherDtype", ...anyShape]],
  stopGradient: [["dtype", "otherDtype", ...anyShape]],
  broadcast: [["dtype", "otherDtype"]],
  reshape: [["dtype", "otherDtype"]],
  transpose: [["dtype", "otherDtype", "larger"]],
  slice: [["dtype", "otherDtype", "larger"]],
  flip: [["dtype", "otherDtype", ...anyShape]],
  sum: [["otherDtype", ...anyShape]],
  max: [["otherDtype", ...anyShape]],
  argMax: [["otherDtype", ...anyShape]],
  amax: [anyShape],
  cumSum: [anyShape],
  pad: [["larger"]],
  gatherFlat: [["dtype", "otherDtype", ...anyShape], anyShape],
  take: [["dtype", "otherDtype", ...anyShape], ["larger"]],
  putAdd: [["rank"], []],
  extend: [["larger"]],
  extendAdjoint: [["larger"]],
  mapAxis: [["rank"], []],
  resizeLinear: [["larger"]],
  conv: [[], []],
  maxPool: [["larger"]],
  repeat: [["larger"]],
  moments: [anyShape],
  softmax: [anyShape],
  logSoftmax: [anyShape],
};

/** The first node of each op in its own samples. */
const specimens = new Map<string, Node>();
for (const { op, shapes, build } of samples) {
  const y = build(...shapes.map((shape, i) => input(`x${i}`, shape)));
  const node = nodesOf([y]).find((candidate) => candidate.op === op);
  if (node !== undefined && !specimens.has(op)) specimens.set(op, node);
}

const leaf = ({ dtype, shape }: { dtype: DType; shape: Shape }): Value => input("spoilt", shape, dtype);

describe("an input that does not fit", () => {
  it("can be tried on every op", () => {
    expect([...table.keys()].filter((op) => !specimens.has(op)).sort()).toEqual(["constant", "input"]);
  });

  const cases = [...specimens].flatMap(([op, node]) =>
    node.inputs.flatMap((type, i) =>
      Object.keys(spoils).map((how) => ({ op, node, i, how, spoilt: spoils[how]!(type) })),
    ),
  );

  it.each(cases.map((one) => [`${one.op}: input ${one.i}, ${one.how}`, one] as const))(
    "%s",
    (_, { op, node, i, how, spoilt }) => {
      const inputs = node.inputs.map((value, k) => (k === i ? leaf(spoilt) : value));
      const build = (): unknown => apply(table.get(op)!, inputs, node.attributes);
      if (accepts[op]?.[i]?.includes(how)) {
        expect(build).not.toThrow();
        return;
      }
      let thrown: unknown;
      try {
        build();
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(GyrusError);
      const { kind, message, details } = thrown as GyrusError;
      expect(kind).toBe("shape");
      expect(details.what.startsWith(op)).toBe(true);
      expect(details.where).toMatch(/\/misuse\.test\.ts:\d+:\d+$/);
      for (const { dtype, shape } of inputs) expect(message).toContain(`${dtype}${showShape(shape)}`);
    },
  );
});

describe("a function made of ops, called with what does not fit,", () => {
  const x = input("x", [2, 3, 5, 4]);
  const flat = input("flat", [2, 3]);
  const ids = input("ids", [7], "int64");
  it.each([
    ["resize", () => resize(x, [4, 4, 4]), /resize: \[4, 4, 4\] wants 3 spatial axes/],
    [
      "resize to nothing",
      () => resize(x, [0, 4]),
      /resize: every extent .* Found \[0, 4\] for float32\[2, 3, 5, 4\]/,
    ],
    ["reflectPad", () => reflectPad(x, 4), /extend: margins of \[0, 0, 4, 4\].* A reflection is narrower/],
    [
      "averagePool",
      () => averagePool(x, { kernel: [6, 2] }),
      /averagePool: a window of \[6, 2\] does not fit/,
    ],
    ["adaptiveAveragePool", () => adaptiveAveragePool(x, [2]), /adaptiveAveragePool: \[2\] wants 1 spatial/],
    ["maxUnpool", () => maxUnpool(x, ids, [9]), /scatterFlat: shapes \[2, 3, 5, 4\] and \[7\] differ/],
    ["tile", () => tile(x, [2, 2]), /tile: \[2, 2\] is not one number for every axis of \[2, 3, 5, 4\]/],
    ["concatCode", () => concatCode(x, input("code", [1, 9])), /concat along axis 1: .* do not fit/],
    ["forwardDifference", () => forwardDifference(x, 4), /difference: axis 4 does not exist/],
    ["take", () => take(x, flat, 1), /take: float32 where indices are wanted/],
    ["logSumExp", () => logSumExp(x, 4), /max: axis 4 does not exist/],
    ["clip", () => clip(x, 1, 0), /clip: the lower bound is above the upper one\. Found 1 and 0 for/],
    ["pow", () => pow(input("whole", [2], "int32"), 3), /pow: int32 where floating point is wanted/],
    ["less", () => less(x, input("y", [2, 3, 4, 4])), /greater: .* do not stretch to a common shape/],
    ["where", () => where(x, x, 0), /where: float32 where a condition \(bool\) is wanted/],
    ["klStandardNormal", () => klStandardNormal({ mean: x, logVariance: flat }), /klStandardNormal: shapes/],
  ] as const)("%s, says so with the types and the caller's line", (_, build, words) => {
    let thrown: unknown;
    try {
      build();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(GyrusError);
    const { message, details } = thrown as GyrusError;
    expect(message).toMatch(words);
    expect(details.where).toMatch(/\/misuse\.test\.ts:\d+:\d+$/);
    expect(details.found).toMatch(/(float32|int32)\[/);
  });
});
