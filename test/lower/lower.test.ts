import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { gradients } from "../../src/autodiff/gradients.js";
import { rng } from "../../src/core/rng.js";
import { floats } from "../../src/core/tensor.js";
import type { Node, Value } from "../../src/graph/node.js";
import { encodeModel, type OnnxModel } from "../../src/graph/onnx/model.js";
import { messageType } from "../../src/graph/onnx/schema.js";
import { program } from "../../src/graph/program.js";
import { cpu } from "../../src/lower/cpu.js";
import { lower } from "../../src/lower/lower.js";
import { portable } from "../../src/lower/portable.js";
import { unet } from "../../src/models/unet.js";
import { initialState, trace } from "../../src/nn/scope.js";
import { add, exp, greater, mul, where } from "../../src/ops/elementwise.js";
import { constant, input } from "../../src/ops/leaf.js";
import { reshape, transpose } from "../../src/ops/move.js";
import { maxPoolWithIndices } from "../../src/ops/pool.js";
import { broadcast, sum } from "../../src/ops/reduce.js";
import { take } from "../../src/ops/take.js";
import { nodeCpu, openModel } from "../../src/runtime/node.js";
import { configs } from "../../src/systems/segment-unet.js";
import { predictionProgram } from "../../src/tasks/segmentation/model.js";

const types = ({ nodes }: OnnxModel): string[] => nodes.map(({ type }) => type);
const x = input("x", [2, 3]);

describe("lower", () => {
  it("writes equal expressions once", () => {
    const y = add(mul(exp(x), 2), mul(exp(x), 2));
    expect(types(lower(program({ y }), portable).model)).toEqual(["Exp", "Mul", "Add", "Identity"]);
  });

  it("tells apart what differs in an attribute only", () => {
    const y = add(sum(x, [0], { keepDims: true }), sum(x, [1], { keepDims: true }));
    expect(types(lower(program({ y }), portable).model)).toEqual([
      "ReduceSum",
      "ReduceSum",
      "Add",
      "Identity",
    ]);
  });

  it("drops what no output needs, and keeps inputs that were asked for", () => {
    const spare = input("spare", [4]);
    const { model } = lower(program({ y: exp(x) }, [mul(spare, 2)]), portable);
    expect(types(model)).toEqual(["Exp", "Identity"]);
    expect(Object.keys(model.inputs)).toEqual(["x", "spare"]);
    expect(model.initializers).toEqual({});
  });

  it("asks for the positions of maxima only where somebody reads them", () => {
    const [values, indices] = maxPoolWithIndices(input("image", [1, 1, 4, 4]), [2, 2]);
    const outputs = (wanted: Record<string, Value>): number =>
      lower(program(wanted), portable).model.nodes.find(({ type }) => type === "MaxPool")!.outputs.length;
    expect(outputs({ values })).toBe(1);
    expect(outputs({ values, indices })).toBe(2);
  });

  it("leaves stretching to ops that stretch by themselves", () => {
    const bias = input("bias", [3]);
    expect(types(lower(program({ y: add(x, bias) }), portable).model)).toEqual(["Add", "Identity"]);
    const chosen = where(greater(x, 0), x, bias);
    expect(types(lower(program({ chosen }), portable).model)).toEqual(["Greater", "Where", "Identity"]);
  });

  it("stretches where the result would lose its shape, or the op does not stretch", async () => {
    const row = input("row", [3]);
    const [wide, turned] = [broadcast(row, [2, 3]), transpose(broadcast(row, [2, 3]), [1, 0])];
    const y = add(wide, broadcast(row, [2, 3]));
    const lowered = lower(program({ y, turned }), cpu);
    expect(types(lowered.model)).toContain("Expand");
    const executable = await nodeCpu.compile(lowered);
    const found = await executable.run({ row: floats([3], [1, 2, 3]) });
    expect([...found.y!.data]).toEqual([2, 4, 6, 2, 4, 6]);
    expect([...found.turned!.data]).toEqual([1, 1, 2, 2, 3, 3]);
    await executable.dispose();
  });

  it("bakes weights in: they are constants, not inputs, and unused ones are left out", async () => {
    const w = input("w", [3]);
    const baked = { w: floats([3], [1, 10, 100]), other: floats([1], [0]) };
    const lowered = lower(program({ y: mul(x, w) }), portable, baked);
    expect(Object.keys(lowered.model.inputs)).toEqual(["x"]);
    expect(Object.keys(lowered.model.initializers)).toEqual(["w"]);
    const executable = await openModel(encodeModel(lowered.model));
    expect(executable.inputs).toEqual({ x: { dtype: "float32", shape: [2, 3] } });
    const { y } = await executable.run({ x: floats([2, 3], [1, 2, 3, 4, 5, 6]) });
    expect([...y!.data]).toEqual([1, 20, 300, 4, 50, 600]);
    await executable.dispose();
  });

  it("shares small constants and knows where every ONNX node comes from", () => {
    const y = add(mul(x, constant(floats([], [2]))), constant(floats([], [2])));
    const { model, origins } = lower(program({ y }), portable);
    expect(Object.keys(model.initializers)).toHaveLength(1);
    const named = model.nodes.filter(({ type }) => type !== "Identity");
    expect(named.map(({ name }) => origins.get(name)?.op)).toEqual(["mul", "add"]);
  });

  it("refuses an op that the target cannot spell, naming the line", () => {
    const { exp: _, ...spellings } = portable.spellings;
    expect(() => lower(program({ y: exp(x) }), { ...portable, spellings })).toThrow(
      /lower\.test\.ts:\d+:\d+: the target "portable" cannot run the op "exp"\. Found exp: no spelling\. Run it on the target "cpu"/,
    );
  });

  it("lists all that a target lacks, with the line and the way around of each, before it spells anything", () => {
    let spelled = 0;
    const { exp: _, ...spellings } = portable.spellings;
    const gaps = [
      {
        op: "sum",
        when: (node: Node) => node.inputs[0]!.shape.length === 2,
        uses: "in two axes",
        why: "sums one axis only",
        instead: "Sum one axis after the other",
      },
    ];
    const target = {
      ...portable,
      spellings: { ...spellings, mul: () => `${spelled++}` },
      gaps,
    };
    const y = add(sum(mul(x, x)), sum(exp(exp(reshape(x, [6])))));
    expect(() => lower(program({ y }), target)).toThrow(
      /lower\.test\.ts:(\d+):\d+: the target "portable" cannot run the ops "sum", "exp"\. Found sum \(\S+lower\.test\.ts:\1:\d+\): sums one axis only; exp \(\S+lower\.test\.ts:\1:\d+\): no spelling\. Sum one axis after the other\./,
    );
    expect(spelled).toBe(0);
    expect(() => lower(program({ y: sum(reshape(x, [6])) }), target)).not.toThrow();
  });

  it("looks into ops that are taken apart", () => {
    const { mapAxis: _, ...spellings } = portable.spellings;
    const y = take(x, constant({ dtype: "int32", shape: [2], data: Int32Array.of(1, 1) }), 1);
    const [gradient] = gradients(sum(y), [x]);
    expect(() => lower(program({ gradient: gradient! }), { ...portable, spellings })).toThrow(
      /lower\.test\.ts:\d+:\d+: the target "portable" cannot run the op "mapAxis"/,
    );
  });

  it("gives equal bytes for equal programs, whatever was built before", () => {
    const build = () => encodeModel(lower(program({ y: add(exp(input("x", [2])), 1) }), portable).model);
    const first = build();
    mul(x, 3);
    expect(build()).toEqual(first);
  });

  it("is not bothered by a graph deeper than the stack", () => {
    let y = x;
    for (let n = 0; n < 20_000; n++) y = add(y, x);
    expect(lower(program({ y }), portable).model.nodes).toHaveLength(20_001);
  });
});

