import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GyrusError } from "../../src/core/errors.js";
import { type Tensor, tensor } from "../../src/core/tensor.js";
import { decodeSafetensors, encodeSafetensors } from "../../src/io/safetensors.js";

const one: Record<string, Tensor> = {
  "down.0.weight": tensor("float32", [2, 3], Float32Array.from([1, -2, 3.5, Number.NaN, 5, 6])),
  mask: tensor("bool", [3], Uint8Array.from([1, 0, 1])),
  step: tensor("int64", [], BigInt64Array.from([12345678901234n])),
  exact: tensor("float64", [1], Float64Array.from([Math.PI])),
  ids: tensor("int32", [2, 1], Int32Array.from([-7, 8])),
  bytes: tensor("uint8", [0], new Uint8Array(0)),
};

function file(header: unknown, data = new Uint8Array(0)): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

describe("safetensors", () => {
  it("comes back as it went, every type and the metadata", () => {
    const { tensors, metadata } = decodeSafetensors(encodeSafetensors(one, { epoch: "3", ü: "ß" }), "a");
    expect(tensors).toEqual(one);
    expect(metadata).toEqual({ epoch: "3", ü: "ß" });
  });

  it("lays every tensor at a multiple of its element's width, so that other readers can map it", () => {
    const bytes = encodeSafetensors(one);
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(length % 8).toBe(0);
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    const widths: Record<string, number> = { F64: 8, I64: 8, F32: 4, I32: 4, U8: 1, BOOL: 1 };
    for (const { dtype, data_offsets } of Object.values(header) as {
      dtype: string;
      data_offsets: [number, number];
    }[])
      expect(data_offsets[0] % widths[dtype]!).toBe(0);
  });

  it("says what is wrong with a file that is not one", () => {
    const entry = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
    const wrong = (header: unknown, bytes: number) => () =>
      decodeSafetensors(file(header, new Uint8Array(bytes)), "w.safetensors");
    expect(wrong({ a: entry }, 8)).not.toThrow();
    expect(wrong({ a: entry }, 4)).toThrow(
      'w.safetensors: the data of the tensor "a" does not fit. Expected 8 bytes for F32 [2], before the file ends at 4. Found bytes 0 to 8.',
    );
    expect(wrong({ a: { ...entry, shape: [3] } }, 8)).toThrow('the data of the tensor "a" does not fit');
    expect(wrong({ a: { ...entry, dtype: "F16" } }, 8)).toThrow("Found F16. Convert it to F32 first.");
    expect(wrong({ a: { ...entry, data_offsets: [4, 12] } }, 12)).toThrow("Expected byte 0. Found byte 4.");
    expect(wrong({ a: entry, b: entry }, 8)).toThrow("Expected byte 8. Found byte 0.");
    expect(wrong({ a: entry }, 9)).toThrow("the tensors do not fill the file");
    expect(wrong("[]", 0)).toThrow("the header is no table of tensors");
    expect(wrong("{", 0)).toThrow("the header is not JSON");
  });

  it("throws nothing but its own error, whatever the bytes", () => {
    const whole = encodeSafetensors(one, { a: "b" });
    const quiet = (bytes: Uint8Array) => {
      try {
        decodeSafetensors(bytes, "x");
      } catch (error) {
        expect(error).toBeInstanceOf(GyrusError);
      }
    };
    for (let length = 0; length < whole.length; length += 3) quiet(whole.subarray(0, length));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), quiet));
    fc.assert(fc.property(fc.json(), (json) => quiet(file(json))));
  });
});
