import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rng } from "../../../src/core/rng.js";
import { augmentMask, morphology } from "../../../src/tasks/segmentation/nnunet/mask-augmentation.js";
import type { Size3 } from "../../../src/volume/volume.js";

const size: Size3 = [16, 14, 12];
const count = size[0] * size[1] * size[2];

/** Balls in an empty patch. */
function balls(...centres: readonly (readonly [number, number, number, number])[]): Uint8Array {
  return Uint8Array.from({ length: count }, (_, at) => {
    const [i, j, k] = [at % 16, Math.floor(at / 16) % 14, Math.floor(at / 224)];
    return centres.some(([a, b, c, r]) => Math.hypot(i - a, j - b, k - c) <= r) ? 1 : 0;
  });
}
const sum = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0);

describe("what is done to the labels of a coarser network", () => {
  it("dilates and erodes by balls", () => {
    const dot = balls([8, 7, 6, 0]);
    expect(morphology(dot, size, "dilate", 3)).toEqual(balls([8, 7, 6, 3]));
    // By a ball of 2 a ball of 5 keeps what lies more than 2 from its outside.
    const eroded = morphology(balls([8, 7, 6, 5]), size, "erode", 2);
    expect(sum(eroded)).toBeGreaterThan(sum(balls([8, 7, 6, 2])));
    expect(sum(eroded)).toBeLessThanOrEqual(sum(balls([8, 7, 6, 3.5])));
    expect(sum(morphology(dot, size, "open", 1))).toBe(0);
    expect(morphology(dot, size, "close", 2)).toEqual(dot);
  });

  it("happens to 40 % and 20 % of the samples", () => {
    const changes = { morphology: 0, removal: 0 };
    const start = Float32Array.from([...balls([4, 4, 4, 2], [12, 10, 8, 2]), ...balls([10, 4, 8, 2])]);
    for (let draw = 0; draw < 120; draw++) {
      const masks = start.slice();
      const random = rng(draw);
      augmentMask(masks, size, random);
      const morphed = random.split("morphology").chance(0.4);
      const removed = random.split("removal").chance(0.2);
      if (morphed) changes.morphology++;
      if (removed) changes.removal++;
      if (!morphed && !removed) expect(masks).toEqual(start);
      // One of two balls is gone from the first label, the only one from the second.
      if (!morphed && removed) {
        expect(sum(masks.subarray(0, count))).toBe(sum(start.subarray(0, count)) / 2);
        expect(sum(masks.subarray(count))).toBe(0);
      }
    }
    expect(Math.abs(changes.morphology / 120 - 0.4)).toBeLessThan(0.12);
    expect(Math.abs(changes.removal / 120 - 0.2)).toBeLessThan(0.1);
  });

  it("leaves zeros and ones, of which a voxel has one at most", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1000 }), (seed) => {
        const masks = Float32Array.from([...balls([4, 4, 4, 2]), ...balls([11, 9, 7, 3])]);
        augmentMask(masks, size, rng(seed));
        for (let at = 0; at < count; at++) {
          const [a, b] = [masks[at]!, masks[count + at]!];
          expect([0, 1]).toContain(a);
          expect([0, 1]).toContain(b);
          expect(a + b).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 6 },
    );
  });

  it("never removes what fills the patch", () => {
    const full = new Float32Array(count).fill(1);
    for (let seed = 0; seed < 30; seed++) {
      const masks = full.slice();
      const random = rng(seed);
      if (random.split("morphology").chance(0.4)) continue;
      augmentMask(masks, size, random);
      expect(masks).toEqual(full);
    }
  });
});
