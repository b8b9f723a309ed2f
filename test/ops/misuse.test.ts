import { describe, expect, it } from "vitest";
import { GyrusError } from "../../src/core/errors.js";
import { type DType, type Shape, showShape } from "../../src/core/tensor.js";
import { apply, type Node, type TensorType, type Value } from "../../src/graph/node.js";
import { nodesOf } from "../../src/graph/program.js";
import { input } from "../../src/ops/leaf.js";
import { table } from "../../src/ops/table.js";
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
  normalize: [anyShape],
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
