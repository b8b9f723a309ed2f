import { describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { attenuationOfMap, type PetStack, reconstructStack, stackGrid } from "../../src/reconstruct/stack.js";
import { reconstructStackOnThreads } from "../../src/reconstruct/stack.node.js";
import { petGeometries } from "../../src/sim/pet/geometry.js";
import { slicesOfPhantom } from "../../src/sim/pet/phantoms.js";
import { buildScanner } from "../../src/sim/pet/scan.js";
import { volume } from "../../src/volume/volume.js";

const geometry = petGeometries.tiny;
const scanner = buildScanner(geometry);
const phantom = { geometry, phantoms: 17, slicesPerPhantom: 1, seed: 2, kinds: ["body"] } as const;
const scans = Array.from({ length: 17 }, (_, n) =>
  scanner.simulate(slicesOfPhantom(phantom, n)[0]!, rng(n), { counts: 1e5 }),
);
const joined = (arrays: readonly Float32Array[]): Float32Array =>
  Float32Array.from(arrays.flatMap((a) => [...a]));
const stack: PetStack = {
  geometry,
  slices: 17,
  sliceSpacingMm: 3,
  psfFwhmMm: 4.9,
  calibration: 1,
  prompts: joined(scans.map(({ prompts }) => prompts)).map((value, n) =>
    Math.floor(n / (48 * 47)) === 4 ? 0 : value,
  ),
  scatter: joined(scans.map(({ scatter }) => scatter)),
};

describe("a stack of slices", () => {
  it("is the same on threads as one after the other, empty slices empty", async () => {
    const how = { method: "osem", iterations: 2, subsets: 6, likelihood: true } as const;
    const plain = reconstructStack(stack, how);
    const seen: number[] = [];
    const threaded = await reconstructStackOnThreads(stack, how, (done) => seen.push(done), 2);
    expect(threaded).toEqual(plain);
    expect(seen).toEqual(Array.from({ length: 17 }, (_, n) => n + 1));
    expect(plain.fits).toHaveLength(16);
    expect(plain.image.size).toEqual([32, 32, 17]);
    const slice = (n: number): Float32Array =>
      plain.image.data.subarray(n * 1024, (n + 1) * 1024) as Float32Array;
    expect(slice(4).every((value) => value === 0)).toBe(true);
    expect(slice(5).some((value) => value > 0)).toBe(true);
  });

  it("lies around the scanner's middle, upwards", () => {
    const { affine } = stackGrid(geometry, 17, 3);
    expect([affine[0], affine[5], affine[10]]).toEqual([10, 10, 3]);
    expect([affine[3], affine[7], affine[11]]).toEqual([-155, -155, -24]);
  });

  it("without a count is told, and so is a map of attenuation on another grid or of other units", () => {
    const empty = { ...stack, prompts: new Float32Array(stack.prompts.length) };
    expect(() => reconstructStack(empty, { method: "fbp" })).toThrow("the sinogram holds no counts.");
    expect(() => reconstructStack({ ...stack, slices: 16 }, { method: "fbp" })).toThrow(
      "the sinograms do not fit the scanner. Expected 16 of 48 views and 47 bins.",
    );
    const grid = stackGrid(geometry, 2, 3);
    const map = volume(new Float32Array(2 * 1024).fill(0.096), grid);
    const factors = attenuationOfMap(map, geometry, 2, 3);
    expect(Math.min(...factors)).toBeLessThan(0.06);
    expect(Math.max(...factors)).toBeLessThanOrEqual(1);
    expect(() => attenuationOfMap(map, geometry, 2, 3.5, "mu.nii")).toThrow(
      "mu.nii: the attenuation map is on another grid than the image.",
    );
    map.data[7] = -1000;
    expect(() => attenuationOfMap(map, geometry, 2, 3, "mu.nii")).toThrow(
      "A CT in Hounsfield units has to be converted first.",
    );
  });
});
