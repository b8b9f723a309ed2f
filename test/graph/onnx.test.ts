import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GyrusError } from "../../src/core/errors.js";
import { floats } from "../../src/core/tensor.js";
import { encodeModel, type OnnxModel, readMetadata } from "../../src/graph/onnx/model.js";

const model = (metadata: Readonly<Record<string, string>>): OnnxModel => ({
  nodes: [{ type: "Add", name: "n", inputs: ["x", "w"], outputs: ["y"], attributes: {} }],
  inputs: { x: { dtype: "float32", shape: [2] } },
  outputs: { y: { dtype: "float32", shape: [2] } },
  initializers: { w: floats([2], [1, 2]) },
  opsets: { "": 18 },
  metadata,
});

describe("metadata of an ONNX file", () => {
  it("comes back as it was written", () => {
    const text = fc.dictionary(
      fc.string({ minLength: 1 }).filter((key) => key !== "__proto__"),
      fc.string({ unit: "grapheme" }),
    );
    fc.assert(
      fc.property(text, (metadata) => {
        expect(readMetadata(encodeModel(model(metadata)))).toEqual({ ...metadata });
      }),
      { numRuns: 50 },
    );
  });

  it("of other bytes is a bad-file error that names the file, never another error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          readMetadata(bytes, "model.onnx");
        } catch (error) {
          expect(error).toBeInstanceOf(GyrusError);
          expect(error).toMatchObject({ kind: "bad-file", details: { where: "model.onnx" } });
        }
      }),
      { numRuns: 200 },
    );
    for (const bytes of [new Uint8Array(0), new TextEncoder().encode("not a model at all")])
      expect(() => readMetadata(bytes, "model.onnx")).toThrow(
        /^model\.onnx: these bytes are no ONNX model\. Found .*Export the model again with gyrus export\.$/,
      );
  });

  it("of a file cut short is a bad-file error", () => {
    const whole = encodeModel(model({ gyrus: "{}" }));
    expect(() => readMetadata(whole.subarray(0, whole.length - 3), "cut.onnx")).toThrow(/no ONNX model/);
  });
});
