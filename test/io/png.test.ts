import fc from "fast-check";
import { encode } from "fast-png";
import { describe, expect, it } from "vitest";
import { GyrusError } from "../../src/core/errors.js";
import { encodePng, parsePng } from "../../src/io/png.js";
import { identityAffine } from "../../src/volume/affine.js";

const flat = (data: Uint8Array | Uint16Array, width: number, height: number) =>
  ({ data, size: [width, height, 1], affine: identityAffine, channels: 1 }) as const;

describe("PNG", () => {
  it("comes back as it went, 8 and 16 bits", () => {
    for (const data of [
      Uint8Array.from([0, 1, 2, 253, 254, 255]),
      Uint16Array.from([0, 1, 256, 65535, 3, 4]),
    ])
      expect(parsePng(encodePng(flat(data, 3, 2)), "a.png")).toEqual(flat(data, 3, 2));
  });

  it("unpacks 1, 2 and 4 bits, rows padded to whole bytes", () => {
    const bits = (depth: 1 | 2 | 4, data: number[]) =>
      Array.from(
        parsePng(encode({ width: 3, height: 2, depth, channels: 1, data: Uint8Array.from(data) }), "a.png")
          .data,
      );
    expect(bits(1, [0b10100000, 0b01000000])).toEqual([1, 0, 1, 0, 1, 0]);
    expect(bits(2, [0b11100100, 0b00011000])).toEqual([3, 2, 1, 0, 1, 2]);
    expect(bits(4, [0x1f, 0xa0, 0x03, 0x20])).toEqual([1, 15, 10, 0, 3, 2]);
  });

  it("takes grey out of colours, and refuses colours", () => {
    const pixels = (data: number[], channels: number) =>
      encode({ width: 2, height: 1, depth: 8, channels, data: Uint8Array.from(data) });
    expect(Array.from(parsePng(pixels([9, 9, 9, 7, 7, 7], 3), "a.png").data)).toEqual([9, 7]);
    expect(Array.from(parsePng(pixels([9, 9, 9, 255, 7, 7, 7, 255], 4), "a.png").data)).toEqual([9, 7]);
    expect(Array.from(parsePng(pixels([9, 255, 7, 255], 2), "a.png").data)).toEqual([9, 7]);
    expect(() => parsePng(pixels([9, 9, 9, 7, 8, 7], 3), "a.png")).toThrow(
      "a.png: the image has colours. Expected one grey value a pixel. Found otherwise at column 1, row 0.",
    );
    expect(() => parsePng(pixels([9, 255, 7, 254], 2), "a.png")).toThrow(
      "a.png: the image is transparent in places.",
    );
  });

  it("writes flat whole numbers only", () => {
    expect(() => encodePng({ ...flat(new Uint8Array(8), 2, 2), size: [2, 2, 2] }, "o.png")).toThrow(
      "o.png: a PNG holds one flat image. Expected one slice and one channel. Found 2x2x2 voxels, 1 channel(s).",
    );
    expect(() =>
      encodePng({ ...flat(new Uint8Array(1), 1, 1), data: Float32Array.of(0.5) }, "o.png"),
    ).toThrow("o.png: pixel 0 cannot be stored in a PNG.");
  });

  it("throws nothing but its own error, whatever the bytes", () => {
    const whole = encodePng(
      flat(
        Uint8Array.from({ length: 64 }, (_, at) => at),
        8,
        8,
      ),
    );
    const quiet = (bytes: Uint8Array) => {
      try {
        parsePng(bytes, "x.png");
      } catch (error) {
        expect(error).toBeInstanceOf(GyrusError);
      }
    };
    for (let length = 0; length < whole.length; length++)
      expect(() => parsePng(whole.subarray(0, length), "x.png")).toThrow(GyrusError);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), quiet));
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: whole.length - 1 }),
        fc.integer({ min: 0, max: 255 }),
        (at, value) => {
          const bytes = Uint8Array.from(whole);
          bytes[at] = value;
          quiet(bytes);
        },
      ),
    );
  });
});
