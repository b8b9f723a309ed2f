import { describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { fourier3, quickLength } from "../../src/volume/fft.js";
import type { Size3 } from "../../src/volume/volume.js";

function complexVolume(size: Size3) {
  const random = rng(size.join());
  const draw = () => Float32Array.from({ length: size[0] * size[1] * size[2] }, () => random.normal());
  return { real: draw(), imaginary: draw() };
}

/** One frequency by the definition. */
function coefficient(
  { real, imaginary }: ReturnType<typeof complexVolume>,
  size: Size3,
  [u, v, w]: Size3,
): [number, number] {
  let [re, im] = [0, 0];
  for (let k = 0, at = 0; k < size[2]; k++)
    for (let j = 0; j < size[1]; j++)
      for (let i = 0; i < size[0]; i++, at++) {
        const phase = -2 * Math.PI * ((u * i) / size[0] + (v * j) / size[1] + (w * k) / size[2]);
        re += real[at]! * Math.cos(phase) - imaginary[at]! * Math.sin(phase);
        im += real[at]! * Math.sin(phase) + imaginary[at]! * Math.cos(phase);
      }
  return [re, im];
}

describe("the Fourier transform of a volume", () => {
  const sizes: Size3[] = [
    [8, 16, 4],
    [12, 5, 30],
    [7, 11, 1],
    [2, 3, 13],
  ];
  it.each(sizes)("of %i x %i x %i voxels is the definition, and comes back", (...size) => {
    const given = complexVolume(size);
    const [real, imaginary] = [given.real.slice(), given.imaginary.slice()];
    fourier3(real, imaginary, size, -1);
    for (const [u, v, w] of [
      [0, 0, 0],
      [1, 2, 0],
      [size[0] - 1, 1, size[2] - 1],
    ] as const) {
      const at = (w * size[1] + v) * size[0] + u;
      const [re, im] = coefficient(given, size, [u, v, w]);
      expect(real[at]).toBeCloseTo(re, 3);
      expect(imaginary[at]).toBeCloseTo(im, 3);
    }
    fourier3(real, imaginary, size, 1);
    const count = real.length;
    given.real.forEach((value, at) => {
      expect(real[at]! / count).toBeCloseTo(value, 5);
      expect(imaginary[at]! / count).toBeCloseTo(given.imaginary[at]!, 5);
    });
  });

  it("is quick for lengths that are products of 2, 3 and 5", () => {
    expect([1, 7, 97, 121, 181, 256, 257].map(quickLength)).toEqual([1, 8, 100, 125, 192, 256, 270]);
  });
});
