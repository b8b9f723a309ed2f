import { describe, expect, test } from "vitest";
import { rng } from "../../src/core/rng.js";
import { noiseFromBackground } from "../../src/denoise/noise-background.js";
import { noiseFromImage } from "../../src/denoise/noise-image.js";
import { noiseMapFromImage } from "../../src/denoise/noise-map.js";
import { unevenness, withMrNoise } from "../../src/sim/mr/noise.js";
import type { ImageVolume } from "../../src/volume/volume.js";
import { cleanHead, noisyHead, patterned } from "./heads.js";

const head = cleanHead();
const near = cleanHead([80, 90, 40], 1.2);

describe("noise estimation on a head with known noise", () => {
  test.each([3, 5, 9, 15])("%d percent: from the air within 3 %", (percent) => {
    const { image, sigma } = noisyHead(head, percent);
    const found = noiseFromBackground(image);
    expect(Math.abs(found.sigma / sigma - 1)).toBeLessThan(0.03);
    expect(found.airShare).toBeGreaterThan(0.1);
  });

  test.each([3, 5, 9, 15])("%d percent: from the image within 15 %", (percent) => {
    const { image, sigma } = noisyHead(near, percent);
    expect(Math.abs(noiseFromImage(image).sigma / sigma - 1)).toBeLessThan(0.15);
  });

  test("from the object where the air was set to 0", () => {
    const { image, sigma } = noisyHead(near, 9);
    const cut = image.data.map((value, v) => (near.data[v]! < 300 ? 0 : value));
    const masked: ImageVolume = { ...image, data: cut };
    expect(Math.abs(noiseFromImage(masked).sigma / sigma - 1)).toBeLessThan(0.1);
    expect(() => noiseFromBackground(masked, "head.nii")).toThrow(
      /^head.nii: the scan has no air .* Expected a background .* set to a constant, or cropped away\. Estimate/,
    );
  });

  test("gaussian noise needs no correction, and a mask says where to look", () => {
    const random = rng("gaussian");
    const size = 32;
    const ramp = Float32Array.from({ length: size ** 3 }, (_, v) => (v % size) * 3 + 4 * random.normal());
    const image: ImageVolume = { ...patterned([size, size, size]), data: ramp };
    const mask = { ...image, data: new Uint8Array(ramp.length).fill(1) };
    const { sigma } = noiseFromImage(image, { noise: "gaussian", mask });
    expect(Math.abs(sigma / 4 - 1)).toBeLessThan(0.06);
  });
});

describe("noise that differs over the field, voxel by voxel", () => {
  const strong = unevenness(near, rng("map"), { largest: 3 });
  const { image, sigma } = withMrNoise(near, rng(2), { percent: 6, map: strong });
  const inTissue = near.data.map((value) => (value > 300 ? 1 : 0));

  test("is found within 12 % on average where there is tissue, and one number for all is not", () => {
    const map = noiseMapFromImage(image);
    const one = noiseFromImage(image).sigma;
    let [error, plain, count] = [0, 0, 0];
    for (let v = 0; v < map.length; v++)
      if (inTissue[v] === 1) {
        error += Math.abs(map[v]! / (sigma * strong[v]!) - 1);
        plain += Math.abs(one / (sigma * strong[v]!) - 1);
        count++;
      }
    expect(error / count).toBeLessThan(0.12);
    expect(plain / count).toBeGreaterThan(0.18);
  });

  test("goes on where the air was set to 0", () => {
    const cut = image.data.map((value, v) => (near.data[v]! < 300 ? 0 : value));
    const map = noiseMapFromImage({ ...image, data: cut });
    expect(map.every((value) => value > 0.4 * sigma && value < 5 * sigma)).toBe(true);
  });
});

describe("bad input", () => {
  test("no noise, no object", () => {
    const flat = { ...patterned([8, 8, 8]), data: new Float32Array(512) };
    expect(() => noiseFromImage(flat, { where: "flat.nii" })).toThrow(
      /^flat.nii: the scan is 0 everywhere\. Expected values that differ/,
    );
    expect(() => noiseFromBackground({ ...flat, data: flat.data.fill(7) })).toThrow(/the scan is constant/);
    // One cube has values that differ.
    flat.data[0] = 1;
    expect(() => noiseFromImage(flat)).toThrow(/Expected at least 100 cubes .* Found 1\. Give the standard/);
  });
});
