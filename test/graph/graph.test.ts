import { describe, expect, it } from "vitest";
import { gradients } from "../../src/autodiff/gradients.js";
import { GyrusError } from "../../src/core/errors.js";
import { siteOf } from "../../src/graph/node.js";
import { nodesOf, print, program } from "../../src/graph/program.js";
import { conv, convGeometry } from "../../src/ops/conv.js";
import { add, mul, relu } from "../../src/ops/elementwise.js";
import { input } from "../../src/ops/leaf.js";
import { matmul } from "../../src/ops/linalg.js";
import { concat, reshape, slice } from "../../src/ops/move.js";
import { softmax } from "../../src/ops/norm.js";
import { maxPool } from "../../src/ops/pool.js";
import { sum } from "../../src/ops/reduce.js";

/** The line of the caller, as `siteOf` shows it. */
const here = (): string => /graph\.test\.ts:\d+/.exec(new Error().stack!.split("\n")[2]!)![0];

const x = input("x", [2, 3, 4, 4]);

describe("a shape that does not fit", () => {
  it.each([
    [
      "add",
      () => add(x, input("y", [3, 5])),
      "add: [2, 3, 4, 4] and [3, 5] do not stretch to a common shape.",
    ],
    [
      "reshape",
      () => reshape(x, [7, 7]),
      "reshape: [2, 3, 4, 4] and [7, 7] hold different numbers of elements.",
    ],
    [
      "slice",
      () => slice(x, [0, 0, 3, 0], [2, 3, 2, 4]),
      "slice: [2, 3, 2, 4] from [0, 0, 3, 0] is not inside [2, 3, 4, 4].",
    ],
    [
      "concat",
      () => concat([x, input("y", [2, 3, 4, 5])], 1),
      "concat along axis 1: [2, 3, 4, 4] and [2, 3, 4, 5] do not fit.",
    ],
    [
      "conv",
      () => conv(x, input("w", [8, 4, 3, 3]), convGeometry([3, 3])),
      "conv of [2, 3, 4, 4] with weights [8, 4, 3, 3]: channels do not fit 1 group(s).",
    ],
    [
      "matmul",
      () => matmul(x, input("y", [2, 3, 5, 4])),
      "matmul: [2, 3, 4, 4] and [2, 3, 5, 4] do not fit.",
    ],
    ["maxPool", () => maxPool(x, [5, 5]), "maxPool: a window of [5, 5] does not fit [2, 3, 4, 4]."],
    ["sum", () => sum(x, [4]), "sum: axis 4 does not exist in [2, 3, 4, 4]."],
    ["dtype", () => add(x, input("y", [1], "int64")), "add: dtypes float32 and int64 differ."],
  ] as const)("%s fails at the call, on the caller's line", (_, build, message) => {
    let thrown: unknown;
    try {
      build();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(GyrusError);
    expect(thrown).toMatchObject({ kind: "shape", message: expect.stringContaining(message) });
    const { where, found } = (thrown as GyrusError).details;
    expect(where).toMatch(/\/graph\.test\.ts:\d+:\d+$/);
    expect(found).toContain("float32[2, 3, 4, 4]");
  });
});

describe("siteOf", () => {
  it("names the line that called the op, and that line again for its gradients", () => {
    const [y, line] = [relu(mul(x, 2)), here()];
    expect(siteOf(y.node)).toContain(line);
    const gradient = gradients(sum(y), [x])[0]!;
    const gate = nodesOf([gradient]).find((node) => node.op === "gate")!;
    expect(siteOf(gate)).toContain(line);
    expect(siteOf(gate)).toMatch(/^\/.*graph\.test\.ts:\d+:\d+$/);
  });
});

describe("program", () => {
  it("closes a graph over its outputs: inputs by name, nodes in order, nothing else", () => {
    const [a, b] = [input("a", [2]), input("b", [2])];
    const y = add(a, b);
    mul(y, 3);
    const { inputs, nodes } = program({ y });
    expect(Object.keys(inputs)).toEqual(["a", "b"]);
    expect(nodes.map(({ op }) => op)).toEqual(["input", "input", "add"]);
    expect(Object.keys(program({ y }, [input("spare", [])]).inputs)).toEqual(["a", "b", "spare"]);
  });

  it("refuses two inputs of one name, and names the line of the second", () => {
    const [one, two, line] = [input("x", [1]), input("x", [1]), here()];
    expect(() => program({ y: add(one, two) })).toThrow('two different inputs are called "x"');
    expect(() => program({ y: add(one, two) })).toThrow(line);
    expect(Object.keys(program({ y: add(one, one) }).inputs)).toEqual(["x"]);
  });

  it("prints a node a line", () => {
    const y = softmax(add(input("x", [2, 3]), 1), 1);
    const ids = nodesOf([y]).map(({ id }) => id);
    const name = (at: number): string => `%${ids[at]}`;
    expect(print(program({ probabilities: y })).split("\n")).toEqual([
      `${name(0)} = input() name=x dtype=float32 shape=2,3 : float32[2, 3]`,
      `${name(1)} = constant() tensor=… : float32[]`,
      `${name(2)} = broadcast(${name(1)}) shape=2,3 : float32[2, 3]`,
      `${name(3)} = add(${name(0)}, ${name(2)}) : float32[2, 3]`,
      `${name(4)} = softmax(${name(3)}) axis=1 : float32[2, 3]`,
      `return probabilities = ${name(4)}`,
    ]);
  });
});

describe("gradients", () => {
  it("want a scalar, and give zeros for what it does not depend on", () => {
    expect(() => gradients(x, [x])).toThrow(/graph\.test\.ts:\d+:\d+: only a scalar has a gradient here/);
    const other = input("other", [3]);
    const zero = gradients(sum(x), [other])[0]!;
    expect(zero.shape).toEqual([3]);
    expect(zero.node.op).toBe("constant");
  });
});
