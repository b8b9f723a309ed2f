import { describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { borderWeights } from "../../src/tasks/segmentation/border.js";

/** Every pixel against every pixel of every object, objects found by flooding: slow and plain. */
function plainly(
  labels: Uint8Array,
  [width, height]: [number, number],
  weight: number,
  sigma: number,
): number[] {
  const object = new Int32Array(labels.length);
  let count = 0;
  labels.forEach((label, start) => {
    if (label === 0 || object[start] !== 0) return;
    const open = [start];
    object[start] = ++count;
    while (open.length > 0) {
      const at = open.pop()!;
      const [x, y] = [at % width, Math.floor(at / width)];
      const near = [
        x > 0 && at - 1,
        x < width - 1 && at + 1,
        y > 0 && at - width,
        y < height - 1 && at + width,
      ];
      for (const next of near)
        if (next !== false && labels[next] !== 0 && object[next] === 0) {
          object[next] = count;
          open.push(next);
        }
    }
  });
  return Array.from(labels, (label, at) => {
    if (label !== 0 || count < 2) return 0;
    const nearest = new Array<number>(count).fill(Number.POSITIVE_INFINITY);
    object.forEach((id, other) => {
      if (id === 0) return;
      const dx = (at % width) - (other % width);
      const dy = Math.floor(at / width) - Math.floor(other / width);
      nearest[id - 1] = Math.min(nearest[id - 1]!, Math.hypot(dx, dy));
    });
    const [d1, d2] = nearest.sort((a, b) => a - b) as [number, number];
    return weight * Math.exp(-((d1 + d2) ** 2) / (2 * sigma ** 2));
  });
}

describe("border weights", () => {
  it.each([
    ["a few objects", 1, 24, 17, 5, 5],
    ["many touching objects", 2, 31, 30, 40, 3],
    ["far apart, beyond the reach of sigma", 3, 60, 50, 3, 1.5],
  ] as const)("agree with every pixel against every object: %s", (_, seed, width, height, objects, sigma) => {
    const random = rng(seed);
    const labels = new Uint8Array(width * height);
    for (let n = 0; n < objects; n++) {
      const [x, y] = [random.integer(width), random.integer(height)];
      const [w, h] = [1 + random.integer(5), 1 + random.integer(5)];
      for (let j = y; j < Math.min(height, y + h); j++)
        for (let i = x; i < Math.min(width, x + w); i++) labels[j * width + i] = 1;
    }
    const found = borderWeights(labels, [width, height], { weight: 10, sigmaPixels: sigma });
    const wanted = plainly(labels, [width, height], 10, sigma);
    expect(Math.max(...wanted)).toBeGreaterThan(0);
    wanted.forEach((value, at) => {
      expect(Math.abs(found[at]! - value), `pixel ${at}`).toBeLessThan(2e-4);
    });
  });

  it("are what the paper's formula gives in a gap of one pixel", () => {
    const found = borderWeights(Uint8Array.from([1, 0, 1]), [3, 1], { weight: 10, sigmaPixels: 5 });
    expect(found[0]).toBe(0);
    expect(found[1]).toBeCloseTo(10 * Math.exp(-4 / 50), 5);
  });

  it("are 0 where there is one object or none", () => {
    const options = { weight: 10, sigmaPixels: 5 };
    expect([...borderWeights(new Uint8Array(9), [3, 3], options)]).toEqual(Array(9).fill(0));
    expect([...borderWeights(Uint8Array.from([1, 0, 0, 1]), [2, 2], options)].some((w) => w > 0)).toBe(true);
    expect([...borderWeights(Uint8Array.from([1, 1, 0, 0]), [2, 2], options)]).toEqual([0, 0, 0, 0]);
  });
});
