import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isJpeg, parseJpeg } from "../../src/io/jpeg.js";

/** Files and grey values of Pillow 13 (libjpeg-turbo). */
const golden = JSON.parse(readFileSync(new URL("jpeg.golden.json", import.meta.url), "utf8")) as {
  width: number;
  height: number;
  images: Record<string, { jpeg: string; grey: number[] }>;
};
const bytesOf = (name: string): Uint8Array =>
  new Uint8Array(Buffer.from(golden.images[name]!.jpeg, "base64"));

describe("a JPEG file", () => {
  // Decoders differ in how they round the cosine transform, and in how they enlarge colours.
  it.each([
    ["grey", 1],
    ["progressive", 1],
    ["coloured grey, 4:2:0", 2],
    ["colours, 4:4:4", 2],
  ])("is read as another reader does: %s", (name, most) => {
    const bytes = bytesOf(name);
    expect(isJpeg(bytes)).toBe(true);
    const { size, data, channels } = parseJpeg(bytes, "a.jpg");
    expect({ size, channels }).toEqual({ size: [golden.width, golden.height, 1], channels: 1 });
    const { grey } = golden.images[name]!;
    expect(Math.max(...grey.map((value, at) => Math.abs(value - data[at]!)))).toBeLessThanOrEqual(most);
    expect(new Set(data).size).toBeGreaterThan(50);
  });

  it("is refused when it ends early, wherever it does, or is none", () => {
    for (const name of Object.keys(golden.images)) {
      const bytes = bytesOf(name);
      for (const length of [3, 30, 200, Math.round(bytes.length * 0.9)])
        expect(() => parseJpeg(bytes.subarray(0, length), "cut.jpg")).toThrow(
          /^cut\.jpg: the JPEG file is damaged, ends early, or is of a kind that is not read\. Expected 8 bits/,
        );
    }
    expect(() => parseJpeg(new TextEncoder().encode("no picture"), "a.jpg")).toThrow(/Found SOI not found/);
    expect(isJpeg(new Uint8Array([0x89, 0x50, 0x4e]))).toBe(false);
  });
});
