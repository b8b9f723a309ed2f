import { describe, expect, it } from "vitest";
import { floats, tensor } from "../../src/core/tensor.js";
import { encodeNpy, encodeNpz, parseNpy, parseNpz } from "../../src/io/npy.js";

/** numpy.save and numpy.savez_compressed of NumPy 2, in base64. */
const golden = {
  float32:
    "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAACAPgAAAD8AAEA/AACAPwAAoD8=",
  fortranBigEndian:
    "k05VTVBZAQB2AHsnZGVzY3InOiAnPmkyJywgJ2ZvcnRyYW5fb3JkZXInOiBUcnVlLCAnc2hhcGUnOiAoMiwgMywgNCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAMAAQAEAAIABQAAQANAAUAEQAJABUAAgAOAAYAEgAKABYAAwAPAAcAEwALABc=",
  scalar:
    "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAEQA==",
  npz: "UEsDBC0AAAAIAAAAIQBiAmVf//////////8FABQAYS5ucHkBABAAggAAAAAAAABGAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loF5Taqiuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GkY6mjoKtQoUAC5GJgBQSwMELQAAAAgAAAAhAHOtIef//////////wUAFABiLm5weQEAEACIAAAAAAAAAEoAAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgbpNpoa6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkahjoKhpo6CrUKZAMuZgYIAABQSwECLQMtAAAACAAAACEAYgJlX0YAAACCAAAABQAAAAAAAAAAAAAAgAEAAAAAYS5ucHlQSwECLQMtAAAACAAAACEAc60h50oAAACIAAAABQAAAAAAAAAAAAAAgAF9AAAAYi5ucHlQSwUGAAAAAAIAAgBmAAAA/gAAAAAA",
  complex:
    "k05VTVBZAQB2AHsnZGVzY3InOiAnPGMxNicsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICgxLCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAADwPwAAAAAAAABA",
};
const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "base64"));

describe("NumPy files", () => {
  it("are read as NumPy wrote them", () => {
    const plain = parseNpy(bytesOf(golden.float32), "a.npy");
    expect(plain).toEqual(floats([2, 3], [0, 0.25, 0.5, 0.75, 1, 1.25]));
    const fortran = parseNpy(bytesOf(golden.fortranBigEndian), "b.npy");
    expect(fortran.shape).toEqual([2, 3, 4]);
    expect([...(fortran.data as Int32Array)]).toEqual(Array.from({ length: 24 }, (_, n) => n));
    expect(parseNpy(bytesOf(golden.scalar), "c.npy")).toEqual(tensor("float64", [], Float64Array.of(2.5)));
    expect(parseNpz(bytesOf(golden.npz), "d.npz")).toEqual({
      a: tensor("uint8", [2], Uint8Array.of(1, 2)),
      b: tensor("int64", [1, 1], BigInt64Array.of(3n)),
    });
  });

  it("are written byte for byte as NumPy writes them, and read back", () => {
    const array = floats([2, 3], [0, 0.25, 0.5, 0.75, 1, 1.25]);
    expect(encodeNpy(array)).toEqual(bytesOf(golden.float32));
    const arrays = { x: array, y: tensor("int32", [3], Int32Array.of(-1, 0, 7)) };
    expect(parseNpz(encodeNpz(arrays), "e.npz")).toEqual(arrays);
    expect(encodeNpz(arrays)).toEqual(encodeNpz(arrays));
  });

  it("that are damaged or of another type are told", () => {
    const bytes = bytesOf(golden.float32);
    expect(() => parseNpy(bytes.subarray(0, 140), "a.npy")).toThrow(
      "a.npy: the NumPy file ends early. Expected 152 bytes for an array of 2x3. Found 140. Copy the file again.",
    );
    expect(() => parseNpy(Uint8Array.of(1, 2, 3), "a.npy")).toThrow("a.npy: this is no NumPy file.");
    expect(() => parseNpy(bytesOf(golden.complex), "z.npy")).toThrow(
      "z.npy: the NumPy file's type is not read. Expected f4, f8, i1, u1, b1, i2, u2, i4, u4, i8. Found c16. Save it as float32",
    );
    expect(() => parseNpz(bytes, "a.npz")).toThrow("a.npz: the .npz archive is damaged or ends early.");
  });
});
