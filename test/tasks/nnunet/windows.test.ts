import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rng } from "../../../src/core/rng.js";
import { floats } from "../../../src/core/tensor.js";
import { averageOutputs, type Lend } from "../../../src/tasks/segmentation/nnunet/windows.js";
import { type PatchNetwork, predictProbabilities } from "../../../src/tasks/segmentation/sliding.js";
import { identityAffine } from "../../../src/volume/affine.js";
import { type ImageVolume, type Size3, voxelCount } from "../../../src/volume/volume.js";

type Rule = (window: Float32Array) => Float32Array;

function network(patch: Size3, rule: Rule, changes: Partial<PatchNetwork> = {}) {
  const windows: Float32Array[] = [];
  const made: PatchNetwork = {
    dimensions: 3,
    channels: 1,
    classes: 2,
    patch,
    margin: [0, 0, 0],
    executable: {
      inputs: {},
      run: async ({ image }) => {
        windows.push((image!.data as Float32Array).slice());
        return {
          probabilities: floats([1, 2, patch[2], patch[1], patch[0]], rule(image!.data as Float32Array)),
        };
      },
      dispose: async () => undefined,
    },
    ...changes,
  };
  const lend: Lend = (use) => use(made);
  return { made, windows, lend };
}

const voxelwise: Rule = (window) => Float32Array.from([...window.map((x) => 1 - x), ...window]);

/** Not symmetric: every voxel takes half of the one before. */
const leaning: Rule = (window) => {
  const shifted = window.map((x, at) => 0.5 * x + 0.5 * (window[at - 1] ?? 0));
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

describe("windows of a plan", () => {
  it("give an image of any size back through a voxelwise network, mirrored or not", async () => {
    const extent = fc.integer({ min: 1, max: 13 });
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(extent, extent, extent),
        fc.constantFrom([], [0], [2], [0, 1], [0, 1, 2]),
        async (size, mirrorAxes) => {
          const scan = image(size);
          const { lend } = network([6, 4, 5], voxelwise);
          const found = await averageOutputs([lend], scan, { mirrorAxes });
          expect(worst(found.subarray(voxelCount(size)), scan.data)).toBeLessThan(1e-5);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("agree with windows whose weights are summed voxel by voxel", async () => {
    const scan = image([11, 9, 10]);
    const { made, lend } = network([6, 4, 5], leaning);
    const here = await averageOutputs([lend], scan, { mirrorAxes: [0, 2] });
    const there = await predictProbabilities(made, scan, { mirrorAxes: [0, 2] });
    // There no weight is below a millionth of the largest; here corners weigh what the Gaussian says.
    expect(worst(here, there)).toBeLessThan(5e-3);
  });

  it("are the mean over networks", async () => {
    const scan = image([8, 9, 10]);
    const [a, b] = [network([6, 4, 5], voxelwise), network([6, 4, 5], leaning)];
    const options = { mirrorAxes: [1] };
    const both = await averageOutputs([a.lend, b.lend], scan, options);
    const [one, two] = [
      await averageOutputs([a.lend], scan, options),
      await averageOutputs([b.lend], scan, options),
    ];
    expect(
      worst(
        both,
        one.map((x, at) => (x + two[at]!) / 2),
      ),
    ).toBeLessThan(1e-6);
  });

  it("see zeros beyond the image, whatever its smallest value is", async () => {
    const scan = { ...image([2, 4, 5]), data: image([2, 4, 5]).data.map((x) => x - 3) };
    const { lend, windows } = network([6, 4, 5], voxelwise);
    await averageOutputs([lend], scan, { mirrorAxes: [] });
    const outside = windows[0]!.filter((_, at) => at % 6 < 2 || at % 6 > 3);
    expect(outside.every((value) => value === 0)).toBe(true);
  });

  it("take a volume plane by plane for a 2-D network", async () => {
    const scan = image([6, 4, 3]);
    const { lend, windows } = network([6, 4, 1], voxelwise, { dimensions: 2 });
    await averageOutputs([lend], scan, { mirrorAxes: [] });
    expect(windows.map((window) => [...window])).toEqual(
      [0, 1, 2].map((k) => [...scan.data.slice(k * 24, k * 24 + 24)]),
    );
  });

  it("are as sure at the rim as in the middle: no weight is nought", async () => {
    const scan = image([96, 3, 3]);
    const { lend } = network([64, 64, 64], (window) => Float32Array.from([...window, ...window]));
    const found = await averageOutputs([lend], scan, { mirrorAxes: [] });
    expect(worst(found.subarray(voxelCount(scan.size)), scan.data)).toBeLessThan(1e-5);
  });

  it("stop when asked, and at numbers that are none", async () => {
    const scan = image([6, 6, 6]);
    const { lend, windows } = network([2, 2, 2], voxelwise);
    await expect(
      averageOutputs([lend], scan, { mirrorAxes: [], signal: AbortSignal.abort() }),
    ).rejects.toThrow();
    expect(windows).toHaveLength(0);
    const broken = network([2, 2, 2], () => new Float32Array(16).fill(Number.NaN));
    await expect(averageOutputs([broken.lend], scan, { mirrorAxes: [] })).rejects.toThrow(/not numbers/);
  });

  it("refuse an image with other channels", async () => {
    const { lend } = network([2, 2, 2], voxelwise, { channels: 3 });
    await expect(averageOutputs([lend], image([4, 4, 4]), { mirrorAxes: [] })).rejects.toThrow(
      "the image has not the channels that the network takes. Expected 3. Found 1",
    );
  });
});