interface Decoded {
  readonly opsetImport: readonly { readonly domain: string; readonly version: bigint }[];
  readonly graph: {
    readonly node: readonly { readonly opType: string; readonly domain: string }[];
    readonly input: readonly { readonly name: string }[];
  };
}

describe("a portable model", () => {
  const standard = new Set(
    "Conv ConvTranspose Add Sub Mul Div Sqrt Reciprocal Relu LeakyRelu Reshape Transpose Concat Slice MatMul ReduceSum Softmax MaxPool Identity".split(
      " ",
    ),
  );

  it.each(["small", "tiny", "small-2d", "paper"] as const)(
    "of preset %s holds operators of the standard domain only",
    (name) => {
      // Narrow networks have the same operators as wide ones.
      const config = { ...configs[name], network: { ...configs[name].network, widths: [2, 3, 4] } };
      const shape = {
        channels: 1,
        classes: 3,
        patch: config.dimensions === 3 ? [8, 8, 8] : [44, 44, 1],
      } as const;
      const state = initialState(
        trace(false, (scope) =>
          unet(scope, input("image", [1, 1, ...(config.dimensions === 3 ? [8, 8, 8] : [44, 44])]), {
            ...config.network,
            classes: 3,
            dimensions: config.dimensions,
          }),
        ),
        rng(1),
      );
      const patch = [...shape.patch] as [number, number, number];
      const lowered = lower(predictionProgram(config, { ...shape, patch }), portable, state);
      const decoded = fromBinary(messageType("ModelProto"), encodeModel(lowered.model)) as unknown as Decoded;
      expect(decoded.opsetImport.map(({ domain, version }) => [domain, version])).toEqual([["", 18n]]);
      expect(decoded.graph.node.every(({ domain }) => domain === "")).toBe(true);
      const strange = decoded.graph.node.map(({ opType }) => opType).filter((type) => !standard.has(type));
      expect(strange).toEqual([]);
      expect(decoded.graph.input.map((one) => one.name)).toEqual(["image"]);
    },
  );
});
