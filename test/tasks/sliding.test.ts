import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { floats } from "../../src/core/tensor.js";
import {
  mostLikely,
  type PatchNetwork,
  predictProbabilities,
  type SlidingOptions,
} from "../../src/tasks/segmentation/sliding.js";
import { identityAffine } from "../../src/volume/affine.js";
import { type ImageVolume, type Size3, voxelCount } from "../../src/volume/volume.js";

type Rule = (window: Float32Array, patch: Size3) => Float32Array;

/** A network that is a function of the window, and the windows that it was shown. */
function network(patch: Size3, rule: Rule, changes: Partial<PatchNetwork> = {}) {
  const windows: Float32Array[] = [];
  const margin = changes.margin ?? [0, 0, 0];
  const output = patch.map((n, axis) => n - 2 * margin[axis]!);
  const made: PatchNetwork = {
    dimensions: 3,
    channels: 1,
    classes: 2,
    patch,
    margin,
    executable: {
      inputs: {},
      run: async ({ image }) => {
        const window = image!.data as Float32Array;
        windows.push(window);
        return { probabilities: floats([1, 2, output[2]!, output[1]!, output[0]!], rule(window, patch)) };
      },
      dispose: async () => undefined,
    },
    ...changes,
  };
  return { made, windows };
}

/** p(class 1) = the voxel itself. */
const voxelwise: Rule = (window) => Float32Array.from([...window.map((x) => 1 - x), ...window]);

/** The voxel before along i: a rule that is not symmetric. */
const leaning: Rule = (window, [ni]) => {
  const shifted = window.map((x, at) => (at % ni === 0 ? 0 : window[at - 1]!) * 0.5 + x * 0.5);
  return Float32Array.from([...shifted.map((x) => 1 - x), ...shifted]);
};

function image(size: Size3, seed = 1): ImageVolume {
  const random = rng(seed);
  const data = Float32Array.from({ length: voxelCount(size) }, random.uniform);
  return { data, size, channels: 1, affine: identityAffine };
}

const worst = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((most, value, at) => Math.max(most, Math.abs(value - b[at]!)), 0);
};

describe("sliding windows", () => {
  it("cover images of every size: a voxelwise network gives the image back", async () => {
    const extent = fc.integer({ min: 1, max: 13 });
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(extent, extent, extent),
        fc.constantFrom(0, 0.25, 0.5, 0.75),
        async (size, overlap) => {
          const scan = image(size);
          const { made } = network([6, 4, 5], voxelwise);
          const found = await predictProbabilities(made, scan, { overlap });
          expect(worst(found.subarray(voxelCount(size)), scan.data)).toBeLessThan(1e-6);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("are one window, with the network's own answer, where the patch holds the image", async () => {
    const scan = image([6, 4, 5]);
    const { made, windows } = network([6, 4, 5], leaning);
    const found = await predictProbabilities(made, scan);
    expect(windows).toHaveLength(1);
    expect(windows[0]).toEqual(scan.data);
    expect(worst(found, leaning(scan.data, [6, 4, 5]))).toBeLessThan(1e-6);
  });

  it("continue a small image with its smallest value, as training does", async () => {
    const scan = image([2, 4, 5]);
    const { made, windows } = network([6, 4, 5], voxelwise);
    await predictProbabilities(made, scan);
    const smallest = Math.min(...scan.data);
    const outside = windows[0]!.filter((_, at) => at % 6 < 2 || at % 6 > 3);
    expect(outside.every((value) => value === smallest)).toBe(true);
  });

  it("continue an image as its mirror where valid convolutions look past the border", async () => {
    const size: Size3 = [5, 4, 1];
    const scan = image(size);
    const [width, height] = [7, 6];
    const crop: Rule = (window) => {
      const inner: number[] = [];
      for (let j = 2; j < 4; j++) for (let i = 2; i < 5; i++) inner.push(window[j * width + i]!);
      return Float32Array.from([...inner.map((x) => 1 - x), ...inner]);
    };
    const { made, windows } = network([width, height, 1], crop, { margin: [2, 2, 0], dimensions: 2 });
    const found = await predictProbabilities(made, scan, { overlap: 0 });
    expect(worst(found.subarray(20), scan.data)).toBeLessThan(1e-6);
    // The first window begins at (-2, -2): its rows and columns run 2 1 | 0 1 2 3 4.
    const at = (i: number, j: number): number => scan.data[j * 5 + i]!;
    const first = Array.from({ length: height }, (_, j) =>
      Array.from({ length: width }, (_, i) => at(Math.abs(i - 2), j < 2 ? 2 - j : j - 2 < 4 ? j - 2 : 2)),
    ).flat();
    expect([...windows[0]!]).toEqual(first);
  });

  it("take a volume slice by slice for a 2-D network", async () => {
    const scan = image([6, 4, 3]);
    const { made, windows } = network([6, 4, 1], leaning, { dimensions: 2 });
    const found = await predictProbabilities(made, scan);
    expect(windows).toEqual([0, 1, 2].map((k) => scan.data.slice(k * 24, k * 24 + 24)));
    const wanted = [0, 1, 2].flatMap((k) => [...leaning(windows[k]!, [6, 4, 1]).subarray(24)]);
    expect(worst(found.subarray(72), wanted)).toBeLessThan(1e-6);
  });

  it("stop between windows when asked", async () => {
    const { made, windows } = network([2, 2, 2], voxelwise);
    const signal = AbortSignal.abort();
    await expect(predictProbabilities(made, image([6, 6, 6]), { signal })).rejects.toThrow();
    expect(windows).toHaveLength(0);
  });
});

describe("averaging over mirrored copies", () => {
  const flipped = (data: Float32Array, [ni, nj, nk]: Size3, axis: number): Float32Array => {
    const out = new Float32Array(data.length);
    const n = [ni, nj, nk];
    for (let at = 0; at < data.length; at++) {
      const place = [at % ni, Math.floor(at / ni) % nj, Math.floor(at / (ni * nj)) % nk];
      const channel = Math.floor(at / (ni * nj * nk));
      place[axis] = n[axis]! - 1 - place[axis]!;
      out[((channel * nk + place[2]!) * nj + place[1]!) * ni + place[0]!] = data[at]!;
    }
    return out;
  };
  const predict = (scan: ImageVolume, options: SlidingOptions) =>
    predictProbabilities(network([4, 4, 4], leaning).made, scan, options);

  it.each([0, 1, 2])("does not care whether the scan was mirrored along axis %i", async (axis) => {
    const scan = image([8, 6, 5]);
    const turned = { ...scan, data: flipped(scan.data, scan.size, axis) };
    const options = { overlap: 0.5, mirrorAxes: [0, 1, 2] };
    const [a, b] = [await predict(scan, options), await predict(turned, options)];
    expect(worst(flipped(b, scan.size, axis), a)).toBeLessThan(1e-6);
    // A leaning network does care when nothing is averaged: otherwise this would prove nothing.
    const [c, d] = [await predict(scan, {}), await predict(turned, {})];
    if (axis === 0) expect(worst(flipped(d, scan.size, axis), c)).toBeGreaterThan(0.05);
  });
});

describe("mostLikely", () => {
  it("takes the largest, and the lower class among equals", () => {
    const probabilities = Float32Array.from([0.5, 0.2, 0.3, 0.5, 0.5, 0.3, 0, 0.3, 0.4]);
    expect([...mostLikely(probabilities, 3)]).toEqual([0, 1, 2]);
  });
});
