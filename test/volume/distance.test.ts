import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { distanceTransform } from "../../src/volume/distance.js";
import type { Size3 } from "../../src/volume/volume.js";

/** Every voxel against every other. */
function bruteForce(mask: Uint8Array, [ni, nj, nk]: Size3, [si, sj, sk]: Size3): number[] {
  const place = (v: number): [number, number, number] => [
    (v % ni) * si,
    (Math.floor(v / ni) % nj) * sj,
    Math.floor(v / (ni * nj)) * sk,
  ];
  return Array.from({ length: ni * nj * nk }, (_, v) => {
    const [x, y, z] = place(v);
    let least = Number.POSITIVE_INFINITY;
    mask.forEach((value, w) => {
      if (value === 0) return;
      const [a, b, c] = place(w);
      least = Math.min(least, Math.hypot(x - a, y - b, z - c));
    });
    return least;
  });
}

describe("distance transform", () => {
  test("equals the distance to the nearest of all voxels, whatever spacing, size and mask", () => {
    const extent = fc.integer({ min: 1, max: 7 });
    const spacing = fc.double({ min: 0.2, max: 5, noNaN: true });
    fc.assert(
      fc.property(
        fc.tuple(extent, extent, extent),
        fc.tuple(spacing, spacing, spacing),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.uint8Array({ minLength: 343, maxLength: 343 }),
        (size, spacingMm, share, random) => {
          const count = size[0] * size[1] * size[2];
          const mask = random.slice(0, count).map((value) => (value < share * 60 ? 1 : 0));
          const distance = distanceTransform(mask, size, spacingMm);
          const expected = bruteForce(mask, size, spacingMm);
          for (let v = 0; v < count; v++)
            if (expected[v] === Number.POSITIVE_INFINITY) expect(distance[v]).toBe(expected[v]);
            else expect(distance[v]).toBeCloseTo(expected[v]!, 4);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("bad input", () => {
    expect(() => distanceTransform(new Uint8Array(7), [2, 2, 2], [1, 1, 1])).toThrow(/Expected 8 .*Found 7/);
    expect(() => distanceTransform(new Uint8Array(8), [2, 2, 2], [1, 0, 1])).toThrow(
      /positive numbers of mm. Found 1, 0, 1/,
    );
  });
});
