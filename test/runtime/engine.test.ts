import { describe, expect, it } from "vitest";
import { GyrusError } from "../../src/core/errors.js";
import { floats, tensor } from "../../src/core/tensor.js";
import type { Value } from "../../src/graph/node.js";
import { program } from "../../src/graph/program.js";
import { cpu } from "../../src/lower/cpu.js";
import { type Lowered, lower } from "../../src/lower/lower.js";
import { conv, convGeometry } from "../../src/ops/conv.js";
import { add, mul } from "../../src/ops/elementwise.js";
import { input } from "../../src/ops/leaf.js";
import { matmul } from "../../src/ops/linalg.js";
import { gatherFlat } from "../../src/ops/move.js";
import { explain } from "../../src/runtime/engine.js";
import { nodeCpu, openModel } from "../../src/runtime/node.js";

const compile = (outputs: Readonly<Record<string, Value>>, baked = {}) =>
  nodeCpu.compile(lower(program(outputs), cpu, baked), { threads: 1 });

const thrownBy = async (work: () => Promise<unknown>): Promise<GyrusError> => {
  const error: unknown = await work().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(GyrusError);
  return error as GyrusError;
};

describe("an error of the engine", () => {
  it("while running names the line that built the node", async () => {
    const y = gatherFlat(input("x", [3]), input("at", [2], "int64"));
    const executable = await compile({ y });
    const at = tensor("int64", [2], BigInt64Array.from([0n, 99n]));
    const error = await thrownBy(() => executable.run({ x: floats([3], [1, 2, 3]), at }));
    expect(error.kind).toBe("runtime");
    expect(error.details.where).toMatch(/engine\.test\.ts:\d+:\d+ \(op gatherFlat\)$/);
    expect(error.details.found).toContain("99");
    expect(error.cause).toBeInstanceOf(Error);
    await executable.dispose();
  });

  it("while compiling does too", async () => {
    const y = matmul(input("x", [2, 4]), input("w", [4, 3]));
    const w = floats([5, 3], new Float32Array(15));
    const error = await thrownBy(() => compile({ y }, { w }));
    expect(error.details.where).toMatch(/engine\.test\.ts:\d+:\d+ \(op matmul\)$/);
  });

  it("about memory says so, and what to do", () => {
    const lowered: Lowered = lower(program({ y: mul(input("x", [1]), 2) }), cpu);
    const error = explain(new Error("onnxruntime::BFCArena: Failed to allocate memory for 9 bytes"), lowered);
    expect(error).toMatchObject({ kind: "memory", details: { what: "the engine ran out of memory" } });
    expect(error.message).toContain(
      "by the estimate. Found onnxruntime::BFCArena: Failed to allocate memory for 9 bytes. Train with --memory lean, lower the batch or the patch",
    );
  });
});

describe("an executable", () => {
  it("checks what it is fed, by name, type and shape", async () => {
    const executable = await compile({ y: add(input("a", [2, 1]), input("b", [2])) });
    const a = floats([2, 1], [1, 2]);
    const cases = [
      [{ a }, "b: an input of the graph does not fit. Expected float32[2]. Found nothing."],
      [{ a, b: floats([1, 2], [1, 2]) }, "Expected float32[2]. Found float32[1, 2]."],
      [{ a, b: tensor("uint8", [2], new Uint8Array(2)) }, "Expected float32[2]. Found uint8[2]."],
    ] as const;
    for (const [feeds, words] of cases) {
      const error = await thrownBy(() => executable.run(feeds));
      expect(error.kind).toBe("shape");
      expect(error.message).toContain(words);
    }
    await executable.dispose();
  });

  it("accepts an input that nothing uses", async () => {
    const executable = await nodeCpu.compile(
      lower(program({ y: mul(input("x", [1]), 2) }, [input("spare", [3])]), cpu),
    );
    const found = await executable.run({ x: floats([1], [4]), spare: floats([3], [0, 0, 0]) });
    expect([...found.y!.data]).toEqual([8]);
    await executable.dispose();
  });

  it("is not opened from bytes that are no model", async () => {
    const error = await thrownBy(() => openModel(new TextEncoder().encode("certainly no model")));
    expect(error).toMatchObject({ kind: "bad-file", details: { what: "the engine cannot open the model" } });
  });

  it("gives the same bits every time", async () => {
    const w = input("w", [8, 4, 3, 3]);
    const executable = await nodeCpu.compile(
      lower(program({ y: conv(input("x", [2, 4, 32, 32]), w, convGeometry([3, 3], { padding: 1 })) }), cpu),
    );
    const fill = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(i));
    const feeds = { x: floats([2, 4, 32, 32], fill(8192)), w: floats([8, 4, 3, 3], fill(288)) };
    const [first, second] = [await executable.run(feeds), await executable.run(feeds)];
    expect(second.y!.data).toEqual(first.y!.data);
    await executable.dispose();
  });
});
