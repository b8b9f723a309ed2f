import { describe, expect, it } from "vitest";
import type { Value } from "../../src/graph/node.js";
import { elu, gelu, selu } from "../../src/ops/activation.js";
import { edgePad, reflectPad } from "../../src/ops/extend.js";
import { input } from "../../src/ops/leaf.js";
import { logSumExp } from "../../src/ops/norm.js";
import { maxPoolWithIndices, maxUnpool } from "../../src/ops/pool.js";
import { cumSum } from "../../src/ops/reduce.js";
import {
  type AveragePoolOptions,
  adaptiveAveragePool,
  averagePool,
  type ResizeOptions,
  resize,
} from "../../src/ops/resize.js";
import { evaluate, expectClose, type Packed, readGolden, unpack } from "../golden/golden.js";

interface Options extends ResizeOptions, AveragePoolOptions {
  readonly size: readonly number[];
  readonly width: number | readonly number[];
  readonly axis: number;
}

const ops: Readonly<Record<string, (x: Value, options: Options) => Value>> = {
  resize: (x, options) => resize(x, options.size, options),
  reflectPad: (x, { width }) => reflectPad(x, width),
  edgePad: (x, { width }) => edgePad(x, width),
  averagePool,
  adaptiveAveragePool: (x, { size }) => adaptiveAveragePool(x, size),
  maxUnpool: (x, { kernel }) => maxUnpool(...maxPoolWithIndices(x, kernel), x.shape),
  elu: (x) => elu(x),
  selu,
  gelu,
  cumSum: (x, { axis }) => cumSum(x, axis),
  logSumExp: (x, { axis }) => logSumExp(x, axis),
};

interface OpCase {
  readonly name: string;
  readonly op: string;
  readonly options: Options;
  readonly x: Packed;
  readonly y: Packed;
}

describe("ops agree with PyTorch's of the same convention", () => {
  const { cases } = readGolden<{ cases: readonly OpCase[] }>("ops");

  it.each(cases.map((one) => [`${one.op}: ${one.name}`, one] as const))(
    "%s",
    async (_, { op, options, x, y }) => {
      const built = ops[op]!(input("x", x.shape), options);
      const found = (await evaluate({ y: built }, { x: unpack(x) })).y!;
      expect(found.data.some((value) => Number(value) !== 0)).toBe(true);
      expectClose(found, y, 3e-6, op);
    },
  );
});
