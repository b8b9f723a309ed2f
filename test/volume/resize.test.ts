import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ResizeOrder, resizeChannel, resizeLabels } from "../../src/volume/resize.js";
import type { Size3 } from "../../src/volume/volume.js";

interface Golden {
  readonly size: Size3;
  readonly target: Size3;
  readonly data: readonly number[];
}
interface Resized extends Golden {
  readonly cubic: readonly number[];
  readonly linear: readonly number[];
}

/** scipy.ndimage.zoom with grid_mode and mode="nearest"; labels by the largest one-hot map of skimage's resize. */
const golden = JSON.parse(readFileSync(new URL("resize.golden.json", import.meta.url), "utf8")) as Record<
  "up" | "down" | "line",
  Resized
> & { readonly labels: Golden & { readonly expected: readonly number[] } };

const all = (order: ResizeOrder): [ResizeOrder, ResizeOrder, ResizeOrder] => [order, order, order];

describe("resizing over the same field of view", () => {
  it.each(["up", "down", "line"] as const)("is scipy's zoom: %s", (name) => {
    const { size, target, data, cubic, linear } = golden[name];
    const source = Float32Array.from(data);
    for (const [order, expected] of [
      [3, cubic],
      [1, linear],
    ] as const) {
      const found = resizeChannel(source, size, target, all(order));
      expect(found.length).toBe(expected.length);
      found.forEach((value, at) => {
        expect(Math.abs(value - expected[at]!), `order ${order}, voxel ${at}`).toBeLessThan(3e-6);
      });
    }
  });

  it("takes the label of the largest one-hot map", () => {
    const { size, target, data, expected } = golden.labels;
    expect([...resizeLabels(Uint8Array.from(data), size, target, [1, 1, 1])]).toEqual(expected);
  });

  const extent = fc.integer({ min: 1, max: 9 });
  const sizes = fc.tuple(extent, extent, extent);

  it("keeps constants and what does not change its size, and names no new label", () => {
    fc.assert(
      fc.property(sizes, sizes, fc.constantFrom(0, 1, 3), fc.integer(), (size, target, order, seed) => {
        const count = size[0] * size[1] * size[2];
        const constant = resizeChannel(new Float32Array(count).fill(2.5), size, target, all(order));
        expect(constant.length).toBe(target[0] * target[1] * target[2]);
        expect(constant.every((value) => Math.abs(value - 2.5) < 1e-5)).toBe(true);
        const data = Uint8Array.from({ length: count }, (_, at) => Math.abs((at * 7919 + seed) % 4));
        expect(resizeChannel(Float32Array.from(data), size, size, all(order))).toEqual(
          Float32Array.from(data),
        );
        expect(resizeLabels(data, size, size, [1, 1, 1])).toEqual(data);
        const known = new Set(data);
        expect(resizeLabels(data, size, target, [1, 1, 0]).every((value) => known.has(value))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it("is undone by its inverse where voxels are only repeated", () => {
    const data = Uint16Array.from({ length: 60 }, (_, at) => (at * 31) % 300);
    const larger = resizeLabels(data, [3, 4, 5], [6, 12, 5], [0, 0, 0]);
    expect(resizeLabels(larger, [6, 12, 5], [3, 4, 5], [0, 0, 0])).toEqual(data);
  });
});
